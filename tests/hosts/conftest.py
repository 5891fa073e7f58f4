# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hosts for tests: the image they are made from, and one lab for all tests of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import lab as scripts_lab  # noqa: E402  (scripts find each other by this path)
import lab_engine  # noqa: E402


@pytest.fixture(scope="session")
def image():
    """The name of the hosts' image; a machine that cannot have it fails the test, it does not skip it."""
    return lab_engine.ready()


@pytest.fixture(scope="session")
def lab():
    """A Lab with all hosts up and nothing provisioned; gone after the run. A test leaves it without faults."""
    with scripts_lab.Lab("test-hosts") as hosts:
        yield hosts


@pytest.fixture(scope="session")
def provisioned(lab):
    """The same, provisioned for the demo's shop."""
    done = lab.playbook("provision")
    assert done.rc == 0, done.output
    return lab
