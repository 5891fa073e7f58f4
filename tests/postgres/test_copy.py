# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies by template and as a stream, within one server and between two."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import restore_errors, restore_source, stream
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.copy import Origin, copy
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place
from ansible_collections.slipway.app.tests.postgres.children import children
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, cluster
from ansible_collections.slipway.app.tests.postgres.crashes import die, in_child, kill_at
from ansible_collections.slipway.app.tests.postgres.test_restore import as_text
from ansible_collections.slipway.app.tests.postgres.test_restore_crash import settled
from ansible_collections.slipway.app.tests.selection import long_but

OLD, WHOLE = 10, 1000
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="session")
def other_server(tmp_path_factory, bin_dir, server):
    """Another server, to copy to."""
    other = cluster(tmp_path_factory.mktemp("other"), bin_dir)
    other.sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD '%s'; CREATE ROLE guest" % PASSWORD)
    yield other
    other.remove()


@pytest.fixture
def other(other_server):
    """The other server with a database "shop" that has few orders."""
    other_server.start_over()
    other_server.connection().execute("CREATE TABLE public.orders AS SELECT g AS id FROM generate_series(1, %d) g" % OLD)
    return other_server


def origin(server, local=True, environment="dev", database="shop", **more):
    return Origin(server.connection(database=database), local, environment, **more)


def copied(server, source, way="auto", database="test", user="shop", check=False, **wishes):
    return copy(Restore(server.connection(user, database), Wishes(**wishes)), source, way, server.bin_dir, check)


def orders(server, database="shop"):
    return server.connection(database=database).query("SELECT count(*) AS n FROM public.orders")[0]["n"]


def test_nobody_in_the_source_and_it_is_copied_from_a_template(postgres):
    postgres.sql("ALTER DATABASE shop SET work_mem = '5MB'")
    result = copied(postgres, origin(postgres))
    assert (result["way"], result["strategy"], result["restored"], result["kept"]) == ("template", "WAL_LOG", ":shop", None)
    assert orders(postgres, "test") == WHOLE and postgres.databases() == {"shop", "test"}
    assert postgres.sql("SHOW work_mem", "test") == "5MB"
    postgres.connection(database="test").execute("DELETE FROM public.orders")
    told, result = (copied(postgres, origin(postgres), reversible=True, check=check) for check in (True, False))
    assert told["diff"] == result["diff"] == {"before": {"test": "what was live"},
                                              "after": {"test": "copy of :shop", "test__pre": "what was live"}}
    assert orders(postgres, "test") == WHOLE and postgres.databases() == {"shop", "test", "test__pre"}
    Restore(postgres.connection(database="test"), Wishes()).go(":pre")
    assert orders(postgres, "test") == 0


REASONS = [(True, "dev", "shop", "1 session is in the source"), (False, None, "shop", "not named, which counts as prod"),
           (False, "dev", "postgres", "belongs to role shop and the target to role postgres")]


@pytest.mark.parametrize("busy, environment, owner, because", long_but(REASONS, REASONS[1]))
def test_otherwise_it_is_a_stream_and_says_why(postgres, busy, environment, owner, because):
    postgres.sql("CREATE DATABASE test OWNER %s" % owner)
    with postgres.connection().session() if busy else postgres.connection("postgres", "postgres").session():
        result = copied(postgres, origin(postgres, environment=environment), user=owner)
    assert result["way"] == "stream" and because in result["because"]
    assert (result["checked"], result["strategy"]) == (2, None)
    assert postgres.sql("SELECT count(*), (SELECT tableowner FROM pg_tables WHERE tablename = 'orders') FROM orders", "test") == "1000|" + owner


def test_a_template_that_cannot_be_is_refused(postgres):
    with postgres.connection("postgres").session():
        with pytest.raises(SlipwayError, match="may not be blocked in prod; 1 session is in the source; Role .postgres. is connected"):
            copied(postgres, origin(postgres, environment="prod"), "template")
        with pytest.raises(SlipwayError, match="1 session is in the source"):
            copied(postgres, origin(postgres, environment="prod", allow_block=True), "template")
    with pytest.raises(SlipwayError, match="databases of its own"):
        copied(postgres, origin(postgres, local=False), "template")
    assert postgres.databases() == {"shop"}
    assert copied(postgres, origin(postgres, environment="prod", allow_block=True), "template")["way"] == "template"


@pytest.fixture
def away(server):
    """A tablespace beside the usual one."""
    server.sql("SET allow_in_place_tablespaces = on; CREATE TABLESPACE away LOCATION ''; GRANT CREATE ON TABLESPACE away TO shop")
    yield "away"
    server.drop_all()
    server.sql("DROP TABLESPACE away")


def kept_by(server):
    """What the database test has of its own."""
    return server.sql("SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, datlocale, dattablespace"
                      " FROM pg_database WHERE datname = 'test'")


UNLIKE = [("ENCODING LATIN1", "encoding LATIN1 and the target UTF8"), ("LC_COLLATE 'C.utf8'", "collation C.utf8 and the target C"),
          ("LC_CTYPE 'C.utf8'", "character type C.utf8 and the target C"), ("TABLESPACE away", "tablespace away and the target pg_default"),
          ("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'", "locale provider builtin and the target libc")]


@pytest.mark.parametrize("options, because", long_but(UNLIKE, UNLIKE[1]))
def test_what_is_the_targets_does_not_hang_on_who_is_in_the_source(postgres, away, options, because):
    postgres.sql("CREATE DATABASE test OWNER shop; CREATE DATABASE other OWNER shop TEMPLATE template0 " + options)
    postgres.connection(database="other").execute("CREATE TABLE public.orders AS SELECT g AS id FROM generate_series(1, %d) g" % OLD)
    with pytest.raises(SlipwayError, match="cannot be copied from a template: the source has the " + because):
        copied(postgres, origin(postgres, database="other"), "template")
    before = kept_by(postgres)
    result = copied(postgres, origin(postgres, database="other"))
    assert (result["way"], kept_by(postgres)) == ("stream", before) and because in result["because"]
    assert orders(postgres, "test") == OLD
    result = copied(postgres, origin(postgres, database="other"), properties="dump")
    assert result["way"] == "template" and kept_by(postgres) != before


def test_a_copy_from_a_template_has_the_privileges_of_what_was_live(postgres):
    postgres.sql("CREATE DATABASE test OWNER shop TEMPLATE shop")
    postgres.connection(database="test").execute("""
        GRANT SELECT ON public.orders TO guest; CREATE TABLE public.gone (); GRANT ALL ON public.gone TO guest;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO guest""")
    assert copied(postgres, origin(postgres))["way"] == "template"
    postgres.connection(database="test").execute("CREATE TABLE public.new ()")
    readable = "SELECT has_table_privilege('guest', '%s', 'SELECT')"
    assert [postgres.sql(readable % table, "test") for table in ("orders", "new", "django_migrations")] == ["t", "t", "f"]


def test_privileges_that_a_template_does_not_let_the_owner_give_are_named(postgres):
    """What is the source's own stays beside them, and is no matter."""
    postgres.sql("CREATE DATABASE test OWNER shop TEMPLATE shop")
    for database in ("shop", "test"):
        postgres.sql("CREATE TABLE public.theirs (a int, b int); CREATE TABLE public.more (a int);"
                     "CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA app", database)
    postgres.connection().execute("GRANT SELECT ON public.orders TO guest")
    postgres.sql("""
        CREATE TABLE public.gone (a int);
        ALTER TABLE public.theirs OWNER TO shop; ALTER TABLE public.more OWNER TO shop; ALTER TABLE public.gone OWNER TO shop;
        GRANT EXECUTE ON FUNCTION public.one() TO guest WITH GRANT OPTION;
        GRANT UPDATE ON public.orders TO guest; GRANT SELECT, UPDATE ON public.theirs TO guest;
        GRANT UPDATE (a) ON public.more TO guest; GRANT SELECT (a) ON public.gone TO guest;
        ALTER DEFAULT PRIVILEGES FOR ROLE guest IN SCHEMA app GRANT SELECT ON TABLES TO shop;
        ALTER DEFAULT PRIVILEGES FOR ROLE guest GRANT USAGE ON SCHEMAS TO shop""", "test")
    result = copied(postgres, origin(postgres), "template")
    assert result["warnings"] == ["The new database lacks privileges of the old one: %s." % lacking for lacking in (
        'EXECUTE WITH GRANT OPTION of "guest" on function public.one()', 'SELECT, UPDATE of "guest" on table public.theirs',
        'UPDATE of "guest" on table column public.more.a', 'SELECT of "shop" on default acl for role guest in schema app on tables',
        'USAGE of "shop" on default acl for role guest on schemas')]


def test_a_live_database_whose_privileges_cannot_be_read_is_found_before_anything_is_copied(postgres, monkeypatch):
    postgres.sql("CREATE DATABASE test OWNER shop TEMPLATE shop")
    postgres.sql("CREATE TABLE public.theirs (); ALTER TABLE public.theirs OWNER TO guest", "test")
    monkeypatch.setattr(restore_source, "copying", lambda *_arguments: pytest.fail("it is copied"))
    with pytest.raises(SlipwayError, match="privileges inside the database cannot be carried over: .*theirs"):
        copied(postgres, origin(postgres))
    assert orders(postgres, "test") == WHOLE and postgres.databases() == {"shop", "test"}


def test_without_programs_that_read_its_privileges_nothing_live_is_replaced_by_a_template(postgres, tmp_path):
    postgres.sql("CREATE DATABASE test OWNER shop")
    with pytest.raises(SlipwayError, match="privileges inside the database, .* no PostgreSQL client"):
        copy(Restore(postgres.connection(database="test"), Wishes()), origin(postgres), "template", str(tmp_path))
    assert copy(Restore(postgres.connection(database="fresh"), Wishes()), origin(postgres), "template", str(tmp_path))["way"] == "template"


def test_a_stream_brings_everything_from_server_to_server(rich, other):
    rich.sql("ALTER DATABASE shop SET search_path = app, public; REVOKE CONNECT ON DATABASE shop FROM PUBLIC")
    result = copied(other, origin(rich, local=False), user="postgres", properties="dump", database="new")
    assert as_text(other, "new") == as_text(rich, "shop")
    assert (result["way"], result["checked"], result["restored"]) == ("stream", 12, "shop")
    assert other.sql("SHOW search_path", "new") == "app, public"
    assert other.sql("SELECT has_database_privilege('guest', 'new', 'CONNECT')") == "f"
    assert other.databases() == {"shop", "new"}


def test_a_stream_into_what_is_live_keeps_what_is_the_targets(postgres, other):
    postgres.sql("CREATE PUBLICATION p FOR TABLE public.orders", "shop")
    other.connection().execute("GRANT SELECT ON public.orders TO guest")
    told, result = (copied(other, origin(postgres, local=False), database="shop", reversible=True, check=check) for check in (True, False))
    assert told["left_out"] == result["left_out"] and "PUBLICATION" in result["left_out"][0]["entry"]
    assert (orders(other), result["kept"], result["checked"]) == (WHOLE, "shop__pre", 2)
    assert other.sql("SELECT has_table_privilege('guest', 'orders', 'SELECT')", "shop") == "t"
    Restore(other.connection(), Wishes()).go(":pre")
    assert orders(other) == OLD


def test_null_in_an_array_stays_null_in_a_stream(postgres, other):
    postgres.connection().execute("CREATE TABLE public.tags AS SELECT ARRAY['x', NULL] AS tags")
    other.sql("ALTER ROLE shop SET array_nulls = off")
    try:
        copied(other, origin(postgres, local=False), database="shop")
    finally:
        other.sql("ALTER ROLE shop RESET array_nulls")
    assert other.sql("SELECT tags[2] IS NULL FROM public.tags", "shop") == "t"


NAMES = [("template", 'Shop "one" of it\'s', "käse 日本"), ("stream", 'Käse "日本" of it\'s', 'a b="c\'\\'), ("stream", "$(touch x) --", "d" * 63)]


@pytest.mark.parametrize("way, name, target", long_but(NAMES, NAMES[1]))
def test_databases_of_any_name(postgres, way, name, target):
    postgres.sql("ALTER DATABASE shop RENAME TO %s; CREATE DATABASE %s OWNER shop" % (quote_ident(name), quote_ident(target)))
    assert copied(postgres, origin(postgres, database=name), way, target, reversible=True)["restored"] == ":" + name
    assert orders(postgres, target) == WHOLE
    assert postgres.databases() == {name, target, Place(target).pre}


def refused(server, source, match, **options):
    before = server.databases(), orders(server)
    with pytest.raises(SlipwayError, match=match):
        copied(server, source, **options)
    assert (server.databases(), orders(server)) == before


def test_what_cannot_be_copied_is_refused(postgres, other):
    refused(postgres, origin(postgres, database="nowhere"), 'no database "nowhere" on this server')
    refused(postgres, origin(postgres), "cannot be restored from itself", database="shop", way="stream")
    refused(postgres, origin(postgres), "cannot be restored from itself", database="shop")
    refused(postgres, origin(postgres, local=False), "itself, reached in another way", database="shop")
    for database in ("postgres", "shop"):
        postgres.sql("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC", database)
    try:
        refused(postgres, origin(postgres, local=False), "itself, reached in another way", database="shop")
    finally:
        postgres.sql("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
    refused(other, origin(postgres, local=False, database="nowhere"), '"nowhere" does not exist')
    postgres.sql("CREATE DATABASE shop__new OWNER shop")
    for way in ("template", "stream"):
        refused(postgres, origin(postgres, database="shop__new"), "under way, and no source", database="shop", way=way, remove_leftovers=True)


def test_a_second_copy_at_the_same_time_is_refused(postgres):
    with postgres.connection().session("postgres") as session:
        Place("test").take(session)
        refused(postgres, origin(postgres), "being restored already, by process [0-9]+ of the server: role shop")


# What ends in the middle of a stream


@pytest.fixture
def wide(postgres, other):
    """The source has more than fits into the pipes between the programs."""
    postgres.connection().execute("CREATE TABLE public.wide AS SELECT g AS id, repeat(md5(g::text), 100) AS text FROM generate_series(1, 3000) g")
    return postgres


def with_check(server, body):
    """Let each row of the wide table be looked at, by a function in PL/pgSQL, where it is copied to."""
    server.connection().execute("CREATE FUNCTION public.look(id int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$BEGIN"
                                " IF current_database() LIKE '%%new' THEN %s; END IF; RETURN true; END$$;"
                                "ALTER TABLE public.wide ADD CHECK (public.look(id))" % body)


def at_table(monkeypatch, act):
    """Call act() when pg_restore says that it is at the rows of the table wide."""
    hear = restore_errors.Reader.hear

    def hearing(reader, line):
        hear(reader, line)
        if 'processing data for table "public.wide"' in line:
            act()

    monkeypatch.setattr(restore_errors.Reader, "hear", hearing)


def in_the_middle(monkeypatch, act):
    """Call act() when a megabyte has passed: pg_dump has more than it can get rid of, and pg_restore waits for more."""
    chunks, left = stream._Pipe._chunks, [act]

    def passing(pipe):
        size = 0
        for chunk in chunks(pipe):
            yield chunk
            if left and size <= MEGABYTE < size + len(chunk):
                left.pop()()
            size += len(chunk)

    monkeypatch.setattr(stream._Pipe, "_chunks", passing)


def end(program):
    """SIGKILL the pg_dump or pg_restore that this process has started."""
    started = children(program + "$")
    for pid in started:
        os.kill(pid, signal.SIGKILL)
    assert started


def whole_and_free(other):
    """The live database of the other server is what it was, and nothing is left at work."""
    settled(other)
    assert other.databases() == {"shop"} and orders(other) == OLD


@pytest.mark.parametrize("program, match", [
    ("pg_dump", r"pg_dump 17[.0-9]* was killed by signal 9, as the kernel does when memory is short on .*not touched"),
    ("pg_restore", "pg_restore was killed by signal 9, as the kernel does when memory is short: ")])
def test_the_death_of_either_end_is_that_of_both(wide, other, monkeypatch, program, match):
    in_the_middle(monkeypatch, lambda: end(program))
    with pytest.raises(SlipwayError, match=match):
        copied(other, origin(wide, local=False), database="shop")
    assert not children("pg_")
    whole_and_free(other)


@pytest.mark.long
def test_the_session_of_pg_dump_ends(wide, other, monkeypatch):
    in_the_middle(monkeypatch, lambda: wide.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'slipway copy%'"))
    with pytest.raises(SlipwayError, match="pg_dump 17.* failed .*(terminating|server closed the) connection.*not touched"):
        copied(other, origin(wide, local=False), database="shop")
    whole_and_free(other)


def test_an_error_that_matters_ends_both(wide, other):
    with_check(wide, "PERFORM 1 / (id - 7)")
    with pytest.raises(SlipwayError, match="pg_restore cannot restore TABLE DATA wide .*division by zero.*not touched"):
        copied(other, origin(wide, local=False), database="shop")
    whole_and_free(other)


def test_rows_that_did_not_arrive_are_an_error(wide, other, monkeypatch):
    at_table(monkeypatch, lambda: other.sql("DELETE FROM public.orders WHERE id = 7", "shop__new"))
    with pytest.raises(SlipwayError, match='"orders" has 999 rows instead of 1000'):
        copied(other, origin(wide, local=False), database="shop")
    whole_and_free(other)


# A copy that is killed


def after_a_kill(server, source, way):
    """One whole database is live after a killed copy, and the next one names what was left and comes through."""
    settled(server)
    left = sorted(server.databases() & {"test__new", "test__ready", "test__old"})
    with pytest.raises(SlipwayError, match=" .*".join('"%s" is left' % name for name in left)) if left else contextlib.nullcontext():
        copied(server, source, way, sql=["DELETE FROM public.orders WHERE id > 500"])
    assert orders(server, "test") == (OLD if left else 500)
    result = copied(server, source, way, remove_leftovers=True, reversible=True)
    assert [leftover["database"] for leftover in result["leftovers"]] == left
    assert orders(server, "test") == WHOLE and server.databases() - {"shop"} == {"test", "test__pre"}


@pytest.mark.long
@pytest.mark.parametrize("way, step, sent", [
    ("template", "CREATE DATABASE", True), ("stream", "pg_export_snapshot", True), ("stream", 'RENAME TO "test__pre"', False)])
def test_killed_at_a_step(postgres, monkeypatch, way, step, sent):
    postgres.sql("CREATE DATABASE test OWNER shop")
    postgres.connection(database="test").execute("CREATE TABLE public.orders AS SELECT g AS id FROM generate_series(1, %d) g" % OLD)
    kill_at(monkeypatch, step, sent)
    assert not in_child(lambda: copied(postgres, origin(postgres), way, reversible=True))
    monkeypatch.undo()
    after_a_kill(postgres, origin(postgres), way)


@pytest.mark.long
def test_killed_in_the_middle_of_a_stream(wide, other, monkeypatch):
    """pg_dump and pg_restore are gone with it, and do not go on to fill a database that nobody waits for."""
    other.sql("ALTER DATABASE shop RENAME TO test")
    in_the_middle(monkeypatch, die)
    assert not in_child(lambda: copied(other, origin(wide, local=False), reversible=True))
    monkeypatch.undo()
    for server in (wide, other):
        settled(server)
    after_a_kill(other, origin(wide, local=False), "stream")


@pytest.mark.long
@pytest.mark.parametrize("end", ["source", "target"])
def test_a_server_that_dies_in_the_middle_of_a_stream(wide, other, monkeypatch, end):
    server = {"source": wide, "target": other}[end]
    in_the_middle(monkeypatch, server.kill)
    with pytest.raises(SlipwayError, match="not touched"):
        copied(other, origin(wide, local=False), database="shop")
    monkeypatch.undo()
    server.start()
    settled(other)
    left = sorted(other.databases() - {"shop"})
    assert orders(other) == OLD and left == {"source": [], "target": ["shop__new"]}[end]
    result = copied(other, origin(wide, local=False), database="shop", remove_leftovers=True)
    assert [leftover["database"] for leftover in result["leftovers"]] == left
    assert orders(other) == WHOLE and other.databases() == {"shop"}


# The module


@pytest.fixture
def module(postgres, run_module):
    def run(check=False, **options):
        params = dict({"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD,
                       "login_db": "test", "source": "shop", "source_environment": "stag", "environment": "stag"}, **options)
        result = run_module("postgres_copy", {name: value for name, value in params.items() if value is not None}, check=check)
        assert PASSWORD not in json.dumps(result)
        return result

    return run


def test_what_the_guards_refuse(postgres, module):
    refusals = [
        ({"environment": "prod"}, "prod, and nothing is copied there without its name said once more. Nothing was changed. confirm=test says it"),
        ({"environment": "prod", "confirm": "shop"}, "is not its name"),
        ({"environment": None}, "confirm=test says it; environment (target_environment of database_copy) says which it is"),
        ({"source_environment": "prod"},
         "A copy of a database of environment prod is not allowed. Nothing was changed. allow_copy (slipway_allow_copy in an inventory) allows it"),
        ({"source_environment": None}, "not named, which counts as prod"),
        ({"allow_copy": False}, "allow_copy (slipway_allow_copy in an inventory) forbids it"),
        ({"config": "odd", "configs": {"odd": {"way": "sideways"}}}, "'sideways' as way"),
    ]
    for options, message in refusals:
        for check in (True, False):
            result = module(check, **options)
            assert result["failed"] and message in result["msg"], options
    assert postgres.databases() == {"shop"}
    result = module(environment="prod", source_environment="prod", allow_copy=True, confirm="test")
    assert (result["way"], result["because"]) == ("stream", "the source may not be blocked in prod")


@pytest.mark.long
def test_a_config_and_another_server(postgres, other, module):
    there = {"login_host": "127.0.0.1", "login_port": other.port, "login_user": "shop", "login_password": PASSWORD}
    configs = {"kept": {"way": "stream", "reversible": True, "pre_swap_sql": ["DELETE FROM orders WHERE id > 7"], "jobs": 3}}
    module(source_server=there)
    assert orders(postgres, "test") == OLD
    result = module(config="kept", configs=configs, swap=False)
    assert (result["way"], result["because"], result["kept"]) == ("stream", "it was asked for", None)
    assert postgres.databases() == {"shop", "test", "test__ready"}
    Restore(postgres.connection(database="test"), Wishes(reversible=True)).put_in_place()
    assert orders(postgres, "test") == 7 and postgres.databases() == {"shop", "test", "test__pre"}


def test_no_password_is_in_an_argument(wide, other, monkeypatch):
    seen = {}

    def look():
        for pid in children("pg_"):
            argv = pathlib.Path("/proc", str(pid), "cmdline").read_bytes()
            seen[os.path.basename(argv.split(b"\0")[0])] = argv
        end("pg_dump")

    in_the_middle(monkeypatch, look)
    with pytest.raises(SlipwayError):
        copied(other, origin(wide, local=False), database="shop")
    assert set(seen) == {b"pg_dump", b"pg_restore"} and not any(PASSWORD.encode() in argv for argv in seen.values())


def test_it_says_how_far_it_is(wide, other):
    said = []
    restore = Restore(other.connection(), Wishes(), lambda phase, **more: said.append((phase, more)))
    copy(restore, origin(wide, local=False), bin_dir=other.bin_dir)
    at = [more["bytes"] for phase, more in said if phase == "restore"]
    assert at == sorted(at) and 0 < at[-1] <= said[0][1]["total_bytes"]
    assert {more["table"] for phase, more in said if phase == "restore"} == {"public.django_migrations", "public.orders", "public.wide"}
