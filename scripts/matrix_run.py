# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cell of the recovery matrix: an upgrade under customers, a fault in it, the recovery, and a look from outside."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import re
import threading
import time
from functools import partial

import processes
from client import Client
from lab_engine import until
from matrix_cells import DATABASE, LEADER, OTHER, REGISTRY

UPGRADE = 600  # seconds an upgrade may take before the fault, and after it; then its controller is killed
APART = 30  # seconds after which a network that was cut comes back, if the upgrade does not end before
ACCEPT = "unknown"  # the advisor's rule for a migration that calls functions, as those of the matrix do
DOWN_WORD = "UNREACHABLE"  # Ansible's own
DOWN = {"app": OTHER, "leader": LEADER}
# Faults in which no host that serves, nor what it needs, is touched: without maintenance no request may fail.
GENTLE = ("controller", "registry", "failing", "hanging")


@dataclasses.dataclass
class Outcome:
    """What became of a cell. wrong is empty when all is as it should be.

    how: "went back" or "went on"; by: "itself" or "recover"; seconds: how long the upgrade went on after the fault, or
    recover took; requests: {accepted, read, refused, error: how many}; notes: what else is to be known; late: whether the step
    was over when the fault took hold, None where that is not known.
    """

    cell: str
    how: str = ""
    by: str = ""
    seconds: float = 0
    requests: dict = dataclasses.field(default_factory=dict)
    wrong: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)
    late: bool = None


class Run:
    """One cell in a shop that is ready. log(text) takes what the playbooks print."""

    def __init__(self, shop, cell, log):
        self.shop, self.lab = shop, shop.lab
        self.cell = cell
        self.log = log
        self.outcome = Outcome(str(cell))
        self.struck_at = ""  # when the fault had taken hold, as journals write it
        self.mending = contextlib.ExitStack()  # takes the fault away again, once it has struck
        self.before = shop.live()
        self.version = shop.after(self.before, cell.mode)
        self.package = shop.package(self.version)

    def run(self):
        """Do it all; the Outcome."""
        client = Client({"balancer": self.shop.balancer}, rate=2).start()
        try:
            self._break_and_mend()
            moment = time.time()
            with contextlib.suppress(RuntimeError):  # what is wrong is said below
                until(lambda: len(client.accepted(moment)) >= 4, 60, "")
        finally:
            client.stop()
        self._look(client)
        return self.outcome

    # What is done

    def _break_and_mend(self):
        if self.cell.fault in ("failing", "hanging"):
            self.shop.weather(self.cell.fault)
        elif self.cell.goes_back:
            self.shop.weather("fair", red=self.version)
        struck = self._upgrade()
        down = DOWN.get(self.cell.fault)
        if down and struck:
            self._tell_status(down, "down")
        self.mending.close()
        if struck:
            self.outcome.late = was_over(self.shop.journal(self.cell.record[0]), self.cell.record[1], self.struck_at)
        if down and struck:
            self._refuses(down)
            self._tell_status(down, "back")
        kept = self.shop.restore_points()
        if kept and not self.shop.left_over():
            self.outcome.notes.append("the restore point could not be dropped at the end; recover did it")
        if down or kept or self.shop.left_over():
            begun = time.monotonic()
            recovered = self.shop.playbook("recover")
            self.log(recovered.output)
            self.outcome.by, self.outcome.seconds = "recover", time.monotonic() - begun
            if recovered.rc:
                self.outcome.wrong.append("recover failed: " + _last_words(recovered.output))
        self.shop.weather("fair")

    def _upgrade(self):
        """Upgrade, and let the fault strike in it; whether it did."""
        host, step = self.cell.record
        with self.shop.watch(host, step) as noticed:
            running = self.shop.lab.start_playbook(
                "upgrade", package=self.package, mode=self.cell.mode, slipway_accept_unsafe_mode=ACCEPT)
            said = _Said(running)
            struck = noticed(running, UPGRADE)
            begun = time.monotonic()
            if struck:
                self._strike(running)
                self.struck_at = lab_time()
            else:
                self.outcome.wrong.append("the step was never begun: " + _last_words(said.text()))
        self._wait(running, begun)
        self.outcome.by, self.outcome.seconds = "itself", time.monotonic() - begun
        self.log(said.text())
        return struck

    def _strike(self, running):
        faults = self._faults()
        if self.cell.fault == "controller":
            processes.kill([processes.identity(running.pid)])
        elif self.cell.fault in faults:
            strike, mend = faults[self.cell.fault]
            self.mending.callback(mend)
            strike()

    def _faults(self):
        """{name: (what strikes, what takes it away)}; the others are faults of the controller and of migrations."""
        lab, host = self.lab, self.cell.record[0]
        return {
            "app": (partial(lab.kill, OTHER), partial(lab.start, OTHER)),
            "leader": (partial(lab.kill, LEADER), partial(lab.start, LEADER)),
            "database": (partial(lab.partition, DATABASE), partial(lab.heal, DATABASE)),
            "registry": (partial(lab.kill, REGISTRY), partial(lab.start, REGISTRY)),
            "disk": (partial(lab.fill, host), partial(lab.empty, host)),
        }

    def _wait(self, running, begun):
        """Wait until the upgrade has ended; what hangs on a network that was cut gets it back, what hangs on is killed."""
        while running.poll() is None:
            passed = time.monotonic() - begun
            if self.cell.fault == "database" and passed > APART:
                self.mending.close()
            if passed > UPGRADE:
                processes.kill([processes.identity(running.pid)])
                self.outcome.notes.append("the upgrade hung for %d seconds and was killed" % UPGRADE)
            time.sleep(0.05)

    # What is seen

    def _tell_status(self, host, when):
        """See that status tells that a host is not as the others."""
        status = self.shop.playbook("status")
        self.log(status.output)
        told = told_of(status.output, host)
        if when == "down":
            known = told == DOWN_WORD
        else:
            known = re.search(r"operation +\S+: open", told) or not self.shop.probe(host)["open"]
        if not known:
            self.outcome.wrong.append("status does not tell that %s is %s" % (host, when))

    def _refuses(self, host):
        """See that a host that is back serves nothing else than the others do, unless both may serve side by side."""
        others = {self.shop.probe(other)["version"] for other in self.shop.apps if other != host}
        status, version = self.shop.answers(host)
        differs = status == 200 and version not in others
        if differs and self.cell.mode == "maintenance":
            self.outcome.wrong.append("%s came back and serves %s, the others have %s" % (host, version, ", ".join(others)))
        how = "serving another version than the others" if differs else "serving" if status == 200 else "out of rotation"
        self.outcome.notes.append("%s came back %s" % (host, how))

    def _look(self, client):
        outcome, among_users = self.outcome, self.cell.mode != "maintenance"
        kinds = [event.kind for event in client.since(0)]
        outcome.requests = {kind: kinds.count(kind) for kind in ("accepted", "read", "refused", "error")}
        # A consumer that is cut off may be killed at its deadline, with a job's work done and the queue not told of it.
        version, wrong = self.shop.wrong(client.accepted(), again=self.cell.fault == "database")
        outcome.how = {self.before: "went back", self.version: "went on"}.get(version, "is at " + version)
        if version not in (self.before, self.version):
            wrong.append("%s is live, neither %s nor %s" % (version, self.before, self.version))
        else:
            wrong += self.shop.schema_is(version, more=among_users and version == self.before)
            self.shop.forget_after(version)
        errors = collections.Counter(event.detail for event in client.since(0) if event.kind == "error").most_common(4)
        (wrong if self.cell.fault in GENTLE else outcome.notes).extend(
            "%d requests failed: %s" % (number, detail) for detail, number in errors)
        if among_users and outcome.requests["refused"] and self.cell.fault in GENTLE:
            wrong.append("%d requests were refused" % outcome.requests["refused"])
        outcome.wrong += wrong


def told_of(output, host):
    """What the playbook status says of this host and no other: its block, or that it cannot be reached, or nothing."""
    name = re.escape(host)
    if re.search(r"^(fatal: )?\[%s\]: %s" % (name, DOWN_WORD), output, re.MULTILINE):
        return DOWN_WORD
    found = re.findall(r"^ok: \[%s\] => \{\n(.*?)^\}" % name, output, re.MULTILINE | re.DOTALL)
    return found[-1] if found else ""


def lab_time():
    """This moment, as journals write it; hosts are containers, and have the clock of this machine."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".%03dZ" % (time.time() % 1 * 1000)


def was_over(records, step, moment):
    """Whether a step had ended by itself at this moment, by the records of its host's journal."""
    ends = [record for record in records if record["step"] == step and record["event"] != "begin"]
    return bool(ends) and ends[0]["event"] == "done" and ends[0]["at"] <= moment


class _Said:
    """What a playbook prints, read as it comes, so that it never waits for a reader."""

    def __init__(self, running):
        self._lines = []
        self._thread = threading.Thread(target=lambda: self._lines.extend(running.stdout), daemon=True)
        self._thread.start()

    def text(self):
        self._thread.join(5)
        return "".join(self._lines)


def _last_words(output):
    return " ".join(output.split())[-1500:]
