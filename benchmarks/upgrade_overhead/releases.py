# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch and activate alone, on four hosts over SSH: one task with the module release, against Capistrano 3.

Both get the same commit of the same tree onto the same hosts over new SSH connections, beside the live release, with
four shared paths linked, make it live, and remove all releases but three.
"""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import application
import capistrano
import ssh_hosts
from lab import COLLECTIONS
from measure import cost_of, spread, table

PLAYBOOK = Path(__file__).resolve().parents[1] / "shared" / "releases.yml"
HOSTS = 4
KEEP = 3
FOLDERS = {"Capistrano": "capistrano", "release": "ours"}  # what is compared, and its folder on the hosts
PYTHON = "/usr/bin/python3"  # the hosts' own

ANSIBLE = {
    "ANSIBLE_PIPELINING": "True", "ANSIBLE_FORKS": "10", "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCALHOST_WARNING": "False", "LC_ALL": "C.UTF-8",
}


class Comparison:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.hosts = ssh_hosts.Hosts(self.folder, HOSTS)
        self.store = self.folder / "packages"
        self.control = self.folder / "control"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        self.environment = dict(kept, **ANSIBLE, ANSIBLE_HOME=str(self.folder / "ansible"),
                                ANSIBLE_INVENTORY=str(self.folder / "hosts.ini"),
                                ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.control))

    def start(self):
        self.hosts.start()
        self.repository = application.make(self.folder / "application")
        capistrano.write(self.folder, self.hosts.addresses, self.hosts.port, key=self.hosts.key, repository=self.repository,
                         root=self.hosts.root / FOLDERS["Capistrano"], home=self.hosts.root / "home", shared=application.SHARED,
                         keep=KEEP)
        lines = ["host%d ansible_host=%s" % pair for pair in enumerate(self.hosts.addresses)]
        lines += ["[all:vars]", "ansible_user=root", "ansible_port=%d" % self.hosts.port,
                  "ansible_ssh_private_key_file=%s" % self.hosts.key, "ansible_python_interpreter=%s" % PYTHON,
                  "ansible_ssh_common_args=-F none -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"]
        (self.folder / "hosts.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self

    def measure(self, tool, number):
        """One deployment of a tag: its cost, and the hosts' CPU seconds."""
        before = self.hosts.cpu()
        if tool == "Capistrano":
            argv = capistrano.ARGV
        else:
            argv = [str(Path(sys.executable).with_name("ansible-playbook")), str(PLAYBOOK),
                    *self._variables(number)]
        cost = cost_of(argv, self.folder / "output.log", self.folder, dict(self.environment, TAG=str(number)))
        self._disconnect()
        self._check(tool, number)
        return {"wall": cost.wall, "cpu": cost.cpu, "cpu_hosts": self.hosts.cpu() - before}

    def _variables(self, number):
        variables = {"root": self.hosts.root / FOLDERS["release"], "store": self.store, "package": "shop:%d" % number,
                     "keep_releases": KEEP}
        return [word for name, value in variables.items() for word in ("--extra-vars", "%s='%s'" % (name, value))]

    def _disconnect(self):
        """End the connections that SSH keeps for the next run: both tools begin without any."""
        for path in self.control.glob("*"):
            subprocess.run(["ssh", "-F", "none", "-o", "ControlPath=%s" % path, "-O", "exit", "host"], check=True,
                           capture_output=True)

    def _check(self, tool, number):
        """What was to go live is live, with its shared paths; a benchmark of something else would be worth nothing."""
        for host in range(HOSTS):
            home = self.hosts.home(host) / FOLDERS[tool]
            live = home / "releases" / Path(os.readlink(home / "current")).name
            version = (live / "VERSION").read_text(encoding="utf-8").strip()
            files = len(list(live.glob("*/*/*.txt")))
            linked = all(os.path.islink(live / path) for path in application.SHARED)
            staying = len(list((home / "releases").iterdir()))
            if (version, files, linked, staying) != (str(number), application.FILES, True, min(number + 1, KEEP)):
                raise RuntimeError("%s has not deployed %d to host %d as it should." % (tool, number, host))


def run(runs):
    """{tool: [...]}, the tools taking turns."""
    ssh_hosts.install()
    found = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="slipway-benchmark-", dir="/tmp") as folder:
        comparison = Comparison(folder)
        try:
            comparison.start()
            for number in range(runs + KEEP):  # the first ones fill the hosts, so that there is something to remove
                if number:
                    application.tag(comparison.repository, number)
                application.package(comparison.repository, number, comparison.store)
                for tool in FOLDERS:
                    result = comparison.measure(tool, number)
                    if number >= KEEP:
                        found[tool].append(result)
        finally:
            comparison.hosts.stop()
    return found


def tell(found):
    """A table of what run() found; the ratio is of runs that took turns, its median."""
    rows = [[tool, *(spread(one[key] for one in many) for key in ("wall", "cpu", "cpu_hosts")),
             spread(one["wall"] / other["wall"] for one, other in zip(many, found["Capistrano"]))]
            for tool, many in found.items()]
    return table(["", "wall s", "CPU s, controller", "CPU s, hosts", "wall, of Capistrano's"], rows)
