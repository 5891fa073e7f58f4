# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU and memory of the processes below this one, told apart by what they are."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

PERIOD = 0.1  # seconds between two looks: what a process does after the last one is missed
WRITER = "sanitize.writer"


class Watch:
    """While it is entered it looks at all children and theirs; then cpu {kind: seconds} and memory {kind: the most MB of one of them}, and cost,
    the CPU seconds that looking took itself.

    The kind is writer for the program of ours that writes rows, else the name of the program.
    """

    def __init__(self):
        self.cpu, self.memory, self.cost = {}, {}, 0
        self._seen = {}  # pid: (kind, seconds, MB)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._ended.set()
        self._thread.join()
        for kind, seconds, memory in self._seen.values():
            self.cpu[kind] = self.cpu.get(kind, 0) + seconds
            self.memory[kind] = max(self.memory.get(kind, 0), memory)

    def _look(self):
        while not self._ended.wait(PERIOD):
            waiting = [str(os.getpid())]
            while waiting:
                with contextlib.suppress(OSError, StopIteration):
                    for task in Path("/proc", waiting.pop(), "task").iterdir():
                        children = (task / "children").read_text(encoding="ascii").split()
                        waiting += children
                        for child in children:
                            self._note(child)
        self.cost = time.thread_time()

    def _note(self, pid):
        command = Path("/proc", pid, "cmdline").read_bytes().decode("utf-8", "replace")
        fields = Path("/proc", pid, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        lines = Path("/proc", pid, "status").read_text(encoding="utf-8").splitlines()
        memory = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000
        kind = "writer" if WRITER in command else os.path.basename(command.partition("\0")[0])
        self._seen[pid] = kind, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), memory
