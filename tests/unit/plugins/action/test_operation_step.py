# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step is told by the controller, before any host is asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleError

from ansible_collections.slipway.app.plugins.action.operation_step import ActionModule, user
from ansible_collections.slipway.app.plugins.plugin_utils._board import Board

GROUPS = {"app": ["app1"]}
SURVEY = {"holder": None}


@pytest.fixture
def plan():
    """plan(step, kind, asked by the task, of the role) -> what the library gets to know."""
    def fill(step, kind="upgrade", asked=None, **of_role):
        action, arguments = ActionModule.__new__(ActionModule), {}
        options = dict({"package": "", "by": "", "accept_unsafe_mode": "", "batch": 1}, **of_role)
        action._option = lambda name, given, task_vars: given.pop(name) if name in given else options.get(name)
        reports = {"found": {"package": "shop:1", "digest": None, "reference": None, "current": None, "fence": 0}, "survey": SURVEY}
        board = Board({"groups": GROUPS, "hostvars": {"app1": {"operation_step_result": reports}}}, kind)
        action._fill(arguments, dict(asked or {}, balancer_status=[]), [step], kind, {"inventory_hostname": "app1", "groups": GROUPS}, board)
        return arguments["plan"]

    return fill


def test_without_a_package_nothing_is_begun(plan):
    """Be it an empty -e package=, or a --limit that has left out the host that was to build it."""
    with pytest.raises(AnsibleError, match="No package is named, and none was built"):
        plan("preflight")
    assert plan("preflight", package="shop:1")["package"] == "shop:1"
    assert plan("preflight", asked={"package": ""})["package"] == ""  # the look before it is built


@pytest.mark.parametrize("step, kind", [("start", "upgrade"), ("assess", "upgrade"), ("assess", "recover")])
def test_the_journal_and_the_lock_say_who(plan, monkeypatch, step, kind):
    """In AWX all processes are root's, on a machine that is gone a moment later."""
    assert plan(step, kind, by="ann")["owner"]["user"] == "ann"
    monkeypatch.setenv("USER", "eve")
    assert plan(step, kind)["owner"]["user"] == "eve"
    monkeypatch.delenv("USER")
    assert plan(step, kind)["owner"]["user"] == user()


def test_what_the_preflight_warns_of_reaches_who_watches():
    action, result = ActionModule.__new__(ActionModule), {}
    action._ask_host = lambda arguments, known, task_vars: {"found": {}, "findings": [], "warnings": ["It has a subscription."]}
    action._run_steps(result, {"host": "app1", "steps": ["preflight"]}, {}, Board({"groups": GROUPS, "hostvars": {"app1": {}}}, "upgrade"))
    assert result["warnings"] == ["It has a subscription."]


LAST = {"operation": "20260101T000000Z-upgrade-1", "hosts": {"web1": ["app", "leader"], "app1": ["app"], "jobs1": ["consumer"]}}


@pytest.mark.parametrize("kind, lost, last, missed, refused", [
    ("upgrade", "", LAST, ["jobs1"], True), ("upgrade", "yes", LAST, ["jobs1"], False), ("deploy", "", LAST, ["web1, jobs1"], False),
    ("upgrade", "", dict(LAST, hosts={"app1": ["app", "leader"]}), [], False), ("upgrade", "", None, [], False)])
def test_hosts_that_an_inventory_does_not_bring_any_more_are_named(monkeypatch, kind, lost, last, missed, refused):
    """Of a slice of a job, or of an inventory that has come out short, another host would lead, and migrate what another slice migrates."""
    action, result, warned = ActionModule.__new__(ActionModule), {"found": {"last": last}}, []
    action._display = SimpleNamespace(warning=warned.append)
    board = Board({"groups": GROUPS, "hostvars": {"app1": {}}}, kind)
    action._check_hosts(result, board, {"leader_lost": lost} if kind == "upgrade" else {}, kind)
    assert [words.partition(", of the last operation")[0].partition(" lack ")[2] for words in warned] == missed
    assert (result.get("outcome") == "failed") is refused
    assert not refused or "lack web1, which led" in result["findings"][0] and result["findings"][0].endswith("say -e leader_lost=true.")
