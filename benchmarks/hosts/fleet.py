# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the Docker lab with the benchmark's application: N app hosts, each of which is a consumer host as well."""

from __future__ import annotations

import glob
import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import application
import probe
import workspace
from lab import SHARE, Lab
from plays import play

REPOSITORY = SHARE + "/application"  # every host reads it there, as it would read from a git server
STORE = "https://build1:5000"
SERVER_NAME = "shop.test"
PERIOD = 0.1  # seconds between two questions of a client
KEEP = 2  # releases that stay on the hosts


class Fleet(Lab):
    """size: the number of app hosts."""

    def __init__(self, size):
        super().__init__("bench-%d" % size, apps=size, consumers=0)
        self.size = size
        self.apps = self.groups["consumer"] = self.groups["app"]

    @property
    def hosts(self):
        return list(dict.fromkeys(super().hosts))

    def _application(self):
        """The inventory of the demo's shop, but for what the benchmark's application does without."""
        inventory = super()._application()
        inventory.update(slipway_profile="generic", slipway_repository=REPOSITORY, slipway_store=STORE,
                         slipway_build_environment_variables={}, slipway_server_name=SERVER_NAME, slipway_health_path="/", slipway_python="/usr/bin/python3")
        return inventory

    def prepare(self, versions):
        """Provision, make versions 0 to versions - 1, build their packages, deploy the first."""
        self.anew()
        self.everywhere(["apt-get", "-o", "DPkg::Lock::Timeout=120", "update", "-qq"])
        self.play("provision")
        self.everywhere(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "rsync"])  # for Ansistrano
        with tempfile.TemporaryDirectory(prefix="slipway-benchmark-") as folder:
            repository = application.make(Path(folder) / "application")
            for number in range(1, versions):
                application.tag(repository, number)
            self.copy(repository, self.apps[0], SHARE)
        self.inside(self.apps[0], ["chown", "-R", "root:root", REPOSITORY])
        for number in range(versions):
            self.play("package_build", reference=str(number))
        self.play("deploy", package="shop:0")
        self.save({"next": 1, "versions": versions})

    def save(self, state):
        (self.folder / "benchmark.json").write_text(json.dumps(state), encoding="utf-8")

    @property
    def state(self):
        """{next: the version that is to be deployed next, versions: how many there are}."""
        try:
            return json.loads((self.folder / "benchmark.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SystemExit("There is no lab of %d hosts: run.py prepare makes it." % self.size) from None

    def everywhere(self, argv):
        """Run a command on every app host, past the network; its outputs."""
        with ThreadPoolExecutor(4) as pool:
            return [done.stdout for done in pool.map(lambda host: self.inside(host, argv), self.apps)]

    def play(self, playbook, **variables):
        """Run a playbook of the collection, or one by its path, over new connections; (its Cost, what hosts were asked)."""
        workspace.dependencies()
        self.disconnect()
        name = playbook if isinstance(playbook, Path) else "slipway.app." + playbook
        return play(name, variables, self.folder, self.ansible_environment())

    def disconnect(self):
        """End the connections that SSH keeps: every tool begins without any."""
        for path in glob.glob("/tmp/%s-*" % self.prefix):
            subprocess.run(["ssh", "-F", "none", "-o", "ControlPath=" + path, "-O", "exit", "host"], check=False,
                           capture_output=True)

    def cpu(self):
        """CPU seconds that the app hosts have used, each a control group of its own."""
        shown = self.everywhere(["sh", "-c", "cat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || cat /sys/fs/cgroup/cpu.stat"])
        return sum(int(text) / 1e9 if text.strip().isdigit() else int(text.split()[1]) / 1e6 for text in shown)

    def fronts(self):
        """A client at every front, seldom enough not to be what keeps the hosts at work."""
        return [probe.Probe("http://" + self.address(host), {"Host": SERVER_NAME}, PERIOD) for host in self.apps]

    def releases(self, root):
        """How many releases each app host has below a root."""
        shown = self.everywhere(["sh", "-c", "ls %s/releases 2>/dev/null | wc -l" % root])
        return [int(text) for text in shown]

    def check_live(self, root, number):
        """Raise unless the version is live on all hosts, whole and with its shared paths."""
        script = "cd %s/current/ && cat VERSION && ls */*/*.txt | wc -l && find %s -maxdepth 0 -type l | wc -l" % (
            root, " ".join(application.SHARED))
        wanted = [str(number), str(application.FILES), str(len(application.SHARED))]
        for host, text in zip(self.apps, self.everywhere(["sh", "-c", script])):
            if text.split() != wanted:
                raise RuntimeError("%s: in %s is %s, not %s" % (host, root, text.split(), wanted))
