# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo-stop: end the shops that demos left running, and remove everything of them."""

from __future__ import annotations

import contextlib
import fcntl
import sys

from lab import HERE, Lab

LABS = HERE.parent / ".demo"


def stop_finished(say):
    """End every lab whose demo is over; those that are still being told are left alone, and returned."""
    running = []
    for directory in sorted(LABS.glob("*/")):
        with open(directory / "running", "a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("A demo is still running in %s: left alone." % directory)
                running.append(directory)
                continue
            say("Ending the shop of an earlier demo.")
            Lab.open(directory).stop()
    return running


def main():
    running = stop_finished(print)
    with contextlib.suppress(OSError):  # another demo is in there, or none ever was
        LABS.rmdir()
    return 1 if running else 0  # make clean is not to go on


if __name__ == "__main__":
    sys.exit(main())
