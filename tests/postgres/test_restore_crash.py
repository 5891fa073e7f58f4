# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore is killed at each of its steps; the live database is whole under its name, and the next restore comes through."""

from __future__ import annotations


import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import restore_source, swap
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import SWAPPING, allow, take_turn
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place
from ansible_collections.slipway.app.tests.postgres.crashes import cut_at, die, in_child, kill_at
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.selection import long_but
from ansible_collections.slipway.app.tests.waiting import until

OLD, WHOLE = 10, 1000
send = Session._send
# Each step of a reversible restore over an earlier one, by the statement it begins with.
STEPS = ["pg_try_advisory_lock(1936484722", "CREATE DATABASE", "SELECT n.nspname", "ANALYZE", 'IN DATABASE "shop__new" SET',
         'DATABASE "shop__new" ALLOW_CONNECTIONS false', 'RENAME TO "shop__ready"', "pg_try_advisory_lock(1936484720",
         'DATABASE "shop" ALLOW_CONNECTIONS false', "pg_terminate_backend", 'RENAME TO "shop__pre"', "DROP DATABASE"]


def restorer(postgres, **wishes):
    return Restore(postgres.connection(), Wishes(reversible=True, jobs=2, **wishes))


def orders(postgres):
    return postgres.connection().query("SELECT count(*) AS n FROM public.orders")[0]["n"]


@pytest.fixture
def dump(postgres, tmp_path):
    dump = dumped(postgres, tmp_path)
    postgres.connection().execute("DELETE FROM public.orders WHERE id > 10")
    postgres.sql("CREATE DATABASE shop__pre OWNER shop;" + allow("shop__pre", False))
    return dump


def settled(postgres):
    """Wait until nothing of ours is at work on the server: what had been sent comes to its end."""
    until(lambda: postgres.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name ~ '^slipway|pg_restore' AND pid <> pg_backend_pid()") == "0")


def check(postgres, dump):
    """After a killed restore: one whole database is live, and the next restore names what was left and comes through."""
    settled(postgres)
    names = postgres.databases()
    assert "shop" in names
    left = [name for name in ("shop__new", "shop__ready", "shop__old") if name in names]
    if left:
        with pytest.raises(SlipwayError, match=" .*".join('"%s" is left' % name for name in left)):
            restorer(postgres).run(DumpSource(dump))
    else:
        with postgres.connection().session("postgres") as session:
            Place("shop").reopen(session, Place("shop").found(session))
    rows = orders(postgres)
    assert rows in (OLD, WHOLE)
    postgres.connection().execute("DELETE FROM public.orders WHERE id > 5")
    result = restorer(postgres, remove_leftovers=True).run(DumpSource(dump))
    assert [leftover["database"] for leftover in result["leftovers"]] == left
    assert orders(postgres) == WHOLE
    assert postgres.databases() == {"shop", "shop__pre"}
    restorer(postgres).go(":pre")
    assert orders(postgres) == 5


# To die before a statement is to die after the one before it, but where that one is not in the list.
@pytest.mark.parametrize("step, sent", long_but(
    [(step, True) for step in STEPS] + [("DROP DATABASE", False)], ("CREATE DATABASE", True), ('RENAME TO "shop__pre"', True)))
def test_killed_at_each_step(postgres, dump, monkeypatch, step, sent):
    kill_at(monkeypatch, step, sent)
    assert not in_child(lambda: restorer(postgres).run(DumpSource(dump)))
    monkeypatch.undo()
    check(postgres, dump)


@pytest.mark.long
@pytest.mark.parametrize("step, sent", [('DATABASE "shop" ALLOW_CONNECTIONS false', True), ('RENAME TO "shop__post"', False),
                                        ('RENAME TO "shop__post"', True)])
def test_killed_while_going_back(postgres, dump, monkeypatch, step, sent):
    restorer(postgres).run(DumpSource(dump))
    kill_at(monkeypatch, step, sent)
    assert not in_child(lambda: restorer(postgres).go(":pre"))
    monkeypatch.undo()
    settled(postgres)
    restorer(postgres).go(":pre")
    assert orders(postgres) == OLD
    assert postgres.databases() == {"shop", "shop__post"}


def test_a_swap_that_loses_its_session_leaves_an_open_database_and_what_is_ready(postgres, dump, monkeypatch):
    cut_at(monkeypatch, postgres, 'RENAME TO "shop__pre"', False)
    waits = 'waits as database "shop__ready": a restore with source=:ready and login_db=shop puts'
    with pytest.raises(SlipwayError, match='"shop" is as it was and accepts connections.*' + waits):
        restorer(postgres).run(DumpSource(dump))
    assert orders(postgres) == OLD and postgres.databases() == {"shop", "shop__pre", "shop__ready"}
    restorer(postgres).put_in_place()
    assert orders(postgres) == WHOLE


def test_a_swap_that_was_done_when_its_session_was_lost_says_so(postgres, dump, monkeypatch):
    cut_at(monkeypatch, postgres, 'RENAME TO "shop__pre"', True)
    with pytest.raises(SlipwayError, match='done it all the same: what was "shop__ready" is live as database "shop".*before is "shop__pre"'):
        restorer(postgres).run(DumpSource(dump))
    assert orders(postgres) == WHOLE


def test_what_speaks_against_it_by_now_keeps_it_ready(postgres, dump):
    """A transaction was prepared in the live database while the dump was restored."""
    prepare = ["psql", "-XqAtc", "BEGIN; DELETE FROM orders; PREPARE TRANSACTION 'other'", "-d", "shop"]
    try:
        with pytest.raises(SlipwayError, match='has 1 prepared.*"shop" was not touched.*source=:ready .*, with adopt=true again where that was said'):
            restorer(postgres, commands=[prepare]).run(DumpSource(dump))
        assert postgres.databases() == {"shop", "shop__pre", "shop__ready"}
    finally:
        postgres.sql("ROLLBACK PREPARED 'other'", "shop")


def test_nobody_is_let_in_while_another_copies(postgres, dump, monkeypatch):
    monkeypatch.setattr(swap, "PATIENCE", 0)
    with postgres.connection().session("postgres") as other:
        take_turn(other, "shop", SWAPPING)
        other.execute(allow("shop", False))
        with pytest.raises(SlipwayError, match='"shop" is being copied or swapped by process [0-9]+'):
            restorer(postgres).run(DumpSource(dump))
        assert postgres.sql("SELECT datallowconn FROM pg_database WHERE datname = 'shop'") == "f"


def test_pg_restore_ends_with_the_restore_that_started_it(postgres, dump, monkeypatch):
    """Killed in the middle of pg_restore: it is gone too, and does not go on to fill a database that nobody waits for."""
    def while_it_works(argv, heard, env=None):
        return follow(argv, lambda line: die(), env)

    follow = restore_source.follow
    monkeypatch.setattr(restore_source, "follow", while_it_works)
    assert not in_child(lambda: restorer(postgres).run(DumpSource(dump)))
    monkeypatch.undo()
    check(postgres, dump)


def test_server_killed_in_the_middle(postgres, dump, monkeypatch):
    def killing(session, statement):
        if statement == "ANALYZE":
            postgres.kill()
        return send(session, statement)

    monkeypatch.setattr(Session, "_send", killing)
    with pytest.raises(SlipwayError, match="was not touched.*remove_leftovers"):
        restorer(postgres).run(DumpSource(dump))
    monkeypatch.undo()
    postgres.start()
    assert orders(postgres) == OLD
    check(postgres, dump)
