# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery matrix asks about every step that an operation journals, and its table tells of each; so do the tests that kill."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(ROOT / "demo"))
import matrix_cells  # noqa: E402  (scripts is no package)
import matrix_run  # noqa: E402

from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES  # noqa: E402
from ansible_collections.slipway.app.tests.integration import crashes  # noqa: E402

CELLS = matrix_cells.cells()


@pytest.mark.parametrize("mode", MODES)
def test_every_step_that_changes_something_has_its_row(mode):
    reading = {"preflight", "survey", "watch"}
    assert set(matrix_cells.steps(mode)) == (set(MODES[mode].forward) | set(MODES[mode].back)) - reading
    table = (ROOT / "docs" / "recovery-matrix.md").read_text(encoding="utf-8").partition("## %s\n" % mode)[2]
    assert re.findall(r"^\| `(\w+)`", table.partition("\n## ")[0], re.MULTILINE) == matrix_cells.steps(mode)


def test_the_tests_kill_an_upgrade_at_every_step_that_it_journals():
    """In the order of the engine's table. The first record says that the operation begins: start has made it."""
    forward = [{"operation": "start"}.get(step, step) for _host, step, _event in crashes.FORWARD]
    back = [step for _host, step, _event in crashes.BACK]
    assert list(dict.fromkeys(forward)) == [step for step in MODES["maintenance"].forward if step != "preflight"]
    assert back == [step for step in MODES["maintenance"].back if step != "survey"]


def test_what_means_nothing_says_why():
    silent = [str(cell) for cell in CELLS if cell.why_not == "" and cell.fault == "failing" and cell.step != "migrate"]
    assert silent == []
    assert {cell.fault for cell in CELLS if cell.why_not} == {"registry", "failing", "hanging"}


def test_the_covering_choice_has_every_mode_every_fault_that_takes_a_host_and_steps_that_differ():
    chosen = matrix_cells.covering(CELLS)
    assert sorted(cell.fault for cell in chosen) == sorted(set(matrix_cells.FAULTS) - set(matrix_cells.MET_ELSEWHERE))
    assert {cell.mode for cell in chosen} == set(MODES)
    assert len({cell.step for cell in chosen}) >= len(chosen) - 1
    assert not any(cell.why_not for cell in chosen)
    assert [cell.goes_back for cell in chosen if cell.mode == "rolling"] == [True], "after a host has turned red"


def test_a_choice_is_made_of_what_there_is():
    assert {cell.mode for cell in matrix_cells.covering([cell for cell in CELLS if cell.mode == "source"])} == {"source"}


@pytest.mark.parametrize(("outcome", "due"), [
    (None, True), ((5, [], "abc"), False), ((5, ["down"], "abc"), True), ((15, ["down"], "abc"), False),
    ((5, [], "old"), True), ((15, [], "old"), False)])
def test_a_field_is_run_where_it_was_not_run_well_or_by_older_code_than_is_wanted(outcome, due):
    """The run began at 10."""
    assert matrix_cells.is_due(outcome and dict(zip(("ended", "wrong", "commit"), outcome)), 10, ["old"]) == due


STATUS = """
TASK [slipway.app.status : Read the lock and the journals] ***
ok: [app1]
fatal: [app2]: UNREACHABLE! => {"changed": false, "msg": "Failed to connect", "unreachable": true}

TASK [slipway.app.status : Say what is live] ***
ok: [app1] => {
    "msg": [
        "operation    20261126T100000Z-upgrade-4: open"
    ]
}
ok: [jobs1] => {
    "msg": [
        "operation    20261126T100000Z-upgrade-4: done"
    ]
}
"""


def test_what_status_says_of_a_host_is_not_taken_from_another():
    assert matrix_run.told_of(STATUS, "app2") == matrix_run.DOWN_WORD
    assert "open" in matrix_run.told_of(STATUS, "app1") and "open" not in matrix_run.told_of(STATUS, "jobs1")
    assert matrix_run.told_of(STATUS, "jobs2") == ""


@pytest.mark.parametrize(("event", "over"), [("done", True), ("fail", False), (None, False)])
def test_a_fault_is_late_where_the_step_had_ended_well_before(event, over):
    records = [{"step": "open", "event": "begin", "at": "2026-11-26T10:00:00.000Z"}]
    if event:
        records.append({"step": "open", "event": event, "at": "2026-11-26T10:00:00.300Z"})
    assert matrix_run.was_over(records, "open", "2026-11-26T10:00:00.400Z") == over
    assert not matrix_run.was_over(records, "open", "2026-11-26T10:00:00.200Z")
