# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""beside.py NICENESS COMMAND...: becomes a command that takes of the cores what others leave of them, in a session of its own.

Linux shares the cores among sessions first (sched(7), the autogroup feature), and by niceness only within one: beside the
daemons and workers of a test, which have sessions of their own, a command of niceness 19 would have as much as each of them.
"""

from __future__ import annotations

import os
import signal
import sys


def main(niceness, *command):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell lets what it runs in the background ignore it
    os.setsid()
    os.nice(int(niceness))
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as share:
            share.write(niceness)
    except OSError:
        pass  # a kernel that knows none
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
