# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts to be reached over SSH: sshd on addresses of loopback, each with its own folder at one and the same path.

Every sshd has a mount namespace of its own. In it the login shell of root is /bin/sh and its home is empty, so that
nothing a person has put into their profile is measured. Nothing outside of the namespace is changed.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path

import packages
import processes

NEEDED = {"sshd": "openssh-server", "ssh": "openssh-client", "unshare": "util-linux", "cap": "capistrano"}

SSHD = """\
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
MaxStartups 100
Subsystem sftp internal-sftp
"""

START = """\
set -e
mount --bind {home} {root}
mount --bind {folder}/passwd /etc/passwd
mount -t tmpfs none /run
mkdir /run/sshd
exec {sshd} -D -e -f {folder}/sshd_{number}
"""


def install():
    """Bring what is missing, as Debian packages; raise where that cannot be."""
    if os.geteuid() != 0:
        raise SystemExit("The comparison needs root: each host has a mount namespace of its own.")
    packages.install(NEEDED)


class Hosts:
    """count hosts; root is the folder that is another one on each of them."""

    def __init__(self, folder, count):
        self.folder = Path(folder)
        self.root = self.folder / "srv"
        self.addresses = ["127.0.0.%d" % (number + 2) for number in range(count)]
        self.key = self.folder / "key"
        self.processes = []

    def home(self, number):
        """The root of a host, seen from outside."""
        return self.folder / "homes" / str(number)

    def start(self):
        self.root.mkdir()
        for key in (self.key, self.folder / "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        users = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()
        lines = ["root:x:0:0:root:%s/home:/bin/sh" % self.root, *(line for line in users if line[:5] != "root:")]
        (self.folder / "passwd").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.port = _free_port(self.addresses)
        for number, address in enumerate(self.addresses):
            (self.home(number) / "home").mkdir(parents=True)
            config = SSHD.format(address=address, port=self.port, folder=self.folder)
            (self.folder / ("sshd_%d" % number)).write_text(config, encoding="utf-8")
            names = {"home": self.home(number), "root": self.root, "folder": self.folder, "sshd": packages.which("sshd")}
            script = START.format(number=number, **{name: shlex.quote(str(path)) for name, path in names.items()})
            log = self.folder / ("sshd_%d.log" % number)
            process = processes.start(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], log)
            self.processes.append(process)
            processes.wait_until(lambda where=(address, self.port): _listens(where), process, log)
        return self

    def stop(self):
        processes.kill(self.processes)

    def cpu(self):
        """CPU seconds of all that ran on the hosts in sessions that are over."""
        ticks = 0
        for pid, _started in self.processes:
            fields = Path("/proc/%d/stat" % pid).read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(fields[13]) + int(fields[14])
        return ticks / os.sysconf("SC_CLK_TCK")


def _listens(where):
    with socket.socket() as probe:
        return probe.connect_ex(where) == 0


def _free_port(addresses):
    for port in range(22000, 32000, 7):
        if not any(_listens((address, port)) for address in addresses):
            return port
    raise RuntimeError("No free port on loopback.")
