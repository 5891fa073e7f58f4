# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that go on after the program that started them, and are ended later by what was written down of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def identity(pid):
    """What names this process for good: its pid, and when it started; None when there is no such process."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else [pid, int(fields[19])]


def alive(process):
    return process is not None and identity(process[0]) == list(process)


def children(pid):
    """The living processes whose parent is pid."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="utf-8") as stream:
            found = [identity(int(child)) for child in stream.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [child for child in found if child]


def tree(process):
    """The process and everything below it, parents first."""
    if not alive(process):
        return []
    return [list(process)] + [below for child in children(process[0]) for below in tree(child)]


def kill(roots):
    """Kill processes and everything below them, parents first, so that nobody starts anything anew."""
    doomed = [process for root in roots for process in tree(root)]
    for process in doomed:
        if alive(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process[0], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(alive(process) for process in doomed) and time.monotonic() < deadline:
        time.sleep(0.02)


def start(argv, log, env=None):
    """Start a program in a session of its own, its output in a log; return what names the process."""
    with open(log, "ab") as output:
        pid = subprocess.Popen(argv, cwd="/", env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                               start_new_session=True).pid
    return identity(pid) or [pid, 0]


def wait_until(ready, process, log, timeout=20):
    """Wait until a program that was started is ready; raise with its log when it ends or takes too long."""
    deadline = time.monotonic() + timeout
    while not ready():
        if not alive(process) or time.monotonic() >= deadline:
            said = Path(log).read_text(encoding="utf-8", errors="replace")
            raise RuntimeError("It does not start; %s:\n%s" % (log, said))
        time.sleep(0.02)
