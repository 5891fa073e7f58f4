# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the demo talks: headings, steps with their seconds, claims that are so or not so."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time

BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


class Story:
    """Prints to people: in colour and with the running step on a terminal, plainly elsewhere."""

    def __init__(self):
        self.begun = time.monotonic()
        self.failed = []
        self._alive = sys.stdout.isatty()
        self._coloured = self._alive and "NO_COLOR" not in os.environ
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)

    def paint(self, colour, text):
        return "\033[%sm%s\033[0m" % (colour, text) if self._coloured else text

    def heading(self, text):
        self._clear()
        print("\n" + self.paint(BOLD, text))

    def say(self, text):
        self._clear()
        for line in text.splitlines():
            print("  " + line)

    def quote(self, text):
        """What somebody else said, word by word."""
        self._clear()
        for line in text.splitlines():
            print("  " + self.paint(DIM, "│ " + line))

    @contextlib.contextmanager
    def step(self, text):
        """Something that takes a while: its seconds stand behind it when it is done."""
        begun = time.monotonic()
        self._passing(text)
        yield
        self.seconds(text, time.monotonic() - begun)

    def seconds(self, text, seconds):
        self._clear()
        print("  %s %s" % (text.ljust(60, "·" if not self._coloured else " "), "%6.1f s" % seconds))

    def claim(self, text, problems):
        """Say whether something is so; what is not makes the demo fail at the end."""
        self._clear()
        print("  %s %s" % (self.paint(RED, "✗ NOT SO:") if problems else self.paint(GREEN, "✓"), text))
        for problem in problems:
            print("      " + problem)
        if problems:
            self.failed.append(text)

    def watch(self, line):
        """Show the task an Ansible run is at, as long as it is at it."""
        found = re.match(r"TASK \[(?:[\w.]+ : )?(.*?)\] \*", line)
        if found:
            self._passing("  " + found.group(1))

    def _passing(self, text):
        if self._alive:
            self._clear()
            print("  " + self.paint(DIM, text[:shutil.get_terminal_size().columns - 4]), end="", flush=True)

    def _clear(self):
        if self._alive:
            print("\r\033[K", end="")
