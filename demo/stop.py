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
    """End every lab whose demo is over; those that are still being told, or another user's, are left alone."""
    for directory in sorted(LABS.glob("*/")):
        try:
            with open(directory / "running", "a", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lab = Lab.open(directory)
                say("Ending the shop of an earlier demo.")
                lab.stop()
        except BlockingIOError:
            say("A demo is still running in %s: left alone." % directory)
        except PermissionError:
            say("The shop in %s is another user's: left alone. Who started it, or root, can end it." % directory)


def main():
    stop_finished(print)
    with contextlib.suppress(OSError):  # something is in there, or nothing ever was
        LABS.rmdir()
    left = sorted(map(str, LABS.glob("*")))
    if left:
        print("Not removed: %s. When nothing uses it any more, run make demo-stop again." % ", ".join(left))
    return 1 if left else 0  # make clean is not to go on


if __name__ == "__main__":
    sys.exit(main())
