# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that are restored wait beside the live database, and are put in their place later, once."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place
from ansible_collections.slipway.app.tests.postgres import test_restore_crash
from ansible_collections.slipway.app.tests.postgres.crashes import in_child, kill_at
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.postgres.restored_tables import BROKEN, MENDED, dump, part, put, state
from ansible_collections.slipway.app.tests.selection import long_but

__all__ = ["dump"]  # a fixture


def test_rows_wait_until_they_are_put_in_their_place(postgres, dump):
    told, done = (part(postgres, dump, "customers", check=check, swap=False, reversible=True) for check in (True, False))
    assert told["kept"] is done["kept"] is None and done["checked"] == 1
    assert state(postgres) == BROKEN and postgres.databases() == {"shop", "shop__part"}
    assert postgres.sql("SELECT datallowconn FROM pg_database WHERE datname = 'shop__part'") == "f"
    with pytest.raises(SlipwayError, match='no database "shop__ready"'):  # some tables are no database to live with
        Restore(postgres.connection(), Wishes()).put_in_place()
    with pytest.raises(SlipwayError, match='"shop__part" is left of an earlier restore'):
        part(postgres, dump, "customers")
    assert put(postgres, check=True, reversible=False)["kept"] is None
    told, done = put(postgres, check=True), put(postgres)  # as it was asked for when they were restored
    assert {key: done[key] for key in ("restored", "replaced", "kept")} == {key: told[key] for key in ("restored", "replaced", "kept")} == {
        "restored": str(dump.key), "replaced": [{"schema": "public", "name": "customers"}], "kept": "shop__pre"}
    assert state(postgres) == MENDED and postgres.databases() == {"shop", "shop__pre"}


def test_what_speaks_against_it_at_the_last_moment_leaves_all_as_it_was(postgres, dump):
    given_up = {"objections": lambda: ["The lock is lost."]}
    with pytest.raises(SlipwayError, match='lock is lost. Database "shop" was not touched'):
        TablesRestore(postgres.connection(), Wishes(), **given_up).run(TablesSource(dump, postgres.bin_dir, ("customers",), ()))
    assert postgres.databases() == {"shop"}
    part(postgres, dump, "customers", swap=False)
    with pytest.raises(SlipwayError, match='lock is lost. Database "shop" was not touched.*source=:ready with the tables tries again'):
        TablesRestore(postgres.connection(), Wishes(), **given_up).put_in_place(False, ("customers",))
    answers = iter([[], ["The lock is lost."]])  # before anything, and before the end
    with pytest.raises(SlipwayError, match="lock is lost"):
        TablesRestore(postgres.connection(), Wishes(), objections=lambda: next(answers)).put_in_place(False, ("customers",))
    assert state(postgres) == BROKEN
    put(postgres, reversible=True)
    with pytest.raises(SlipwayError, match="lock is lost. Nothing was changed"):
        Restore(postgres.connection(), Wishes(), **given_up).go(":pre")
    assert state(postgres) == MENDED


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
        note = json.dumps({"tables": [customers], "source": "x", "whole": [customers], "reversible": False, "made": [], "making": kept, "digest": digest})
        owner.execute("COMMENT ON DATABASE shop__part IS " + quote_literal(note))
        with pytest.raises(SlipwayError, match="no tables to put in place: database \"shop__part\" is of somebody else"):
            put(postgres)
        owner.execute("ALTER ROLE shop IN DATABASE shop__part SET application_name = 'slipway ready %s'" % (
            hashlib.sha256(("shop\0" + note).encode()).hexdigest()[:40]))
        with pytest.raises(SlipwayError, match="Somebody has changed in database \"shop__part\" how tables are made"):
            put(postgres)
    assert state(postgres) == BROKEN and not (tmp_path / "sign").exists()


def part_without(postgres, dump, gone, *more):
    """Make ready a table that was dropped, and others."""
    postgres.connection().execute("DROP TABLE public.%s CASCADE" % gone)
    return part(postgres, dump, "public." + gone, *more, swap=False)


def test_how_tables_are_made_stands_where_nobody_else_reads(postgres, dump):
    made = part_without(postgres, dump, "customers", "sales")
    assert made["made"] == [{"schema": "public", "name": "customers"}]
    told = postgres.sql("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop__part'")
    assert "customers" in told and "scripts" not in told and len(told) < 700
    assert put(postgres, tables=("public.customers", "sales"))["made"] == made["made"]
    assert postgres.databases() == {"shop"} and state(postgres) == dict(MENDED, sales=100)


def test_what_was_noted_is_of_its_own_database_alone(postgres, dump):
    """Its owner may rename what waits, so that it would wait for another database."""
    part(postgres, dump, "customers", swap=False)
    postgres.connection(database="postgres").execute("ALTER DATABASE shop__part RENAME TO other__part")
    with postgres.connection().session("postgres") as session:
        assert Place("other").note(session, "other__part") is None


@pytest.mark.parametrize("asked", long_but(
    [{"tables": ["sales"]}, {"tables": ["customers", "sales"]}, {"schemas": ["public"]}], {"tables": ["customers", "sales"]}))
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


def test_rows_are_put_in_their_place_once(postgres, dump, monkeypatch):
    """Who dies when they are there, and has only to tidy up, has not left them to be put there again, over what was written since."""
    part(postgres, dump, "customers", swap=False)
    kill_at(monkeypatch, "DROP DATABASE", False)
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
