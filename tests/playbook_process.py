# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook as the process it is: its own, in a session of its own, with output, folder and environment of its own.

It is forked from a process that has imported Ansible for the same environment, and nothing else: that import takes most of
the time of a short run. Ansible reads its settings as it is imported, so there is such a process for each environment.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback

PRELOADED = (
    "ansible.cli.playbook", "ansible.executor.playbook_executor", "ansible.executor.task_executor", "ansible.plugins.action.normal",
    "ansible.plugins.callback.default", "ansible.plugins.connection.local", "ansible.plugins.connection.ssh",
    "ansible.plugins.filter.core", "ansible.plugins.inventory.ini", "ansible.plugins.inventory.yaml", "ansible.plugins.shell.sh",
    "ansible.plugins.strategy.linear", "ansible.plugins.test.core", "ansible.plugins.vars.host_group_vars")
ENVIRONMENTS = 2  # for which there is a process that has imported all, of some 60 MB each
PASSING = ("PYTEST_CURRENT_TEST",)  # variables that Ansible does not know and that are others with each test


class Playbook:
    """A run that has begun. Its pid, stdout, wait() and poll() are as those of a subprocess.Popen."""

    def __init__(self, pid, status, stdout):
        self.pid = pid
        self.stdout = stdout
        self.returncode = None
        self._status = status

    def wait(self):
        """Its exit status; of one that was killed, the signal's number below zero."""
        if self.returncode is None:
            with self._status:
                self.returncode = int(self._status.readline())
        return self.returncode

    def poll(self):
        """Its exit status, or nothing while it runs."""
        ended = self.returncode is not None or select.select([self._status], [], [], 0)[0]
        return self.wait() if ended else None


def start(arguments, cwd, env=None):
    """Start it; a Playbook whose stdout has all that it prints."""
    read, write = os.pipe()
    try:
        pid, status = _begin(arguments, cwd, env, write, write)
    finally:
        os.close(write)
    return Playbook(pid, status, open(read, encoding="utf-8", errors="replace"))


def run(arguments, cwd, env=None):
    """Run it to its end; the subprocess.CompletedProcess with what it printed and what it said of errors."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        pid, status = _begin(arguments, cwd, env, printed.fileno(), said.fileno())
        code = Playbook(pid, status, None).wait()
        texts = []
        for stream in (printed, said):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return subprocess.CompletedProcess(["ansible-playbook", *arguments], code, *texts)


def _begin(arguments, cwd, env, stdout, stderr):
    """(its pid, the file that will have its exit status)"""
    environment = {name: value for name, value in (os.environ if env is None else env).items() if name not in PASSING}
    own = os.path.join(cwd, "ansible.cfg")  # is read where no other is named
    origin = _origin(json.dumps(environment, sort_keys=True), str(cwd) if os.path.exists(own) else os.sep)
    read, write = os.pipe()
    with tempfile.TemporaryFile() as request:
        request.write(json.dumps([["ansible-playbook", *map(str, arguments)], str(cwd)]).encode())
        request.seek(0)
        socket.send_fds(origin, [b"."], [request.fileno(), stdout, stderr, write])
    os.close(write)
    status = open(read, encoding="ascii", buffering=1)
    return int(status.readline()), status


@functools.lru_cache(ENVIRONMENTS)
def _origin(environment, folder):
    """The way to a process that has imported all; it ends when nobody has it any more."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        subprocess.run([sys.executable, __file__, str(its.fileno())], pass_fds=[its.fileno()], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, cwd=folder, env=json.loads(environment), check=True)
    return ours


# In the process that has imported all

def _serve(connection):
    """Fork for each request, until no more can come."""
    del sys.path[0]  # this folder, which is no part of Ansible's
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who guards a run is not waited for
    while True:
        said, descriptors, _flags, _address = socket.recv_fds(connection, 1, 4)
        if not said:
            return
        if not os.fork():
            connection.close()
            _guard(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _guard(request, stdout, stderr, status):
    """Begin the run, and say how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        os.close(status)
        _be(request, stdout, stderr)
    for descriptor in (request, stdout, stderr):
        os.close(descriptor)
    os.write(status, b"%d\n" % pid)
    os.write(status, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _be(request, stdout, stderr):
    """Be ansible-playbook."""
    os.setsid()
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    with open(request, encoding="utf-8") as stream:
        sys.argv, folder = json.load(stream)
    os.close(stdout)
    os.close(stderr)
    os.chdir(folder)
    sys.modules["ansible.utils.vars"].random_int = secrets.token_hex(4)  # was drawn as it was imported
    code = 1
    try:
        sys.modules["ansible.cli.playbook"].main(sys.argv)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if not os.fork():  # nobody's child
        _serve(socket.socket(fileno=int(sys.argv[1])))
