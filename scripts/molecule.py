# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make molecule: the scenarios of molecule/, believed only when tests of theirs ran; `molecule.py NAME...` runs some.

They share one lab, made before the first and removed after the last: each goes on from what those before it have left
there, and makes what it needs where it comes first. Molecule itself calls a scenario successful in which no host was found
or no test was collected.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from xml.etree import ElementTree

import workspace

ORDER = ("default", "upgrade", "recovery")  # the later, the more it asks of the lab
SCENARIOS = sorted((path.parent.name for path in (workspace.ROOT / "molecule").glob("*/molecule.yml")), key=ORDER.index)
REPORTS = workspace.CACHE / "tests-molecule"


def molecule(python, command, name, *options):
    """Run one command of Molecule for a scenario; its exit status."""
    return subprocess.run([python, "-m", "molecule", command, "--scenario-name", name, *options], cwd=workspace.ROOT,
                          env=workspace.environment(python), stdin=subprocess.DEVNULL, check=False).returncode


def run(name, python):
    """(passed, failed) tests of a scenario; one that ends before its tests counts as a failed one."""
    status = molecule(python, "test", name, "--destroy", "never")
    report = REPORTS / (name + ".xml")
    if not report.exists():
        print("slipway: the scenario %s ran no test" % name)
        return 0, 1
    suite = ElementTree.parse(report).getroot().find("testsuite")
    tests = int(suite.get("tests"))
    bad = sum(int(suite.get(word)) for word in ("failures", "errors", "skipped"))
    return tests - bad, bad or int(status != 0 or not tests)


def main(names):
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        workspace.fail("no scenario named %s; there are %s" % (", ".join(unknown), ", ".join(SCENARIOS)))
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    workspace.dependencies()
    python = workspace.install("molecule", venv=workspace.CACHE / "molecule-venv")
    molecule(python, "destroy", ORDER[0])  # what a run that was interrupted has left, and what Molecule knows of it
    try:
        results = [run(name, python) for name in SCENARIOS if name in names or not names]
    finally:
        molecule(python, "destroy", ORDER[0])
    summary = "%d passed, %d failed" % tuple(map(sum, zip(*results)))
    (REPORTS / "summary").write_text(summary + "\n", encoding="utf-8")
    print("molecule: " + summary)
    return 1 if any(failed for _passed, failed in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
