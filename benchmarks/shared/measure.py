# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds and CPU seconds of a program, what a benchmark waits for before it measures, and tables of what it found."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import time

LOAD_PERIOD = 15


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a program took; cpu has all of its children that it waited for, so modules on local hosts too."""

    wall: float
    cpu: float


def cost_of(argv, log, cwd, env):
    """Run a program to its end; raise with what it printed when it fails."""
    with open(log, "wb") as output:
        begun = time.monotonic()
        running = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        status, usage = os.wait4(running.pid, 0)[1:]
        wall = time.monotonic() - begun
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        with open(log, encoding="utf-8", errors="replace") as output:
            raise RuntimeError("%s ended with %d:\n%s" % (" ".join(argv), running.returncode, output.read()))
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def wait_for_quiet(limit, patience):
    """Wait until the load of the last minute is below the limit; return the load, whatever it is in the end."""
    deadline = time.monotonic() + patience
    while os.getloadavg()[0] > limit and time.monotonic() < deadline:
        time.sleep(LOAD_PERIOD)
    return os.getloadavg()[0]


def spread(values, digits=2):
    """Median (least to most)."""
    values = list(values)
    return "%.*f (%.*f–%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| %s |" % " | ".join(str(cell) for cell in line) for line in lines)
