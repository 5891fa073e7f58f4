# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests make test and make test-all run on which ansible-core."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPTS = str(Path(__file__).resolve().parents[2] / "scripts")
ASKED = """
import json, sys
sys.path.insert(0, {scripts!r})
import test
test.workspace.install = lambda *_names, **_how: sys.executable
test.workspace.pythons = lambda: dict.fromkeys(("3.11", "3.12"), sys.executable)
print(json.dumps({{name: [folders, list(how)] for name, _python, folders, how in test.suites(covering={covering})[0]}}))
"""
UNITS = {"unit", "unit on core 2.17", "unit on core 2.21"}


def suites(covering):
    """{name: [folders, options]}, asked in another process: scripts/test.py and Python's own tests have one name."""
    code = ASKED.format(scripts=SCRIPTS, covering=covering)
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def test_all_unit_tests_run_on_every_core_by_test_all():
    found = {name: how for name, how in suites(covering=False).items() if "tests/unit" in how[0]}
    assert set(found) == UNITS
    assert [name for name, (folders, options) in found.items() if folders != ["tests/unit"] or {"-m", "--ignore"} & set(options)] == []


def test_only_what_has_ansible_in_it_runs_on_the_other_cores_by_test():
    found = suites(covering=True)
    options = ["--ignore", "tests/unit/plugins/module_utils", "-m", "not long and not one_core"]
    assert {name: how for name, how in found.items() if name in UNITS} == {
        name: [["tests/unit"], ["-n", "3"] if name == "unit" else options] for name in UNITS}
