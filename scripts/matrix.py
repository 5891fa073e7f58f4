# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make recovery-matrix: break upgrades in every step in every way, recover, look from outside; docs/recovery-matrix.md.

What became of a cell is kept in .cache/recovery-matrix and, with the table, in docs/recovery-matrix.json; so a run goes on
with the cells that are left, also on another machine. --anew begins again. Arguments name cells, whole or in part: rolling,
rolling/migrate, maintenance/open/controller. --covering runs a small choice that has every mode and every fault that takes a real host,
--table only writes the table. --again COMMIT also runs again what was run at that commit, as the table names it. A second run beside
the first, with --lab another, takes cells that the first has not begun.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "demo")]  # the lab is that of the scripts
import matrix_cells  # noqa: E402  (scripts find each other by this path)
import matrix_table  # noqa: E402
import workspace  # noqa: E402
from lab import Lab  # noqa: E402
from matrix_run import Run  # noqa: E402
from matrix_shop import MatrixShop  # noqa: E402

RESULTS = workspace.CACHE / "recovery-matrix"
TABLE = workspace.ROOT / "docs" / "recovery-matrix.md"
KEPT = TABLE.with_suffix(".json")


def chosen(names, covering):
    """The cells that arguments name, in their order; all where there are none."""
    all_cells = [cell for cell in matrix_cells.cells() if not cell.why_not]
    found = all_cells if not names else list(dict.fromkeys(
        cell for name in names for cell in all_cells if (str(cell) + "/").startswith(name + "/")))
    if not found:
        workspace.fail("no cell is called %s" % ", ".join(names))
    return matrix_cells.covering(found) if covering else found


def commit():
    """What is tested, as git names it."""
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=workspace.ROOT, stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def run(shop, cell, folder):
    """Run a cell and keep what became of it."""
    word = str(cell).replace("/", "-")
    begun = time.monotonic()
    with open(folder / (word + ".log"), "w", encoding="utf-8") as log:
        try:
            outcome = dataclasses.asdict(Run(shop, cell, log.write).run())
        except (OSError, RuntimeError, ValueError) as error:
            outcome = {"cell": str(cell), "how": "", "wrong": ["the run itself failed: %s" % error]}
    outcome.update(whole=round(time.monotonic() - begun, 1), ended=time.time(), commit=commit())
    part = folder / (".part-" + word)
    part.write_text(json.dumps(outcome, indent=2), encoding="utf-8")
    part.rename(folder / (word + ".json"))
    said = "FAILED: %s" % "; ".join(outcome["wrong"]) if outcome["wrong"] else "%(how)s by %(by)s, %(seconds).0f s" % outcome
    print("%-34s %s  %s (%.0f s)" % (cell, said, outcome.get("requests", ""), outcome["whole"]), flush=True)
    return outcome


def known(folder):
    """{cell: outcome} of the cells that have been run, here or, where this is the matrix of the documentation, elsewhere."""
    outcomes = json.loads(KEPT.read_text(encoding="utf-8")) if folder == RESULTS and KEPT.exists() else []
    outcomes += [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {outcome["cell"]: outcome for outcome in sorted(outcomes, key=lambda outcome: outcome["ended"])}


def publish(outcomes):
    """Write the table, and what it is made of."""
    matrix_table.write(TABLE, outcomes)
    part = KEPT.with_name(".part-" + KEPT.name)
    part.write_text(json.dumps([outcomes[cell] for cell in sorted(outcomes)], indent=1) + "\n", encoding="utf-8")
    part.rename(KEPT)


@contextlib.contextmanager
def claimed(cell, folder):
    """Whether nobody else is at this cell; then nobody else gets it."""
    with open(folder / (".claim-" + str(cell).replace("/", "-")), "w", encoding="utf-8") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def run_left(cells, lab, folder, again=()):
    """Run those cells that are due, in a lab that is taken down again unless it was there before."""
    there, begun, shop = (lab.folder / "lab.json").exists(), time.time(), None
    try:
        for cell in cells:
            with claimed(cell, folder) as free:
                if not free or not matrix_cells.is_due(known(folder).get(str(cell)), begun, again):
                    continue
                if shop is None:
                    shop = MatrixShop(lab, versions=len(cells))  # each goes on by one at most
                    shop.ready()
                if run(shop, cell, folder)["wrong"]:
                    shop = None  # to be made ready again
    finally:
        if not there:
            lab.down()


def main(arguments):
    parser = argparse.ArgumentParser(description="The recovery matrix.")
    parser.add_argument("cells", nargs="*", help="what to run, such as rolling/migrate")
    parser.add_argument("--covering", action="store_true", help="a small choice of them")
    parser.add_argument("--anew", action="store_true", help="forget what has been run")
    parser.add_argument("--again", metavar="COMMIT", action="append", default=[], help="run again what was run at this commit")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--lab", default="matrix", help="the lab to use; one that is there is left as it was found")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    if options.anew:
        shutil.rmtree(options.results, ignore_errors=True)
        if options.results == RESULTS:
            KEPT.unlink(missing_ok=True)
    options.results.mkdir(parents=True, exist_ok=True)
    wanted = chosen(options.cells, options.covering)
    if not options.table:
        with workspace.only_one("lab-" + options.lab):
            run_left(wanted, Lab(options.lab), options.results, options.again)
    outcomes = known(options.results)
    if options.results == RESULTS:
        publish(outcomes)
    ran = [outcomes[cell] for cell in map(str, wanted) if cell in outcomes]
    bad = [outcome for outcome in ran if outcome["wrong"]]
    print("recovery matrix: %d cells are as they should be, %d are not, %d were not run" % (
        len(ran) - len(bad), len(bad), len(wanted) - len(ran)))
    return 1 if bad or len(ran) < len(wanted) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
