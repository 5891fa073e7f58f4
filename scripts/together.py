# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""together.py COMMAND...: runs a command all of whose processes together take as much of the cores as one session does.

Linux shares the cores among control groups first, then among sessions (sched(7), the autogroup feature). Tests make dozens of
sessions, one for each server, daemon and worker: beside them a command of a few sessions would hardly get on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

HIERARCHIES = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup")  # cgroups(7), version 1 and 2


def group():
    """A new control group, of the weight that groups have unless somebody says another; None where none can be made, as by who is not root."""
    for hierarchy in HIERARCHIES:
        made = os.path.join(hierarchy, "slipway-%d" % os.getpid())
        with contextlib.suppress(OSError):
            os.mkdir(made)
            if os.path.exists(os.path.join(made, "cgroup.procs")):
                return made
            os.rmdir(made)
    return None


def main(*command):
    made = group()
    if not made:
        os.execvp(command[0], command)
    with open(os.path.join(made, "cgroup.procs"), "w", encoding="ascii") as members:
        members.write(str(os.getpid()))
    process = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command is of our process group and hears it, too
    status = process.wait()
    with contextlib.suppress(OSError):
        with open(os.path.join(os.path.dirname(made), "cgroup.procs"), "w", encoding="ascii") as members:
            members.write(str(os.getpid()))
        os.rmdir(made)  # unless something of it lives on
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main(*sys.argv[1:])
