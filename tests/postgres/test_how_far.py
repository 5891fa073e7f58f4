# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a dump, a restore or a copy says it is, while it is in the middle of something long."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumps
from ansible_collections.slipway.app.plugins.module_utils._postgres.copy import Origin, copy
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.tests.postgres.children import children
from ansible_collections.slipway.app.tests.postgres.dumps import dumped
from ansible_collections.slipway.app.tests.selection import long_but

WAYS = ["1 job", "2 jobs", "stream"]


@pytest.fixture
def slow(postgres):
    """4000 orders, and a function that takes its time at one in their middle where it is restored; a server counts them by thousands."""
    postgres.connection().execute("""INSERT INTO public.orders (note) SELECT repeat('more ', 50) FROM generate_series(1, 3000);
        CREATE FUNCTION public.slow(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
        IF id = 2500 AND current_database() LIKE '%new' THEN PERFORM pg_sleep(2.5); END IF; RETURN id; END$$""")
    return postgres


def told(server, way, folder):
    """What a restore of the database into its place, or a copy of it, says of how far it is."""
    states = []

    def watch(phase, **state):
        states.append(dict(state, phase=phase))

    if way == "stream":
        copy(Restore(server.connection(database="test"), Wishes(), watch), Origin(server.connection(), True, "dev"), "stream", server.bin_dir)
    else:
        Restore(server.connection(), Wishes(jobs=int(way[0])), watch).run(DumpSource(dumped(server, folder), server.bin_dir))
    return states


@pytest.mark.parametrize("way", long_but(WAYS, WAYS[1]))
def test_what_comes_after_the_rows_is_a_phase_of_its_own(slow, way, tmp_path):
    slow.connection().execute("CREATE INDEX orders_slow ON public.orders (public.slow(id))")
    states = told(slow, way, tmp_path)
    phases = [state["phase"] for state in states]
    later = [state for state in states if state["phase"] == "indexes and keys"]
    assert phases == sorted(phases[:phases.index("check")], key=["restore", "indexes and keys"].index) + phases[phases.index("check"):]
    assert [state["item"] for state in later] == sorted(state["item"] for state in later) and "bytes" not in later[0]
    assert (later[-1]["item"], later[-1]["items"]) == (3, 3)
    assert sum("orders_slow" in state["table"] or "2 jobs" == way and state["item"] == 3 for state in later) >= 2  # more than when it begins


@pytest.mark.parametrize("way", long_but(WAYS, WAYS[1]))
def test_a_table_whose_rows_are_coming_counts(slow, way, tmp_path):
    slow.connection().execute("ALTER TABLE public.orders ADD CHECK (public.slow(id) > 0)")
    states = [state for state in told(slow, way, tmp_path) if state["phase"] == "restore"]
    assert any(0.3 < state["bytes"] / state["total_bytes"] < 0.7 for state in states)
    sizes = [state["bytes"] for state in states]
    assert sizes == sorted(sizes) and sizes[-1] <= states[0]["total_bytes"]


def test_a_table_that_was_never_analyzed_is_not_done_at_once(postgres, monkeypatch, tmp_path):
    """pg_dump is stopped in the middle of it until something was told."""
    postgres.connection().execute("CREATE TABLE public.wide AS SELECT repeat(md5(g::text), 30) FROM generate_series(1, 80000) g")
    programs, states, server = [], [], postgres.connection()

    class Heard(dumps.Heard):
        def __call__(self, line):
            super().__call__(line)
            if line.endswith('dumping contents of table "public.wide"'):
                (program,) = children("pg_dump$")
                os.kill(program, signal.SIGSTOP)
                while not server.query("SELECT FROM pg_stat_progress_copy WHERE bytes_processed > 0"):  # it says so before it asks for the rows
                    os.kill(program, signal.SIGCONT)
                    time.sleep(0.001)
                    os.kill(program, signal.SIGSTOP)
                programs.append(program)

    def report(phase, **state):
        if programs and state["table"]:  # what was looked at before is of no table
            states.append(dict(state, phase=phase))
            os.kill(programs.pop(), signal.SIGCONT)

    monkeypatch.setattr(dumps, "Heard", Heard)
    dumps.dump(postgres.connection(), FolderStore(str(tmp_path)), dumps.Wish("here", jobs=1, bin_dir=postgres.bin_dir), report=report)
    assert states[0]["table"] == "public.wide" and 0 < states[0]["bytes"] < states[0]["total_bytes"]
