# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for all tests: modules run as the real processes they are on a host."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ansible_collections.slipway.app.tests import module_process

MODULES = Path(__file__).resolve().parents[1] / "plugins" / "modules"


def pytest_configure(config):
    config.addinivalue_line("markers", "long: repeats at length what a shorter test covers; make test leaves it to make test-all")
    config.addinivalue_line("markers", "one_core: shows what the library does, on any core; make test leaves the other cores to make test-all")


@pytest.fixture
def run_module():
    """run_module(name, params, check=False, diff=True) -> the module's result; "failed" is in it when it failed."""

    def runner(name, params, check=False, diff=True):
        arguments = dict(params, _ansible_check_mode=check, _ansible_diff=diff, _ansible_no_log=False)
        with tempfile.TemporaryDirectory() as folder:
            status, printed, said = module_process.run(name, arguments, folder)
        lines = printed.strip().splitlines()
        if not lines or not lines[-1].startswith("{"):
            pytest.fail("module %s printed no result (exit status %s):\n%s\n%s" % (name, status, printed, said))
        return json.loads(lines[-1])

    return runner


@pytest.fixture(scope="session")
def module_docs():
    """{module: {doc, examples, return}} of every module as ansible-doc gives them to users, fragments put in."""
    names = sorted(path.stem for path in MODULES.glob("*.py"))
    full = ["slipway.app." + name for name in names]
    done = subprocess.run([sys.executable, "-m", "ansible", "doc", "--type", "module", "--json", *full],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail("ansible-doc says: " + done.stderr)
    docs = json.loads(done.stdout)
    return {name: docs["slipway.app." + name] for name in names}
