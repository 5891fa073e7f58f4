# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make molecule: the scenarios of molecule/, believed only when tests of theirs ran; `molecule.py NAME...` runs some.

Molecule itself calls a scenario successful in which no host was found or no test was collected.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from xml.etree import ElementTree

import workspace

SCENARIOS = sorted(path.parent.name for path in (workspace.ROOT / "molecule").glob("*/molecule.yml"))
REPORTS = workspace.CACHE / "tests-molecule"


def run(name, python):
    """(passed, failed) tests of a scenario; one that ends before its tests counts as a failed one."""
    done = subprocess.run([python, "-m", "molecule", "test", "--scenario-name", name], cwd=workspace.ROOT,
                          env=workspace.environment(python), stdin=subprocess.DEVNULL, check=False)
    report = REPORTS / (name + ".xml")
    if not report.exists():
        print("slipway: the scenario %s ran no test" % name)
        return 0, 1
    suite = ElementTree.parse(report).getroot().find("testsuite")
    tests = int(suite.get("tests"))
    bad = sum(int(suite.get(word)) for word in ("failures", "errors", "skipped"))
    return tests - bad, bad or int(done.returncode != 0 or not tests)


def main(names):
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        workspace.fail("no scenario named %s; there are %s" % (", ".join(unknown), ", ".join(SCENARIOS)))
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    workspace.dependencies()
    python = workspace.install("molecule", venv=workspace.CACHE / "molecule-venv")
    results = [run(name, python) for name in names or SCENARIOS]
    summary = "%d passed, %d failed" % tuple(map(sum, zip(*results)))
    (REPORTS / "summary").write_text(summary + "\n", encoding="utf-8")
    print("molecule: " + summary)
    return 1 if any(failed for _passed, failed in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
