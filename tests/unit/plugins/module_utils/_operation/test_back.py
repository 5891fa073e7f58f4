# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recover takes up, and who may decide about it."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached
from ansible_collections.slipway.app.plugins.module_utils._operation import back
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation

EARLY, LATE = "20261126T010000Z-upgrade-1", "20261126T020000Z-upgrade-2"
HOSTS = {"app1": ["app", "leader"], "app2": ["app"]}
PLAN = {"kind": "upgrade", "digest": "sha256:0", "hosts": HOSTS, "owner": {"user": "ann"}}
WISH = {"owner": {"user": "bob"}, "failed": [], "crashed": True, "takeover": True, "wish": "auto", "accept_loss": False,
        "leader_lost": False}


def site(tmp_path, host="app1"):
    root = str(tmp_path / host)
    os.makedirs(root, exist_ok=True)
    off = SimpleNamespace(status=lambda: {"on": False, "since": None})
    return SimpleNamespace(root=root, host=host, leads=host == "app1", lock=Lock(root), secrets=list, maintenance=off, drain=off,
                           releases=SimpleNamespace(current=lambda: None, find=lambda digest: None))


def begun(where, name, plan=None):
    """An operation that is open on a host."""
    operation = Operation(where, name, where.lock.acquire(name, {"user": "ann"}) if where.leads else 1, plan or PLAN)
    operation.begin()
    return operation


def assess(where, *others, **more):
    surveys = {each.host: back.survey(each) for each in (where, *others)}
    return back.assess(where, dict(WISH, surveys=surveys, **more))


def test_the_open_operation_is_taken_up_and_not_the_last_one_by_name(tmp_path):
    where = site(tmp_path)
    Journal(where.root, LATE).append("operation", "begin", 1, "app1", PLAN)
    Journal(where.root, LATE).append("operation", "done", 1, "app1", {"outcome": "done"})
    begun(where, EARLY)  # the clock was put back
    assert back.survey(where)["operation"]["id"] == EARLY
    assert back.survey(where)["operation"]["outcome"] == "open"


def test_who_did_not_lead_decides_nothing(tmp_path):
    """The host that led is gone from the inventory; on the other one the migration seems never to have begun."""
    follower = site(tmp_path, "app2")
    begun(follower, EARLY)
    follower.leads = True  # as the inventory has it now
    with pytest.raises(SlipwayError, match="is led by app1, and only there.*leader_lost=true") as refused:
        assess(follower)
    assert refused.value.untouched == "Nothing was changed."
    assert back.survey(follower)["operation"]["outcome"] == "open" and follower.lock.holder() is None


def test_nor_does_a_host_that_knows_nothing_of_it(tmp_path):
    follower, fresh = site(tmp_path, "app2"), site(tmp_path, "app3")
    begun(follower, EARLY)
    for lost, match in ((False, "which is open on app2, is led by app1"), (True, "app3 had no part in it.*such as app2")):
        with pytest.raises(SlipwayError, match=match):
            assess(fresh, follower, leader_lost=lost)


def test_nor_does_anybody_else_while_the_one_who_led_is_there(tmp_path):
    where, follower = site(tmp_path), site(tmp_path, "app2")
    begun(where, EARLY)
    begun(follower, EARLY)
    with pytest.raises(SlipwayError, match="Let app1 be the first host"):
        assess(follower, where, leader_lost=True)


def test_who_stands_in_undoes_a_rolling_upgrade_by_code_alone(tmp_path):
    follower = site(tmp_path, "app2")
    ended = []
    follower.connection = lambda: SimpleNamespace(end_sessions=ended.append)
    with begun(follower, EARLY, dict(PLAN, mode="rolling", batches=[["app1"], ["app2"]])).step("stage"):
        pass
    follower.leads = True
    told = assess(follower, leader_lost=True)
    assert told["plan"]["batches"] == [["app2"]] and told["plan"]["hosts"] == {"app1": ["app"], "app2": ["app", "leader"]}
    assert told["decision"]["direction"] == "back" and not told["decision"]["restore"] and ended == ["slipway " + EARLY]


@pytest.mark.parametrize(("mode", "restore"), [("rolling", False), ("maintenance", True)])
def test_who_stands_in_goes_on_with_going_back_whoever_had_decided_it(tmp_path, mode, restore):
    """The journal of the leader alone had the reason."""
    follower = site(tmp_path, "app2")
    follower.connection = lambda: SimpleNamespace(end_sessions=lambda name: None)
    follower.restore_point = lambda name: SimpleNamespace(status=lambda: {"state": "present"})
    with begun(follower, EARLY, dict(PLAN, mode=mode, batches=[["app1"], ["app2"]])).step("quiesce"):
        pass
    follower.leads = True
    with pytest.raises(SlipwayError, match="can only go back"):
        assess(follower, leader_lost=True, accept_loss=True, wish="forward")
    decision = assess(follower, leader_lost=True, accept_loss=True)["decision"]
    assert (decision["direction"], decision["restore"]) == ("back", restore), decision


def test_who_stands_in_never_puts_a_restore_point_back_under_users_who_are_in_again(tmp_path):
    """The leader had found the database unchanged, and let users in, then was lost before it could drop the restore point."""
    follower = site(tmp_path, "app2")
    with begun(follower, EARLY).step("reopen"):
        pass
    follower.leads = True
    decision = assess(follower, leader_lost=True, accept_loss=True)["decision"]
    assert (decision["direction"], decision["restore"]) == ("back", False)


def test_a_release_to_go_back_to_that_is_gone_is_named_and_nothing_taken_away(tmp_path):
    where = site(tmp_path)
    where.releases = SimpleNamespace(list=list, find=lambda digest: None)
    operation = begun(where, EARLY, dict(PLAN, previous={"app1": "1.0-abc"}))
    with pytest.raises(SlipwayError, match="The release 1.0-abc, which was live before, is gone"):
        back.reinstate(where, operation)


def test_who_comes_back_after_it_was_undone_without_him_follows(tmp_path):
    where, follower = site(tmp_path), site(tmp_path, "app2")
    with begun(where, EARLY).step("migrate"):
        program = Detached(os.path.join(where.root, "state", "detached", EARLY + "-migrate-1"))
        os.makedirs(os.path.dirname(program.directory))
        program.start(["sleep", "60"], "/", dict(os.environ))
    begun(follower, EARLY).close("undone", "app1 was lost.")
    assert assess(where, follower)["decision"] == {"direction": "back", "restore": False, "reason": "It had been undone without this host."}
    assert program.state()["state"] == "exited"


def test_what_a_person_had_opened_and_left_is_closed(tmp_path):
    where = site(tmp_path)
    begun(where, "reindex-1", {"kind": "reindex", "owner": {"user": "ann"}})
    told = assess(where)
    assert told["decision"]["direction"] == "none" and told["changed"] and "has to be looked after by hand" in told["decision"]["reason"]
    assert back.survey(where)["operation"]["outcome"] == "abandoned" and where.lock.holder() is None


def test_going_back_is_kept_to_when_only_another_host_has_begun_with_it(tmp_path):
    where, follower = site(tmp_path), site(tmp_path, "app2")
    operation = begun(where, EARLY)
    with operation.step("assess") as outcome:
        outcome.update(direction="back", restore=False, reason="Asked for.")
    with begun(follower, EARLY).step("quiesce"):
        pass
    assert assess(where, follower)["decision"] == {"direction": "back", "restore": False, "reason": "Going back had already begun. Asked for."}


def test_a_migration_that_hangs_gets_what_is_left_of_its_time(tmp_path):
    where = site(tmp_path)
    operation = begun(where, EARLY)
    program = Detached(os.path.join(where.root, "state", "detached", EARLY + "-migrate-1"))
    os.makedirs(os.path.dirname(program.directory))
    program.start(["sleep", "60"], "/", dict(os.environ))
    ended = []
    config = {"commands": {"migrate": [["sleep"]]}, "hooks": {"after_migrate": []}, "timeouts": {"migrate": time.time() - program.state()["started"] + 0.2}}
    where.releases.find = lambda digest: SimpleNamespace(documents={})
    where.config = lambda documents: config
    where.connection = lambda: SimpleNamespace(end_sessions=ended.append)
    assert back._migration(where, operation, True, check=False)["state"] == "lost"
    assert ended == [operation.session_name] and program.state()["state"] == "exited"


def test_a_step_waits_for_one_whose_connection_was_lost(tmp_path, monkeypatch):
    where = site(tmp_path)
    operation = begun(where, EARLY)
    monkeypatch.setattr("ansible_collections.slipway.app.plugins.module_utils._operation.operation.PATIENCE", 0)
    with operation.step("activate"):
        with pytest.raises(SlipwayError, match="still at work on this host.*quiesce has not begun"):
            with Operation(where, EARLY, operation.fence, PLAN).step("quiesce"):
                pass
    assert [step["step"] for step in operation.summary()["steps"]] == ["activate"]


def test_a_step_of_which_somebody_has_taken_over_notes_no_success(tmp_path):
    where = site(tmp_path)
    operation = begun(where, EARLY)
    with pytest.raises(SlipwayError, match="no longer holds the lock"), operation.step("activate"):
        where.lock.take_over(EARLY, {"user": "bob"}, force=True)
    assert [step["outcome"] for step in operation.summary()["steps"]] == ["fail"]
