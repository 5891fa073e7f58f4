# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some tables are restored: their rows come from the dump, all else stays, and all of it happens or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import making, restore_part
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import STOPPED, Connection, PostgresError, Session, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_part import PartRestore, PartSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import MayBeClosed, Place
from ansible_collections.slipway.app.tests.postgres import test_restore, test_restore_crash
from ansible_collections.slipway.app.tests.postgres.crashes import die, in_child
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.selection import long_but

SHOP = """
CREATE TABLE public.customers (id int PRIMARY KEY, name text);
CREATE TABLE public.sales (id serial PRIMARY KEY, customer int REFERENCES public.customers ON DELETE CASCADE, "a note" text);
COMMENT ON CONSTRAINT sales_customer_fkey ON public.sales IS 'theirs';
CREATE TABLE public.log (what text);
CREATE FUNCTION public.logged() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NULL; END$$;
INSERT INTO public.customers SELECT g, 'name ' || g FROM generate_series(1, 20) g;
INSERT INTO public.sales (customer, "a note") SELECT 1 + g % 20, E'tab\\t and \\\\. ' || g FROM generate_series(1, 100) g;
CREATE TRIGGER logged AFTER INSERT OR DELETE OR TRUNCATE ON public.customers FOR EACH STATEMENT EXECUTE FUNCTION public.logged();
ALTER TABLE public.customers ENABLE ALWAYS TRIGGER logged;
CREATE MATERIALIZED VIEW public.counted AS SELECT count(*) AS n FROM public.customers"""
STATE = """
SELECT (SELECT count(*) FROM public.customers) AS customers, (SELECT count(*) FROM public.sales) AS sales, (SELECT count(*) FROM public.log) AS log,
       (SELECT count(*) FROM public.orders) AS orders"""
BROKEN = {"customers": 19, "sales": 95, "log": 1, "orders": 990}
MENDED = dict(BROKEN, customers=20)

kill_at = test_restore_crash.kill_at


def state(postgres):
    return postgres.connection().query(STATE)[0]


def part(postgres, dump, *tables, schemas=(), check=False, **wishes):
    return PartRestore(postgres.connection(), Wishes(**wishes)).run(PartSource(dump, postgres.bin_dir, tables, schemas), check)


@pytest.fixture
def dump(postgres, tmp_path):
    """A dump of a shop. Since then one customer and his sales were lost, and orders were changed that nobody wants back."""
    postgres.connection().execute(SHOP)
    dump = dumped(postgres, tmp_path / "dumps")
    postgres.connection().execute("DELETE FROM public.customers WHERE id = 7")
    postgres.connection().execute("DELETE FROM public.orders WHERE id <= 10")
    assert state(postgres) == BROKEN
    return dump


def test_only_the_rows_of_the_named_table_come_back(postgres, dump):
    definitions = """SELECT pg_get_constraintdef(c.oid), convalidated, obj_description(c.oid), (SELECT tgenabled FROM pg_trigger WHERE tgname = 'logged')
        FROM pg_constraint c WHERE conname = 'sales_customer_fkey'"""
    before = postgres.sql(definitions, "shop")
    told = part(postgres, dump, "customers", check=True)
    assert state(postgres) == BROKEN and postgres.databases() == {"shop"}
    done = part(postgres, dump, "customers")
    assert told["replaced"] == done["replaced"] == [{"schema": "public", "name": "customers"}]
    assert done["checked"] == 1 and state(postgres) == MENDED
    assert done["warnings"] == ["Materialized view public.counted shows rows of before until it is refreshed."]
    assert postgres.sql(definitions, "shop") == before
    assert postgres.databases() == {"shop"}


def test_everything_of_a_schema_comes_back_as_it_was(rich, tmp_path):
    before = test_restore.as_text(rich, "shop")
    dump = dumped(rich, tmp_path)
    rich.sql("""UPDATE app."Order ""Lines"" 日本" SET "a b" = 'spoilt'; DELETE FROM app.event; INSERT INTO app.animal VALUES ('dog');
        DELETE FROM app.bird; BEGIN; DELETE FROM app.hen; DELETE FROM app.egg; COMMIT; INSERT INTO app.room VALUES (2, '[2026-01-02,2026-01-03)');
        DELETE FROM app.secret; DELETE FROM app."line
break"; DELETE FROM "My Schema".nothing""", "shop")
    result = part(rich, dump, '"My Schema".nothing', schemas=["app"], jobs=2)
    assert test_restore.as_text(rich, "shop") == before
    assert result["checked"] == 11
    assert rich.databases() == {"shop"}


def test_a_partitioned_table_stands_for_its_partitions(rich, tmp_path):
    dump = dumped(rich, tmp_path)
    rich.sql("DELETE FROM app.event; DELETE FROM app.animal", "shop")
    assert [table["name"] for table in part(rich, dump, "app.event")["replaced"]] == ["event_1", "event_2"]
    assert rich.sql("SELECT (SELECT count(*) FROM app.event), (SELECT count(*) FROM app.animal)", "shop") == "300|0"
    rich.sql("DROP TABLE app.event_1", "shop")
    with pytest.raises(SlipwayError, match="lacks partitions that the dump has: app.event_1.*not touched"):
        part(rich, dump, "app.event")


def test_a_sequence_never_goes_back_and_gives_no_number_twice(postgres, dump):
    postgres.connection().execute("SELECT nextval('public.sales_id_seq')")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.sales_id_seq')", "shop") == "102"
    postgres.connection().execute("SELECT setval('public.sales_id_seq', 3)")
    part(postgres, dump, "customers", "sales")
    assert postgres.sql("SELECT nextval('public.sales_id_seq')", "shop") == "101"


def test_sequences_that_were_set_count_from_there(postgres, tmp_path, monkeypatch):
    """Up and down, in the dump and since; and where it comes to nothing they are where they were, like the rows."""
    def ask():
        return [int(number) for number in postgres.sql("SELECT %s FROM public.many" % ", ".join(
            "nextval(pg_get_serial_sequence('public.many', '%s'))" % name for name in "abcd"), "shop").split("|")]

    down = "int GENERATED ALWAYS AS IDENTITY (INCREMENT -1)"

    def put_at(*changes):
        postgres.sql("SELECT " + ", ".join("setval(pg_get_serial_sequence('public.many', '%s'), %s)" % change for change in zip("abcd", changes)), "shop")

    postgres.connection().execute("CREATE TABLE public.many (a serial, b serial, c %s, d %s); INSERT INTO public.many DEFAULT VALUES" % (down, down))
    put_at("100", "500, false", "-50", "-50, false")
    dump = dumped(postgres, tmp_path)
    put_at("1000000, false", "3", "-7, false", "-60")
    send = Session._send
    monkeypatch.setattr(Session, "_send", lambda session, said: send(
        session, "SELECT 1/0" if said == "COMMIT" and session.database == "shop" else said))
    with pytest.raises(SlipwayError, match="division by zero.*not touched"):
        part(postgres, dump, "many")
    monkeypatch.undo()
    assert ask() == [1000000, 4, -7, -61]
    part(postgres, dump, "many")
    assert ask() == [1000001, 500, -51, -62]


def test_who_does_not_own_the_tables_needs_to_own_no_sequence(postgres, tmp_path):
    postgres.sql("CREATE TABLE public.tickets (id serial); INSERT INTO public.tickets VALUES (default), (default); ALTER TABLE public.tickets OWNER TO guest;"
                 "GRANT SELECT, INSERT, TRUNCATE ON public.tickets TO shop; GRANT SELECT, UPDATE ON SEQUENCE public.tickets_id_seq TO shop", "shop")
    dump = dumped(postgres, tmp_path)
    postgres.sql("TRUNCATE public.tickets RESTART IDENTITY", "shop")
    part(postgres, dump, "tickets")
    assert postgres.sql("SELECT count(*), nextval('public.tickets_id_seq') FROM public.tickets", "shop") == "2|3"


def test_nobody_takes_a_number_while_sequences_are_looked_at(postgres, dump, monkeypatch):
    def taking(session, statement):
        answer = send(session, statement)
        if statement.startswith("TRUNCATE"):
            with pytest.raises(PostgresError, match="lock timeout"), postgres.connection().session() as other:
                send(other, "SET lock_timeout = 50")
                send(other, "SELECT nextval('public.sales_id_seq')")
        return answer

    postgres.connection().execute("SELECT setval('public.sales_id_seq', 3)")
    send = Session._send
    monkeypatch.setattr(Session, "_send", taking)
    part(postgres, dump, "customers", "sales")


def test_who_has_taken_a_number_is_not_waited_for_where_none_is_lacking(postgres, dump):
    with postgres.connection().session() as application:
        application.execute("BEGIN")
        application.query("SELECT nextval('public.sales_id_seq')")
        part(postgres, dump, "customers", "sales")


def test_a_sequence_of_a_partitioned_table_is_raised_too(postgres, tmp_path):
    postgres.connection().execute(
        "CREATE TABLE public.visits (id int GENERATED ALWAYS AS IDENTITY, at int) PARTITION BY RANGE (at);"
        "CREATE TABLE public.visits_1 PARTITION OF public.visits FOR VALUES FROM (0) TO (10);"
        "INSERT INTO public.visits (at) VALUES (1), (2), (3)")
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("TRUNCATE public.visits RESTART IDENTITY")
    part(postgres, dump, "visits")
    assert postgres.sql("INSERT INTO public.visits (at) VALUES (4) RETURNING id", "shop") == "4"


def test_there_is_a_way_back(postgres, dump):
    postgres.sql("COMMENT ON DATABASE shop IS 'ours'; CREATE DATABASE shop__pre OWNER shop; CREATE DATABASE shop__post OWNER shop;"
                 + "; ".join(allow(name, False) for name in ("shop__pre", "shop__post")))
    told, done = (part(postgres, dump, "customers", check=check, reversible=True) for check in (True, False))
    assert told["kept"] == done["kept"] == "shop__pre" and sorted(done["dropped"]) == ["shop__old", "shop__post"]
    assert state(postgres) == MENDED and postgres.databases() == {"shop", "shop__pre"}
    Restore(postgres.connection(), Wishes()).go(":pre")
    assert state(postgres) == BROKEN
    assert postgres.sql("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'") == "ours"


@pytest.mark.parametrize("change, match", [
    ("ALTER TABLE public.customers RENAME TO clients", 'public.customers cannot be made again.*"customers_pkey" already exists'),
    ("ALTER TABLE public.customers RENAME name TO called", "has column name in the dump only"),
    ("ALTER TABLE public.customers ALTER name TYPE varchar(3) USING 'x'", r"name of type character varying\(3\), and text"),
    ("ALTER TABLE public.customers ADD rank int; UPDATE public.customers SET rank = 1; ALTER TABLE public.customers ALTER rank SET NOT NULL",
     "rank, which must have a value"),
    ("INSERT INTO public.customers VALUES (99, 'new'); INSERT INTO public.sales (customer) VALUES (99)",
     'foreign key "sales_customer_fkey" of table public.sales would not hold.*99.*not touched.*together'),
    ("ALTER TABLE public.customers ADD CHECK (name <> 'name 7')", "violates check constraint.*not touched"),
])
def test_rows_that_do_not_fit_change_nothing(postgres, dump, change, match):
    postgres.sql("SET ROLE shop; " + change, "shop")
    before = test_restore.as_text(postgres, "shop")
    with pytest.raises(SlipwayError, match=match):
        part(postgres, dump, "customers")
    assert test_restore.as_text(postgres, "shop") == before
    assert postgres.databases() == {"shop"}


def test_a_table_that_is_gone_is_made_again_where_it_is_named(postgres, dump, monkeypatch):
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    gone = test_restore.as_text(postgres, "shop")
    for name in ("cust*", '"cust?mers"'):
        with pytest.raises(SlipwayError, match="public.customers is not in the live database. It is made again when|is not in the dump"):
            part(postgres, dump, name)
    send = Session._send
    monkeypatch.setattr(Session, "_send", lambda session, said: send(
        session, "SELECT 1/0" if said == "COMMIT" and session.database == "shop" else said))
    with pytest.raises(SlipwayError, match="division by zero.*not touched"):
        part(postgres, dump, "customers")
    monkeypatch.undo()
    assert test_restore.as_text(postgres, "shop") == gone and postgres.databases() == {"shop"}
    told, done = (part(postgres, dump, "customers", check=check) for check in (True, False))
    assert told["made"] == done["made"] == [{"schema": "public", "name": "customers"}]
    assert state(postgres) == MENDED and "Foreign keys of other tables to it" in done["warnings"][0]
    assert postgres.sql("SELECT tgenabled FROM pg_trigger WHERE tgname = 'logged'", "shop") == "A"
    assert part(postgres, dump, "customers", "sales")["made"] == []


def test_a_table_to_be_made_again_is_not_there_before_its_rows_are(postgres, dump):
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    gone = test_restore.as_text(postgres, "shop")
    assert part(postgres, dump, "customers", swap=False)["made"] == [{"schema": "public", "name": "customers"}]
    assert test_restore.as_text(postgres, "shop") == gone
    postgres.connection().execute("CREATE TABLE public.customers ()")
    with pytest.raises(SlipwayError, match='public.customers cannot be made again: [^;]*ERROR: relation "customers" already exists.*:ready') as caught:
        put(postgres)
    assert "CREATE TABLE" not in str(caught.value)
    postgres.connection().execute("DROP TABLE public.customers")
    done = put(postgres)
    assert done["made"] == [{"schema": "public", "name": "customers"}] and "Foreign keys of other tables to it" in done["warnings"][0]
    assert state(postgres) == MENDED


@pytest.mark.parametrize("step", long_but(["convert_from", "TRUNCATE", "COMMIT"], "TRUNCATE"))
def test_killed_while_a_table_is_made_again(postgres, dump, kill_at, monkeypatch, step):
    """It is there with its rows, or not at all."""
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    kill_at(step, True)
    assert not in_child(lambda: part(postgres, dump, "customers"))
    monkeypatch.undo()
    test_restore_crash.settled(postgres)
    assert postgres.sql("SELECT to_regclass('public.customers') IS NULL", "shop") == ("f" if step == "COMMIT" else "t")
    assert step != "COMMIT" or state(postgres) == MENDED
    with pytest.raises(SlipwayError, match='"shop__new" is left'):
        part(postgres, dump, "customers")
    part(postgres, dump, "customers", remove_leftovers=True)
    assert state(postgres) == MENDED and postgres.databases() == {"shop"}


@pytest.mark.parametrize("said, match", [("COMMIT", "transaction command"), ("COPY public.log FROM STDIN", "COPY to/from client"),
                                         ("\\! touch %s", "syntax error")])
def test_what_makes_a_table_again_can_be_nothing_but_sql_of_the_transaction(postgres, dump, monkeypatch, tmp_path, said, match):
    """As a hostile dump could have it: pg_restore writes whatever stands in the archive."""
    postgres.connection().execute("DROP TABLE public.customers CASCADE")
    gone, sign, scripts = test_restore.as_text(postgres, "shop"), tmp_path / "sign", making._scripts
    said = (said.replace("%s", str(sign)) + ";\n").encode()
    monkeypatch.setattr(making, "_scripts", lambda script: scripts(script.replace(b"CREATE TABLE", said + b"CREATE TABLE", 1)))
    with pytest.raises(SlipwayError, match="public.customers cannot be made again: .*" + match):
        part(postgres, dump, "customers")
    assert test_restore.as_text(postgres, "shop") == gone and not sign.exists() and postgres.databases() == {"shop"}


def test_a_table_of_a_database_of_another_encoding_is_made_again(postgres, tmp_path):
    postgres.drop_all()
    postgres.sql("CREATE DATABASE shop OWNER shop TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    postgres.connection().execute("""CREATE TABLE public."Käufer" ("Straße" text DEFAULT 'größer \\ ''als''', CHECK ("Straße" <> E'\\\\n'));
        INSERT INTO public."Käufer" VALUES ('Übrig')""")
    dump, before = dumped(postgres, tmp_path / "dumps"), test_restore.as_text(postgres, "shop")
    postgres.connection().execute('DROP TABLE public."Käufer"')
    assert part(postgres, dump, '"Käufer"')["made"] == [{"schema": "public", "name": "Käufer"}]
    assert test_restore.as_text(postgres, "shop") == before


ODD = ['app."Order ""Lines"" 日本"', 'app."line\nbreak"', "app.room", "app.event_2", "app.secret", "app.hen", "app.egg",
       '"My Schema".nothing', '"My Schema".empty']


@pytest.mark.parametrize("two_steps", long_but([False, True], False))
def test_with_a_table_comes_what_belongs_to_it(rich, tmp_path, two_steps):
    """Types, functions and parents are those of the live database; privileges are as for any new table."""
    def whole():
        return re.sub(r"(?ms)^(GRANT|REVOKE) .*?;\n+", "", test_restore.as_text(rich, "shop"))

    before = whole()
    dump = dumped(rich, tmp_path)
    rich.sql("DROP TABLE %s; DROP SCHEMA \"My Schema\" CASCADE" % ", ".join(ODD[:-1]), "shop")
    result = part(rich, dump, *ODD, swap=not two_steps)
    assert len(result["made"]) == len(ODD)
    if two_steps:
        PartRestore(rich.connection(), Wishes()).put_in_place(tables=ODD)
    assert whole() == before and rich.databases() == {"shop"}


GUARDED = """
CREATE TABLE public.notes (text text); INSERT INTO public.notes VALUES ('O''Brien'), ('ROLLBACK; DELETE FROM public.orders; COMMIT;');
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"""


def test_rows_are_never_taken_for_statements(postgres, tmp_path, monkeypatch):
    """COPY into a table that row security guards from its owner is refused by the server."""
    postgres.connection().execute(GUARDED.partition("ALTER")[0])
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DELETE FROM public.notes; " + GUARDED[GUARDED.index("ALTER"):])
    with pytest.raises(SlipwayError, match="Row security keeps the connecting role from rows of table public.notes"):
        part(postgres, dump, "notes")
    monkeypatch.setattr(restore_part, "RELATIONS", restore_part.RELATIONS.replace("row_security_active(c.oid)", "false"))
    with pytest.raises(SlipwayError, match="affected by row-level security"):
        part(postgres, dump, "notes")
    with postgres.connection().session() as session:
        with pytest.raises(PostgresError) as caught:
            session.load("public.notes", [b"O'Brien\n"])
        assert caught.value.sqlstate == STOPPED  # whatever its version does with the rows that follow
    assert postgres.databases() == {"shop"}
    assert postgres.sql("SELECT (SELECT count(*) FROM public.orders), (SELECT count(*) FROM public.notes)", "shop") == "1000|0"


def test_what_cannot_be_is_refused(postgres, dump):
    for asked, wishes, match in (
            ("custmers", {}, "Table custmers is not in the dump. Did you mean customers"),
            ("public.custmers", {}, "Did you mean public.customers"),
            ("counted", {}, "Table counted is not in the dump"),
            ("customers", {"sql": ["SELECT 1"]}, r"pre_swap_sql=\[\]"),
            ("customers", {"commands": [["true"]]}, r"pre_swap_hooks=\[\]")):
        with pytest.raises(SlipwayError, match=match):
            part(postgres, dump, "log", asked, **wishes)
    assert state(postgres) == BROKEN and postgres.databases() == {"shop"}


def test_rows_that_were_left_out_of_the_dump_and_unknown_schemas_are_said_at_once(postgres, dump):
    log = [{"schema": "public", "name": "log"}]
    for change in ({"excluded_data": log}, {"excluded_data": [], "sanitized": {"emptied": log}}):
        dump.manifest.update(change)
        with pytest.raises(SlipwayError) as caught:
            part(postgres, dump, "log", schemas=["pubic"])
        assert caught.value.facts["findings"] == ["Schema pubic is not in the dump. Did you mean public?",
                                                  "The rows of table public.log were left out of the dump."]


def put(postgres, check=False, tables=("customers",), schemas=(), **wishes):
    return PartRestore(postgres.connection(), Wishes(**wishes)).put_in_place(check, tables, schemas)


def test_rows_wait_until_they_are_put_in_their_place(postgres, dump):
    told, done = (part(postgres, dump, "customers", check=check, swap=False, reversible=True) for check in (True, False))
    assert told["kept"] is done["kept"] is None and done["checked"] == 1
    assert state(postgres) == BROKEN and postgres.databases() == {"shop", "shop__part"}
    assert postgres.sql("SELECT datallowconn FROM pg_database WHERE datname = 'shop__part'") == "f"
    with pytest.raises(SlipwayError, match='no database "shop__ready"'):  # some tables are no database to live with
        Restore(postgres.connection(), Wishes()).put_in_place()
    with pytest.raises(SlipwayError, match='"shop__part" is left of an earlier restore'):
        part(postgres, dump, "customers")
    told, done = put(postgres, check=True, reversible=True), put(postgres, reversible=True)
    assert {key: done[key] for key in ("restored", "replaced", "kept")} == {key: told[key] for key in ("restored", "replaced", "kept")} == {
        "restored": str(dump.key), "replaced": [{"schema": "public", "name": "customers"}], "kept": "shop__pre"}
    assert state(postgres) == MENDED and postgres.databases() == {"shop", "shop__pre"}


def test_what_somebody_else_has_noted_is_not_run(postgres, dump, tmp_path):
    """Who owns the database that waits may comment on it and change what is in it, and, where he is also who restores, have set what goes with it."""
    part(postgres, dump, "customers", swap=False)
    owner, there = postgres.connection(database="postgres"), postgres.connection(database="shop__part")
    making = json.dumps({"tables": [{"schema": "public", "name": "x"}], "scripts": ["';\n\\! touch %s\n"], "encoding": "UTF8"})
    making = making.replace("%s", str(tmp_path / "sign"))
    owner.execute("ALTER DATABASE shop__part ALLOW_CONNECTIONS true")
    kept = there.query("SELECT lo_from_bytea(0, %s)::bigint AS oid" % quote_literal("\\x" + making.encode().hex()))[0]["oid"]
    owner.execute("ALTER DATABASE shop__part ALLOW_CONNECTIONS false")
    for digest in ("0" * 64, hashlib.sha256(making.encode()).hexdigest()):
        customers = {"schema": "public", "name": "customers", "rows": 20}
        note = json.dumps({"tables": [customers], "source": "x", "whole": [customers], "made": [], "making": kept, "digest": digest})
        owner.execute("COMMENT ON DATABASE shop__part IS " + quote_literal(note))
        with pytest.raises(SlipwayError, match="no tables to put in place: database \"shop__part\" is of somebody else"):
            put(postgres)
        owner.execute("ALTER ROLE shop IN DATABASE shop__part SET application_name = 'slipway ready %s'" % (
            hashlib.sha256(("shop\0" + note).encode()).hexdigest()[:40]))
        with pytest.raises(SlipwayError, match="Somebody has changed in database \"shop__part\" how tables are made"):
            put(postgres)
    assert state(postgres) == BROKEN and not (tmp_path / "sign").exists()


def test_how_tables_are_made_stands_where_nobody_else_reads(postgres, dump):
    made = part_without(postgres, dump, "customers", "sales")
    assert made["made"] == [{"schema": "public", "name": "customers"}]
    told = postgres.sql("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop__part'")
    assert "customers" in told and "scripts" not in told and len(told) < 600
    assert put(postgres, tables=("public.customers", "sales"))["made"] == made["made"]
    assert postgres.databases() == {"shop"} and state(postgres) == dict(MENDED, sales=100)


def part_without(postgres, dump, gone, *more):
    """Make ready a table that was dropped, and others."""
    postgres.connection().execute("DROP TABLE public.%s CASCADE" % gone)
    return part(postgres, dump, "public." + gone, *more, swap=False)


def test_what_was_noted_is_of_its_own_database_alone(postgres, dump):
    """Its owner may rename what waits, so that it would wait for another database."""
    part(postgres, dump, "customers", swap=False)
    postgres.connection(database="postgres").execute("ALTER DATABASE shop__part RENAME TO other__part")
    with postgres.connection().session("postgres") as session:
        assert Place("other").note(session, "other__part") is None


@pytest.mark.parametrize("asked", [{"tables": ["sales"]}, {"tables": ["customers", "sales"]}, {"schemas": ["public"]}])
def test_only_what_is_asked_for_is_put_in_place(postgres, dump, asked):
    part(postgres, dump, "customers", swap=False)
    with pytest.raises(SlipwayError, match="ready to be put in place is public.customers, and not what is asked for"):
        put(postgres, **dict({"tables": []}, **asked))
    assert state(postgres) == BROKEN and postgres.databases() == {"shop", "shop__part"}
    part(postgres, dump, "customers", "sales", swap=False, remove_leftovers=True)
    with pytest.raises(SlipwayError, match="ready to be put in place is public.(customers, public.sales|sales, public.customers), and not"):
        put(postgres)
    assert state(postgres) == BROKEN


def test_what_stands_against_it_by_now_is_not_said_to_be_not_asked_for(postgres, dump):
    part(postgres, dump, "customers", swap=False)
    postgres.connection().execute("ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for asked, match in (({}, "^Row security keeps the connecting role from rows"), ({"tables": [], "schemas": ["pubic"]}, "^Schema pubic is not in the dump")):
        with pytest.raises(SlipwayError, match=match):
            put(postgres, **asked)


def test_tables_whose_names_only_look_alike_are_others(postgres, tmp_path):
    postgres.sql("""SET ROLE shop; CREATE SCHEMA a; CREATE SCHEMA "a.b"; CREATE TABLE a."b.c" (); CREATE TABLE "a.b".c ()""", "shop")
    part(postgres, dumped(postgres, tmp_path), '"a.b".c', swap=False)
    with pytest.raises(SlipwayError, match="not what is asked for"):
        put(postgres, tables=['a."b.c"'])


def test_rows_are_put_in_their_place_once(postgres, dump, kill_at, monkeypatch):
    """Who dies when they are there, and has only to tidy up, has not left them to be put there again, over what was written since."""
    part(postgres, dump, "customers", swap=False)
    kill_at("DROP DATABASE", False)
    assert not in_child(lambda: put(postgres))
    monkeypatch.undo()
    test_restore_crash.settled(postgres)
    assert "shop__part" in postgres.databases()
    postgres.connection().execute("UPDATE public.customers SET name = 'newer' WHERE id = 1")
    with pytest.raises(SlipwayError, match='in their place already.*remove_leftovers=true drops database "shop__part"'):
        put(postgres)
    assert postgres.sql("SELECT name FROM public.customers WHERE id = 1", "shop") == "newer"
    part(postgres, dump, "log", remove_leftovers=True)
    assert postgres.databases() == {"shop"}


def test_rows_that_another_call_puts_in_their_place_meanwhile_are_not_put_there_again(postgres, dump, monkeypatch):
    """A killed call is at its last statement still: it is waited for, and what came of it is looked at again."""
    def committing(session, statement):
        if statement.startswith("COMMENT") and session is not other:
            threading.Timer(0.5, other.execute, ["COMMIT"]).start()
        return send(session, statement)

    part(postgres, dump, "customers", swap=False)
    postgres.sql(allow("shop__part", True))
    send = Session._send
    with postgres.connection().session() as other:
        other.execute("BEGIN")
        Place("shop").used(other, "shop__part")
        monkeypatch.setattr(Session, "_send", committing)
        with pytest.raises(SlipwayError, match="in their place already"):
            put(postgres)
    assert state(postgres) == BROKEN


@pytest.mark.parametrize("swap", [True, False])
def test_who_is_no_longer_the_only_one_to_restore_changes_nothing(postgres, dump, monkeypatch, swap):
    """Another one could have dropped and filled what the rows come from; while they are read he cannot."""
    def ending(session, statement):
        if statement.startswith("TRUNCATE"):
            monkeypatch.undo()
            postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' AND usename = 'shop'")
            with pytest.raises(PostgresError, match="lock timeout"), postgres.connection().session("postgres") as other:
                other.execute("SET lock_timeout = 50", "DROP DATABASE %s WITH (FORCE)" % ("shop__new" if swap else "shop__part"))
        return send(session, statement)

    if not swap:
        part(postgres, dump, "customers", swap=False)
    send = Session._send
    monkeypatch.setattr(Session, "_send", ending)
    with pytest.raises(SlipwayError, match="Cannot reach database \"postgres\".*not touched"):
        (part if swap else put)(postgres, *([dump, "customers"] if swap else []))
    assert state(postgres) == BROKEN


@pytest.mark.parametrize("after, swap", [(False, True), (True, True), (False, False)])
def test_a_connection_that_is_lost_at_the_end(postgres, dump, monkeypatch, after, swap):
    """The server knows what became of it."""
    def losing(session, statement):
        if statement != "COMMIT" or session.database != "shop":
            return send(session, statement)
        if after:
            send(session, statement)
        session._process.kill()
        return send(session, "SELECT 1")

    if not swap:
        part(postgres, dump, "customers", swap=False)
    send = Session._send
    monkeypatch.setattr(Session, "_send", losing)
    with pytest.raises(SlipwayError, match="had replaced the rows all the same" if after else "The rows are what they were") as caught:
        (part if swap else put)(postgres, *([dump, "customers"] if swap else []), reversible=True)
    monkeypatch.undo()
    assert state(postgres) == (MENDED if after else BROKEN)
    if not after:
        left = "shop__copy" if not swap else "shop__new"
        assert '"%s" may be left' % left in caught.value.hint and ("source=:ready" not in caught.value.hint) == swap
    if not swap:
        put(postgres, remove_leftovers=True)
        assert state(postgres) == MENDED and postgres.databases() == {"shop"}


def test_a_database_may_set_a_role_for_its_sessions(postgres, dump):
    """Which owns the tables, and may not rename databases."""
    postgres.sql("CREATE ROLE app; GRANT app TO shop; ALTER DATABASE shop OWNER TO shop")
    for table in ("customers", "sales", "log", "orders"):
        postgres.sql("ALTER TABLE public.%s OWNER TO app" % table, "shop")
    postgres.sql("ALTER ROLE shop IN DATABASE shop SET role = app; GRANT CREATE, USAGE ON SCHEMA public TO app", "shop")
    try:
        assert part(postgres, dump, "customers", reversible=True)["kept"] == "shop__pre"
        assert state(postgres) == MENDED
    finally:
        postgres.drop_all()
        postgres.sql("DROP ROLE app")


def test_tidying_up_that_fails_is_a_warning(postgres, dump, monkeypatch):
    """What was wanted is done."""
    def losing(session, statement):
        if statement.startswith('DROP DATABASE IF EXISTS "shop__old"'):
            session._process.kill()
        return send(session, statement)

    part(postgres, dump, "customers", reversible=True)
    send = Session._send
    monkeypatch.setattr(Session, "_send", losing)
    result = part(postgres, dump, "customers", reversible=True)
    assert state(postgres) == MENDED and '"shop__old": Cannot reach' in " ".join(result["warnings"])
    monkeypatch.undo()
    assert {"shop", "shop__pre"} <= postgres.databases()


def test_values_arrive_as_they_were_whatever_settings_roles_have(postgres, tmp_path):
    """But for money and lc_monetary, which no server of these tests has another locale for."""
    postgres.connection().execute("CREATE TABLE public.odd (f float8, d date, i interval, a text[]);"
                                  " INSERT INTO public.odd VALUES (0.1::float8 + 0.2, '2026-03-04', '-1 day -02:03', ARRAY['x', NULL])")
    told = ("SELECT f = 0.1::float8 + 0.2 AS f, d = make_date(2026, 3, 4) AS d, i = make_interval(days => -1, mins => -123) AS i,"
            " a = ARRAY['x', NULL] AS a FROM public.odd")
    dump = dumped(postgres, tmp_path / "dumps")
    postgres.sql("ALTER ROLE shop SET extra_float_digits = 0; ALTER ROLE shop SET datestyle = 'SQL, DMY'; ALTER ROLE shop SET intervalstyle = 'sql_standard';"
                 " ALTER ROLE shop IN DATABASE shop SET datestyle = 'ISO, MDY'; ALTER ROLE shop SET statement_timeout = '60s';"
                 " ALTER ROLE shop IN DATABASE shop SET intervalstyle = 'postgres'; ALTER DATABASE shop SET array_nulls = off")
    try:
        part(postgres, dump, "odd")
        assert postgres.connection().query(told) == [dict.fromkeys("fdia", True)]
    finally:
        postgres.sql("ALTER ROLE shop RESET ALL; ALTER ROLE shop IN DATABASE shop RESET ALL")


def test_it_is_not_said_of_a_database_that_may_be_closed_that_it_was_not_touched(postgres, dump, monkeypatch):
    def closed(_place, _session, _facts):
        raise MayBeClosed("The server is gone.", hint="Database shop may refuse connections until this is run again.")

    monkeypatch.setattr(Place, "copy_live", closed)
    with pytest.raises(SlipwayError, match="may refuse connections") as caught:
        part(postgres, dump, "customers", reversible=True, keep_failed=True)
    assert caught.value.untouched is None and '"shop__new" may be left (half restored' in caught.value.hint


@pytest.mark.parametrize("lost", [True, False])
def test_what_a_failed_restore_leaves_is_named(postgres, dump, monkeypatch, lost):
    """A copy of what was live is of no use to anybody who looks into what failed."""
    def failing(place, session, facts):
        copy_live(place, session, facts)
        if lost:
            session._process.kill()
        raise SlipwayError("The live database is open again.")  # as Place says it, which has looked after that in another session

    copy_live = Place.copy_live
    monkeypatch.setattr(Place, "copy_live", failing)
    with pytest.raises(SlipwayError) as caught:
        part(postgres, dump, "customers", reversible=True, keep_failed=not lost)
    monkeypatch.undo()
    left = postgres.databases() - {"shop"}
    assert left == ({"shop__new", "shop__copy"} if lost else {"shop__new"})
    assert {name for name in ("shop__new", "shop__copy", "shop__part") if '"%s" may be left' % name in caught.value.hint} == left


def test_a_table_is_made_again_as_it_was_whatever_the_database_says_of_texts(postgres, dump, tmp_path):
    postgres.connection().execute("CREATE TABLE public.codes (sku text DEFAULT '\\d' CHECK (sku ~ '^\\w+\\d?$')); INSERT INTO public.codes VALUES ('a1')")
    made, before = dumped(postgres, tmp_path / "codes"), test_restore.as_text(postgres, "shop")
    postgres.connection().execute("DROP TABLE public.codes")
    postgres.sql("ALTER DATABASE shop SET standard_conforming_strings = off")
    part(postgres, made, "codes")
    postgres.sql("ALTER DATABASE shop RESET standard_conforming_strings")
    assert test_restore.as_text(postgres, "shop") == before


def test_rows_that_do_not_fit_are_refused_before_they_wait(postgres, dump):
    postgres.connection().execute("ALTER TABLE public.customers RENAME name TO called")
    with pytest.raises(SlipwayError, match="has column name in the dump only"):
        part(postgres, dump, "customers", swap=False)
    assert postgres.databases() == {"shop"}


def test_rows_that_fit_no_more_wait_for_another_try(postgres, dump):
    part(postgres, dump, "customers", swap=False)
    postgres.connection().execute("ALTER TABLE public.customers RENAME name TO called")
    with pytest.raises(SlipwayError, match="has column name in the dump only") as caught:
        put(postgres, reversible=True)
    assert caught.value.untouched == 'Database "shop" was not touched.'
    assert postgres.databases() == {"shop", "shop__part"}
    postgres.connection().execute("ALTER TABLE public.customers RENAME called TO name")
    put(postgres)
    assert state(postgres) == MENDED and postgres.databases() == {"shop"}


@pytest.mark.parametrize("make, match", [
    ("SELECT 1", 'database "shop__part" is not there'), ("CREATE DATABASE shop__part", 'database "shop__part" is of somebody else')])
def test_only_what_a_restore_made_ready_is_put_in_place(postgres, dump, make, match):
    postgres.sql(make)
    with pytest.raises(SlipwayError, match=match):
        put(postgres)
    assert state(postgres) == BROKEN


@pytest.mark.long
def test_both_ways_back_are_there_until_the_rows_are(postgres, dump, monkeypatch):
    """The server refuses the COMMIT, or we die before it."""
    def refusing(session, statement):
        return send(session, "SELECT 1/0" if statement == "COMMIT" and session.database == "shop" else statement)

    def dying(session, statement):
        return die() if statement == "COMMIT" and session.database == "shop" else send(session, statement)

    send = Session._send
    postgres.sql("CREATE DATABASE shop__pre OWNER shop; COMMENT ON DATABASE shop__pre IS 'former'; CREATE DATABASE shop__post OWNER shop;"
                 + "; ".join(allow(name, False) for name in ("shop__pre", "shop__post")))
    comments = "SELECT string_agg(datname, ' ') FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'former%'"
    monkeypatch.setattr(Session, "_send", refusing)
    with pytest.raises(SlipwayError, match="division by zero.*not touched"):
        part(postgres, dump, "customers", reversible=True)
    assert state(postgres) == BROKEN and postgres.databases() == {"shop", "shop__pre", "shop__post"} and postgres.sql(comments) == "shop__pre"
    monkeypatch.setattr(Session, "_send", dying)
    assert not in_child(lambda: part(postgres, dump, "customers", reversible=True))
    test_restore_crash.settled(postgres)
    assert postgres.sql(comments) == "shop__pre" and {"shop__pre", "shop__post"} <= postgres.databases()


STEPS = ['DATABASE "shop" ALLOW_CONNECTIONS false', 'TEMPLATE "shop"', "TRUNCATE", "SET CONSTRAINTS", "ADD CONSTRAINT", 'RENAME TO "shop__pre"', "COMMIT",
         "DROP DATABASE"]

LAST = ("COMMIT", "DROP DATABASE")  # of these steps, with which all is done


@pytest.mark.parametrize("step", long_but(STEPS, "TRUNCATE", "COMMIT"))
def test_killed_at_each_step(postgres, dump, kill_at, monkeypatch, step):
    kill_at(step, True)
    assert not in_child(lambda: part(postgres, dump, "customers", reversible=True))
    monkeypatch.undo()
    check(postgres, dump, MENDED if step in LAST else BROKEN)


@pytest.mark.long
@pytest.mark.parametrize("step", ["COMMENT ON DATABASE", 'RENAME TO "shop__part"'])
def test_killed_while_it_is_made_ready(postgres, dump, kill_at, monkeypatch, step):
    kill_at(step, True)
    assert not in_child(lambda: part(postgres, dump, "customers", swap=False))
    monkeypatch.undo()
    check(postgres, dump)


@pytest.mark.parametrize("step", long_but(['"shop__part" ALLOW_CONNECTIONS true', 'TEMPLATE "shop"', "TRUNCATE", "COMMIT", "DROP DATABASE"], "TRUNCATE"))
def test_killed_while_what_is_ready_is_put_in_place(postgres, dump, kill_at, monkeypatch, step):
    part(postgres, dump, "customers", swap=False)
    kill_at(step, True)
    assert not in_child(lambda: put(postgres, reversible=True))
    monkeypatch.undo()
    check(postgres, dump, MENDED if step in LAST else BROKEN)


@pytest.mark.long
def test_killed_in_the_middle_of_the_rows(postgres, dump, monkeypatch):
    def some(*_arguments):
        yield b"1\tname 1\n"
        die()

    monkeypatch.setattr(Connection, "rows", some)
    assert not in_child(lambda: part(postgres, dump, "customers"))
    monkeypatch.undo()
    check(postgres, dump)


def check(postgres, dump, expected=None):
    """After a killed restore: all rows are replaced or none, as expected, the next one names what is left, and comes through."""
    test_restore_crash.settled(postgres)
    left = sorted(postgres.databases() & {"shop__new", "shop__part", "shop__copy", "shop__old"})
    with pytest.raises(SlipwayError) if left else contextlib.nullcontext() as caught:
        with postgres.connection().session("postgres") as session:
            Place("shop").reopen(session, Place("shop").found(session))
        assert state(postgres) == (expected or BROKEN)
        part(postgres, dump, "customers")
    for name in left:
        assert '"%s" is left' % name in str(caught.value)
    result = part(postgres, dump, "customers", remove_leftovers=True)
    assert sorted(leftover["database"] for leftover in result["leftovers"]) == left
    assert state(postgres) == MENDED and postgres.databases() <= {"shop", "shop__pre"}
