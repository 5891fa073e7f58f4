# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/recovery-matrix.md, written from what became of the cells."""

from __future__ import annotations

import collections
import os
import time

import matrix_cells
from matrix_cells import FAULTS, MODES, Cell
from matrix_run import APART

HEAD = """\
# Recovery matrix

Written by `make recovery-matrix`; changes by hand are lost. Every field is a run on real hosts (containers with systemd, SSH,
nginx, HAProxy, PostgreSQL over the network, a registry): customers order and read through the balancer all the time,
an upgrade begins, and as soon as the journal says that the step of the row has begun, the fault of the column strikes. The
upgrade ends or dies, the fault is mended, and `recover` is run where an operation or a restore point is left. Then it is looked from outside:
every host serves one version, the schema is that of this version, no accepted order is lost, the job of each was done exactly
once, nobody is kept out, what ran before runs and the consumer that was stopped by hand does not, no process and no statement
is left over, the lock is free, every journal is closed, there is no other database.

- **back**: the old release is live again. **on**: the new one is.
- *itself*: the upgrade had ended cleanly by itself, so many seconds after the fault. *recover*: `recover` was run once, and took
  so many seconds. Two cores do the work of all hosts.
- **n failed**: so many of the customers' requests failed, those that were on their way to a host that died, or needed what was
  cut off. A polite refusal during maintenance is none. Where no serving host is touched by the fault, one failed request is
  a failure of the field.
- The host of *app host killed* is the second one; it stays down until the upgrade has ended. `status` has to tell of it while
  it is down and, where the operation is open, when it is back. In maintenance it has to serve what the others serve, or nobody,
  until `recover` has brought it in line; otherwise the old and the new release may serve side by side.
- *database cut off* lasts until the upgrade has ended, at most %d seconds. *disk full* is on the second app host, or on the leader
  where the leader alone does the step.
- In the rows of the way back, the new release was not well on the second app host before; so the first fault makes the upgrade
  go back, and the second one strikes while it does.
- A step of a few milliseconds may be over when the fault takes hold; then it strikes the next one. Where that is known to have been
  so, the field says *late*.
- A field that failed is run again by the next call, and the table has the last run of each.

%s
"""

TAIL = """
## What is not recovered automatically

- **A host that is gone for good.** The operation stays open, and so does its lock, until `recover` can ask every host, or the host
  is taken out of the inventory. The others are back meanwhile (or serve the new release, where it was opened already).
- **The leader's disk.** Journal and lock are on the leader. A leader that loses its disk takes them along: the other hosts' journals
  still say what was live, but nobody decides for them.
- **Writes since the restore point, when a host cannot say whether it has accepted any.** `recover` refuses to put the restore
  point back until that host is within reach; `-e accept_loss=true` says that it may.
- **The database in the modes rolling and source.** Users have gone on writing, so it never goes back. A migration that failed half-way
  leaves what it had done; the old release goes on with it, and the migration has to be mended before the next upgrade.
- **One version everywhere, while hosts take turns and one is gone.** The hosts that serve are not taken out of the balancer for the sake
  of one that cannot come back; old and new release serve side by side, as they did before, until `recover` has run.
- **Requests on their way to a host that dies**, and those that need a database which cannot be reached. They fail; the balancer keeps
  the ones after them away within two health checks.
- **A job whose consumer is cut off from the database** in the midst of the job's work, or after it and before the queue is told. The
  consumer is killed at its deadline, and the queue runs the job again, as every queue does that promises "at least once". In the
  column *database cut off* a job may have been begun or done twice, but never not at all.
- **A controller that is lost together with its machine**: from another one `recover` cannot see that the owner is dead, and waits for
  the lease of 15 minutes, or for `-e takeover=true`.
"""


def write(path, outcomes):
    """Write the table of all cells; outcomes: {cell: outcome} of those that have been run."""
    footnotes = []
    tables = [_table(mode, outcomes, footnotes) for mode in MODES]
    text = HEAD % (APART, _summary(outcomes)) + "\n" + "\n".join(tables)
    if footnotes:
        text += "\n" + "\n".join("%d. %s" % footnote for footnote in enumerate(footnotes, 1)) + "\n"
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(".part-" + path.name)
    part.write_text(text + _pointless() + TAIL, encoding="utf-8")
    os.rename(part, path)


def _summary(outcomes):
    possible = [str(cell) for cell in matrix_cells.cells() if not cell.why_not]
    ran = [outcomes[cell] for cell in possible if cell in outcomes]
    failed = [outcome for outcome in ran if outcome["wrong"]]
    by_itself = [outcome for outcome in ran if outcome.get("by") == "itself"]
    commits = collections.Counter(outcome["commit"] for outcome in sorted(ran, key=lambda outcome: outcome["ended"]))
    return ("Written on %s; fields run at each commit, the oldest first: %s. Debian 12, PostgreSQL 15, systemd 252, HAProxy 2.6: "
            "of %d fields that mean something **%d were run, %d of them failed**, %d were not run. In %d nobody had to run `recover`." % (
                time.strftime("%Y-%m-%d", time.gmtime()), ", ".join("%s %d" % each for each in commits.items()) or "none",
                len(possible), len(ran), len(failed), len(possible) - len(ran), len(by_itself)))


def _table(mode, outcomes, footnotes):
    lines = ["## %s" % mode, "", "| step | %s |" % " | ".join(fault.title for fault in FAULTS.values()),
             "|---" * (len(FAULTS) + 1) + "|"]
    for step in matrix_cells.steps(mode):
        fields = [_field(Cell(mode, step, fault), outcomes, footnotes) for fault in FAULTS]
        back = " (going back)" if step in MODES[mode].back else ""
        lines.append("| `%s`%s | %s |" % (step, back, " | ".join(fields)))
    return "\n".join(lines) + "\n"


def _field(cell, outcomes, footnotes):
    outcome = outcomes.get(str(cell))
    if cell.why_not:
        return "n/a"
    if outcome is None:
        return "not run"
    if outcome["wrong"]:
        footnotes.append("`%s`: %s" % (cell, _one_line("; ".join(outcome["wrong"]))))
        return "**FAILED** (%d)" % len(footnotes)
    failed = outcome["requests"]["error"]
    return "%s, %s %.0f s" % (outcome["how"].replace("went ", ""), outcome["by"], outcome["seconds"]) + (
        ", %d failed" % failed if failed else "") + (", late" if outcome.get("late") else "")


def _one_line(text):
    text = " ".join(text.replace("|", "/").split())
    return text if len(text) < 400 else text[:400] + "..."


def _pointless():
    """The reasons for the fields in which a fault means nothing."""
    lines = ["- *%s* elsewhere than in `%s`: %s." % (fault.title, fault.only, fault.why) for fault in FAULTS.values() if fault.only]
    return "\n".join(["", "## What n/a means", ""] + lines) + "\n"
