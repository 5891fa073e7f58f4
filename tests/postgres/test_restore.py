# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import restore_source
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import require_confirmed
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import CopySource, DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.selection import long_but


def restore(postgres, source, user="shop", **wishes):
    return Restore(postgres.connection(user), Wishes(**wishes)).run(source)


def as_text(postgres, database):
    """All of a database as pg_dump writes it, content included; what differs from run to run is taken out."""
    done = subprocess.run([postgres.bin_dir + "/pg_dump", "--restrict-key=x", "--encoding=UTF8", "-d", database], capture_output=True, text=True, check=True,
                          env=postgres.environment())
    return re.sub(r"^--.*\n", "", done.stdout, flags=re.MULTILINE)


def estimated(postgres, table):
    """How many rows the server takes a table to have, which nothing but ANALYZE tells it in these tests."""
    return int(postgres.sql("SELECT reltuples FROM pg_class WHERE relname = '%s'" % table, "shop"))


def orders(postgres):
    return postgres.connection().query("SELECT count(*) AS n FROM public.orders")[0]["n"]


@pytest.fixture
def dump(postgres, tmp_path):
    """A dump of the 1000 orders; the live database has lost most of them since."""
    dump = dumped(postgres, tmp_path / "dumps")
    postgres.connection().execute("DELETE FROM public.orders WHERE id > 10")
    return dump


def test_everything_comes_back_as_it_was(rich, tmp_path):
    before = as_text(rich, "shop")
    dump = dumped(rich, tmp_path)
    rich.connection().execute('DROP SCHEMA app CASCADE')
    result = restore(rich, DumpSource(dump, rich.bin_dir), properties="dump", jobs=2)
    assert as_text(rich, "shop") == before
    assert result["checked"] == 12 and result["ignored"] == []
    assert {item["entry"].split(" - ")[0] for item in result["left_out"]} == {"COMMENT"}
    assert rich.databases() == {"shop"}


@pytest.mark.long
def test_thousands_of_tables(postgres, tmp_path):
    postgres.connection().execute("DO $$ BEGIN FOR g IN 1 .. 5000 LOOP EXECUTE format('CREATE TABLE public.%I AS SELECT %s AS id', 'Table ' || g, g);"
                                  " END LOOP; END $$")
    dump = dumped(postgres, tmp_path)
    assert sum(table["rows"] for table in dump.manifest["tables"]) == 6001
    postgres.connection().execute('DROP TABLE public."Table 5000"')
    result = restore(postgres, DumpSource(dump, postgres.bin_dir), jobs=2)
    assert (result["checked"], result["ignored"], result["warnings"]) == (5002, [], [])
    assert postgres.sql('SELECT id FROM "Table 5000"', "shop") == "5000" and estimated(postgres, "Table 4999") == 1


def test_null_in_an_array_stays_null_whatever_a_role_has_set(postgres, tmp_path):
    postgres.connection().execute("CREATE TABLE public.tags AS SELECT ARRAY['x', NULL] AS tags")
    dump = dumped(postgres, tmp_path)
    postgres.sql("ALTER ROLE shop SET array_nulls = off")
    try:
        restore(postgres, DumpSource(dump, postgres.bin_dir))
    finally:
        postgres.sql("ALTER ROLE shop RESET array_nulls")
    assert postgres.sql("SELECT tags[2] IS NULL FROM public.tags", "shop") == "t"


def test_the_target_keeps_what_is_its_own(rich, tmp_path):
    dump = dumped(rich, tmp_path, roles=["shop", "guest", "somebody"])
    rich.sql('GRANT SELECT ON "My Schema".empty TO guest; CREATE TABLE app.later (id int); ALTER TABLE app.later OWNER TO shop;'
             "GRANT SELECT ON app.later TO guest; REVOKE ALL ON app.secret FROM guest;"
             "GRANT SELECT ON LARGE OBJECT 4711 TO guest WITH GRANT OPTION", "shop")
    rich.sql("ALTER DATABASE shop SET work_mem = '5MB'; COMMENT ON DATABASE shop IS 'ours'; ALTER DATABASE shop CONNECTION LIMIT 3;"
             "ALTER DATABASE shop SET default_transaction_read_only = on")
    ours = "SELECT datconnlimit, shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'"
    settings = "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'shop') ORDER BY 1"
    before = [rich.sql(query) for query in (ours, settings)]
    result = restore(rich, DumpSource(dump, rich.bin_dir), user="postgres", jobs=2)
    assert [rich.sql(query) for query in (ours, settings)] == before
    assert result["warnings"] == []
    assert rich.sql("""SELECT has_table_privilege('guest', '"My Schema".empty', 'SELECT'), has_table_privilege('guest', 'app.secret', 'SELECT'),
        to_regclass('app.later'), (SELECT array_agg(DISTINCT tableowner::text) FROM pg_tables WHERE schemaname = 'app'),
        (SELECT lomacl FROM pg_largeobject_metadata WHERE oid = 4711)""", "shop") == "t|f||{shop}|{shop=rw/shop,guest=r*/shop}"


def test_privileges_that_its_owner_may_not_give_or_take_away_are_named(postgres, tmp_path):
    """The server only warns of them, and pg_restore does not tell: functions of a trusted extension are the superuser's."""
    postgres.connection().execute("CREATE EXTENSION citext SCHEMA public")
    dump = dumped(postgres, tmp_path)
    function = "public.citext_eq(public.citext,public.citext)"
    postgres.sql("GRANT EXECUTE ON FUNCTION %s TO guest; REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC" % (function, function), "shop")
    postgres.sql("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC", "shop")
    assert restore(postgres, DumpSource(dump, postgres.bin_dir))["warnings"] == [
        "The new database has privileges that the old one has not: EXECUTE of everybody on function %s." % function,
        "The new database has privileges that the old one has not: USAGE of everybody on language plpgsql."]


def test_who_owned_something_and_does_no_more_is_named(postgres, tmp_path):
    postgres.sql("GRANT USAGE, CREATE ON SCHEMA public TO guest; ALTER TABLE public.orders OWNER TO guest;"
                 "GRANT SELECT ON public.orders, public.orders_id_seq TO shop;"
                 "ALTER TABLE public.django_migrations OWNER TO postgres; GRANT ALL ON public.django_migrations TO shop", "shop")
    whole = DumpSource(dumped(postgres, tmp_path), postgres.bin_dir)
    assert restore(postgres, whole, user="postgres")["warnings"] == [
        'Role "guest" owned in the old database what role "shop" owns in the new one: sequence public.orders_id_seq, table public.orders.']
    assert restore(postgres, whole)["warnings"] == []


def test_a_database_whose_grants_cannot_be_read_is_not_replaced(postgres, dump):
    """Somebody rewrites a table: pg_dump waits for its lock, and gives up."""
    before = postgres.databases()
    with postgres.connection().session() as session:
        session.execute("BEGIN", "LOCK TABLE public.django_migrations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SlipwayError, match=(
                r'(?s)privileges inside the database cannot be carried over: .*statement timeout.* Table public.django_migrations is locked by process \d+ '
                r'\(user "shop", application "slipway"\)')):
            Restore(postgres.connection(lock_timeout=1), Wishes()).run(DumpSource(dump))
    assert postgres.databases() == before


OUTSIDE = """
SELECT (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(coalesce(datacl, acldefault('d', datdba))) a), datconnlimit,
       shobj_description(d.oid, 'pg_database'),
       (SELECT array_agg(setrole || ':' || setting ORDER BY setrole, setting) FROM pg_db_role_setting, unnest(setconfig) setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE datname = 'shop'"""


def test_what_is_outside_of_the_database_comes_from_the_dump_where_that_is_asked_for(postgres, tmp_path):
    usual = postgres.sql(OUTSIDE)
    postgres.sql("""ALTER DATABASE shop SET work_mem = '5MB'; ALTER DATABASE shop SET search_path = '', "My Schema", public;
        COMMENT ON DATABASE shop IS 'it''s theirs'; ALTER DATABASE shop CONNECTION LIMIT 17; ALTER ROLE shop IN DATABASE shop SET work_mem = '7MB';
        REVOKE CONNECT ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO guest WITH GRANT OPTION""")
    theirs = postgres.sql(OUTSIDE)
    dump = dumped(postgres, tmp_path)
    postgres.sql("DROP DATABASE shop; CREATE DATABASE shop OWNER shop")
    restore(postgres, DumpSource(dump))
    assert postgres.sql(OUTSIDE) == usual
    assert restore(postgres, DumpSource(dump), properties="dump")["warnings"] == []
    assert postgres.sql(OUTSIDE) == theirs
    postgres.sql("ALTER DATABASE shop SET work_mem = '6MB'")
    ours = postgres.sql(OUTSIDE)
    del dump.manifest["outside"]  # as older ones are
    restore(postgres, DumpSource(dump), properties="dump")
    assert postgres.sql(OUTSIDE) == ours


def test_nobody_else_gets_in_while_it_is_filled(postgres, dump, monkeypatch):
    def knocking(argv, heard, env=None):
        with pytest.raises(SlipwayError, match="permission denied for database"):
            postgres.connection("guest", "shop__new").query("SELECT 1 AS one")
        return follow(argv, heard, env)

    follow = restore_source.follow
    monkeypatch.setattr(restore_source, "follow", knocking)
    restore(postgres, DumpSource(dump))
    assert postgres.connection("guest").query("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.long
def test_reversible_there_and_back_and_forth(postgres, dump):
    for _round in range(2):
        result = restore(postgres, DumpSource(dump), reversible=True)
        assert (result["kept"], result["checked"], orders(postgres)) == ("shop__pre", 2, 1000)
        assert postgres.databases() == {"shop", "shop__pre"}
        postgres.connection().execute("DELETE FROM public.orders WHERE id > 5")
        restorer = Restore(postgres.connection(), Wishes())
        for where, rows, kept in ((":pre", 10 if _round == 0 else 5, "shop__post"), (":post", 5, "shop__pre")):
            assert restorer.go(where, check=True)["changed"] is restorer.go(where)["changed"] is True
            assert orders(postgres) == rows
            assert postgres.databases() == {"shop", kept}
            assert restorer.go(where, check=True)["changed"] is restorer.go(where)["changed"] is False
        restorer.go(":pre")
        restorer.go(":post")
    assert sorted(restore(postgres, DumpSource(dump))["dropped"]) == ["shop__old", "shop__pre"]
    assert postgres.databases() == {"shop"}
    with pytest.raises(SlipwayError, match='no database "shop__pre"'):
        Restore(postgres.connection(), Wishes()).go(":pre")


def refused(postgres, source, match, user="shop", **wishes):
    """The findings of a restore that is refused and has done nothing."""
    before = postgres.databases(), orders(postgres)
    with pytest.raises(SlipwayError, match=match) as caught:
        restore(postgres, source, user, **wishes)
    assert (postgres.databases(), orders(postgres)) == before
    return caught.value.facts.get("findings", [])


def test_all_that_is_in_the_way_is_said_at_once(postgres, tmp_path):
    dump = dumped(postgres, tmp_path, roles=["shop", "somebody", 'Some "one"'], extensions={"no_such_thing": "1", "pageinspect": "1"},
                  server_version=180001)
    postgres.sql("CREATE DATABASE shop__new OWNER shop; CREATE DATABASE shop__old OWNER shop")
    findings = refused(postgres, DumpSource(dump, postgres.bin_dir), "somebody", properties="dump")
    assert len(findings) == 7
    for words in ("PostgreSQL 18.1 and the server is", 'Role "somebody"', 'Role "Some "one""',
                  '"no_such_thing", which the dump needs, is not installed',
                  '"pageinspect", which the dump needs, may only be made by a superuser', '"shop__new" is left', '"shop__old" is left'):
        assert any(words in finding for finding in findings), words


def test_a_role_that_may_use_the_owner_but_not_become_it_is_told_before(postgres, dump):
    """From PostgreSQL 16 on these are two things; CREATE DATABASE ... OWNER needs the second one."""
    postgres.sql("DROP ROLE IF EXISTS company; CREATE ROLE company; GRANT company TO shop WITH INHERIT TRUE, SET FALSE; ALTER DATABASE shop OWNER TO company")
    try:
        refused(postgres, DumpSource(dump), 'may not give a database to role "company".*WITH SET TRUE')
    finally:
        postgres.sql("ALTER DATABASE shop OWNER TO shop; DROP ROLE company")


def test_leftovers_are_removed_on_request(postgres, dump):
    postgres.sql("CREATE DATABASE shop__new OWNER shop; CREATE DATABASE shop__old OWNER shop")
    result = restore(postgres, DumpSource(dump), remove_leftovers=True)
    assert [leftover["database"] for leftover in result["leftovers"]] == ["shop__new", "shop__old"]
    assert postgres.databases() == {"shop"} and orders(postgres) == 1000


def test_a_role_that_a_policy_names_is_needed_whatever_else_is_left_out(postgres, tmp_path):
    postgres.sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader")
    postgres.connection().execute("CREATE POLICY few ON public.orders TO reader USING (true)")
    dump = dumped(postgres, tmp_path, roles=["shop", "reader", "grantee"])
    postgres.connection().execute("DROP POLICY few ON public.orders")
    postgres.sql("DROP ROLE reader")
    findings = refused(postgres, DumpSource(dump), "reader")
    assert len(findings) == 1


@pytest.mark.parametrize("harm, match", [
    (lambda archive: next(archive.glob("*.dat.*")).write_bytes(b"x"), "is damaged"),
    (lambda archive: (archive / "more").write_text("x"), "is damaged"),
    (lambda archive: (archive / "toc.dat").unlink(), "is damaged"),
])
def test_a_damaged_archive_is_refused(postgres, dump, harm, match):
    harm(pathlib.Path(dump.archive))
    refused(postgres, DumpSource(dump), match)


def test_other_rows_than_the_manifest_says_are_an_error(postgres, tmp_path):
    dump = dumped(postgres, tmp_path)
    next(table for table in dump.manifest["tables"] if table["name"] == "orders")["rows"] = 999
    dump.manifest["tables"].append({"schema": "public", "name": "gone", "rows": 3, "bytes": 0})
    refused(postgres, DumpSource(dump), r'"orders" has 1000 rows instead of 999, .*"gone" has no rows instead of 3')


HOOKS = [
    ({"sql": ["UPDATE public.orders SET note = ''", "SELECT 1/0"]}, "in text 2 of 2 of pre_swap_sql, .* division by zero"),
    ({"sql": ["UPDATE public.orders SET note = 1/0;"]}, "division by zero"),
    ({"sql": ["UPDATE public.orders SET note = 1/0; SELECT 1"]}, "division by zero"),
    ({"sql": ["UPDATE public.orders SET note = 1/0 -- masked"]}, "division by zero"),
    ({"sql": ["UPDATE public.orders SET note = 'it's'"]}, "syntax error"),
    ({"sql": ["UPDATE public.orders SET note = 'x; SELECT 1"]}, "unterminated quoted string"),
    ({"sql": ["COPY public.orders FROM STDIN", "UPDATE public.orders SET note = ''"]}, "in text 1 of 2 of pre_swap_sql, "),
    ({"sql": ["\\! false"]}, "syntax error"),
    ({"commands": [["sh", "-c", "echo $PGDATABASE $PGPASSWORD >&2; exit 3"]]}, r"ended with 3: shop__new \*\*\*\*"),
]


@pytest.mark.parametrize("wish, match", long_but(HOOKS, HOOKS[0], HOOKS[5], *HOOKS[7:]))
def test_a_hook_that_fails_ends_the_restore(postgres, dump, wish, match):
    refused(postgres, DumpSource(dump), match, **wish)


def test_a_failed_restore_can_be_kept(postgres, dump):
    with pytest.raises(SlipwayError, match='What was restored is kept as database "shop__new" .keep_failed.; remove_leftovers=true drops it'):
        restore(postgres, DumpSource(dump), sql=["SELECT 1/0"], keep_failed=True)
    assert postgres.databases() == {"shop", "shop__new"}
    assert orders(postgres) == 10


def test_hooks_work_on_what_is_not_live_yet(postgres, dump):
    restore(postgres, DumpSource(dump), sql=["CREATE TABLE public.marked AS SELECT current_database() AS name"],
            commands=[["psql", "-Xqc", "INSERT INTO public.marked VALUES ('command')"]])
    assert {row["name"] for row in postgres.connection().query("SELECT name FROM public.marked")} == {"shop__new", "command"}
    assert estimated(postgres, "marked") == 2  # what hooks have left is what was analyzed


def test_texts_of_sql_are_the_servers_alone_and_one_session(postgres, dump):
    restore(postgres, DumpSource(dump), sql=[
        "SET search_path = public; -- and so on", "UPDATE orders SET note = E'\\\\! it''s :SQLSTATE' WHERE id = 1; DELETE FROM orders WHERE id > 2;", "",
        "BEGIN", "UPDATE orders SET note = 'kept' WHERE id = 2"])
    assert postgres.connection().query("SELECT note FROM public.orders ORDER BY id") == [{"note": "\\! it's :SQLSTATE"}, {"note": "kept"}]


def test_what_only_a_superuser_may_have_is_left_out_and_said(postgres, tmp_path):
    postgres.sql("""CREATE EXTENSION pg_stat_statements; CREATE PUBLICATION p FOR TABLE public.orders; COMMENT ON PUBLICATION p IS 'ours';
        CREATE SUBSCRIPTION s CONNECTION 'dbname=shop password=sesame' PUBLICATION p WITH (connect = false, slot_name = NONE);
        CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION public.f()""", "shop")
    dump = dumped(postgres, tmp_path)
    postgres.sql("DROP SUBSCRIPTION s", "shop")
    result = restore(postgres, DumpSource(dump))
    assert {out["entry"].rpartition(" - ")[0] + " " + out["entry"].rpartition(" - ")[2].split()[0] for out in result["left_out"]} >= {
        "EXTENSION pg_stat_statements", "PUBLICATION p", "EVENT TRIGGER e", "COMMENT PUBLICATION"}
    assert "sesame" not in str(result)
    assert postgres.sql("SELECT count(*) FROM pg_event_trigger", "shop") == "0"


def test_what_only_a_superuser_may_have_comes_back_to_one(postgres, tmp_path):
    postgres.sql("""CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION "Some ""of"" it" FOR TABLE public.orders;
        CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EXTENSION pg_stat_statements;
        CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION public.f(); COMMENT ON EVENT TRIGGER e IS 'ours';
        ALTER DATABASE shop OWNER TO postgres""", "shop")
    dump, before = dumped(postgres, tmp_path), as_text(postgres, "shop")
    postgres.sql('DROP EVENT TRIGGER e; DROP PUBLICATION everything, "Some ""of"" it"', "shop")
    for properties in ("dump", "target"):
        result = restore(postgres, DumpSource(dump, postgres.bin_dir), user="postgres", properties=properties)
        assert result["left_out"] == [] and result["ignored"] == []
        if properties == "dump":
            assert as_text(postgres, "shop") == before
    assert postgres.sql("SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_event_trigger)", "shop") == "2|1"


def test_code_in_a_dump_may_do_no_more_than_the_owner_of_the_database(postgres, tmp_path):
    """An index calls a function, which runs while the index is made; a superuser who restores is none meanwhile. psql commands are text."""
    mark = tmp_path / "mark"
    postgres.sql("""CREATE FUNCTION public.trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
        CREATE TABLE public.trapped (id int, note text); CREATE INDEX ON public.trapped (public.trap(id));
        INSERT INTO public.trapped VALUES (1, E'\\n\\\\! touch %(mark)s\\n'); ALTER TABLE public.trapped OWNER TO shop;
        COMMENT ON TABLE public.trapped IS E'\\n\\\\! touch %(mark)s\\n'""" % {"mark": mark}, "shop")
    restore(postgres, DumpSource(dumped(postgres, tmp_path / "plain")), user="postgres")
    assert postgres.sql("SELECT obj_description('public.trapped'::regclass)", "shop") == "\\! touch %s" % mark
    postgres.sql("""CREATE FUNCTION public.spring() RETURNS void VOLATILE LANGUAGE plpgsql AS $$
        BEGIN COPY (SELECT 1) TO PROGRAM 'touch %s'; END$$;
        CREATE OR REPLACE FUNCTION public.trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
        BEGIN PERFORM public.spring(); RETURN $1; END$$""" % mark, "shop")
    refused(postgres, DumpSource(dumped(postgres, tmp_path / "hostile")),
            "permission denied to COPY to or from an external program.* may do this[.]$", "postgres")
    assert not mark.exists()


def test_a_dump_is_restored_where_there_is_no_database_yet(postgres, dump):
    postgres.sql("DROP DATABASE shop")
    result = restore(postgres, DumpSource(dump), reversible=True)
    assert (result["kept"], orders(postgres)) == (None, 1000)
    assert postgres.databases() == {"shop"}


def test_a_local_copy(postgres, dump):
    postgres.sql('CREATE DATABASE "Copy 1" TEMPLATE shop OWNER shop')
    postgres.connection().execute("DELETE FROM public.orders")
    restore(postgres, CopySource("Copy 1"), sql=["DELETE FROM public.orders WHERE id > 7"])
    assert orders(postgres) == 7
    assert postgres.databases() == {"shop", "Copy 1"}
    refused(postgres, CopySource("shop"), "from itself")
    refused(postgres, CopySource("nowhere"), 'no database "nowhere"')
    with postgres.connection().session("Copy 1"):
        refused(postgres, CopySource("Copy 1"), "in use.*unless way=template is said, it is streamed as it is used")


@pytest.mark.parametrize("name", ['Shop "one" 日本 of it\'s', pytest.param("d" * 63, marks=pytest.mark.long)])
def test_databases_of_any_name(postgres, dump, name):
    postgres.connection().execute("CREATE DATABASE %s" % quote_ident(name))
    connection = postgres.connection(database=name)
    restorer = Restore(connection, Wishes(reversible=True))
    restorer.run(DumpSource(dump))
    assert connection.query("SELECT count(*) AS n FROM public.orders") == [{"n": 1000}]
    restorer.go(":pre")
    assert connection.query("SELECT count(*) AS n FROM pg_class WHERE relname = 'orders'") == [{"n": 0}]


def test_a_second_restore_is_refused_and_says_who_is_at_it(postgres, dump):
    with postgres.connection().session("postgres") as session:
        Place("shop").take(session)
        refused(postgres, DumpSource(dump), "being restored already, by process [0-9]+ of the server: role shop")
        with pytest.raises(SlipwayError, match="being restored already"):
            Restore(postgres.connection(), Wishes()).require_possible(170011)
    restore(postgres, DumpSource(dump))


def test_clients_that_come_back_at_once_are_refused_shortly_and_never_see_half(postgres, dump, tmp_path):
    """Clients in a loop: each sees the old rows or the new ones, and the swap succeeds among them."""
    script = tmp_path / "client.sh"
    script.write_text("while [ ! -e done ]; do psql -XAtqc 'SELECT count(*) FROM public.orders' >> $1 2>> errors; done")
    environment = dict(postgres.connection().environment(), PGDATABASE="shop")
    clients = [subprocess.Popen(["sh", "client.sh", "seen%d" % number], cwd=tmp_path, env=environment) for number in range(4)]
    try:
        restore(postgres, DumpSource(dump), reversible=True)
        Restore(postgres.connection(), Wishes()).go(":pre")
    finally:
        (tmp_path / "done").touch()
        for client in clients:
            client.wait()
    seen = {line for path in tmp_path.glob("seen*") for line in path.read_text().split()}
    assert "10" in seen and seen <= {"10", "1000"}


def test_what_was_restored_can_wait_to_be_put_in_place(postgres, dump):
    restorer = Restore(postgres.connection(), Wishes(reversible=True, swap=False))
    with pytest.raises(SlipwayError, match="no database \"shop__ready\""):
        restorer.put_in_place()
    result = restorer.run(DumpSource(dump))
    assert (result["kept"], result["dropped"], orders(postgres)) == (None, [], 10)
    assert postgres.databases() == {"shop", "shop__ready"}
    refused(postgres, DumpSource(dump), '"shop__ready" is left of an earlier restore .restored, and never put .* source=:ready and login_db=shop')
    postgres.connection().execute("DELETE FROM public.orders WHERE id > 9")
    # Who puts it in place after a call that failed has not said again what that one was to keep.
    assert Restore(postgres.connection(), Wishes(reversible=False)).put_in_place(check=True)["kept"] is None
    assert Restore(postgres.connection(), Wishes()).put_in_place(check=True)["kept"] == "shop__pre" and orders(postgres) == 9
    assert Restore(postgres.connection(), Wishes()).put_in_place()["kept"] == "shop__pre" and orders(postgres) == 1000
    assert postgres.databases() == {"shop", "shop__pre"}


@pytest.mark.parametrize("closed", long_but([False, True], True))
def test_what_no_restore_has_left_is_not_put_in_place(postgres, dump, closed):
    """Whoever may create databases can give one this name, and the comment of one that was closed."""
    postgres.sql("CREATE DATABASE shop__ready OWNER guest" + (";" + allow("shop__ready", False) if closed else ""))
    with pytest.raises(SlipwayError, match='No restore by role "shop" has left database "shop__ready"' if closed else '"shop__ready" lets connections in'):
        Restore(postgres.connection(), Wishes()).put_in_place()
    refused(postgres, DumpSource(dump), '"shop__ready" is left of an earlier restore .not what a restore of this login has made ready and closed')
    assert postgres.databases() == {"shop", "shop__ready"}


@pytest.mark.parametrize("own", ["it's \\ the shop", pytest.param(None, marks=pytest.mark.long)])
def test_what_is_noted_of_what_waits_is_not_there_when_it_is_live(postgres, dump, own):
    settings = "SELECT array_agg(setconfig) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = '%s')"
    if own:
        postgres.sql("ALTER ROLE shop IN DATABASE shop SET application_name = " + quote_literal(own))
    before = postgres.sql(settings % "shop")
    restore(postgres, DumpSource(dump), swap=False)
    assert "application_name=slipway ready " in postgres.sql(settings % "shop__ready")
    Restore(postgres.connection(), Wishes()).put_in_place()
    assert orders(postgres) == 1000 and postgres.sql(settings % "shop") == before


def test_the_live_database_is_opened_again(postgres, dump):
    """It was a killed run that has closed it; who has done so by hand wants it to be so."""
    postgres.sql("ALTER DATABASE shop ALLOW_CONNECTIONS false")
    with pytest.raises(SlipwayError, match="it was not Slipway that has closed it"):
        restore(postgres, DumpSource(dump))
    postgres.sql(allow("shop", False))
    restore(postgres, DumpSource(dump), reversible=True)
    assert orders(postgres) == 1000
    Restore(postgres.connection(), Wishes()).go(":pre")
    postgres.sql(allow("shop", False))
    assert Restore(postgres.connection(), Wishes()).go(":pre")["changed"]
    assert orders(postgres) == 10


@pytest.mark.parametrize("environment, allowed, confirm, fine", [
    ("dev", True, "", True), ("uat", True, "", True), ("dev", False, "shop", False),
    ("prod", True, "", False), ("prod", True, "shp", False), ("prod", True, "shop", True), ("prod", False, "shop", False),
    (None, True, "", False), ("", True, "", False), ("test", True, "", False), (None, True, "shop", True)])
def test_into_prod_only_with_its_name(environment, allowed, confirm, fine):
    if fine:
        require_confirmed(environment, allowed, confirm, "shop")
    else:
        with pytest.raises(SlipwayError):
            require_confirmed(environment, allowed, confirm, "shop")
