# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's pgbouncer between clients and the server, unpacked and not installed, so that anybody can and nothing else changes."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import registry_server  # noqa: E402  (scripts is no package)

PACKAGES = ("pgbouncer", "libc-ares2", "libevent-2.1-7")


def program(cache_dir):
    """argv and environment of a pgbouncer that runs, or a ServerError that says why there is none."""
    folders = [os.path.join(os.path.abspath(cache_dir), package) for package in PACKAGES]
    os.makedirs(cache_dir, exist_ok=True)
    for package, folder in zip(PACKAGES, folders):
        if not os.path.isdir(folder):
            registry_server.unpack(package, folder)
    path = os.path.join(folders[0], "usr", "sbin", "pgbouncer")
    libraries = [str(found) for folder in folders for found in pathlib.Path(folder, "usr", "lib").glob("*-linux-*")]
    environment = dict(os.environ, LD_LIBRARY_PATH=os.pathsep.join(libraries))
    done = subprocess.run([path, "--version"], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise registry_server.ServerError("pgbouncer does not run on this machine: " + done.stderr.strip())
    return path, environment


@contextlib.contextmanager
def running(cache_dir, folder, server, user, password, size, drops="extra_float_digits"):
    """The port of a pgbouncer that lends size connections of one user for each transaction, for as long as the block runs.

    What a client says at the start of a session it refuses, but for drops, which it drops.
    """
    path, environment = program(cache_dir)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = pathlib.Path(folder, "pgbouncer.ini")
    config.write_text("""[databases]
* = host=127.0.0.1 port=%d user=%s password='%s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
server_login_retry = 0.1
ignore_startup_parameters = %s
""" % (server.port, user, password, port, size, drops), encoding="utf-8")
    argv = [path, "--quiet", str(config)] + (["--user", "nobody"] if os.geteuid() == 0 else [])
    with open(os.path.join(folder, "pgbouncer.log"), "wb") as log, subprocess.Popen(argv, env=environment, stdout=log, stderr=log) as process:
        try:
            deadline = time.monotonic() + 30
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert process.poll() is None and time.monotonic() < deadline, pathlib.Path(log.name).read_text(encoding="utf-8")
                time.sleep(0.02)
            yield port
        finally:
            process.kill()
