# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of the controller and of the modules while they dump, restore and copy, at two sizes: it is to be the same at both.

    .venv/bin/python benchmarks/postgres/memory.py --megabytes 1000 --store s3

Each task is run by ansible-playbook, first with a tenth of the data, then with all of it, to a folder or a bucket; a copy is a stream
without either. Every process of it is looked at all the time; the kernel keeps the most memory each ever had in use (VmHWM).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import world
import workspace

MODULE = "AnsiballZ_"


class Watch:
    """The most memory of processes below one, in MB: {"controller", "module"}, each the largest single process."""

    def __init__(self, pid):
        self.most = {"controller": 0.0, "module": 0.0}
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._ended.set()
        self._thread.join()

    def _look(self):
        while not self._ended.wait(0.05):
            waiting = [self._pid]
            while waiting:
                pid = waiting.pop()
                with contextlib.suppress(OSError, StopIteration):
                    waiting += map(int, Path("/proc/%d/task/%d/children" % (pid, pid)).read_text(encoding="utf-8").split())
                    self._note(pid)

    def _note(self, pid):
        command = Path("/proc/%d/cmdline" % pid).read_bytes().decode("utf-8", "replace").replace("\0", " ")
        lines = Path("/proc/%d/status" % pid).read_text(encoding="utf-8").splitlines()
        memory = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000
        # A shell and sudo have the module's name in their arguments, too.
        kind = "module" if MODULE in command and command.split(" ")[0].rpartition("/")[2].startswith("python") else (
            "controller" if "playbook" in command else None)
        if kind:
            self.most[kind] = max(self.most[kind], memory)


@contextlib.contextmanager
def store(kind, folder):
    """What the modules are told of the store."""
    if kind == "folder":
        yield {"store": folder + "/dumps"}
        return
    import registry_server
    import s3_server

    server = s3_server.Server(folder + "/s3", registry_server.certificate(folder, "s3")).start()
    try:
        options = {"endpoint_url": server.endpoint, "region": s3_server.REGION, "access_key": server.access_key, "secret_key": server.secret_key}
        yield dict(options, store="s3://" + server.new_bucket(options), spool_dir=folder)
    finally:
        server.stop()


def run(folder, module, arguments):
    """Run one task; the most memory while it ran."""
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [{"slipway.app." + module: arguments}]}
    path = Path(folder, "play.json")
    path.write_text(json.dumps([play]), encoding="utf-8")
    environment = dict(workspace.environment(sys.executable), PATH=os.environ["PATH"])
    running = subprocess.Popen([sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(path)], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with Watch(running.pid) as watch:
        output = running.communicate()[0]
    if running.returncode:
        raise RuntimeError(output)
    return {kind: round(most, 1) for kind, most in watch.most.items()}


def main():
    options = world.options(__doc__, runs=1, store="folder")
    for megabytes in (options.megabytes // 10 or 1, options.megabytes):
        with world.world(megabytes) as (folder, server, connection), store(options.store, folder) as kept:
            database = {"login_host": "127.0.0.1", "login_port": server.port, "login_user": "shop", "login_password": "shop",
                        "login_db": "shop", "environment": "dev", "jobs": options.jobs}
            for _run in range(options.runs):
                begun = time.monotonic()
                figures = {"megabytes": megabytes, "store": options.store,
                           "dump": run(folder, "postgres_dump", dict(database, **kept, instance="bench")),
                           "restore": run(folder, "postgres_restore", dict(database, **kept, source="bench")),
                           "copy": run(folder, "postgres_copy", dict(
                               {key: value for key, value in database.items() if key != "jobs"}, login_db="copied", source="shop",
                               source_environment="dev", way="stream"))}
                server.sql("DROP DATABASE copied")
                world.keep(options, dict(figures, wall=round(time.monotonic() - begun, 1)))


if __name__ == "__main__":
    main()
