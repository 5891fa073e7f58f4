# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison alone; what a real server tells is in tests/postgres/."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.fingerprint import compare

BEFORE = {
    "oid": 16384, "major": 17, "started": "monday", "counters_reset": None, "server_counters_reset": "sunday",
    "counting": True, "first_open_xid": 700, "schema": {"pg_class": "1:1", "pg_proc": "2:2", "pg_cast": "3:3"},
    "rows": {"1": {"name": "orders", "ins": 5, "upd": 0, "del": 0, "live": 5, "upkeep": 0}},
    "sequences": {"orders_id_seq": "5:true"}, "migrations": {"django_migrations": "1:1"}, "uncertain": [],
    "quiet": True, "no_new_rows": []}


def after(**changes):
    return dict(copy.deepcopy(BEFORE), **changes)


def rows(**changes):
    return {"1": dict(BEFORE["rows"]["1"], **changes)}


def test_the_same_is_the_same():
    assert compare(BEFORE, after()) == []


@pytest.mark.parametrize("changes, reason", [
    ({"oid": 1}, "It is another database than before."),
    ({"schema": dict(BEFORE["schema"], pg_proc="3:4")}, "Schema changed: functions."),
    ({"schema": dict(BEFORE["schema"], pg_cast="3:4")}, "Schema changed: pg_cast."),
    ({"schema": {"pg_class": "1:1", "pg_proc": "2:2"}}, "Schema changed: pg_cast."),
    ({"migrations": {}}, "The migrations table changed."),
    ({"rows": rows(ins=6)}, "Rows were inserted, updated or deleted in orders."),
    ({"rows": rows(ins=4)}, "Rows were inserted, updated or deleted in orders."),
    ({"rows": {}}, "Rows were inserted, updated or deleted in orders."),
    ({"rows": rows(upd=1), "no_new_rows": ["2"]}, "Rows were inserted, updated or deleted in orders."),
    ({"rows": rows(upd=1, live=4), "no_new_rows": ["1"]}, "Rows were inserted, updated or deleted in orders."),
    ({"rows": rows(upd=1, upkeep=1), "no_new_rows": ["1"]}, "Rows were inserted, updated or deleted in orders."),
    ({"started": "tuesday"}, "Row activity is not known: the server was restarted."),
    ({"counters_reset": "tuesday"}, "Row activity is not known: the counters were reset."),
    ({"quiet": False}, "Row activity is not known: other sessions are connected."),
    ({"sequences": {}}, "Sequences moved, as a rolled-back insert does too: orders_id_seq."),
    ({"uncertain": ["Who knows."]}, "Who knows."),
])
def test_each_difference_is_a_reason(changes, reason):
    assert compare(BEFORE, after(**changes)) == [reason]


def test_counters_that_only_a_rollback_moved_are_no_reason():
    assert compare(BEFORE, after(rows=rows(ins=9, upd=7, **{"del": 3}), no_new_rows=["1"])) == []


@pytest.mark.parametrize("gone, provable", [(0, True), (3, False)])
def test_a_number_of_live_rows_that_cannot_fall_proves_nothing_of_deletes(gone, provable):
    """The server did not know of the rows: it counts 0, which stays 0."""
    there = {"1": dict(BEFORE["rows"]["1"], ins=2, live=0, **{"del": gone})}
    assert (compare(after(rows={}), after(rows=there, no_new_rows=["1"])) == []) is provable


def test_upkeep_of_a_table_nobody_wrote_to_is_no_reason():
    assert compare(BEFORE, after(rows=rows(live=6, upkeep=2))) == []


def test_doubts_at_the_first_look_count():
    assert compare(after(uncertain=["Who knows."]), after()) == ["Who knows."]


def test_many_tables_are_summed_up():
    many = {str(number): {"name": "t%d" % number, "ins": 1, "upd": 0, "del": 0, "live": 1, "upkeep": 0}
            for number in range(12)}
    assert compare(after(rows={}), after(rows=many))[0].endswith("t7 and 4 more.")
