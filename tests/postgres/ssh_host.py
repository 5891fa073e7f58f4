# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine as a host to be reached over SSH: an sshd on loopback for the user of the tests, with a key of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import registry_server  # noqa: E402  (scripts is no package)

CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""
# Root's sshd wants /run/sshd, and root's shell may have a heavy profile: in a mount namespace nothing of the machine is changed.
AS_ROOT = """\
set -e
mount --bind {folder}/passwd /etc/passwd
mount -t tmpfs none /run
mkdir /run/sshd
exec {sshd} -D -e -f {folder}/sshd_config
"""


def program(cache_dir):
    """An sshd that runs: the machine's, else Debian's, unpacked and not installed; a ServerError says why there is none."""
    path = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        folder = os.path.join(os.path.abspath(cache_dir), "openssh-server")
        if not os.path.isdir(folder):
            registry_server.unpack("openssh-server", folder)
        path = os.path.join(folder, "usr", "sbin", "sshd")
    if not subprocess.run([path, "-?"], capture_output=True, text=True, check=False).stderr.count("OpenSSH"):
        raise registry_server.ServerError("sshd does not run on this machine.")
    return path


@contextlib.contextmanager
def running(cache_dir, folder):
    """What an inventory says of the host, as variables, for as long as the block runs."""
    sshd = program(cache_dir)
    for key in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(folder, key)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pathlib.Path(folder, "sshd_config").write_text(CONFIG.format(port=port, folder=folder), encoding="utf-8")
    argv = [sshd, "-D", "-e", "-f", os.path.join(folder, "sshd_config")]
    if os.geteuid() == 0:
        others = [line for line in pathlib.Path("/etc/passwd").read_text(encoding="utf-8").splitlines() if not line.startswith(("root:", "sshd:"))]
        ours = ["root:x:0:0:root:%s:/bin/sh" % folder, "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin"]  # to lower its rights, as the package makes it
        pathlib.Path(folder, "passwd").write_text("\n".join(ours + others) + "\n", encoding="utf-8")
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                AS_ROOT.format(folder=shlex.quote(str(folder)), sshd=shlex.quote(sshd))]
    log = pathlib.Path(folder, "sshd.log")
    with open(log, "wb") as errors, subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors) as process:
        try:
            deadline = time.monotonic() + 30
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.02)
            yield {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_user": getpass.getuser(), "ansible_connection": "ssh",
                   "ansible_ssh_private_key_file": os.path.join(folder, "key"), "ansible_python_interpreter": sys.executable,
                   "ansible_ssh_extra_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"}
        finally:
            process.kill()
