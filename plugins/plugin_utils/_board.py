# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all hosts have reported so far, and what follows from it for the next step.

A step never fails in Ansible's sense: a failed or unreachable host would leave the play, and with it the way back.
The outcome travels as data in the registered result; this board reads it, and the last task of the play fails.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._operation.table import BACK, FORWARD, runs_on

GROUPS = ("app", "consumer")  # the inventory groups whose hosts run the application
REGISTER = "operation_step_result"  # every step registers its result under this name
PREPARE = ("preflight", "start", "stage", "drain", "close", "protect", "migrate")
LAST = ("finish", "undo")  # steps that close the operation


def hosts_of(groups):
    """{host: roles} of the application; the first host of the group app is the leader."""
    hosts = {}
    for group in GROUPS:
        for host in groups.get(group, []):
            hosts.setdefault(host, []).append(group)
    hosts[groups["app"][0]].append("leader")
    return hosts


class Board:
    """The reports of all hosts before a step runs."""

    def __init__(self, task_vars, kind, check_mode=False, fresh=False):
        """fresh: forget what an operation before this one, in the same run of Ansible, has left."""
        self.recovering = kind == "recover"
        self.check_mode = check_mode
        self.hosts = hosts_of(task_vars["groups"])
        self.leader = next(host for host, roles in self.hosts.items() if "leader" in roles)
        self.reports = {}
        for host in self.hosts:
            report = None if fresh else task_vars["hostvars"][host].get(REGISTER)
            self.reports[host] = dict(report or {})

    def _of_leader(self, key):
        return self.reports[self.leader].get(key)

    @property
    def operation(self):
        """{id, fence, plan} of the running operation, or None before it has started."""
        return self._of_leader("operation")

    @property
    def decision(self):
        return self._of_leader("decision")

    def failures(self):
        """[(host, step, message)] of all hosts, in the order of the steps."""
        order = list(FORWARD) + list(BACK)
        found = [(host, step, message) for host, report in self.reports.items()
                 for step, message in (report.get("failures") or {}).items()]
        return sorted(found, key=lambda failure: order.index(failure[1]))

    def failed_forward(self):
        return [failure for failure in self.failures() if failure[1] in FORWARD]

    def failed_back(self):
        return [failure for failure in self.failures() if failure[1] in BACK]

    def findings(self):
        """[(host, finding)] of the preflight."""
        return [(host, finding) for host, report in self.reports.items() for finding in report.get("findings") or []]

    def nothing_to_do(self):
        """Whether the preflight found the package live on every host already."""
        found = [report.get("found") for report in self.reports.values()]
        return bool(found) and all(
            item and item.get("digest") and item["current"] and item["current"]["digest"] == item["digest"] for item in found)

    def why_not(self, step, host):
        """Why a step does not run on this host now, or None when it does."""
        if not runs_on(step, self.hosts[host]):
            return "not for this host"
        if step in FORWARD:
            return self._why_not_forward(step)
        return self._why_not_back(step, host)

    def _why_not_forward(self, step):
        direction = (self.decision or {}).get("direction")
        if step in PREPARE and self.recovering:
            return "recovering"
        if step != "preflight" and (self.findings() or self.nothing_to_do()):
            return "nothing was started"
        if step not in ("preflight", "start") and self.operation is None and not self.check_mode:
            return "nothing was started"
        if direction == "closed":
            return None if step == "finish" and self.decision["outcome"] == "done" else "already over"
        if direction in ("back", "none"):
            return "going back" if direction == "back" else "nothing was left over"
        if self.failed_forward() or self.failed_back():
            return "an earlier step failed"
        return None

    def _why_not_back(self, step, host):
        if step in ("survey", "assess"):
            return self._why_not_asked(step)
        direction = (self.decision or {}).get("direction")
        if direction == "closed":
            return None if step == "undo" and self.decision["outcome"] != "done" else "already over"
        if direction != "back":
            return "not going back"
        failed = self.failed_back()
        if any(name == self.leader or step in LAST for name, dummy, dummy2 in failed):
            return "going back failed"
        if any(name == host for name, dummy, dummy2 in failed):
            return "this host could not go back"
        return None

    def _why_not_asked(self, step):
        """survey and assess run when recover begins, and when a step after start has failed; each time once."""
        begun = self.operation is not None
        if self.decision is None:
            needed = self.recovering or (begun and self.failed_forward())
        else:
            needed = self.decision["direction"] == "forward" and self.failed_forward()
        if not needed:
            return "nothing to decide"
        if step == "assess" and not self.reports[self.leader].get("survey"):
            return "the leader cannot be asked"
        return None

    def surveys(self):
        return {host: report["survey"] for host, report in self.reports.items() if report.get("survey")}
