# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of all scenarios: its hosts as testinfra reaches them, over SSH by the lab's own inventory, and the shop on them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import testinfra

PROJECT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
sys.path.insert(0, str(PROJECT / "scripts"))
from lab import ROOT, Lab  # noqa: E402  (scripts is no package)
from lab_shop import Shop  # noqa: E402

FOLDER = PROJECT / ".cache" / "molecule"
INVENTORY = json.loads((FOLDER / "inventory.yml").read_text(encoding="utf-8"))["all"]
SAID = pytest.StashKey[list]()


def names(group):
    return list(INVENTORY["children"][group]["hosts"])


@pytest.fixture(scope="session")
def on():
    """on(name) -> the host of that name."""
    known = {}

    def host(name):
        if name not in known:
            known[name] = testinfra.get_host("ansible://" + name, ansible_inventory=str(FOLDER / "inventory.yml"))
        return known[name]

    return host


@pytest.fixture(scope="session")
def variables():
    return INVENTORY["vars"]


@pytest.fixture(scope="session")
def address():
    """address(name) -> the IP address of the host of that name."""
    hosts = {name: facts for group in INVENTORY["children"].values() for name, facts in group["hosts"].items()}
    return lambda name: hosts[name]["ansible_host"]


@pytest.fixture(scope="session")
def shop(on):
    """The shop on the lab, in what version a scenario before has left it; 1.0.0 where there was none."""
    found = Shop(Lab("molecule"))
    if not on("app1").file(ROOT + "/current").exists:
        for playbook, variables in (("provision", {}), ("deploy", {"reference": "1.0.0"})):
            done = found.playbook(playbook, **variables)
            assert done.rc == 0, done.output
    return found


@pytest.fixture(scope="session")
def say(request):
    """say(text): a line at the end of the run."""
    return request.config.stash.setdefault(SAID, []).append


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(SAID, []):
        terminalreporter.write_line(line)
