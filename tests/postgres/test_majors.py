# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps, restores and copies between servers of different majors: upwards everything comes through, downwards nothing begins."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.copy import Origin, copy
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.tests.postgres import test_sanitize_calls as calls
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY, cluster, postgres_server
from ansible_collections.slipway.app.tests.postgres.sanitizing import KEPT, RULES, changed, newest, sanitized, text_of

pytestmark = pytest.mark.long  # three more servers have to be fetched

VERSIONS = {14: "14.23.0", 16: "16.15.0", 18: "18.6.0"}
RICH = pathlib.Path(__file__).with_name("rich.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def majors(tmp_path_factory):
    """{major: server}, each with the rich database "shop"; the programs of all of them are on PATH."""
    try:
        programs = {major: postgres_server.packaged(str(REPOSITORY / ".cache"), version) for major, version in VERSIONS.items()}
    except postgres_server.ServerError as error:
        pytest.skip(str(error))
    servers = {}
    before = os.environ["PATH"]
    try:
        for major, bin_dir in programs.items():
            servers[major] = cluster(tmp_path_factory.mktemp("major"), bin_dir)
            servers[major].sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD '%s'; CREATE ROLE guest" % PASSWORD)
        os.environ["PATH"] = os.pathsep.join([server.bin_dir for server in reversed(servers.values())] + [before])
        for server in servers.values():
            server.sql("CREATE DATABASE shop OWNER shop")
            server.connection().run_texts([RICH], "shop", "shop")
        yield servers
    finally:
        os.environ["PATH"] = before
        for server in servers.values():
            server.remove()


@pytest.fixture(scope="module")
def dumps(majors, tmp_path_factory):
    """{major: Dump} of those databases."""
    store = FolderStore(str(tmp_path_factory.mktemp("dumps")))
    made = {major: dump(server.connection(), store, Wish("of-%d" % major, jobs=2)) for major, server in majors.items()}
    assert {major: (each["server_version"] // 10000, each["client_version"] // 10000) for major, each in made.items()} == {
        major: (major, major) for major in majors}
    return {major: store.open(Key.parse(each["key"])) for major, each in made.items()}


@pytest.fixture
def target(majors):
    """The server of a major, with nothing on it but its own "shop"."""
    used = []

    def clean(major):
        used.append(majors[major])
        return majors[major]

    yield clean
    for server in used:
        for name in server.databases() - {"shop"}:
            server.sql('DROP DATABASE "%s" WITH (FORCE)' % name)


def as_text(majors, major, database, *options):
    """The lines of a database as the pg_dump of the newest major writes it, with some options.

    But for what each server says in its own way: schema public is another one from 15 on, and views name their tables less often from 16 on.
    """
    newest = majors[max(majors)]
    done = subprocess.run([newest.bin_dir + "/pg_dump", "--restrict-key=x", *options, "-d", database], capture_output=True, text=True, check=True,
                          env=majors[major].environment())
    own = re.compile(r"--|$|ALTER SCHEMA public |(GRANT|REVOKE) \w+ ON SCHEMA public ")
    return [re.sub(r"(?<=[ (])\w+\.(?=(name|id|email|label)\b)", "", line) for line in done.stdout.splitlines() if not own.match(line)]


@pytest.mark.parametrize("old, new", [(14, 16), (14, 18), (16, 18)])
def test_upwards_everything_comes_through(majors, dumps, target, old, new):
    before, server = as_text(majors, old, "shop"), target(new)
    as_dumped = Wishes(properties="dump", jobs=2)
    restored = Restore(server.connection("postgres", "restored"), as_dumped).run(DumpSource(dumps[old]))
    copied = copy(Restore(server.connection("postgres", "copied"), as_dumped), Origin(majors[old].connection(), False, "dev"), "auto")
    assert (restored["checked"], restored["ignored"]) == (copied["checked"], copied["ignored"]) == (12, [])
    assert copied["way"] == "stream"
    assert as_text(majors, new, "restored") == as_text(majors, new, "copied") == before


@pytest.mark.parametrize("new, old", [(16, 14), (18, 14), (18, 16)])
def test_downwards_is_refused_with_both_versions(majors, dumps, target, new, old):
    server = target(old)
    match = "PostgreSQL %d[.].* and the server is %d[.].*Nothing was changed" % (new, old)
    with pytest.raises(SlipwayError, match=match):
        Restore(server.connection(), Wishes()).run(DumpSource(dumps[new]))
    with pytest.raises(SlipwayError, match=match):
        copy(Restore(server.connection(), Wishes()), Origin(majors[new].connection(), False, "dev"), "auto")
    assert server.databases() == {"shop"}


def test_clients_older_than_the_server_are_refused(majors, dumps, target, tmp_path):
    server, older = target(18), majors[16].bin_dir
    with pytest.raises(SlipwayError, match="server is PostgreSQL 18.6; pg_dump of an older version.*only 16.15.*PostgreSQL 18 or later"):
        dump(server.connection(), FolderStore(str(tmp_path)), Wish("here", bin_dir=older))
    with pytest.raises(SlipwayError, match="server is PostgreSQL 18.6; pg_dump of an older version.*only 16.15"):
        copy(Restore(server.connection(database="new"), Wishes()), Origin(server.connection(), False, "dev"), bin_dir=older)
    with pytest.raises(SlipwayError, match="server is PostgreSQL 18.6; a client of an older version.*only 16.15"):
        Restore(server.connection(), Wishes()).run(DumpSource(dumps[16], older))
    with pytest.raises(SlipwayError, match="written by pg_dump 18.6; pg_restore of an older version.*only 16.15"):
        Restore(majors[16].connection(), Wishes()).run(DumpSource(dump_by_newer(majors, tmp_path), older))
    assert server.databases() == majors[16].databases() == {"shop"}


def dump_by_newer(majors, folder):
    """A dump of the server of 16 that the pg_dump of 18 has written."""
    store = FolderStore(str(folder))
    return store.open(Key.parse(dump(majors[16].connection(), store, Wish("here", bin_dir=majors[18].bin_dir))["key"]))


@pytest.mark.parametrize("major", [14, 18])
def test_into_what_is_live_and_back(majors, dumps, target, major):
    """The target's owner, grants and settings stay, whichever client has to read them; the way back is there."""
    server = target(major)
    server.sql("CREATE DATABASE live OWNER shop; ALTER DATABASE live SET work_mem = '5MB'")
    server.connection("postgres").execute("CREATE EXTENSION citext; CREATE SCHEMA app; CREATE TABLE app.egg (id int); GRANT ALL ON app.egg TO guest", "live")
    restore = Restore(server.connection("postgres", "live"), Wishes(reversible=True))
    assert restore.run(DumpSource(dumps[14]))["warnings"] == []
    assert server.sql("SELECT count(*), current_setting('work_mem'), has_table_privilege('guest', 'app.egg', 'DELETE') FROM app.egg", "live") == "2|5MB|t"
    restore.go(":pre")
    assert server.sql("SELECT count(*) FROM app.egg", "live") == "0"


@pytest.mark.parametrize("major", [14, 16])
def test_a_table_is_made_again_by_a_client_newer_than_the_server(majors, dumps, target, major):
    """Such a client begins with settings that the server does not know."""
    server = target(major)
    server.sql("CREATE DATABASE live OWNER shop TEMPLATE shop")
    server.connection().execute("DROP TABLE app.room", "live")
    source = TablesSource(dumps[major], majors[18].bin_dir, ["app.room"], [])
    assert TablesRestore(server.connection("postgres", "live"), Wishes()).run(source)["made"] == [{"schema": "app", "name": "room"}]
    assert server.sql("SELECT count(*) FROM app.room", "live") == "1"


# What no server before it has; a check that is not enforced no row has to pass.
LATER = {18: """ALTER TABLE app.customer ADD shown text GENERATED ALWAYS AS (last_name || '?') VIRTUAL,
    ADD CONSTRAINT wished CHECK (length(last_name) > 1000) NOT ENFORCED"""}


@pytest.mark.parametrize("major, client", [(14, 14), (14, 18), (16, 16), (18, 18)])
def test_a_sanitized_dump_of_each_major(majors, target, tmp_path, major, client):
    """Each client writes another form of archive, which its pg_restore reads; the catalogs are those of the server."""
    server, there = target(major), target(client)
    server.sql("CREATE DATABASE persons OWNER shop")
    persons = server.connection(database="persons")
    subprocess.run([server.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "persons", "-f", str(pathlib.Path(__file__).with_name("personal.sql"))],
                   env=persons.environment(), check=True, stdout=subprocess.DEVNULL)
    persons.execute(LATER.get(major, "SELECT"))
    rules = changed(visit={"where": "day < '2026-03-01'", "columns": RULES["tables"]["app.visit"]["columns"]}, customer={"columns": dict(
        RULES["tables"]["app.customer"]["columns"], note={"rule": "sql", "expression": "CASE WHEN note <> '' THEN left(md5(note), id % 8) END"})})
    store = FolderStore(str(tmp_path / "dumps"))
    result = sanitized(persons, store, rules, jobs=2, bin_dir=majors[client].bin_dir)
    assert (result["server_version"] // 10000, result["client_version"] // 10000, result["warnings"]) == (major, client, [])
    whole = newest(store)
    assert re.findall(r"\braw.{0,40}", text_of(majors[client], whole), re.IGNORECASE) == []
    Restore(there.connection("postgres", "masked"), Wishes(properties="dump", jobs=2)).run(DumpSource(whole, majors[client].bin_dir))
    masked = there.connection(database="masked")
    assert as_text(majors, client, "masked", "--schema-only") == as_text(majors, major, "persons", "--schema-only")
    assert masked.query("SELECT count(*) AS n, max(day) < '2026-03-01' AS some FROM app.visit") == [
        {"n": persons.query("SELECT count(*) AS n FROM app.visit WHERE day < '2026-03-01'")[0]["n"], "some": True}]
    for table in ("app.customer", 'app."Bestellung Ü"'):
        query = "SELECT %s FROM %s ORDER BY %s" % (KEPT[table], table, KEPT[table])
        assert masked.query(query.replace("note IS NULL, length(note), ", "")) == persons.query(query.replace("note IS NULL, length(note), ", ""))


@pytest.mark.parametrize("major", VERSIONS)
def test_what_sanitizing_rules_call_each_major_says(majors, target, tmp_path, major):
    server = target(major)
    for number, test in enumerate((calls.test_a_condition_calls_nothing_by_another_name, calls.test_an_expression_calls_nothing_by_another_name)):
        server.sql("CREATE DATABASE called_%d OWNER shop" % number)
        test(server.connection(database="called_%d" % number), FolderStore(str(tmp_path / str(number))))
    server.sql("CREATE DATABASE called OWNER shop")
    calls.test_what_works_a_value_out_is_called(server, server.connection(database="called"), FolderStore(str(tmp_path / "last")))
