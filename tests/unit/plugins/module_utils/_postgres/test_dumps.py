# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of dumps, their manifests and their store, which need no server."""

from __future__ import annotations

import contextlib
import copy
import errno
import hashlib
import json
import os
import pathlib
import re
import resource
import stat
import sys
import time
import types

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    clients, compression, configs, databases, dump_choice, dump_list, guard, manifest, money, preflight, restore_source)
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumping
from ansible_collections.slipway.app.plugins.module_utils._postgres.bucket import Bucket, StoreError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection, PostgresError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_list import dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store_s3 import S3Store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key, Prefix
from ansible_collections.slipway.app.plugins.module_utils._postgres.outbox import Outbox
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Rules
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Pattern, exactly
from ansible_collections.slipway.app.plugins.module_utils._postgres.spool import Spool

MOMENT = "20261126T031500.123456Z"
CONTENT = {
    "format": 1, "server_version": 170011, "client_version": 170011, "database": "shop", "encoding": "UTF8", "collate": "C", "ctype": "C",
    "locale_provider": "libc", "icu_locale": None, "owner": "shop", "size": 7640755, "jobs": 2, "compression": "zstd:3", "excluded": [],
    "excluded_data": [{"schema": "public", "name": "log"}], "extensions": {"plpgsql": "1.0"}, "roles": ["shop"],
    "tables": [{"schema": "public", "name": "orders", "rows": 3, "bytes": 8192}, {"schema": "public", "name": "log", "rows": None, "bytes": 0}],
    "started": "2026-11-26T03:15:00Z", "seconds": 0.4, "who": "ann@control", "slipway": "0.1.0"}

# Names

NAMES = ["shop", "Shop", "it's a \"shop\"", "../../etc", "..", ".hidden", "a/b", "läden", "買", "100%", "%2e", "new\nline", "-rf", " "]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_has_a_key_of_its_own_that_stays_in_the_store(name, tmp_path):
    key = Key(name, name, name, MOMENT)
    assert Key.parse(str(key)) == key and Key.parse(str(key)).database == name
    path = open_store(str(tmp_path)).path(key)
    assert os.path.normpath(path) == path and os.path.relpath(path, tmp_path).split("/") == list(key.parts)
    assert all(not part.startswith(".") and part == part.encode("ascii").decode().strip() for part in key.parts)


def test_no_two_names_share_a_key_even_where_case_is_not_told_apart():
    written = [str(Key("i", name, "c", MOMENT)).lower() for name in NAMES]
    assert len(set(written)) == len(NAMES)


@pytest.mark.parametrize("text, words", [
    ("shop", "four parts"), ("a/b/c/d/e", "four parts"), ("a//c/" + MOMENT, "cannot be part"), ("a/b/c/yesterday", "no timestamp"),
    ("a/b/c/20261341T031500.123456Z", "no timestamp"), ("a/%62/c/" + MOMENT, "percent signs"), ("a/%ff/c/" + MOMENT, "percent signs"),
    ("a/%2e/c/" + MOMENT, "percent signs"), ("a/b\0/c/" + MOMENT, "cannot be part"), ("a/%/c/" + MOMENT, "percent signs"),
    ("a/%s/c/%s" % ("x" * 241, MOMENT), "too long")])
def test_what_is_no_key_is_said_so(text, words):
    with pytest.raises(SlipwayError, match=words):
        Key.parse(text)


def test_keys_sort_by_time_and_a_later_one_is_later():
    first = Key.now("z", "shop", "none")
    second = Key.now("a", "shop", "none", after=first)
    future = Key("z", "shop", "none", "29991231T235959.999998Z")
    assert first.order < second.order < future.order < Key.now("a", "shop", "none", after=future).order


@pytest.mark.parametrize("prefix, matches", [
    ("", True), ("uat", True), ("uat/", True), ("ua", False), ("uat/Shop", True), ("uat/%53hop/none", True), ("uat/shop", False),
    ("uat/Shop/none/2026", True), ("uat/Shop/none/2027", False), ("uat/Shop/none/" + MOMENT, True)])
def test_a_prefix_is_of_whole_parts(prefix, matches):
    assert Prefix(prefix).matches(Key("uat", "Shop", "none", MOMENT)) is matches


# Manifests and the store

@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "dumps"))


def write(store, instance="uat", config="none", **changes):
    """A dump of no real archive; its key."""
    with store.new(instance, "shop", config) as part:
        os.mkdir(part.archive)
        for name in ("toc.dat", "12.dat.zst"):
            pathlib.Path(part.archive, name).write_bytes(name.encode() * 1000)
        return part.finish(dict(copy.deepcopy(CONTENT), files=part.files(), **changes))


def test_a_dump_comes_back_as_it_was_written(store):
    key = write(store)
    dump = store.open(Key.parse(str(key)))
    dump.verify()
    assert {name: dump.manifest[name] for name in CONTENT} == CONTENT
    assert sorted(os.listdir(dump.folder)) == ["archive", "manifest.json"]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in pathlib.Path(store.location).rglob("*") if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in pathlib.Path(dump.folder).rglob("*.*")} == {0o600}


def test_all_of_a_dump_is_on_the_disk_before_it_gets_its_name(store, monkeypatch):
    synced, fsync, rename = set(), os.fsync, os.rename

    def renaming(source, target):
        if os.path.isdir(source):  # the dump, at the end
            there = [source, *(os.path.join(folder, name) for folder, folders, files in os.walk(source) for name in folders + files)]
            assert {path for path in there if not path.endswith("/lock")} <= synced
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: (synced.add(os.readlink("/proc/self/fd/%d" % descriptor)), fsync(descriptor)))
        patched.setattr(os, "rename", lambda source, target: (synced.add(target) if source in synced else None, renaming(source, target)))
        write(store)
    assert any(path.endswith("12.dat.zst") for path in synced)


def test_newest_and_lists(store):
    assert store.list() == [] and store.strangers() == [] and store.leftovers() == []
    with pytest.raises(SlipwayError, match="no dump at all"):
        store.newest()
    keys = [write(store, instance, config) for instance, config in (("uat", "none"), ("prod", "small"), ("uat", "small"))]
    assert store.list() == keys[::-1] and store.newest("uat/shop/none") == keys[0]
    found, broken = dumps(store, "uat")
    assert [(dump["key"], dump["instance"], dump["config"], dump["rows"], dump["archive_size"]) for dump in found] == [
        (str(keys[2]), "uat", "small", 3, 17000), (str(keys[0]), "uat", "none", 3, 17000)] and broken == []
    with pytest.raises(SlipwayError, match="no dump below dev"):
        store.newest("dev")


def test_two_dumps_of_one_moment_both_stay(store, monkeypatch):
    first = write(store)
    monkeypatch.setattr(Key, "now", classmethod(
        lambda cls, *parts, after=None, now=Key.now: now(*parts, after=after) if after else first))
    second = write(store)
    assert second.order > first.order and store.list() == [second, first]
    assert store.open(first).manifest["key"] == str(first) and store.open(second).manifest["key"] == str(second)


def test_a_dump_that_is_not_finished_is_nowhere(store):
    with store.new("uat", "shop", "none") as part:
        os.mkdir(part.archive)
        assert store.list() == [] and store.strangers() == []
        assert store.leftovers() == [] and store.remove_leftovers() == []  # somebody is at it
        assert os.path.isdir(part.archive)
    assert [path.name for path in pathlib.Path(store.location, "uat/shop/none").iterdir()] == []


def test_leftovers_are_named_and_removed(store):
    key = write(store)
    left = []
    for number, held in enumerate((True, False)):  # killed with the lock made, and before that
        folder = pathlib.Path(store.location, "uat/shop/none/.part-%d" % number)
        (folder / "archive").mkdir(parents=True)
        if held:
            (folder / "lock").touch()
        left.append("uat/shop/none/" + folder.name)
    assert store.leftovers() == left
    assert store.remove_leftovers() == left
    assert store.leftovers() == [] and store.list() == [key]


def taken(folder, _monkeypatch):
    (folder / "lock").unlink()


def taken_and_made_again(folder, _monkeypatch):
    (folder / "lock").unlink()
    (folder / "lock").touch()


def half_taken(folder, _monkeypatch):
    (folder / "archive" / "12.dat.zst").unlink()


def taken_after_a_look(folder, monkeypatch):
    """It is renamed under the hands of who removes it."""
    def renaming(source, target):
        rename(source, target)
        if source == str(folder):
            pathlib.Path(target, "archive", "toc.dat").unlink()

    rename = os.rename
    monkeypatch.setattr(os, "rename", renaming)


@pytest.mark.parametrize("harm, words", [(taken, "has removed"), (taken_and_made_again, "has removed"), (half_taken, "lacks 12.dat.zst"),
                                         (taken_after_a_look, "lacks toc.dat")])
def test_a_dump_that_another_host_takes_for_a_leftover_is_none(store, monkeypatch, harm, words):
    with pytest.raises(SlipwayError, match=words), store.new("uat", "shop", "none") as part:
        os.mkdir(part.archive)
        for name in ("toc.dat", "12.dat.zst"):
            pathlib.Path(part.archive, name).write_bytes(b"x")
        content = dict(copy.deepcopy(CONTENT), files=manifest.describe_files(part.archive))
        harm(pathlib.Path(part.archive).parent, monkeypatch)
        part.finish(content)
    assert [path.name for path in pathlib.Path(store.location, "uat/shop/none").iterdir()] == []


@pytest.mark.parametrize("change, words", [({"tables": [{"schema": "public", "name": "t" * 4000, "rows": 1, "bytes": 1}]}, "larger than a manifest"),
                                           ({"locale_provider": "other"}, "its locale_provider is not")])
def test_a_dump_that_could_not_be_opened_is_not_made(store, monkeypatch, change, words):
    monkeypatch.setattr(manifest, "LARGEST", 3000)
    write(store, config="small")
    with pytest.raises(SlipwayError, match=words):
        write(store, **change)
    assert [path.name for path in pathlib.Path(store.location, "uat/shop/none").iterdir()] == []


def test_a_dump_that_may_not_survive_is_not_said_to_be_none(store, monkeypatch):
    unlink = os.unlink

    def failing(path, **more):
        if path.endswith("/lock"):
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, **more)

    monkeypatch.setattr(os, "unlink", failing)
    with pytest.raises(SlipwayError, match="The dump uat/shop/none/.* is in .* and whole, but may not survive"):
        write(store)
    assert len(store.list()) == 1


def break_with(**changes):
    return lambda content: content.update(changes)


@pytest.mark.parametrize("change, words", [
    (break_with(format=2), "format is not 1"),
    (break_with(key="uat/shop/none/20261126T031500.123457Z"), "is that of"),
    (break_with(tables=[{"schema": "a", "name": "b", "rows": -1, "bytes": 0}]), "its tables"),
    (break_with(tables=[{"schema": "a", "name": "b", "bytes": 0}]), "its tables"),
    (break_with(extensions=["plpgsql"]), "its extensions"),
    (break_with(roles=["a\0b"]), "its roles"),
    (break_with(server_version=True), "its server_version"),
    (break_with(locale_provider="-c"), "its locale_provider"),
    (lambda content: content.pop("files"), "lacks files"),
    (lambda content: content["files"][0].update(name="../../../etc/passwd"), "its files"),
    (lambda content: content["files"][0].update(name=".."), "its files"),
    (lambda content: content["files"][0].update(name="-e"), "its files"),
    (lambda content: content["files"].append(dict(content["files"][0])), "list of files"),
    (lambda content: content.update(files=[item for item in content["files"] if item["name"] != "toc.dat"]), "list of files"),
])
def test_a_manifest_from_hostile_hands_is_refused(store, change, words):
    key = write(store)
    path = pathlib.Path(store.path(key), "manifest.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(SlipwayError, match=words):
        store.open(key)
    assert len(dumps(store)[1]) == 1 and [path for path, _problem in store.strangers()] == [str(key)]


@pytest.mark.parametrize("text", ["", "[" * 100000, "{}", "null", '{"format": 1}', "\udcff"])
def test_what_is_no_manifest_at_all_is_refused(store, text):
    key = write(store)
    pathlib.Path(store.path(key), "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SlipwayError):
        store.open(key)


def test_a_manifest_that_is_a_link_is_refused(store, tmp_path):
    key = write(store)
    path = pathlib.Path(store.path(key), "manifest.json")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SlipwayError, match="Cannot read"):
        store.open(key)


@pytest.mark.parametrize("harm, words", [
    (lambda archive: (archive / "12.dat.zst").write_bytes(b"x" * 10000), "content of 12.dat.zst"),
    (lambda archive: (archive / "12.dat.zst").write_bytes(b"x"), "1 bytes instead of 10000"),
    (lambda archive: (archive / "12.dat.zst").unlink(), "lacks 12.dat.zst"),
    (lambda archive: (archive / "13.dat").touch(), "beside those of its manifest 13.dat"),
    (lambda archive: (archive / "sub").mkdir(), "no ordinary file"),
    (lambda archive: ((archive / "12.dat.zst").unlink(), (archive / "12.dat.zst").symlink_to("toc.dat")), "no ordinary file")])
def test_a_damaged_archive_is_found_out(store, harm, words):
    dump = store.open(write(store))
    harm(pathlib.Path(dump.archive))
    with pytest.raises(SlipwayError, match=words):
        dump.verify()


def test_what_else_stands_in_a_store_is_passed_over(store):
    key = write(store)
    for name in ("uat/Shop/none/" + MOMENT, "uat/shop/none/yesterday", "uat/shop/none/" + MOMENT):
        pathlib.Path(store.location, name).mkdir(parents=True)
    pathlib.Path(store.location, "README").touch()
    assert store.list() == [key]
    assert [path for path, _problem in store.strangers()] == ["uat/Shop/none/" + MOMENT, "uat/shop/none/" + MOMENT, "uat/shop/none/yesterday"]


def test_the_version_is_that_of_the_collection():
    galaxy = yaml.safe_load((pathlib.Path(__file__).resolve().parents[5] / "galaxy.yml").read_text())
    assert manifest.SLIPWAY == galaxy["version"]


# Patterns of tables

@pytest.mark.parametrize("pattern, schema, name, matches", [
    ("orders", "audit", "orders", True), ("Orders", "public", "orders", True), ("Orders", "public", "Orders", False),
    ('"Orders"', "public", "Orders", True), ("public.order*", "public", "orders", True), ("audit.order*", "public", "orders", False),
    ("order?", "public", "orders", True), ("order?", "public", "order", False), ('"a*"', "public", "ab", False), ('"a*"', "public", "a*", True),
    ('"My.Schema"."it""s"', "My.Schema", 'it"s', True), ('"""x"', "public", '"x', True), ("a.b", "a", "b", True), ("a+", "public", "aa", False),
    ("log_*", "public", "log_\n1", True), ('p"UB"lic.x', "pUBlic", "x", True)])
def test_patterns(pattern, schema, name, matches):
    assert Pattern(pattern).matches({"schema": schema, "name": name}) is matches


@pytest.mark.parametrize("pattern", ["", ".", "a.", ".a", "a.b.c", '"a', 'a"', '"'])
def test_what_is_no_pattern(pattern):
    with pytest.raises(SlipwayError, match="is no pattern of tables"):
        Pattern(pattern)


def test_a_relation_is_named_exactly():
    assert exactly({"schema": "My.Schema", "name": 'it"s*'}) == '"My.Schema"."it""s*"'


# Clients

def fakes(tmp_path, monkeypatch, *versions):
    """Folders with a pg_dump that says it is of these versions; nothing else is found."""
    for version in versions:
        folder = tmp_path / version
        folder.mkdir()
        (folder / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) %s'\n" % version)
        (folder / "pg_dump").chmod(0o755)
    monkeypatch.setattr(clients, "FOLDERS", (str(tmp_path / "*"),))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("server, taken", [(140023, 140023), (150001, 160015), (160000, 160015), (170011, 180006), (180001, 180006)])
def test_the_client_is_of_the_major_of_the_server_or_the_next_one(tmp_path, monkeypatch, server, taken):
    fakes(tmp_path, monkeypatch, "14.23", "16.13", "16.15 (Debian 16.15-1)", "18.6")
    assert clients.for_dump(server).version == taken


def test_no_program_is_asked_twice_and_no_wrapper_at_all(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "16.15", "behind")
    (tmp_path / "behind" / "pg_dump").rename(tmp_path / "behind" / "pg_wrapper")
    for name, leads_to in (("linked", "16.15/pg_dump"), ("wrapped", "behind/pg_wrapper")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pg_dump").symlink_to(tmp_path / leads_to)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("16.15", "linked", "wrapped", "nowhere")))
    assert [client.version for client in clients.find()] == [160015]


def test_psql_is_the_newest_itself_where_a_wrapper_would_look_for_it(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "9.6", "14", "16", "path")
    monkeypatch.setattr(clients, "FOLDERS", (str(tmp_path / "[0-9]*"),))
    for name in ("9.6", "14", "16", "path"):
        (tmp_path / name / "psql").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert clients.psql() == "psql"  # whose who calls us has put first
    (tmp_path / "path" / "psql").rename(tmp_path / "path" / "pg_wrapper")
    (tmp_path / "path" / "psql").symlink_to("pg_wrapper")
    assert clients.psql() == str(tmp_path / "16" / "psql")
    monkeypatch.setattr(clients, "FOLDERS", ())
    assert clients.psql() == "psql"


def test_an_older_client_is_refused_with_both_versions(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "14.23", "15.2")
    with pytest.raises(SlipwayError, match=r"PostgreSQL 17\.11; .* only 14\.23 in .*/14\.23 and 15\.2 in"):
        clients.for_dump(170011)
    with pytest.raises(SlipwayError, match="only 14.23"):
        clients.for_dump(150001, str(tmp_path / "14.23"))
    with pytest.raises(SlipwayError, match="no PostgreSQL client pg_dump that runs"):
        clients.for_dump(150001, str(tmp_path / "nowhere"))


@pytest.mark.parametrize("dumped, by, target, taken", [
    (140000, 140000, 140000, 140023), (140000, 140000, 150000, 150002), (140000, 160000, 150000, 160015), (140000, 180000, 160000, 180006),
    (140000, 170011, 180000, 180006)])
def test_the_client_to_restore_with(tmp_path, monkeypatch, dumped, by, target, taken):
    fakes(tmp_path, monkeypatch, "14.23", "15.2", "16.15", "18.6")
    assert clients.for_restore(dumped, by, target).version == taken


def test_what_cannot_be_restored(tmp_path, monkeypatch):
    fakes(tmp_path, monkeypatch, "14.23", "16.15")
    with pytest.raises(SlipwayError, match=r"dump is of PostgreSQL 16\.1 and the server is 15\.2"):
        clients.for_restore(160001, 160001, 150002)
    with pytest.raises(SlipwayError, match=r"written by pg_dump 17\.11.*PostgreSQL 17 or later"):
        clients.for_restore(160001, 170011, 160001)
    with pytest.raises(SlipwayError, match=r"server is PostgreSQL 17\.11; .*older version.* only 14\.23 in .* and 16\.15 in .*PostgreSQL 17 or later"):
        clients.for_restore(160001, 160015, 170011)


@pytest.mark.parametrize("said, words", [({"icu_rules": "&a < b"}, "LOCALE_PROVIDER 'icu' ICU_LOCALE 'de' ICU_RULES '&a < b'"),
                                         ({}, "LOCALE_PROVIDER 'icu' ICU_LOCALE 'de'")])
def test_the_rules_of_a_locale_are_those_of_the_dump(said, words):
    created = restore_source._creating("new", {"new_owner": "shop"}, dict(CONTENT, locale_provider="icu", icu_locale="de", **said))
    assert created.endswith(words)


OUTSIDE = {"owner": "shop", "comment": None, "connection_limit": -1, "settings": [{"role": "", "setting": "work_mem=5MB"}],
           "privileges": [{"grantee": "", "privilege": "CONNECT", "grantable": False}]}


@pytest.mark.parametrize("change, fine", [
    ({}, True), ({"privileges": None}, True), ({"privileges": [{"grantee": "", "privilege": "ALL", "grantable": True}]}, False),
    ({"settings": [{"role": "", "setting": "=x"}]}, False), ({"connection_limit": -2}, False)])
def test_what_a_manifest_says_of_the_database_itself_is_looked_at(change, fine):
    content = dict(CONTENT, key="a", files=[{"name": "toc.dat", "size": 1, "sha256": "0" * 64}], outside=dict(OUTSIDE, **change))
    assert (manifest.problem(content, "a") is None) is fine


# Money

SAID = dict.fromkeys((*CONTENT, "icu_rules"), 0)  # all that is said of a database beside


@pytest.mark.parametrize("has_money, here, told, options", [
    (True, "de_DE.UTF-8", "C", "-c work_mem=1MB -c lc_monetary=C"), (True, "C", "C", "-c work_mem=1MB"),
    (False, "de_DE.UTF-8", None, "-c work_mem=1MB")])  # what comes with the start of a session is refused by a pooler
def test_amounts_of_money_are_written_and_read_by_one_rule(has_money, here, told, options):
    connection = Connection("db", 5432, "shop", "secret", "shop", settings={"options": "-c work_mem=1MB"})
    facts = dict(SAID, has_money=has_money, lc_monetary=here)
    assert dumping.writing(connection, facts).environment()["PGOPTIONS"] == options
    content = dumping.content(facts, types.SimpleNamespace(version=170011), types.SimpleNamespace(excluded=[], excluded_data=[], tables=[]))
    assert content["lc_monetary"] == told
    session = types.SimpleNamespace(query=lambda _sql: [{"array_nulls": "on", "lc_monetary": here}])
    assert restore_source._reading(connection, session, content)["PGOPTIONS"] == options


def test_roles_that_a_dump_does_not_need_are_not_asked_for():
    """One that is not in UTF-8 cannot be had from a database in SQL_ASCII."""
    def query(sql):
        assert sql.endswith("WHERE rolname IN ('ann', 'shop')")
        return [{"name": "shop"}]

    source = restore_source.DumpSource(types.SimpleNamespace(key="a", manifest={"roles": ["ann"], "owner": "shop"}))
    wishes = types.SimpleNamespace(properties="dump")
    assert source._roles(types.SimpleNamespace(wishes=wishes), types.SimpleNamespace(query=query)) == [
        'Role "ann", which the dump needs, is not on this server.']


def test_a_role_that_the_encoding_of_a_database_has_no_letters_for_is_missing():
    def query(sql):
        if "'\u0141ukasz'" in sql:
            raise PostgresError("no such letter", "22P05")
        return [{"name": "ann"}] if "'ann'" in sql else []

    source = restore_source.DumpSource(types.SimpleNamespace(key="a", manifest={"roles": ["ann", "\u0141ukasz"], "owner": "shop"}))
    restore = types.SimpleNamespace(wishes=types.SimpleNamespace(properties="dump"))
    assert source._roles(restore, types.SimpleNamespace(query=query)) == [
        'Role "%s", which the dump needs, is not on this server.' % role for role in ("shop", "\u0141ukasz")]


@pytest.mark.parametrize("text, there", [
    ("CREATE TABLE public.money (\n    money numeric NOT NULL,\n    b text\n);\n", False), ("CREATE TABLE a.b (\n    c money NOT NULL\n);\n", True),
    ("CREATE UNLOGGED TABLE a.b (\n    x integer,\n    c money[]\n);\n", True), ("CREATE DOMAIN a.price AS money;\n", False),
    ("CREATE TYPE a.pair AS (\n\tx a.\"old price\",\n\ty text\n);\nCREATE DOMAIN a.\"old price\" AS money;\nCREATE TABLE a.b (\n    c a.pair\n);\n", True),
    ("CREATE DOMAIN a.price AS money;\nCREATE TABLE a.b (\n    c a.price_list\n);\n", False)])
def test_amounts_of_money_are_seen_by_what_tables_are_made_of(text, there):
    assert money.in_tables("--\n\n" + text) is there


@pytest.mark.parametrize("said, fine", [("C", True), (None, True), ("C -c role=postgres", False)])
def test_what_a_manifest_says_of_money_is_looked_at(said, fine):
    content = dict(CONTENT, key="a", files=[{"name": "toc.dat", "size": 1, "sha256": "0" * 64}], lc_monetary=said)
    assert (manifest.problem(content, "a") is None) is fine


# Copies by the server

FACTS = {"owner": "shop", "connection_limit": -1, "major": 17, "size": 1, "file_copy_method": "copy", "oid": 5, "collation_version": "2.31"}


@pytest.mark.parametrize("version, words", [("2.31", "STRATEGY WAL_LOG COLLATION_VERSION '2.31'"), (None, "STRATEGY WAL_LOG")])
def test_a_database_is_copied_whatever_its_machine_sorts_by(version, words):
    assert databases.copying("shop", "copy", dict(FACTS, collation_version=version)).endswith(words)


@pytest.mark.parametrize("version, now, words", [
    (None, None, None), ("2.31", "2.31", None), ("2.31", "2.36", "by version 2.31 .* has 2.36 now.* REINDEX"), ("2.31", None, "has none now")])
def test_who_copies_is_told_that_texts_are_sorted_otherwise_now(version, now, words):
    session = types.SimpleNamespace(query=lambda _sql: [{"version": now}])
    found = preflight.collation_warnings(session, "shop", dict(FACTS, collation_version=version))
    assert len(found) == bool(words) and (not words or re.search(words, found[0]))


# A bucket

class Refusing:
    """A bucket that has nothing, and whose server has no list of uploads for us."""

    location = "s3://shop"

    def __init__(self, code):
        self.code = code

    def uploads(self, _prefix):
        raise Bucket._failure(self, "read", types.SimpleNamespace(response={"Error": {"Code": self.code, "Message": "not for you"}}))

    def folders(self, _prefix):
        return []


@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented", "405", "SlowDown"])
def test_no_dump_needs_a_list_of_uploads(code, tmp_path, monkeypatch):
    monkeypatch.setattr(S3Store, "__init__", lambda store: vars(store).update(bucket=Refusing(code), spool=types.SimpleNamespace(
        leftovers=list, remove_leftovers=list), warnings=[]))
    store = S3Store()
    if code == "SlowDown":
        with pytest.raises(StoreError, match="SlowDown"):
            store.leftovers()
        return
    assert store.leftovers() == store.remove_leftovers() == []
    assert len(store.warnings) == 1 and "s3:ListBucketMultipartUploads" in store.warnings[0] and code in store.warnings[0]


def test_files_that_grow_do_not_keep_others_from_being_sent(tmp_path):
    """From 17 on pg_dump writes two at a time in each job, and is stopped while much waits: then none of them would ever end."""
    jobs, sent, folder = 5, {}, tmp_path / "archive"
    folder.mkdir()
    with contextlib.ExitStack() as growing:
        for number in range(2 * jobs):
            growing.enter_context(open(folder / ("blob_%d.dat" % number), "wb"))
        box = Outbox(types.SimpleNamespace(write=lambda name, section: sent.update({name: len(section)})), "x/", str(folder), jobs)
        until = time.monotonic() + 5
        while len(box._pending) < 2 * jobs and time.monotonic() < until:
            time.sleep(0.01)
        (folder / "blob_10.dat").write_bytes(b"whole")
        while not sent and time.monotonic() < until:
            time.sleep(0.01)
        assert sent == {"x/blob_10.dat": 5}
    assert len(box.finish()) == 2 * jobs + 1


@pytest.mark.parametrize("code, taken_back", [("AccessDenied", True), (None, False)])
def test_an_upload_that_may_not_be_let_go_of_keeps_nothing_else_in_the_bucket(tmp_path, code, taken_back):
    """Where nobody answers, each further request would wait for long."""
    def abort(_name, _upload):
        raise StoreError("no", code)

    box = Outbox(types.SimpleNamespace(abort=abort), "x/", str(tmp_path / "archive"), 1)
    box._pending["1.dat"], box._uploads["1.dat"] = None, "id"
    with contextlib.nullcontext() if taken_back else pytest.raises(StoreError):
        assert box.give_up() == ["x/1.dat"]


class Serving:
    """A bucket with the files of an archive and the manifest of its dump, of one key, and nothing else."""

    location = "s3://shop"

    def __init__(self, key, files):
        described = [{"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()]
        self._there = {"%s/archive/%s" % (key, name): data for name, data in files.items()}
        self._there["%s/manifest.json" % key] = manifest.written(dict(CONTENT, files=described), key)

    def read(self, name, _most):
        return self._there.get(name)

    def objects(self, prefix):
        return {name: (len(data), 0) for name, data in self._there.items() if name.startswith(prefix)}

    def chunks(self, name, start=0):
        yield self._there[name][start:]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A store in a bucket with one dump, and its key."""
    key = Key("uat", "shop", "none", MOMENT)
    monkeypatch.setattr(S3Store, "__init__", lambda store: vars(store).update(
        bucket=Serving(key, {"toc.dat": b"x", "12.dat": b"12" * 50000}), spool=Spool(str(tmp_path)), warnings=[], location="s3://shop"))
    return S3Store(), key


def test_a_disk_that_fills_while_an_archive_is_fetched_is_said_and_not_left_full(served, tmp_path):
    store, key = served
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.closing(store.open(key)) as whole:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60000, limits[1]))  # what a full disk is, for a file
        try:
            with pytest.raises(SlipwayError, match=r"cannot be kept in %s: File too large. Nothing was changed. .* as spool_dir" % tmp_path):
                whole.bring(None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(store.spool.location) == []


def test_what_was_fetched_stays_where_the_disk_has_failed_otherwise(served, monkeypatch):
    store, key = served
    monkeypatch.setattr(store.bucket, "chunks", lambda _name, _start=0: (_ for _ in ()).throw(OSError(errno.EIO, os.strerror(errno.EIO))))
    with contextlib.closing(store.open(key)) as whole, pytest.raises(SlipwayError, match="Input/output error"):
        whole.bring(None)
    assert len(os.listdir(store.spool.location)) == 1


def test_a_spool_that_is_not_there_is_said_before_any_hook_is_run(tmp_path, monkeypatch):
    monkeypatch.setattr(S3Store, "__init__", lambda store: vars(store).update(spool=Spool(str(tmp_path / "no"))))
    words = "cannot be kept in %s/no: No such file or directory. Nothing was changed. .* as spool_dir" % tmp_path
    for act in (Spool(str(tmp_path / "no")).make, Spool(str(tmp_path / "no")).free, S3Store().require_usable):
        with pytest.raises(SlipwayError, match=words):
            act()
    with pytest.raises(SlipwayError, match=words):
        dumping.dump(Connection(login_host="127.0.0.1", login_port=1, login_db="shop"), S3Store(), dumping.Wish("uat", hooks=[["false"]]))


# Which dump is meant

SANITIZED = {"policy": "strict", "rules": "0" * 64, "key": "k", "emptied": [{"schema": "public", "name": "session"}],
             "residue": {"columns": 1, "values": 1, "bytes": 1, "left_out": []},
             "masked": [{"schema": "public", "name": "orders", "column": "note", "rule": "hash"}]}


def test_a_list_tells_what_a_sanitized_dump_lacks(store):
    some = [{"schema": "public", "name": "orders"}]
    for sanitized in (dict(SANITIZED, subset=some, after_restore=["UPDATE a SET b = 1", "DELETE FROM c"]), SANITIZED):
        write(store, config="sanitized", sanitized=sanitized)
    assert [(dump["sanitized"]["subset"], dump["sanitized"]["after_restore"]) for dump in dumps(store)[0]] == [([], 0), (some, 2)]


def harm(store, *keys):
    for key in keys:
        pathlib.Path(store.path(key), "archive", "toc.dat").write_bytes(b"no table of contents")


def test_all_damaged_dumps_are_told_at_once_and_none_that_are_not_listed(store, run_module):
    raw, more, whole = write(store), write(store), write(store, config="sanitized", sanitized=SANITIZED)
    unusable = write(store)
    pathlib.Path(store.path(unusable), "manifest.json").write_text("{}")
    harm(store, raw, more)
    asked = {"store": store.location, "verify": True}
    listed = run_module("postgres_dump_info", dict(asked, only_sanitized=True))
    assert [dump["key"] for dump in listed["dumps"]] == [str(whole)]
    failed = run_module("postgres_dump_info", asked)
    assert failed["failed"] and "3 of 4 dumps cannot be restored from" in failed["msg"]
    assert all(str(key) in failed["msg"] for key in (raw, more, unusable)) and str(whole) not in failed["msg"]


def test_a_dump_that_is_removed_while_it_is_looked_at_is_not_damaged(store, monkeypatch):
    key, opened = write(store), store.open

    def removed(key):
        dump = opened(key)
        store.remove(key)
        return dump

    monkeypatch.setattr(store, "open", removed)
    assert dump_list.require_whole(store, [str(key)]) is None
    keys = [write(store)]
    store.remove(keys[0])
    monkeypatch.setattr(store, "list", lambda prefix="": keys[:not prefix])
    assert dumps(store) == ([], [])


def test_more_sql_than_anybody_would_read_makes_no_manifest(store):
    key = write(store, config="sanitized", sanitized=dict(SANITIZED, after_restore=["x" * 10000] * 2))
    store.open(key)
    with pytest.raises(SlipwayError, match="is not the manifest of this dump"):
        write(store, config="sanitized", sanitized=dict(SANITIZED, after_restore=["x" * 10000] * 2 + ["y"]))
    with pytest.raises(SlipwayError, match="after_restore has more than 20000 characters"):
        Rules({"after_restore": ["x" * 20001]})


def test_a_sanitized_dump_is_never_the_newest_by_chance(store):
    """Masked rows in the place of real ones are a loss, and prod is where they are real."""
    raw = write(store, excluded_data=[])
    assert dump_choice.choose(store, "uat/shop", "shop").key == raw
    key = write(store, config="sanitized", excluded_data=[], sanitized=SANITIZED)
    for whole in (True, False):
        for environment, config, wanted in (("uat", "none", "uat/shop"), ("prod", "none", "uat/shop"), (None, "none", "uat/shop"),
                                            ("prod", "none", "uat/shop/sanitized"), (None, "sanitized", "uat/shop")):
            with pytest.raises(SlipwayError, match="sanitized: its rows are masked") as caught:
                dump_choice.choose(store, wanted, "shop", config, whole, environment)
            assert ("name of its config" in caught.value.hint) == (environment == "uat")
        for environment, config, wanted in (("uat", "none", "uat/shop/sanitized"), ("uat", "sanitized", "uat/shop"), ("prod", "none", str(key))):
            dump = dump_choice.choose(store, wanted, "shop", config, whole, environment)
            assert dump.key == key and "1 columns are masked, and these tables are empty: public.session" in dump_choice.warnings(dump, "shop")[-1]


# Compression, configs, guards

@pytest.mark.parametrize("text", ["", "zip", "zstd:0", "zstd:23", "gzip:10", "none:1", "auto:3", "zstd:3; rm", "lz4:-1"])
def test_what_is_no_compression(text):
    with pytest.raises(SlipwayError):
        compression.check(text)


def test_the_call_comes_before_the_config():
    sets = {"small": {"jobs": "3", "exclude_tables": ["log_*"], "compression": None}}
    said = {"jobs": None, "exclude_tables": ["sessions"], "compression": "none"}
    found = configs.effective(said, sets, "small", configs.DUMP)
    assert (found["jobs"], found["exclude_tables"], found["compression"], found["instance"]) == (3, ["sessions"], "none", None)
    assert configs.key_part(said, "small") == "none"
    assert configs.key_part({"jobs": 1}, "small") == "small"


def test_one_config_has_what_each_of_the_calls_needs(monkeypatch):
    monkeypatch.setenv("HOME", "/srv/ann")
    sets = {"small": {"store": "~/dumps", "source": "prod/shop/small", "prefix": "prod", "way": "stream", "jobs": 2}}
    asked = {name: configs.effective({}, sets, "small", options, configs.ALL) for name, options in (
        ("dump", configs.DUMP), ("restore", configs.RESTORE), ("copy", configs.COPY), ("list", configs.LIST))}
    assert asked["dump"]["store"] == asked["restore"]["store"] == asked["list"]["store"] == "/srv/ann/dumps"
    assert asked["restore"]["source"] == "prod/shop/small" and asked["list"]["prefix"] == "prod" and asked["copy"]["way"] == "stream"
    assert "source" not in asked["copy"], "that of a restore is no database"


@pytest.mark.parametrize("sets, config, words", [
    ({"small": {}}, "smal", "no config smal. Did you mean small"), ({}, "small", "no config small"),
    ({"small": {"exclude_table": []}}, "none", "unknown option exclude_table. Did you mean exclude_tables"),
    ({"small": []}, "none", "is no mapping"), ({"none": {}}, "none", "stands for no config"),
    ({"small": {"jobs": "many"}}, "small", "'many' as jobs"), ({"small": {"exclude_tables": "a"}}, "small", "'a' as exclude_tables"),
    ({"small": {"pre_dump_hooks": [[]]}}, "small", "as pre_dump_hooks"), ({"small": {"sanitize": None}}, "small", "None as sanitize")])
def test_a_config_that_is_wrong(sets, config, words):
    with pytest.raises(SlipwayError, match=words):
        configs.effective({}, sets, config, configs.DUMP)


@pytest.mark.parametrize("hook, words", [("echo it's secret", "No closing quotation"), ("", "empty"), ([], "empty"), ([""], "empty"), ("  ", "empty"),
                                         (5, "neither"), ({"secret": 1}, "neither")])
def test_a_hook_that_is_no_command_is_named_without_its_words(hook, words):
    with pytest.raises(SlipwayError, match="Command 2 of pre_swap_hooks cannot be one: .*%s.*Nothing was changed" % words) as caught:
        configs.split([["echo", 5], hook], "pre_swap_hooks")
    assert "secret" not in str(caught.value)
    with pytest.raises(SlipwayError, match="Command 1 of pre_dump_hooks"):
        dumping.Wish("uat", hooks=[hook])
    assert configs.split([["echo", 5], "echo 'a b'"], "pre_swap_hooks") == [["echo", "5"], ["echo", "a b"]]


@pytest.mark.parametrize("environment, said, allowed", [
    ("dev", None, True), ("uat", None, True), ("prod", None, False), (None, None, False), ("prod", True, True), (None, True, True),
    ("dev", False, False)])
def test_who_may_dump(environment, said, allowed):
    if allowed:
        guard.require_allowed("dump", environment, said, "allow_dump")
    else:
        with pytest.raises(SlipwayError, match="is not allowed"):
            guard.require_allowed("dump", environment, said, "allow_dump")


def test_what_a_hook_is_told_is_not_in_its_error():
    with pytest.raises(SlipwayError, match="The pre-dump hook .* failed with exit status 3. It printed nothing. No dump was made") as caught:
        dumping._run_hooks(Connection(login_db="shop"), [[sys.executable, "-c", "raise SystemExit(3)", "--token=top secret"]])
    assert "top secret" not in str(caught.value)
