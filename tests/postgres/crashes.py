# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests kill what works on a database: in a child, at a statement, before or after it was sent to the server."""

from __future__ import annotations

import os
import signal
import time


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def slip_to_server(session, statement):
    """Send a statement to the server without waiting for what comes of it."""
    session._process.stdin.write((statement + ";\n").encode())
    session._process.stdin.flush()


def in_child(work, delay=None):
    """Run work in a process of its own, which is killed after delay seconds where there are any; return whether it came to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    return os.WIFEXITED(os.waitpid(pid, 0)[1])
