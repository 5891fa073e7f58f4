# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests kill what works on a database: in a child, at a statement, before or after it was sent to the server."""

from __future__ import annotations

import os
import signal
import time

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session

send = Session._send


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def slip_to_server(session, statement):
    """Send a statement to the server without waiting for what comes of it."""
    session._process.stdin.write((statement + ";\n").encode())
    session._process.stdin.flush()


def kill_at(monkeypatch, text, sent):
    """Let the first statement with the text be the death of this process; it is sent to the server before that, or not."""
    def sending(session, statement):
        if text in statement:
            if sent:
                slip_to_server(session, statement)
            die()
        return send(session, statement)

    monkeypatch.setattr(Session, "_send", sending)


def cut_at(monkeypatch, postgres, text, sent):
    """Let the sessions of this process be ended at the first statement with the text; it is done before that, or not."""
    def sending(session, statement):
        if text not in statement:
            return send(session, statement)
        monkeypatch.undo()
        if sent:
            send(session, statement)
        postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipway'")
        return send(session, statement)

    monkeypatch.setattr(Session, "_send", sending)


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
