# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real supervisord for tests, and an application without its package."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from ansible_collections.slipway.app.tests.waiting import until

CONF = """
[supervisord]
logfile=%(folder)s/supervisord.log
pidfile=%(folder)s/supervisord.pid
childlogdir=%(folder)s
[unix_http_server]
file=%(socket)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(socket)s
[include]
files = %(folder)s/conf?d/*.conf
[program:somebody-elses]
command=sleep 600
"""


class Daemon:
    """supervisord in a folder of its own; the path of a Unix socket has to be short."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "sock")
        self.conf_dir = os.path.join(self.folder, "conf d")  # a name with a space, as the hint has it
        os.mkdir(self.conf_dir)
        self.conf = os.path.join(self.folder, "supervisord.conf")
        with open(self.conf, "w", encoding="utf-8") as stream:
            stream.write(CONF % vars(self))
        self.process = None

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-m", "supervisor.supervisord", "-n", "-c", self.conf],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                                        env=dict(os.environ, LEAKED="from whoever started supervisord"))
        until(self._listens)

    def _listens(self):
        """The file of the socket is there a moment before anybody listens at it."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            return client.connect_ex(self.socket) == 0

    def end(self):
        if self.process and self.process.poll() is None:
            self.ctl("stop", "all")  # a shutdown takes a second for each
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ctl(self, *arguments):
        """What supervisorctl prints."""
        return subprocess.run([sys.executable, "-m", "supervisor.supervisorctl", "-c", self.conf, *arguments],
                              stdout=subprocess.PIPE, text=True, check=False).stdout

    def restart(self):
        """What a reboot does."""
        self.end()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        self.start()


class Application:
    """A root folder with releases of an application whose documents are given as data."""

    def __init__(self, root):
        self.root = str(root)
        os.makedirs(self.root)

    def release(self, services, number=1, live=True, private=None, overlays=None, **documents):
        """Put a release there as the release module leaves it, and return its path."""
        release_id = "%d.0-%012d" % (number, number)
        path = os.path.join(self.root, "releases", release_id)
        os.makedirs(os.path.join(path, ".slipway"))
        base = dict({"application": "shop", "profile": "generic", "services": services}, **documents)
        facts = {"id": release_id, "digest": "sha256:%064d" % number, "package": "shop:%d.0" % number,
                 "reference": "%d.0" % number, "commit": "%040d" % number, "label": "Reference: %d.0" % number,
                 "unpacked_at": "2026-11-21T10:00:%02dZ" % number, "documents": {"base": base, "overlays": overlays or {}}}
        with open(os.path.join(path, ".slipway", "release.json"), "w", encoding="utf-8") as stream:
            json.dump(facts, stream)
        if private:
            folder = os.path.join(self.root, "state", "environments")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, release_id + ".json"), "w", encoding="utf-8") as stream:
                json.dump(private, stream)
        if live:
            link = os.path.join(self.root, "current")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(link)
            os.symlink("releases/" + release_id, link)
        return path


def script(text):
    """The command of a service: a shell script; { and } stand for themselves."""
    return ["/bin/sh", "-c", text.replace("{", "{{").replace("}", "}}")]


@contextlib.contextmanager
def running_daemon():
    """A supervisord for as long as the block runs."""
    daemon = Daemon()
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end()
        shutil.rmtree(daemon.folder)
