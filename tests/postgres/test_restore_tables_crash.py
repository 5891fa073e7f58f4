# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restored rows when something dies: all of them are replaced or none, what is left is named, and the next run comes through."""

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection, PostgresError, Session
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import MayBeClosed, Place
from ansible_collections.slipway.app.tests.postgres import test_restore_crash
from ansible_collections.slipway.app.tests.postgres.crashes import die, in_child, kill_at
from ansible_collections.slipway.app.tests.postgres.restored_tables import BROKEN, MENDED, commit_refused, dump, part, put, state
from ansible_collections.slipway.app.tests.selection import long_but

__all__ = ["dump"]  # a fixture


@pytest.mark.parametrize("swap", long_but([True, False], True))
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


@pytest.mark.parametrize("after, swap", long_but([(False, True), (True, True), (False, False)], (False, True), (True, True)))
def test_a_connection_that_is_lost_at_the_end(postgres, dump, monkeypatch, after, swap):
    """The server knows what became of it; only where it has replaced nothing, the dump is to be restored again."""
    def losing(session, statement):
        if statement != "COMMIT" or session.database != "shop":
            return send(session, statement)
        if after:
            send(session, statement)
        session._process.kill()
        return send(session, "SELECT 1")

    if not swap:
        part(postgres, dump, "customers", swap=False)
    used, send = [], Session._send
    dump.used = lambda: used.append(dump)
    monkeypatch.setattr(Session, "_send", losing)
    with pytest.raises(SlipwayError, match="had replaced the rows all the same" if after else "The rows are what they were") as caught:
        (part if swap else put)(postgres, *([dump, "customers"] if swap else []), reversible=True)
    monkeypatch.undo()
    assert state(postgres) == (MENDED if after else BROKEN) and bool(used) == (after and swap)
    if not after:
        left = "shop__copy" if not swap else "shop__new"
        assert '"%s" may be left' % left in caught.value.hint and ("source=:ready" not in caught.value.hint) == swap
    if not swap:
        put(postgres, remove_leftovers=True)
        assert state(postgres) == MENDED and postgres.databases() == {"shop"}


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


def test_it_is_not_said_of_a_database_that_may_be_closed_that_it_was_not_touched(postgres, dump, monkeypatch):
    def closed(_place, _session, _facts):
        raise MayBeClosed("The server is gone.", hint="Database shop may refuse connections until this is run again.")

    monkeypatch.setattr(Place, "copy_live", closed)
    with pytest.raises(SlipwayError, match="may refuse connections") as caught:
        part(postgres, dump, "customers", reversible=True, keep_failed=True)
    assert caught.value.untouched is None and 'kept as database "shop__new" (keep_failed)' in caught.value.hint


@pytest.mark.parametrize("lost", long_but([True, False], True))
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
    says = '"%s" may be left' if lost else 'is kept as database "%s" '
    assert {name for name in ("shop__new", "shop__copy", "shop__part") if says % name in caught.value.hint} == left


@pytest.mark.long
def test_both_ways_back_are_there_until_the_rows_are(postgres, dump, monkeypatch):
    """The server refuses the COMMIT, or we die before it."""
    def dying(session, statement):
        return die() if statement == "COMMIT" and session.database == "shop" else send(session, statement)

    send = Session._send
    postgres.sql("CREATE DATABASE shop__pre OWNER shop; COMMENT ON DATABASE shop__pre IS 'former'; CREATE DATABASE shop__post OWNER shop;"
                 + "; ".join(allow(name, False) for name in ("shop__pre", "shop__post")))
    comments = "SELECT string_agg(datname, ' ') FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'former%'"
    with commit_refused(), pytest.raises(SlipwayError, match="division by zero.*not touched"):
        part(postgres, dump, "customers", reversible=True)
    assert state(postgres) == BROKEN and postgres.databases() == {"shop", "shop__pre", "shop__post"} and postgres.sql(comments) == "shop__pre"
    monkeypatch.setattr(Session, "_send", dying)
    assert not in_child(lambda: part(postgres, dump, "customers", reversible=True))
    test_restore_crash.settled(postgres)
    assert postgres.sql(comments) == "shop__pre" and {"shop__pre", "shop__post"} <= postgres.databases()


STEPS = ['DATABASE "shop" ALLOW_CONNECTIONS false', 'TEMPLATE "shop"', "TRUNCATE", "SET CONSTRAINTS", "ADD CONSTRAINT", 'RENAME TO "shop__pre"', "COMMIT",
         "DROP DATABASE"]
LAST = ("COMMIT", "DROP DATABASE")  # of these steps, with which all is done


@pytest.mark.parametrize("step", long_but(STEPS, "COMMIT"))
def test_killed_at_each_step(postgres, dump, monkeypatch, step):
    kill_at(monkeypatch, step, True)
    assert not in_child(lambda: part(postgres, dump, "customers", reversible=True))
    monkeypatch.undo()
    check(postgres, dump, MENDED if step in LAST else BROKEN)


@pytest.mark.long
@pytest.mark.parametrize("step", ["COMMENT ON DATABASE", 'RENAME TO "shop__part"'])
def test_killed_while_it_is_made_ready(postgres, dump, monkeypatch, step):
    kill_at(monkeypatch, step, True)
    assert not in_child(lambda: part(postgres, dump, "customers", swap=False))
    monkeypatch.undo()
    check(postgres, dump)


@pytest.mark.parametrize("step", long_but(['"shop__part" ALLOW_CONNECTIONS true', 'TEMPLATE "shop"', "TRUNCATE", "COMMIT", "DROP DATABASE"], "TRUNCATE"))
def test_killed_while_what_is_ready_is_put_in_place(postgres, dump, monkeypatch, step):
    part(postgres, dump, "customers", swap=False)
    kill_at(monkeypatch, step, True)
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
