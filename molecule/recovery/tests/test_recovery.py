# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a covering selection of the recovery matrix, and what state it has left the hosts in."""

from __future__ import annotations

import json

import pytest
from conftest import PROJECT, names

import matrix_cells

RESULTS = PROJECT / ".cache" / "recovery-covering"
CELLS = matrix_cells.covering(matrix_cells.cells())
HOSTS = [*names("app"), *names("consumer")]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_recovered(cell):
    outcome = json.loads((RESULTS / (str(cell).replace("/", "-") + ".json")).read_text(encoding="utf-8"))
    assert outcome["wrong"] == []
    assert outcome["how"] in ("went back", "went on")
    assert outcome["requests"]["accepted"] > 0 and outcome["requests"]["read"] > 0


@pytest.mark.parametrize("name", HOSTS)
def test_nobody_is_kept_out_and_nothing_is_locked(on, name):
    for path in ("state/lock.json", "maintenance/on", "maintenance/drain"):
        assert not on(name).file("/srv/shop/" + path).exists


@pytest.mark.parametrize("name", HOSTS)
def test_every_journal_is_closed(on, name):
    lasts = on(name).check_output("tail -qn 1 /srv/shop/state/journal/*.jsonl").splitlines()
    records = [json.loads(line) for line in lasts]
    assert {record["step"] for record in records} == {"operation"}
    assert "begin" not in {record["event"] for record in records}


@pytest.mark.parametrize("name", HOSTS)
def test_no_unit_has_failed(on, name):
    assert on(name).run("systemctl is-system-running").stdout.strip() == "running"
