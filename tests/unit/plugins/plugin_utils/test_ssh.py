# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that dies while a step is at work is noticed, also where the controller's ssh has no settings of its own."""

from __future__ import annotations

import importlib

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.slipway.app.plugins.plugin_utils._ssh import keep_alive


def command(options, name="ssh"):
    """What Ansible's own plugin would run for a host, after keep_alive()."""
    connection = connection_loader.get(name, PlayContext(), None)
    connection.set_options(direct=dict({"host": "app1"}, **options))
    keep_alive(connection)
    if name != "ssh":
        return []
    return [word.decode() for word in connection._build_command(b"ssh", "ssh", "app1", "true")]


@pytest.mark.parametrize("options", [{}, {"ssh_common_args": "-J jump"}, {"ssh_extra_args": "-v"}])
def test_ssh_asks_whether_the_host_is_there(options):
    words = command(options)
    assert words.count("ServerAliveInterval=15") == words.count("ServerAliveCountMax=6") == 1
    assert set(" ".join(options.values()).split()) <= set(words)


@pytest.mark.parametrize("option", ["ssh_args", "ssh_common_args", "ssh_extra_args"])
def test_what_the_controller_says_of_it_stays(option):
    words = command({option: "-o serveraliveinterval=300"})
    assert "serveraliveinterval=300" in words and "ServerAliveInterval=15" not in words


def control_path(words):
    return [word for word in words if "ControlPath" in word]


def test_a_connection_that_others_have_made_is_not_used():
    """ssh would take it as it is: without the question."""
    others, ours, alike = command({"ssh_args": "-o ControlPersist=60s -o ServerAliveInterval=5"}), command({}), command({})
    assert len(control_path(ours)) == 1 and control_path(ours) == control_path(alike) != control_path(others)
    assert len(control_path(ours)[0]) == len(control_path(others)[0]) and control_path(command({"host": "app2"})) != control_path(ours)
    assert control_path(command({"remote_user": "ann"})) != control_path(ours)


@pytest.mark.parametrize("options", [{"control_path": "%(directory)s/mine"}, {"ssh_args": "-o ControlPersist=60s -o ControlPath=/tmp/mine"}])
def test_a_path_of_the_controllers_own_stays(options):
    assert control_path(command(options))[0].rstrip('"').endswith("/mine")


def test_other_connections_are_left_alone():
    assert command({}, "local") == []


@pytest.mark.parametrize("action", ["operation_step", "patch", "postgres_copy", "postgres_dump", "postgres_restore", "release"])
def test_actions_with_long_work_ask_for_it(action):
    plugin = importlib.import_module("ansible_collections.slipway.app.plugins.action." + action).ActionModule
    assert any("keep_alive" in function.__code__.co_names for kind in plugin.__mro__ for function in vars(kind).values()
               if hasattr(function, "__code__"))
