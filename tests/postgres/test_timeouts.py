# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long is waited for what somebody else holds, and for what takes the server too long."""

from __future__ import annotations

import contextlib
import os
import threading
import time

import psycopg
import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import restore_point
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import close
from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import find
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump, failure
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import Place
from ansible_collections.slipway.app.tests.postgres.dumps import dumped

BRIEF = 20  # seconds; far less than is waited where nothing is said, and time enough on a busy machine


@contextlib.contextmanager
def holding(postgres, statement, database="shop"):
    """Somebody is in the middle of a transaction with a statement."""
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user=postgres.superuser, password=postgres.password, dbname=database) as session:
        session.execute(statement)
        yield session
        session.rollback()


@pytest.mark.parametrize("said, in_ours, in_another", [({}, "30s", "30s"), ({"lock_timeout": 2}, "2s", "2s"), ({"lock_timeout": 90}, "90s", "30s"),
                                                       ({"lock_timeout": 0}, "0", "30s")], ids=["nothing", "less", "more", "for ever"])
def test_where_clients_may_be_refused_nobody_waits_long(postgres, said, in_ours, in_another):
    connection = postgres.connection(statement_timeout=1, **said)
    assert [connection.query("SELECT current_setting('lock_timeout') AS it, pg_sleep(1.2)", database)[0]["it"] for database in (
        "shop", "postgres")] == [in_ours, in_another]


def test_a_dump_does_not_wait_for_ever_for_a_table(postgres, tmp_path):
    postgres.connection().execute("CREATE TABLE public.busy (n int)")
    begun = time.monotonic()
    with holding(postgres, "LOCK TABLE public.busy") as somebody:
        pid = somebody.info.backend_pid
        with pytest.raises(SlipwayError) as refused:
            dump(postgres.connection(lock_timeout=1), FolderStore(str(tmp_path)), Wish("here", jobs=1, bin_dir=postgres.bin_dir))
        assert time.monotonic() - begun < BRIEF
        assert 'Table public.busy is locked by process %d (user "%s", application "")' % (pid, postgres.superuser) in str(refused.value)
        (clients,) = find(postgres.bin_dir)
        for said in ("could not write to file: No space left on device", "query failed: ERROR: permission denied for table x; Query was: LOCK TABLE public.x"):
            assert "is locked by" not in str(failure(postgres.connection(), clients, 1, said))  # nobody is in the way of that
    assert [name for _folder, _folders, names in os.walk(tmp_path) for name in names if name == "manifest.json"] == []


def test_a_swap_that_cannot_have_the_database_leaves_it_as_it_was(postgres, tmp_path):
    """Somebody describes the database and does not come to an end: nobody can rename it meanwhile."""
    postgres.connection().execute("CREATE TABLE public.later (n int)")
    whole = dumped(postgres, tmp_path)
    postgres.connection().execute("INSERT INTO public.later VALUES (1)")
    restorer = Restore(postgres.connection(lock_timeout=1), Wishes(jobs=1))
    begun = time.monotonic()
    with holding(postgres, "COMMENT ON DATABASE shop IS 'not yet'", "postgres"), pytest.raises(SlipwayError, match="lock timeout.* accepts connections"):
        restorer.run(DumpSource(whole))
    assert time.monotonic() - begun < BRIEF
    assert postgres.connection().query("SELECT n FROM public.later") == [{"n": 1}]
    restorer.put_in_place()
    assert postgres.connection().query("SELECT n FROM public.later") == []
    assert postgres.databases() == {"shop"}


def test_a_copy_by_the_server_that_takes_too_long_is_given_up(postgres, monkeypatch):
    """No database here is large enough for it: the server sleeps instead."""
    monkeypatch.setattr(restore_point, "copying", lambda *_database: "SELECT pg_sleep(600)")
    postgres.connection().execute("CREATE TABLE public.there AS SELECT 1 AS n")
    with pytest.raises(SlipwayError, match="statement timeout.* accepts connections"):
        restore_point.RestorePoint(postgres.connection(statement_timeout=2), "shop", "before").present()
    assert postgres.connection().query("SELECT n FROM public.there") == [{"n": 1}]
    assert postgres.databases() == {"shop"}


def test_a_limit_that_a_role_has_for_transactions_ends_none_of_ours(postgres):
    if int(postgres.sql("SHOW server_version_num")) < 170000:
        pytest.skip("this server knows no such limit")
    postgres.sql("ALTER ROLE shop SET transaction_timeout = '100ms'")
    connection = postgres.connection()
    try:
        assert connection.query("SELECT pg_sleep(0.3) AS slept") == [{"slept": ""}]
        connection.run_texts(["SELECT pg_sleep(0.3)"], "shop", "shop")
        assert b"".join(connection.rows("(SELECT 1 FROM pg_sleep(0.3))", "shop")) == b"1\n"
    finally:
        postgres.sql("ALTER ROLE shop RESET transaction_timeout")


def test_what_a_killed_call_left_closed_is_opened_however_soon_all_else_gives_up(postgres):
    with postgres.connection().session("postgres") as session:
        close(session, "shop")
    hasty = postgres.connection(lock_timeout=1)
    with holding(postgres, "COMMENT ON DATABASE shop IS 'not yet'", "postgres") as somebody:
        threading.Timer(3, somebody.rollback).start()
        assert restore_point.RestorePoint(hasty, "shop", "before").reopen()
    with hasty.session("postgres") as session:
        close(session, "shop")
        place = Place("shop")
        with holding(postgres, "COMMENT ON DATABASE shop IS 'not yet'", "postgres") as somebody:
            threading.Timer(3, somebody.rollback).start()
            assert place.reopen(session, place.found(session))
        assert session.query("SELECT current_setting('lock_timeout') AS it") == [{"it": "1s"}]
    assert postgres.connection().query("SELECT 1 AS n") == [{"n": 1}]


def test_rows_in_whose_tables_nobody_can_look_meanwhile_do_not_wait_for_ever_for_a_name(postgres, tmp_path, monkeypatch):
    whole, waited, keep_copy = dumped(postgres, tmp_path), [], Place.keep_copy

    def looked_at(place, session, live):
        waited.append(live.query("SELECT current_setting('lock_timeout') AS it")[0]["it"])
        keep_copy(place, session, live)

    monkeypatch.setattr(Place, "keep_copy", looked_at)
    TablesRestore(postgres.connection(lock_timeout=0), Wishes(reversible=True)).run(TablesSource(whole, postgres.bin_dir, ["orders"], []))
    assert waited == ["30s"]


@pytest.mark.parametrize("seconds", [-1, 2147484])
@pytest.mark.parametrize("option", ["lock_timeout", "statement_timeout"])
def test_a_number_that_is_none_of_seconds(option, seconds):
    params = dict({name: spec.get("default") for name, spec in POSTGRES_ARGUMENTS.items()}, login_db="shop", **{option: seconds})
    with pytest.raises(SlipwayError, match="%s is a number of seconds, at most 2147483, or 0 for no limit; %d is none" % (option, seconds)):
        connection_from(params)
