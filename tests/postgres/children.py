# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the process of the tests has started, without pgrep, which a bare system lacks."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re


def children(pattern):
    """The numbers of those whose name begins as the pattern says."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            name, parent = re.match(r"\d+ \((.*)\) \S (\d+) ", (entry / "stat").read_text(errors="replace"), re.DOTALL).groups()
            if int(parent) == os.getpid() and re.match(pattern, name):
                found.append(int(entry.name))
    return found


def has_ended(pid):
    """Whether a program has, though nobody may have asked how: in a container the first process may be none that does."""
    try:
        stat = pathlib.Path("/proc", str(pid), "stat").read_text(errors="replace")  # a name is cut within a letter, too
    except (FileNotFoundError, ProcessLookupError):  # the latter between open and read
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"
