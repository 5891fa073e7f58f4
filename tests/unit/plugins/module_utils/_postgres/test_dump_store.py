# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of dumps, and their store where it is a folder."""

from __future__ import annotations

import copy
import errno
import json
import os
import pathlib
import stat

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    manifest)
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_list import dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import CONTENT, MOMENT, write


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


OUTSIDE = {"owner": "shop", "comment": None, "connection_limit": -1, "settings": [{"role": "", "setting": "work_mem=5MB"}],
           "privileges": [{"grantee": "", "privilege": "CONNECT", "grantable": False}]}


@pytest.mark.parametrize("change, fine", [
    ({}, True), ({"privileges": None}, True), ({"privileges": [{"grantee": "", "privilege": "ALL", "grantable": True}]}, False),
    ({"settings": [{"role": "", "setting": "=x"}]}, False), ({"connection_limit": -2}, False)])
def test_what_a_manifest_says_of_the_database_itself_is_looked_at(change, fine):
    content = dict(CONTENT, key="a", files=[{"name": "toc.dat", "size": 1, "sha256": "0" * 64}], outside=dict(OUTSIDE, **change))
    assert (manifest.problem(content, "a") is None) is fine
