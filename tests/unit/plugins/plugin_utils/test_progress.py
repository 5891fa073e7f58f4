# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
import subprocess
import time
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.slipway.app.plugins.module_utils._core.progress import Progress
from ansible_collections.slipway.app.plugins.plugin_utils import _progress
from ansible_collections.slipway.app.plugins.plugin_utils._progress import WatchedModule


@pytest.fixture
def watched():
    """An action whose host is this machine, without a task and a connection."""
    action = object.__new__(WatchedModule)

    def execute(command):
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout.replace("\n", "\r\n")}  # a terminal has both

    action._low_level_execute_command = execute
    return action


def test_the_time_is_that_of_the_phase_however_late_it_was_seen(watched, tmp_path, monkeypatch):
    path = tmp_path / "it's here"
    with Progress(str(path)) as progress:
        progress("fetch")
        with monkeypatch.context() as before:
            before.setattr(time, "time", lambda now=time.time(): now - 3700)
            progress("restore", table="orders")
        assert re.match(r"restore, orders, for 1:0[0-9] h$", watched._look(str(path)))
    assert watched._look(str(path)) is None


def test_a_connection_that_fails_does_not_end_the_watching(watched, tmp_path):
    def fail(_command):
        raise AnsibleConnectionFailure("the host is busy")

    watched._low_level_execute_command = fail
    assert watched._look(str(tmp_path / "x")) is None


def test_what_users_name_a_table_is_no_command_for_the_terminal(watched, tmp_path, monkeypatch):
    """Who may make one could otherwise set its title or clipboard, or forge lines of other tasks. One very long name does not hide the rest either."""
    said, (reader, writer) = [], os.pipe()

    def display(words, stderr):
        said.append(words)
        os.close(writer)

    monkeypatch.setattr(_progress, "EVERY", 0.01)
    watched._display = SimpleNamespace(display=display)
    with Progress(str(tmp_path / "progress")) as progress:
        progress("dump", table="public.a\x1b]52;c;cm0=\x07\r\nfatal: [db1]: FAILED! \u202e\u2028" + "é" * 1000)
        watched._watch(str(tmp_path / "progress"), "db1", reader)
    os.close(reader)
    (words,) = said
    assert words.startswith("  db1          dump, public.a\\x1b]52;c;cm0=\\x07\\r\\nfatal: [db1]: FAILED! \\u202e\\u2028éé")
    assert words.isprintable() and len(words) < 250
