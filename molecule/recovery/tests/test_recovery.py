# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a covering selection of the recovery matrix, and what state it has left the hosts in."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import testinfra

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
INVENTORY = PROJECT / ".cache" / "molecule" / "inventory.yml"
RESULTS = PROJECT / ".cache" / "recovery-covering"
sys.path.insert(0, str(PROJECT / "scripts"))
import matrix_cells  # noqa: E402  (scripts is no package)

CELLS = matrix_cells.covering(matrix_cells.cells())


@pytest.fixture(scope="module", params=["app1", "app2", "jobs1", "jobs2"])
def host(request):
    return testinfra.get_host("ansible://" + request.param, ansible_inventory=str(INVENTORY))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_recovered(cell):
    outcome = json.loads((RESULTS / (str(cell).replace("/", "-") + ".json")).read_text(encoding="utf-8"))
    assert outcome["wrong"] == []
    assert outcome["how"] in ("went back", "went on")
    assert outcome["requests"]["accepted"] > 0 and outcome["requests"]["read"] > 0


def test_nobody_is_kept_out_and_nothing_is_locked(host):
    for name in ("state/lock.json", "maintenance/on", "maintenance/drain"):
        assert not host.file("/srv/shop/" + name).exists


def test_every_journal_is_closed(host):
    lasts = host.check_output("tail -qn 1 /srv/shop/state/journal/*.jsonl").splitlines()
    records = [json.loads(line) for line in lasts]
    assert {record["step"] for record in records} == {"operation"}
    assert "begin" not in {record["event"] for record in records}


def test_no_unit_has_failed(host):
    assert host.run("systemctl is-system-running").stdout.strip() == "running"
