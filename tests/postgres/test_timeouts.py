# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long is waited for what somebody else holds, and for what takes the server too long."""

from __future__ import annotations

import contextlib
import os
import time

import psycopg
import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS, connection_from
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection, PostgresError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.tests.postgres.dumps import dumped

LIMITS = "SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement"
BRIEF = 20  # seconds; far less than is waited where nothing is said, and time enough on a busy machine


def patient(postgres, **seconds):
    """The owner's connection, who waits that long."""
    return Connection(**dict(vars(postgres.connection()), **seconds))


@contextlib.contextmanager
def holding(postgres, statement, database="shop"):
    """Somebody is in the middle of a transaction with a statement."""
    with psycopg.connect(host="127.0.0.1", port=postgres.port, user=postgres.superuser, password=postgres.password, dbname=database) as session:
        session.execute(statement)
        yield
        session.rollback()


def test_they_hold_where_databases_are_worked_on_and_rows_have_no_limit(postgres):
    asked = {database: patient(postgres, lock_timeout=2, statement_timeout=3).query(LIMITS, database)[0] for database in ("postgres", "shop")}
    assert asked == {"postgres": {"lock": "2s", "statement": "3s"}, "shop": {"lock": "2s", "statement": "0"}}
    assert postgres.connection().query(LIMITS, "postgres") == [{"lock": "30s", "statement": "0"}]
    with pytest.raises(PostgresError, match="statement timeout"):
        patient(postgres, statement_timeout=1).execute("SELECT pg_sleep(60)", "postgres")


def test_a_dump_does_not_wait_for_ever_for_a_table(postgres, tmp_path):
    postgres.connection().execute("CREATE TABLE public.busy (n int)")
    begun = time.monotonic()
    with holding(postgres, "LOCK TABLE public.busy"), pytest.raises(SlipwayError, match="busy|timeout"):
        dump(patient(postgres, lock_timeout=1), FolderStore(str(tmp_path)), Wish("here", jobs=1, bin_dir=postgres.bin_dir))
    assert time.monotonic() - begun < BRIEF
    assert [name for _folder, _folders, names in os.walk(tmp_path) for name in names if name == "manifest.json"] == []


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
def test_a_swap_that_cannot_have_the_database_leaves_it_as_it_was(postgres, tmp_path, limit):
    """Somebody describes the database and does not come to an end: nobody can rename it meanwhile."""
    postgres.connection().execute("CREATE TABLE public.later (n int)")
    whole = dumped(postgres, tmp_path)
    postgres.connection().execute("INSERT INTO public.later VALUES (1)")
    begun = time.monotonic()
    with holding(postgres, "COMMENT ON DATABASE shop IS 'not yet'", "postgres"), pytest.raises(SlipwayError, match="timeout"):
        Restore(patient(postgres, **{limit: 1}), Wishes(jobs=1)).run(DumpSource(whole))
    assert time.monotonic() - begun < BRIEF
    assert postgres.connection().query("SELECT n FROM public.later") == [{"n": 1}]
    Restore(patient(postgres, **{limit: 1}), Wishes(jobs=1, remove_leftovers=True)).run(DumpSource(whole))
    assert postgres.connection().query("SELECT n FROM public.later") == []
    assert postgres.databases() == {"shop"}


@pytest.mark.parametrize("option", ["lock_timeout", "statement_timeout"])
def test_a_number_that_is_none_of_seconds(option):
    params = dict({name: spec.get("default") for name, spec in POSTGRES_ARGUMENTS.items()}, login_db="shop", **{option: -1})
    with pytest.raises(SlipwayError, match="%s is a number of seconds, or 0 for no limit; -1 is none" % option):
        connection_from(params)
