# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do on a host, and the steps of operations, keep out of each other's way."""

from __future__ import annotations

import getpass
import os
import resource
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import action as actions
from ansible_collections.slipway.app.plugins.module_utils._operation import forward
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action, at_work
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import operations
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.preflight import _nothing_open
from ansible_collections.slipway.app.plugins.modules import operation as module

NAME = "20261126T010000Z-upgrade-1"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(actions, "PATIENCE", 0)


@pytest.fixture
def site(tmp_path):
    os.mkdir(tmp_path / "state")
    return SimpleNamespace(root=str(tmp_path), host="app2", leads=False, lock=Lock(str(tmp_path)), secrets=list)


@pytest.fixture
def operation(site):
    return Operation(site, NAME, 1, {"kind": "upgrade", "owner": {"user": "ann", "controller": "here"}})


def test_no_step_begins_while_somebody_is_at_work_and_it_says_who(site, operation, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "eve")
    with action(site.root, "service"), action(site.root, "console"):  # together
        assert [sentence.partition(", ")[0] for sentence in at_work(site.root)] == ["The module service", "The module console"]
        with pytest.raises(SlipwayError, match="The module service, run by eve .* is at work on this host since 2.* Wait until that has ended"):
            _nothing_open(site)
        operation.begin()
        with pytest.raises(SlipwayError, match="The module console, run by eve.*The step stage has waited for 0 seconds and has not begun"):
            with operation.step("stage"):
                pass
    with operation.step("stage"):
        assert at_work(site.root) == []
    assert [step["step"] for step in operation.summary()["steps"]] == ["stage"]


def test_an_operation_is_not_begun_either(site):
    """Somebody may come between its preflight and its start: it would be open, and could go neither on nor back."""
    plan = {"kind": "upgrade", "owner": {"user": "ann", "controller": "here"}}
    with action(site.root, "console"), pytest.raises(SlipwayError, match="The step start has waited for 0 seconds and has not begun"):
        forward.start(site, plan)
    assert site.lock.holder() is None and operations(site.root) == []
    assert forward.start(site, plan)["id"] == operations(site.root)[0]


@pytest.mark.parametrize("text", ["{}", "[]", "1", '{"what": "console"}', "nothing"])
def test_a_file_that_somebody_else_has_written_keeps_nobody_from_looking(site, text):
    with open(os.path.join(site.root, "state", ".action"), "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
    assert at_work(site.root) == []


def test_nobody_is_at_work_whose_process_is_gone(site, monkeypatch):
    monkeypatch.setattr(actions, "start_ticks", lambda pid: 1)
    with action(site.root, "service"):
        assert at_work(site.root)
        monkeypatch.setattr(actions, "start_ticks", lambda pid: None)
        assert at_work(site.root) == []


def test_nobody_begins_while_a_step_is_at_work_or_an_operation_is_open(site, operation):
    with actions.without_actions(site.root, "finish"):
        with pytest.raises(SlipwayError, match="A step of an operation is still at work on this host, after 0 seconds"), action(site.root, "console"):
            pass
    with action(site.root, "console"):
        pass
    operation.begin()
    with pytest.raises(SlipwayError, match="upgrade-1 is open on this host: started by ann"), action(site.root, "console"):
        pass
    with action(site.root, "service", own=NAME):
        pass


def test_an_operation_that_begins_while_one_waits_is_seen(site, operation, monkeypatch):
    wait = actions.shared
    monkeypatch.setattr(actions, "shared", lambda *arguments: operation.begin() or wait(*arguments))
    with pytest.raises(SlipwayError, match="is open on this host"), action(site.root, "service"):
        pass
    assert at_work(site.root) == []


def test_nothing_is_written_where_nothing_is_done(site, tmp_path):
    with action(site.root, "console", check=True):
        assert os.listdir(tmp_path / "state") == [] and at_work(site.root) == []
    os.rmdir(tmp_path / "state")
    with action(site.root, "console"):
        assert os.listdir(tmp_path) == []


def test_what_stops_services_for_an_operation_waits_for_who_would_start_them_again(site):
    with action(site.root, "service"):
        with pytest.raises(SlipwayError, match="The module service, run by .* is at work on this host.*has not begun"):
            with action(site.root, "service", own=NAME, alone=True):
                pass
        with action(site.root, "service", own=NAME):
            pass
    with action(site.root, "service", own=NAME, alone=True):
        assert len(at_work(site.root)) == 1
        with pytest.raises(SlipwayError, match="still at work on this host, after 0 seconds"), action(site.root, "console"):
            pass


def test_who_holds_the_lock_elsewhere_waits_for_who_is_at_work_here_before_anything_is_stopped(site):
    look = {"root": site.root, "id": NAME}
    with action(site.root, "console"):
        with pytest.raises(SlipwayError, match="The module console, run by .* is at work on this host"):
            module.look(look, False)
        assert not module.look(look, True)["changed"]
        assert not module.look(dict(look, id=None), False)["changed"]  # who starts services may do so beside it
    assert not module.look(look, False)["changed"]


def test_the_lock_is_not_taken_beside_somebody_who_is_at_work(site):
    params = {"root": site.root, "id": None, "kind": "restore", "by": "ann", "lease": 60, "journal": False}
    with action(site.root, "console"), pytest.raises(SlipwayError, match="The module console, run by .*The step start .* has not begun"):
        module.start(params, False)
    assert site.lock.holder() is None and module.start(params, True)[1]
    assert module.start(params, False)[0]["id"] == site.lock.holder()["operation"]


def test_a_full_disk_keeps_nobody_from_turning_maintenance_off(site):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with action(site.root, "maintenance"):
            with pytest.raises(SlipwayError, match="Somebody is at work on this host"), actions.without_actions(site.root, "stage"):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_who_it_is(monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert actions.user() == getpass.getuser()
    monkeypatch.setattr(actions.os, "getuid", lambda: 4000000)
    assert actions.user() == "4000000"
