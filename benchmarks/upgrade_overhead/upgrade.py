# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade costs beyond the application's own work, with 3, 6 and 12 hosts on this machine."""

from __future__ import annotations

import collections
import itertools
import json
import tempfile
import time
from pathlib import Path

import application
import probe
from lab import Lab
from measure import spread, table
from plays import play, rounds

CONSUMERS = 3  # every third host is a consumer
PYTHON = "/usr/bin/python3"  # the hosts' own, as Ansible would find it; the application runs by another


class Site(Lab):
    """A lab whose application is the benchmark's."""

    def __init__(self, directory, hosts):
        super().__init__(directory, apps=hosts - hosts // CONSUMERS, consumers=hosts // CONSUMERS)

    def play(self, playbook, **variables):
        """Run a playbook; (its Cost, what hosts were asked)."""
        return play("slipway.app." + playbook, dict(variables, ansible_python_interpreter=PYTHON), self.directory,
                    self.ansible_environment())

    def steps(self):
        """{(host, step): (begun, ended, data)} of the last operation, from the journals."""
        found = {}
        for host in self.hosts:
            newest = max(self.root(host).glob("state/journal/*.jsonl"))
            records = [json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines()]
            for begin, done in itertools.combinations(records, 2):
                if begin["step"] == done["step"] and (begin["event"], done["event"]) == ("begin", "done"):
                    found[host, begin["step"]] = (begin["at"], done["at"], done["data"])
        return found

    def web_started(self, host):
        """When the process of the host's web server was started."""
        pid = next(info["pid"] for info in self.supervisor(host).getAllProcessInfo() if info["name"].endswith("-web"))
        ticks = int(Path("/proc/%d/stat" % pid).read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / 100


def upgrade(site, number):
    """Upgrade to a package that is built, under the eyes of clients at every front and every web server."""
    fronts = [probe.Probe(site.address(host)) for host in site.apps]
    webs = {host: probe.Probe("http://127.0.0.1:%d" % site.ports[host]["web"]) for host in site.apps}
    cost, asked = site.play("upgrade", package="shop:%d" % number)
    time.sleep(2 * probe.PERIOD)
    for one in fronts + list(webs.values()):
        one.stop()
    begun, ended, broken = probe.window(fronts)
    steps = site.steps()
    migrate = sum(command["seconds"] for command in steps[site.apps[0], "migrate"][2]["commands"])
    started = {host: site.web_started(host) for host in site.apps}
    starts = [webs[host].first_open(moment) - moment for host, moment in started.items()]
    return {"wall": cost.wall, "cpu": cost.cpu, "window": ended - begun, "migrate": migrate, "start": max(starts),
            "overhead": ended - begun - migrate - max(starts), "broken": broken, **rounds(asked),
            "asked": asked, "steps": [[host, step, *times] for (host, step), (*times, _data) in steps.items()]}


def again(site, number):
    """The same upgrade again, with nothing to do."""
    cost, asked = site.play("upgrade", package="shop:%d" % number)
    return {"wall": cost.wall, "cpu": cost.cpu, **rounds(asked)}


def run(sizes, runs):
    """{"upgrade": {size: [...]}, "again": {size: [...]}}, sizes taking turns."""
    found = {"upgrade": collections.defaultdict(list), "again": collections.defaultdict(list)}
    with tempfile.TemporaryDirectory(prefix="slipway-benchmark-") as folder:
        sites = {size: Site(Path(folder) / str(size), size) for size in sizes}
        repository = application.make(Path(folder) / "application")
        try:
            for number in range(runs + 2):  # the first deploys, the second warms up
                if number:
                    application.tag(repository, number)
                for size, site in sites.items():
                    if not number:
                        site.start()
                    application.package(repository, number, site.store)
                    if not number:
                        site.play("deploy", package="shop:0")
                        continue
                    results = upgrade(site, number), again(site, number)
                    if number > 1:
                        found["upgrade"][size].append(results[0])
                        found["again"][size].append(results[1])
        finally:
            for site in sites.values():
                if site.directory.exists():
                    site.stop()
    return found


def tell(found):
    """Tables of what run() found."""
    head = ["hosts", "rounds", "at most on one host", "wall s", "CPU s", "window s", "migration s", "start of web s",
            "window beyond those s"]
    rows = [[size, _only(one["rounds"] for one in many), _only(one["per_host"] for one in many),
             *(spread(one[key] for one in many) for key in ("wall", "cpu", "window", "migrate", "start", "overhead"))]
            for size, many in found["upgrade"].items()]
    again_rows = [[size, _only(one["rounds"] for one in many),
                   *(spread(one[key] for one in many) for key in ("wall", "cpu"))]
                  for size, many in found["again"].items()]
    return "\n\n".join([table(head, rows), table(["hosts", "rounds", "wall s", "CPU s"], again_rows)])


def _only(values):
    return " or ".join(str(value) for value in sorted(set(values)))
