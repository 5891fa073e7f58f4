# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the recovery matrix consists of: which fault can strike in which step of which mode, as data.

The steps are those of the collection's own table, so that a step that is added there is asked about here.
"""

from __future__ import annotations

import dataclasses
import sys

import workspace

workspace.link_tree()
sys.path.append(str(workspace.COLLECTIONS))
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES, runs_on  # noqa: E402

LEADER, OTHER, DATABASE, REGISTRY = "app1", "app2", "db1", "build1"
ROLES = {LEADER: ("app", "leader"), OTHER: ("app",)}
BEGIN = "start"  # the step that opens the journal; its record is that of the operation
UNJOURNALED = ("preflight", "survey", "watch")


@dataclasses.dataclass(frozen=True)
class Fault:
    """name; title: for people; only: the one step in which it can strike; why: what to say of all others."""

    name: str
    title: str
    only: str = ""
    why: str = ""


_NO_MIGRATION = "no migration runs in this step"
FAULTS = {fault.name: fault for fault in (
    Fault("controller", "controller killed"),
    Fault("app", "app host killed"),
    Fault("leader", "leader killed"),
    Fault("database", "database cut off"),
    Fault("registry", "registry gone", "stage", "packages are read while staging only"),
    Fault("disk", "disk full on a host"),
    Fault("failing", "migration fails", "migrate", _NO_MIGRATION),
    Fault("hanging", "migration hangs", "migrate", _NO_MIGRATION),
)}
# What every run has without a cell, in the mode maintenance and on hosts that are folders: tests/integration kills a controller, and has a
# migration that hangs; the demo has one that fails. That a registry which is gone leaves a host as it is, tests/registry sees.
MET_ELSEWHERE = ("controller", "failing", "hanging", "registry")
# By mode, where a choice looks first. In rolling that is on the way back, which CI has on real hosts nowhere else: a host has turned red and
# gone back, the leader is about to.
WHERE_HOSTS_DIFFER = {"maintenance": "migrate", "rolling": "quiesce", "source": "activate"}


@dataclasses.dataclass(frozen=True, order=True)
class Cell:
    """One field of the matrix: this fault strikes when this step of this mode has begun."""

    mode: str
    step: str
    fault: str

    def __str__(self):
        return "%s/%s/%s" % (self.mode, self.step, self.fault)

    @property
    def why_not(self):
        """Why the fault means nothing there, or nothing."""
        fault = FAULTS[self.fault]
        return fault.why if fault.only and fault.only != self.step else ""

    @property
    def goes_back(self):
        """Whether the step is of the way back, so that something else has to go wrong before."""
        return self.step in MODES[self.mode].back

    @property
    def record(self):
        """(host, step) of the record in a journal at which the fault strikes.

        Of several hosts that do the step it is the second, so that one has done its turn where they take turns; the
        leader where it is the leader that dies, and where nobody else does the step.
        """
        if self.step == BEGIN:
            return LEADER, "operation"
        other = self.fault != "leader" and runs_on(self.mode, self.step, ROLES[OTHER])
        return (OTHER if other else LEADER), self.step


def steps(mode):
    """The steps of a mode that are in the journals, in their order, those of the way back last."""
    return [step for step in (*MODES[mode].forward, *MODES[mode].back) if step not in UNJOURNALED]


def cells():
    """All fields, those that mean nothing too, in the order of the tables."""
    return [Cell(mode, step, fault) for mode in MODES for step in steps(mode) for fault in FAULTS]


def is_due(outcome, begun, again):
    """Whether a cell has not been run well, or was at a commit whose cells are to be run again.

    One that fails is not tried again by runs that had begun by then, neither by its own nor by one beside it.
    """
    return outcome is None or outcome["ended"] < begun and (bool(outcome["wrong"]) or outcome["commit"] in again)


def covering(among):
    """A small choice: every fault that takes a real host once, every mode, and steps that differ as far as that can be.

    Faults that can strike in few fields choose first; each takes the field whose mode and step were taken least so far, of
    those the one nearest to WHERE_HOSTS_DIFFER.
    """
    among = [cell for cell in among if not cell.why_not]
    by_fault = {name: [cell for cell in among if cell.fault == name] for name in FAULTS if name not in MET_ELSEWHERE}
    chosen = []
    for found in sorted(by_fault.values(), key=len):
        modes, names = [cell.mode for cell in chosen], [cell.step for cell in chosen]
        if found:
            chosen.append(min(found, key=lambda cell: (
                names.count(cell.step), modes.count(cell.mode), _from_where_hosts_differ(cell))))
    return sorted(chosen, key=among.index)


def _from_where_hosts_differ(cell):
    order = steps(cell.mode)
    return abs(order.index(cell.step) - order.index(WHERE_HOSTS_DIFFER[cell.mode]))
