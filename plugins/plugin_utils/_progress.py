# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's side of progress: while a module is at work, a line every few seconds says how far it is.

The module writes a file, and a process beside the one that waits for the module reads it, over a connection of its own.
Nobody asks before a few seconds have passed, so that short work costs nothing but that process.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import time
import uuid

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.module_utils._core.errors import one_line
from ansible_collections.slipway.app.plugins.module_utils._core.progress import line
from ansible_collections.slipway.app.plugins.plugin_utils._ssh import keep_alive

EVERY = 5  # seconds between two lines
PATIENCE = 10  # seconds that the last look gets to end when the work has ended
LONGEST = 200  # characters of a line
# These start a program for each command, so that a process which was forked can use them, too.
TRANSPORTS = ("ssh", "local", "docker", "podman")


class WatchedModule(ActionBase):
    """Base of actions that run the module of their name, which has an option progress, and show how far it is."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        keep_alive(self._connection)
        arguments = dict(self._task.args)
        wrap = self._task.async_val and not self._connection.has_native_async
        if wrap or self._task.check_mode or arguments.get("progress") or self._connection.transport not in TRANSPORTS:
            result.update(self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap))
            return result
        arguments["progress"] = "/tmp/slipway-progress-%s" % uuid.uuid4().hex
        with self._watching(arguments["progress"], task_vars["inventory_hostname"]):
            result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        return result

    @contextlib.contextmanager
    def _watching(self, path, host):
        """Let a process watch the file for as long as the block runs."""
        reader, writer = os.pipe()
        watcher = os.fork()
        if watcher == 0:
            try:
                os.close(writer)
                self._watch(path, host, reader)
            finally:
                os._exit(0)
        os.close(reader)
        try:
            yield
        finally:
            os.close(writer)
            # It is not killed: it may be at the lock by which all processes take turns in writing to the terminal.
            deadline = time.monotonic() + PATIENCE
            while os.waitpid(watcher, os.WNOHANG) == (0, 0) and time.monotonic() < deadline:
                time.sleep(0.01)

    def _watch(self, path, host, ended):
        """Say every few seconds what the file says, until the other end of the pipe is closed."""
        said = None
        while not select.select([ended], [], [], EVERY)[0]:
            now = self._look(path)
            if now not in (None, said) and not select.select([ended], [], [], 0)[0]:
                said = now
                # What goes to standard output waits in a buffer for the end of the task, unless that is a terminal.
                self._display.display("  %-12s %s" % (host, one_line(now[:LONGEST])), stderr=True)

    def _look(self, path):
        """What the file says at this moment, as a line, or None where it cannot be read: it may be so the next time."""
        with contextlib.suppress(AnsibleConnectionFailure, ValueError):
            done = self._low_level_execute_command("cat %s && echo && date +%%s" % shlex.quote(path))
            if done["rc"] == 0:
                state, _newline, clock = done["stdout"].strip().rpartition("\n")
                state = json.loads(state)
                return line(state, max(0, int(clock) - state["begun"]))
        return None
