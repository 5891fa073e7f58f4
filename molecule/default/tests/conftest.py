# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the scenario, as testinfra reaches them: over SSH, by the lab's own inventory."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import testinfra

FOLDER = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / ".cache" / "molecule"
INVENTORY = json.loads((FOLDER / "inventory.yml").read_text(encoding="utf-8"))["all"]


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
