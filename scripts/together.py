# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""together.py COMMAND...: runs a command all of whose processes together take a tenth of what a session takes, and what others leave.

Linux shares the cores among control groups first, then among sessions (sched(7), the autogroup feature). The demo makes dozens of
sessions, one for each server, daemon and worker: beside them a command of a few sessions would hardly get on. And who waits for
hosts under load, as in a rolling upgrade, has them work the longer the later it gets on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

HIERARCHIES = {"/sys/fs/cgroup/cpu": ("cpu.shares", "102"), "/sys/fs/cgroup": ("cpu.weight", "10")}  # cgroups(7), version 1 and 2


def write(path, text):
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text)


def group():
    """A new control group of that weight, which this process is in; None where there can be none, as for who is not root."""
    for hierarchy, (name, weight) in HIERARCHIES.items():
        made = os.path.join(hierarchy, "slipway-%d" % os.getpid())
        with contextlib.suppress(OSError):
            os.mkdir(made)
            try:
                write(os.path.join(made, name), weight)
                write(os.path.join(made, "cgroup.procs"), str(os.getpid()))
                return made
            except OSError:
                os.rmdir(made)
    return None


def main(*command):
    made = group()
    if not made:
        os.execvp(command[0], command)
    process = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command is of our process group and hears it, too
    status = process.wait()
    with contextlib.suppress(OSError):
        write(os.path.join(os.path.dirname(made), "cgroup.procs"), str(os.getpid()))
        os.rmdir(made)  # unless something of it lives on
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main(*sys.argv[1:])
