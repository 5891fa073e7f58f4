# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with systemd, and the driver and the modules of this clone run on it as root."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import ansible

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service.base import Status, StopReport
from ansible_collections.slipway.app.tests.hosts.conftest import hosts_lab
from ansible_collections.slipway.app.tests.waiting import until

lab_engine, docker = hosts_lab.lab_engine, hosts_lab.docker

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = "/opt/slipway"


class Machine:
    """One container of the lab's image. Everything is done past the network; it needs none."""

    def __init__(self):
        image = lab_engine.ready()
        cgroup = hosts_lab.CGROUP_V1 if lab_engine.cgroup_version() == "1" else ()
        self.id = docker("run", "--detach", *hosts_lab.SYSTEMD, *cgroup, *self._mounts(), image).stdout.strip()
        until(lambda: self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"))

    @staticmethod
    def _mounts():
        for source, target in ((ROOT, "ansible_collections/slipway/app"), (Path(ansible.__file__).parent, "ansible")):
            yield "--mount"
            yield 'type=bind,"source=%s",target=%s/%s,readonly' % (source, LIBRARY, target)

    def end(self):
        docker("rm", "--force", "--volumes", self.id)

    def run(self, *argv, check=True, stdin=""):
        """The output of a command that root runs, its bytes as they are but for space at its ends."""
        done = subprocess.run([*self._exec(), *argv], capture_output=True, input=stdin.encode(), check=False)
        if check and done.returncode:
            raise RuntimeError("%r: exit status %d\n%r\n%r" % (argv, done.returncode, done.stdout, done.stderr))
        return done.stdout.decode().strip()

    def shell(self, text, *words, **options):
        return self.run("sh", "-c", text, "sh", *words, **options)

    def module(self, name, params, check=False):
        """The result of a module, as it comes back to Ansible."""
        arguments = dict(params, _ansible_check_mode=check, _ansible_diff=True, _ansible_no_log=False)
        printed = self.run("python3", "-m", "ansible_collections.slipway.app.plugins.modules." + name, check=False,
                           stdin=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        return json.loads(printed.splitlines()[-1])

    def copy(self, source, target):
        """Put a file or folder of this machine there; it is root's."""
        docker("cp", str(source), "%s:%s" % (self.id, target))
        self.run("chown", "-R", "root:root", target)

    def reboot(self):
        """Power off and on: nothing that runs gets to say anything."""
        docker("kill", self.id)
        docker("start", self.id)
        until(lambda: self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"))

    def open_driver(self, *arguments):
        return subprocess.Popen([*self._exec(), "python3", "-m", "ansible_collections.slipway.app.tests.hosts.inside", *arguments],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _exec(self):
        # Bytecode has no place in a mounted clone, and Python would look for it in vain at every start.
        return ["docker", "exec", "--interactive", "--env", "PYTHONPATH=" + LIBRARY,
                "--env", "PYTHONPYCACHEPREFIX=/var/cache/pyc", self.id]


class Driver:
    """The systemd driver for an application on a machine. dies is how many effects its process survives."""

    def __init__(self, machine, root, dies=None):
        self.machine = machine
        self.root = root
        self._process = machine.open_driver(*([] if dies is None else [str(dies)]))

    def end(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def check(self, definitions):
        self._call("check", _facts(definitions))

    def status(self, definitions=()):
        return {name: Status(**facts) for name, facts in self._call("status", _facts(definitions)).items()}

    def start(self, definitions, timeout, healthy=None):
        """healthy: the answers that the health check gives, one after the other."""
        return self._call("start", _facts(definitions), timeout, healthy=healthy)

    def stop(self, names, deadline=None, again=False):
        return {name: StopReport(**facts) for name, facts in self._call("stop", names, deadline, again).items()}

    def install(self, definitions, fallen=()):
        self._call("install", _facts(definitions), fallen)

    def autostart(self, name, enabled):
        self._call("autostart", name, enabled)

    def remove(self, names):
        return {name: StopReport(**facts) for name, facts in self._call("remove", names).items()}

    def _call(self, method, *arguments, healthy=None):
        request = {"call": method, "root": self.root, "arguments": arguments, "healthy": healthy}
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ConnectionError("the driver's process has ended")
        reply = json.loads(line)
        if "error" in reply:
            raise SlipwayError(*reply["error"])
        return reply["value"]


def _facts(definitions):
    return [vars(definition) for definition in definitions]
