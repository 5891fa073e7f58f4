# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all hosts have reported so far, and what follows from it for the next step.

A step never fails in Ansible's sense: a failed or unreachable host would leave the play, and with it the way back.
The outcome travels as data in the registered result; this board reads it, and the last task of the play fails.
"""

from __future__ import annotations

import collections.abc

from ansible_collections.slipway.app.plugins.module_utils._operation.table import (
    BACK, FORWARD, LAST, MODES, STEPS, mode_of, runs_on, steps_of)
from ansible_collections.slipway.app.plugins.module_utils._service.definition import service_of
from ansible_collections.slipway.app.plugins.plugin_utils._patched import differences, left_out

GROUPS = ("app", "consumer")  # the inventory groups whose hosts run the application
REGISTER = "operation_step_result"  # every step registers its result under this name
FOLLOW = ("stage", "drain", "close", "activate", "open")  # what brings a host along that was away when the operation ended


def hosts_of(groups):
    """{host: roles} of the application; the first host of the group app is the leader."""
    hosts = {}
    for group in GROUPS:
        for host in groups.get(group, []):
            hosts.setdefault(host, []).append(group)
    hosts[groups["app"][0]].append("leader")
    return hosts


def named_twice(folders):
    """[(hosts, sentence)] of several names that lead to the same folder; folders: {host: what tells its folder from every other, or None}."""
    names = {}
    for host, folder in folders.items():
        names.setdefault(folder, []).append(host)
    return [(hosts, "They are the same folder of the same machine, and each would take away what runs by the roles of the other: name the machine "
                    "once, in each group that it belongs to.") for folder, hosts in names.items() if folder and len(hosts) > 1]


class Reports(collections.abc.Mapping):
    """{host: what it has registered}, read when it is asked for."""

    def __init__(self, hosts, task_vars):
        self._hosts = hosts
        self._hostvars = task_vars["hostvars"]
        # A host's own variables are at hand.
        self._read = {name: dict(task_vars.get(REGISTER) or {}) for name in [task_vars.get("inventory_hostname")] if name}

    def __getitem__(self, host):
        if host not in self._read:
            self._read[host] = dict(_registered(self._hostvars, host) or {})
        return self._read[host]

    def __iter__(self):
        return iter(self._hosts)

    def __len__(self):
        return len(self._hosts)


def _registered(hostvars, host):
    """What a host has registered, from where Ansible keeps it.

    Asked for as any variable, Ansible makes up all variables of the host before: some 4 ms, and in each step every host
    asks for every other. A version that keeps it elsewhere is asked that way.
    """
    try:
        kept = hostvars._variable_manager._nonpersistent_fact_cache
    except AttributeError:
        return hostvars[host].get(REGISTER)
    return kept.get(host, {}).get(REGISTER)


class Board:
    """The reports of all hosts before a step runs."""

    def __init__(self, task_vars, kind, check_mode=False, fresh=False):
        """fresh: forget what an operation before this one, in the same run of Ansible, has left."""
        self.asked_mode = "maintenance"
        self.recovering = kind == "recover"
        self.check_mode = check_mode
        self.hosts = hosts_of(task_vars["groups"])
        self.leader = next(host for host, roles in self.hosts.items() if "leader" in roles)
        # What Ansible itself has dropped, by an error that is no report: it would be taken for one that all went well on.
        self.dropped = [host for host in self.hosts if host not in task_vars.get("ansible_play_hosts", self.hosts)]
        self.reports = {host: {} for host in self.hosts} if fresh else Reports(self.hosts, task_vars)

    def serving(self):
        """The hosts that serve users."""
        return [host for host, roles in self.hosts.items() if "app" in roles]

    def _of_leader(self, key):
        return self.reports[self.leader].get(key)

    @property
    def operation(self):
        """{id, fence, plan} of the running operation, or None before it has started."""
        return self._of_leader("operation")

    @property
    def mode(self):
        """The name of the operation's mode; before it has begun, of the one that is asked for."""
        if self.operation:
            return mode_of(self.operation["plan"])
        return (self.decision or {}).get("mode") or self.asked_mode

    @property
    def decision(self):
        return self._of_leader("decision")

    def failures(self):
        """[(host, step, message)] of all hosts, in the order of the steps."""
        found = [(host, step, message) for host, report in self.reports.items()
                 for step, message in (report.get("failures") or {}).items()]
        return sorted(found, key=lambda failure: STEPS.index(failure[1]))

    def failed_forward(self):
        return [failure for failure in self.failures() if failure[1] in FORWARD]

    def failed_back(self):
        return [failure for failure in self.failures() if failure[1] in BACK]

    def seen_since(self):
        """{host: survey} of hosts that have seen another run take over since: by a higher fencing number than this run has."""
        return {host: survey for host, survey in self.surveys().items() if self.operation and survey.get("fence", 0) > self.operation["fence"]}

    def taken_over(self):
        """Whether another run has taken over the operation since, or has ended it: a host has said so, or shows it."""
        return self.operation is not None and (any(report.get("taken_over") for report in self.reports.values()) or bool(self.seen_since()))

    def findings(self):
        """[(host, finding)] of the preflight, and of what it found on all hosts together."""
        patched, folders = self._patched("found"), {host: (report.get("found") or {}).get("folder") for host, report in self.reports.items()}
        return [(host, finding) for host, report in self.reports.items() for finding in report.get("findings") or []] + [
            (", ".join(hosts), sentence) for hosts, sentence in differences(patched) + left_out(patched) + named_twice(folders)]

    def _patched(self, key):
        """{host: what patches its live release has}, as the preflight found it or the survey."""
        said = {host: (report.get(key) or {}).get("patched") for host, report in self.reports.items()}
        return {host: patched for host, patched in said.items() if patched}

    def differently_patched(self):
        """["hosts: in which patches they differ, and what mends it"], as the survey has it."""
        return ["%s: %s" % (", ".join(hosts), sentence) for hosts, sentence in differences(self._patched("survey"))]

    def nothing_to_do(self):
        """Whether the preflight found the package live on every host already."""
        found = [report.get("found") for report in self.reports.values()]
        return bool(found) and all(
            item and item.get("digest") and item["current"] and item["current"]["digest"] == item["digest"] for item in found)

    def resting(self):
        """The services that hosts have and none is to run, as the preflight found them: people have stopped them."""
        found = [(report.get("found") or {}).get("services") or {} for report in self.reports.values()]
        to_run = {service_of(name) for services in found for name, runs in services.items() if runs}
        return sorted({service_of(name) for services in found for name in services} - to_run)

    def why_not(self, step, host, turn=None):
        """Why a step does not run on this host now, or None when it does.

        turn: which batch's turn it is, counted from 0, where hosts take turns.
        """
        if self.dropped:
            return "a host has left the run"
        if step not in steps_of(self.mode):
            return "not in this mode"
        if not runs_on(self.mode, step, self.hosts[host]):
            return "not for this host"
        if (self.decision or {}).get("direction") == "follow":
            return self._why_not_follow(step, host, turn)
        return (self._why_not_forward(step, host) if step in FORWARD else self._why_not_back(step, host)) or self._why_wait(
            step, host, turn)

    def _why_not_follow(self, step, host, turn):
        """A host that was away follows on its own, whatever becomes of another one; all others have ended."""
        if turn is not None:
            return "all hosts at once"
        follows = host in self.decision["away"] if step in FOLLOW else step == "finish" and (
            host in self.decision["behind"] or host in self.decision["locks"])
        if not follows:
            return "already over"
        return "an earlier step failed" if any(name == host for name, dummy, dummy2 in self.failures()) else None

    def _why_wait(self, step, host, turn):
        """Why it is not this host's turn, or None."""
        takes_turns = self.operation is not None and step in MODES[self.mode].by_batch
        if takes_turns != (turn is not None):
            return "the hosts take turns" if takes_turns else "all hosts at once"
        if takes_turns and host not in self._having_turn(step, turn):
            return "another's turn"
        return None

    def _having_turn(self, step, turn):
        """The hosts that do a step in this turn: one batch, and those that watch are all that had their turn before."""
        batches = self._batches(step)
        return [host for batch in batches[:turn] for host in batch] if step == "watch" else batches[turn]

    def _batches(self, step):
        """On the way back the last to leave is the first to return: until then the others have to serve."""
        batches = self.operation["plan"]["batches"]
        return batches if step in FORWARD else batches[::-1]

    def _why_not_forward(self, step, host):
        direction = (self.decision or {}).get("direction")
        if self.recovering and step in MODES[self.mode].prepare:
            return "recovering"
        if step != "preflight" and (self.findings() or self.nothing_to_do()):
            return "nothing was started"
        if step not in ("preflight", "start") and self.operation is None and not self.check_mode:
            return "nothing was started"
        if self.recovering and self.operation and host not in self.operation["plan"].get("hosts", self.hosts):
            return "it had no part in it"
        if direction in ("back", "none"):
            return "going back" if direction == "back" else "nothing was left over"
        if self.failed_forward() or self.failed_back():
            return "an earlier step failed"
        return None

    def _why_not_back(self, step, host):
        if step in ("survey", "assess"):
            return self._why_not_asked(step)
        if (self.decision or {}).get("direction") != "back":
            return "not going back"
        failed = self.failed_back()
        # Where hosts take turns, those that serve are not to leave for one that cannot return.
        if failed and (step in LAST or MODES[self.mode].by_batch or any(name == self.leader for name, dummy, dummy2 in failed)):
            return "going back failed"
        if any(name == host for name, dummy, dummy2 in failed):
            return "this host could not go back"
        if step in MODES[self.mode].by_batch and self._untouched(host):
            return "this host is as it was"
        return None

    def _untouched(self, host):
        """Whether the host says that no step has begun that would have changed what it runs."""
        operation = self._surveyed(host)
        decided = self.operation or self._surveyed(self.leader)  # in check mode nothing was taken over
        if not operation or not decided or operation["id"] != decided["id"]:
            return False
        return not {step["step"] for step in operation["steps"]} & set(MODES[self.mode].touching)

    def _surveyed(self, host):
        """The operation that a host knew of when it was asked, or None."""
        return (self.reports[host].get("survey") or {}).get("operation")

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
        if step == "assess" and self.taken_over():
            return "another run has taken over"
        return None

    def may_go_back(self):
        """Whether a step of the way back may have to run; if not, hosts need not be asked about one after the other."""
        return (self.decision or {}).get("direction") == "back" or self._why_not_asked("survey") is None

    def turns(self):
        """[0, 1, ...], one for each batch of hosts that take turns."""
        return list(range(len(self.operation["plan"].get("batches") or []))) if self.operation else []

    def lock_is_held(self):
        """Whether somebody held the lock when the leader was asked."""
        return bool((self.reports[self.leader].get("survey") or {}).get("holder"))

    def left_open(self):
        """{host: operation} of those that a recovery has found open and that are not the one it was about."""
        mine = (self.operation or {}).get("id") or self.decision.get("closed")
        found = {host: survey["operation"] for host, survey in self.surveys().items() if survey.get("operation")}
        return {host: operation["id"] for host, operation in found.items()
                if operation["outcome"] == "open" and operation["id"] != mine}

    def surveys(self):
        return {host: report["survey"] for host, report in self.reports.items() if report.get("survey")}
