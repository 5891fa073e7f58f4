# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recover takes up, and who may decide about it."""

from __future__ import annotations

import errno
import os
import time
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import Detached
from ansible_collections.slipway.app.plugins.module_utils._operation import back, forward, rejoin, services
from ansible_collections.slipway.app.plugins.module_utils._operation import lock as locks
from ansible_collections.slipway.app.plugins.module_utils._operation.engine import run_step
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal, operations
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock, TakenOver
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES, READING, steps_of

EARLY, LATE = "20261126T010000Z-upgrade-1", "20261126T020000Z-upgrade-2"
HOSTS = {"app1": ["app", "leader"], "app2": ["app"]}
PLAN = {"kind": "upgrade", "digest": "sha256:0", "hosts": HOSTS, "owner": {"user": "ann"}, "previous": {}}
WISH = {"owner": {"user": "bob"}, "failed": [], "crashed": True, "takeover": True, "gone": {}, "wish": "auto",
        "accept_loss": False, "leader_lost": False}


BOB, EVE = ({"user": user, "controller": "another.example", "pid": pid} for user, pid in (("bob", 1), ("eve", 2)))
OLD, NEW, LATER = ({"id": "%d.0-x" % number, "digest": "sha256:%d" % number, "package": "shop:%d.0" % number, "reference": "%d.0" % number}
                   for number in (1, 0, 3))


def site(tmp_path, host="app1"):
    root = str(tmp_path / host)
    os.makedirs(root, exist_ok=True)
    off = SimpleNamespace(status=lambda: {"on": False, "since": None, "held_by": None})
    return SimpleNamespace(root=root, host=host, leads=host == "app1", lock=Lock(root), secrets=list, maintenance=off, drain=off,
                           releases=SimpleNamespace(current=lambda: None, list=list, find=lambda digest: None))


def begun(where, name, plan=None):
    """An operation that is open on a host."""
    operation = Operation(where, name, where.lock.acquire(name, {"user": "ann"}) if where.leads else 1, plan or PLAN)
    operation.begin()
    return operation


def assess(where, *others, **more):
    surveys = {each.host: back.survey(each) for each in (where, *others)}
    return back.assess(where, dict(dict(WISH, surveys=surveys), **more))


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
    assert program.state()["state"] == "lost"


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
    program.start(["sh", "-c", "trap 'exit 0' TERM; sleep 60 & wait"], "/", dict(os.environ))
    ended = []
    config = {"commands": {"migrate": [["sleep"]]}, "hooks": {"after_migrate": []}, "timeouts": {"migrate": time.time() - program.state()["started"] + 0.2}}
    where.releases.find = lambda digest: SimpleNamespace(documents={})
    where.config = lambda documents: config
    where.connection = lambda: SimpleNamespace(end_sessions=ended.append)
    assert back._migration(where, operation, True, check=False)["state"] == "lost"
    assert ended == [operation.session_name]
    assert back._migration(where, operation, True, check=False)["state"] == "lost"  # whoever recovers what that one has left


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


# A disk that is full


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_beat_that_cannot_be_written_is_not_one_that_is_refused(tmp_path, monkeypatch):
    """What a migration writes may fill the disk of the leader for a second: it goes on, and so does who waits for it."""
    where = site(tmp_path)
    operation = begun(where, EARLY)
    program = operation.detached("migrate-1")
    program.start(["sleep", "1.5"], "/", {})
    beats = []

    def full(path, value):
        beats.append(path)
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(locks, "write_json", full)
        assert program.wait(20, operation.beat)["rc"] == 0 and beats
    where.lock.release(EARLY)
    with pytest.raises(TakenOver):
        operation.beat()


def test_a_journal_that_cannot_be_written_does_not_hide_why_a_step_failed(tmp_path, monkeypatch):
    operation = begun(site(tmp_path), EARLY)
    append = Journal.append

    def full(journal, step, event, *more):
        if event == "fail":
            raise FULL
        return append(journal, step, event, *more)

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(SlipwayError, match="exit status 3. It printed: boom And the journal could not be written: .*No space left on device"):
        with operation.step("migrate"):
            raise SlipwayError("The migration failed with exit status 3. It printed: boom")
    with pytest.raises(TakenOver, match="another run"):
        with operation.step("migrate"):
            raise TakenOver("It is another run's.")


# A controller that was suspended, and wakes when somebody else's recover has ended its operation


def overtaken(tmp_path, outcome, mode="maintenance"):
    """(app1, app2, what a run still gives its steps when another one has ended its operation)."""
    where, follower = site(tmp_path), site(tmp_path, "app2")
    plan = dict(PLAN, mode=mode, batches=[["app1"], ["app2"]])
    mine = {"operation": {"id": EARLY, "fence": begun(where, EARLY, plan).fence, "plan": plan}, "decision": None}
    begun(follower, EARLY, plan)
    fence = where.lock.take_over(EARLY, BOB, force=True)
    for each in (where, follower):
        operation = Operation(each, EARLY, fence, plan)
        operation.check_fence()
        operation.close(outcome, "")
    where.lock.release(EARLY)
    return where, follower, mine


@pytest.mark.parametrize("later", [False, True], ids=["ended", "followed"])
@pytest.mark.parametrize("outcome", ["done", "undone"])
@pytest.mark.parametrize("mode", list(MODES))
def test_a_run_whose_operation_another_has_ended_is_told_at_each_step(tmp_path, mode, outcome, later):
    where, follower, mine = overtaken(tmp_path, outcome, mode)
    if later:
        where.lock.acquire(LATE, BOB)
    for step in set(steps_of(mode)) - set(READING) - {"start"}:
        for each in (where, follower):
            outcomes = {}
            with pytest.raises(TakenOver, match="This step changed nothing"):
                run_step(each, step, mine, outcomes)
            assert outcomes == {} and (each.lock.holder() is not None) == (later and each is where)


@pytest.mark.parametrize("step", ["activate", "finish"])
def test_recover_goes_on_past_a_host_that_has_closed_and_a_step_may_be_said_twice(tmp_path, step):
    where, follower = site(tmp_path), site(tmp_path, "app2")
    first = begun(where, EARLY).fence
    begun(follower, EARLY).close("done", "")
    fence = where.lock.take_over(EARLY, BOB, force=True)
    for _repeated in range(2):
        assert run_step(follower, step, {"operation": {"id": EARLY, "fence": fence, "plan": PLAN}, "decision": None}, {}) == {}
    with pytest.raises(TakenOver):
        run_step(follower, step, {"operation": {"id": EARLY, "fence": first, "plan": PLAN}, "decision": None}, {})
    Operation(where, EARLY, fence, PLAN).close("done", "")  # and the connection is lost before the lock is given back, or after
    for _repeated in range(2):
        assert run_step(where, "finish", {"operation": {"id": EARLY, "fence": fence, "plan": PLAN}, "decision": None}, {}) == {}
        assert where.lock.holder() is None


@pytest.mark.parametrize("outcome", ["done", "undone"])
def test_who_brings_hosts_along_does_not_free_the_lock_of_who_has_taken_over(tmp_path, outcome):
    leader, follower = two(tmp_path, OLD if outcome == "undone" else NEW, outcome)
    told = assess(leader, follower)
    assert told["decision"]["outcome"] == outcome
    eve = leader.lock.take_over(EARLY, EVE, force=True)
    follower.lock.pass_fence(eve)
    for each in (leader, follower):
        with pytest.raises(TakenOver):
            run_step(each, "finish", {"operation": told, "decision": told["decision"]}, {})
    assert leader.lock.holder()["owner"] == EVE and back.survey(follower)["operation"]["outcome"] == "open"


def test_a_run_whose_operation_another_has_ended_takes_over_no_later_one(tmp_path):
    """Its step fails, so it would decide: about whatever is open by now."""
    where, follower, mine = overtaken(tmp_path, "undone")
    later = begun(where, LATE)
    plan = dict(WISH, surveys=surveyed(where, follower), crashed=False, failed=["activate"], gone={"app1": later.fence})
    with pytest.raises(TakenOver, match="has ended .undone.*%s holds the lock: started by ann" % LATE):
        run_step(where, "assess", dict(mine, plan=plan), {})
    assert where.lock.holder()["fence"] == later.fence and later.summary()["steps"] == []
    run_step(where, "assess", {"operation": None, "plan": dict(plan, crashed=True)}, {})
    assert where.lock.holder()["fence"] > later.fence, "recover does"


def test_nor_its_own_from_who_has_taken_it_over(tmp_path):
    where = site(tmp_path)
    mine = begun(where, EARLY)
    bob = where.lock.take_over(EARLY, BOB, lease=-1, force=True)
    about = {"operation": {"id": EARLY, "fence": mine.fence, "plan": PLAN}}
    with pytest.raises(TakenOver, match="started by bob on another.example"):
        run_step(where, "assess", dict(about, plan=dict(WISH, owner=EVE, surveys=surveyed(where), failed=["stage"])), {})
    assert where.lock.holder()["fence"] == bob
    again = run_step(where, "assess", dict(about, plan=dict(WISH, owner=BOB, surveys=surveyed(where), failed=["stage"])), {})
    assert again["operation"]["fence"] > bob, "who has not heard the answer asks again"


def test_an_upgrade_does_not_begin_by_what_it_saw_before_another_one(tmp_path):
    """The release that it would go back to may not be the one before any more."""
    where = site(tmp_path)
    begun(where, EARLY).close("done", "")
    where.lock.release(EARLY)
    with pytest.raises(SlipwayError, match="Another operation has held the lock since the preflight.*Nothing was changed.*again"):
        forward.start(where, dict(PLAN, fence=0))
    assert where.lock.holder() is None and operations(where.root) == [EARLY]


# Hosts that come back when it has ended without them


def is_live(where, release, *others):
    """Let a release be live on a host, with others beside it."""
    here = [SimpleNamespace(**one) for one in (release, *others) if one]
    where.releases.current, where.releases.list = lambda: here[0] if release else None, lambda: here


def two(tmp_path, live, outcome="undone", plan=None):
    """(app1, which leads and has ended an operation; app2, which has it open and was in the midst of it)."""
    plan = plan or dict(PLAN, previous={"app1": OLD["id"], "app2": OLD["id"]})
    leader, follower = site(tmp_path), site(tmp_path, "app2")
    begun(leader, EARLY, plan).close(outcome, "")
    leader.lock.release(EARLY)
    with begun(follower, EARLY, plan).step("close"):
        pass
    is_live(leader, live)
    is_live(follower, OLD, NEW)
    return leader, follower


@pytest.mark.parametrize(("outcome", "live", "fetch"), [("undone", OLD, []), ("done", NEW, []), ("done", LATER, ["app2"]), ("undone", LATER, ["app2"])])
@pytest.mark.parametrize("later", [None, LATE, "20261125T010000Z-upgrade-3"], ids=["last", "overtaken", "clock-put-back"])
def test_a_host_that_was_away_follows_to_what_is_live_by_now_whichever_operation_brought_it(tmp_path, outcome, live, fetch, later):
    leader, follower = two(tmp_path, live, outcome)
    if later:
        begun(leader, later, dict(PLAN, hosts={"app1": ["app", "leader"]})).close("done", "")
        leader.lock.release(later)
    assert rejoin.left_behind("app1", {each.host: back.survey(each) for each in (leader, follower)})[0].behind == ["app2"]
    looked = back.assess(leader, dict(WISH, surveys={each.host: back.survey(each) for each in (leader, follower)}), check=True)
    assert leader.lock.holder() is None and "id" not in looked
    told = assess(leader, follower)
    decision = told["decision"]
    assert looked["decision"] == decision and (decision["direction"], decision["away"], decision["fetch"]) == ("follow", ["app2"], fetch)
    assert (told["id"], told["plan"]["digest"], told["plan"]["package"]) == (EARLY, live["digest"], live["package"])
    assert leader.lock.holder()["operation"] == EARLY, "nobody begins anything meanwhile"
    assert decision["outcome"] == ("done" if live is NEW else "undone")
    assert assess(leader, follower)["fence"] > told["fence"], "and when it dies, the next one goes on"


def test_a_host_that_had_done_all_but_close_its_journal_is_not_closed_to_users_again(tmp_path):
    leader, follower = two(tmp_path, NEW, "done")
    is_live(follower, NEW)
    for step in ("activate", "open"):
        with Operation(follower, EARLY, 1, PLAN).step(step):
            pass
    decision = assess(leader, follower)["decision"]
    assert (decision["behind"], decision["away"], decision["outcome"]) == (["app2"], [], "done")
    follower.drain = SimpleNamespace(status=lambda: {"on": True})
    assert assess(leader, follower)["decision"]["away"] == ["app2"], "but its balancer sends it nobody"


def test_a_leader_that_comes_back_follows_where_a_later_operation_was_without_it(tmp_path):
    leader, other, third = site(tmp_path), site(tmp_path, "app2"), site(tmp_path, "app3")
    plan = dict(PLAN, previous={"app1": OLD["id"], "app2": OLD["id"]})
    begun(leader, EARLY, plan)
    begun(other, EARLY, plan).close("undone", "app1 was lost.")
    begun(other, LATE).close("done", "")
    is_live(leader, OLD)
    is_live(other, LATER)
    told = assess(leader, other, third)
    assert told["decision"]["direction"] == "follow" and told["decision"]["away"] == ["app1"] and told["plan"]["digest"] == LATER["digest"]
    begun(third, EARLY, plan).close("undone", "")
    is_live(third, OLD)
    with pytest.raises(SlipwayError, match="cannot be told what is to be live there: 3.0-x on app2, 1.0-x on app3.*first one of the group app"):
        assess(leader, other, third)


def test_a_former_leader_follows_and_gives_back_the_lock_it_had(tmp_path):
    """Its upgrade was undone without it, by app2, which leads since."""
    leader, former = site(tmp_path, "app2"), site(tmp_path)
    plan = dict(PLAN, previous={"app1": OLD["id"], "app2": OLD["id"]})
    begun(leader, EARLY, plan).close("undone", "app1 was lost.")
    begun(former, EARLY, plan)
    leader.leads, former.leads = True, False
    is_live(leader, OLD)
    is_live(former, OLD)
    with pytest.raises(SlipwayError, match="On app1, which does not lead: .*takeover=true"):
        assess(leader, former, takeover=False)
    decision = assess(leader, former)["decision"]
    assert decision["behind"] == ["app1"] and decision["locks"] == {"app1": EARLY, "app2": EARLY}
    rejoin.finish(former, Operation(former, EARLY, 2, plan), decision)
    rejoin.finish(leader, Operation(leader, EARLY, 2, plan), decision)
    assert former.lock.holder() is None and leader.lock.holder() is None
    assert back.survey(former)["operation"]["outcome"] == "undone"
    surveys = {each.host: back.survey(each) for each in (leader, former)}
    assert rejoin.left_behind("app2", surveys) == [] and rejoin.left_locks("app2", surveys) == {}


def test_a_lock_whose_journal_was_moved_away_is_freed(tmp_path):
    """As the message about a damaged one says; another host has its own still."""
    where, follower = site(tmp_path), site(tmp_path, "app2")
    os.unlink(begun(where, EARLY).journal.path)
    begun(follower, EARLY).close("done", "")
    assert assess(where, follower)["decision"]["direction"] == "none" and where.lock.holder() is None


def test_a_lock_alone_that_is_left_on_a_host_that_does_not_lead_is_freed(tmp_path):
    """The upgrade asks every host for one."""
    leader, former = site(tmp_path, "app2"), site(tmp_path)
    former.lock.acquire(EARLY, {"user": "ann"})
    told = assess(leader, former)
    for where in (leader, former):
        rejoin.finish(where, Operation(where, EARLY, 2, told["plan"]), told["decision"])
    assert former.lock.holder() is None and leader.lock.holder() is None


def test_what_a_person_had_opened_on_a_host_that_led_then_is_closed_too(tmp_path):
    leader, former = site(tmp_path, "app2"), site(tmp_path)
    opened = begun(former, "reindex-1", {"kind": "reindex", "owner": {"user": "ann"}})
    decision = assess(leader, former)["decision"]
    assert "has to be looked after by hand" in decision["reason"]
    rejoin.finish(former, opened, decision)
    assert back.survey(former)["operation"]["outcome"] == "abandoned" and former.lock.holder() is None


def test_a_host_that_was_away_while_an_installation_was_undone_goes_back_to_nothing(tmp_path):
    leader, follower = two(tmp_path, None, plan=dict(PLAN, kind="deploy", previous={"app1": None, "app2": None}))
    told = assess(leader, follower)
    assert told["decision"]["direction"] == "back" and leader.lock.holder()
    for step in ("quiesce", "undo"):
        run_step(leader, step, {"decision": told["decision"], "operation": told}, {})
    assert leader.lock.holder() is None, "it was over there"
    follower = site(tmp_path / "another", "app2")
    with begun(follower, EARLY, dict(PLAN, previous={"app1": None, "app2": OLD["id"]})).step("close"):
        pass
    with pytest.raises(SlipwayError, match="no release on app1"):
        assess(leader, follower)


def test_the_operation_that_can_go_on_goes_on_first(tmp_path):
    leader, follower = two(tmp_path, OLD)
    begun(leader, LATE)
    told = assess(leader, follower)
    assert (told["id"], told["decision"]["direction"]) == (LATE, "back")


def test_what_was_finished_without_the_one_who_led_is_finished_there(tmp_path):
    leader, other = site(tmp_path), site(tmp_path, "app2")
    begun(leader, EARLY)
    begun(other, EARLY).close("done", "")
    is_live(other, NEW)
    Journal(other.root, LATE).append("operation", "begin", 1, "app2", PLAN)  # by a clock that went ahead
    Journal(other.root, LATE).append("operation", "done", 1, "app2", {"outcome": "done"})
    assert assess(leader, other)["decision"]["direction"] == "forward"


def test_an_operation_whose_first_record_found_a_full_disk_has_neither_lock_nor_journal(tmp_path, monkeypatch):
    where = site(tmp_path)
    begun(where, EARLY).close("done", "")
    where.lock.release(EARLY)

    def full(descriptor):
        if os.readlink("/proc/self/fd/%d" % descriptor).endswith(".jsonl"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            forward.start(where, dict(PLAN, fence=where.lock.fence()))
    assert where.lock.holder() is None and operations(where.root) == [EARLY]


def test_an_empty_journal_is_not_the_last_operation(tmp_path):
    where = site(tmp_path)
    begun(where, EARLY).close("done", "")
    open(Journal(where.root, LATE).path, "wb").close()
    assert back.survey(where)["operation"]["id"] == EARLY and list(back.survey(where)["ended"]) == [EARLY]


def test_whoever_recovers_gets_a_number_that_no_host_refuses(tmp_path):
    """Patches and restores have raised that of the host that led before."""
    where, follower, unbegun = site(tmp_path), site(tmp_path, "app2"), site(tmp_path, "app3")
    where.params = {"database": {}}
    begun(where, EARLY)
    begun(follower, EARLY)
    follower.lock.pass_fence(20)
    unbegun.lock.pass_fence(30)
    told = assess(where, follower, unbegun)
    assert told["fence"] == 31 and told["decision"]["direction"] == "back"
    for each in (follower, unbegun):
        run_step(each, "quiesce", {"operation": told, "decision": told["decision"]}, {})
    assert unbegun.lock.fence() == 31


def test_who_follows_what_was_closed_without_him_gets_such_a_number_too(tmp_path):
    where, follower = site(tmp_path), site(tmp_path, "app2")
    begun(where, EARLY).close("undone", "It was undone.")
    begun(follower, EARLY)
    follower.lock.pass_fence(20)
    told = assess(where, follower)
    Operation(follower, EARLY, told["fence"], PLAN).check_fence()


def test_an_upgrade_begins_with_a_number_that_no_host_refuses(tmp_path):
    where = site(tmp_path)
    given = forward.start(where, dict(PLAN, fence=20))
    assert given["fence"] == 21 and given["id"].endswith("-upgrade-21") and "fence" not in given["plan"]


def test_nobody_recovers_what_is_at_work_on_a_host_that_does_not_lead(tmp_path):
    where, follower = site(tmp_path), site(tmp_path, "app2")
    begun(where, EARLY)
    where.lock.beat(EARLY, lease=-1)
    bob = {"user": "bob", "controller": "another.example"}
    with begun(follower, EARLY).step("drain"):
        with pytest.raises(SlipwayError, match="is at work on app2"):
            assess(where, follower, takeover=False, owner=bob)
    assert assess(where, follower, takeover=False, owner=bob)["decision"]["direction"] == "back"


# Between the survey and the lock that assess takes


def surveyed(*hosts):
    return {each.host: back.survey(each) for each in hosts}


def test_a_migration_that_began_since_the_survey_is_seen(tmp_path, monkeypatch):
    """protect and migrate are one call of the host, which goes on when the controller that made it is dead."""
    where = site(tmp_path)
    operation = begun(where, EARLY)
    with operation.step("protect"):
        surveys = surveyed(where)
    with operation.step("migrate"):
        pass
    monkeypatch.setattr(back, "_migration", lambda site, operation, begun, check: {"state": "exited", "rc": 0} if begun else {"state": "absent"})
    monkeypatch.setattr(back, "_changes", lambda site, operation, begun: ["columns"] if "migrate" in begun else [])
    assert assess(where, surveys=surveys)["decision"] == {
        "direction": "forward", "restore": False, "reason": "The migration had ended well; nothing after it failed."}


def test_users_that_were_let_in_on_the_leader_since_the_survey_are_seen(tmp_path):
    where = site(tmp_path)
    begun(where, EARLY)
    surveys = surveyed(where)
    surveys["app1"]["maintenance"] = {"on": True, "since": "9:00", "held_by": EARLY}
    surveys["app1"]["closed_since"] = "9:00"
    told = run_step(where, "assess", {"operation": None, "plan": dict(WISH, surveys=surveys)}, {})
    assert not told["survey"]["maintenance"]["on"] and told["survey"]["closed_since"] is None and "survey" not in told["operation"]


@pytest.mark.parametrize("outcome", ["done", "undone"])
def test_what_has_ended_since_the_survey_stays_closed(tmp_path, outcome):
    """Of two recovers at once the other one was faster."""
    where = site(tmp_path)
    operation = begun(where, EARLY)
    surveys = surveyed(where)
    operation.close(outcome, "")
    where.lock.release(EARLY)
    with pytest.raises(SlipwayError, match="has ended .%s. since the hosts were asked.*slipway.app.recover again" % outcome):
        assess(where, surveys=surveys)
    assert back.survey(where)["operation"]["outcome"] == outcome and where.lock.holder() is None


def test_of_two_recovers_of_what_a_dead_one_left_the_second_finds_the_first_alive(tmp_path):
    where = site(tmp_path)
    dead = begun(where, EARLY)
    about = {"surveys": surveyed(where), "takeover": False, "gone": {"app1": dead.fence}}
    first = assess(where, owner=BOB, **about)
    with pytest.raises(SlipwayError, match="started by bob on another.example.*may still be at work"):
        assess(where, owner=EVE, **about)
    assert assess(where, owner=BOB, **about)["fence"] > first["fence"], "the first itself decides anew when it fails"
    assert assess(where, owner=EVE, takeover=True)["decision"]["direction"] == "back", "unless a person knows better"


@pytest.mark.parametrize("lease", [900, -1], ids=["heard-of", "at-work-elsewhere"])
def test_nobody_takes_the_lock_from_a_recover_that_brings_hosts_along(tmp_path, lease):
    leader, follower = two(tmp_path, OLD)
    bob = assess(leader, follower, owner=BOB, takeover=False)
    leader.lock.beat(EARLY, bob["fence"], lease)
    with Operation(follower, EARLY, bob["fence"], PLAN).step("drain"):
        with pytest.raises(SlipwayError, match="holds the lock: started by bob on another.example .* at .* UTC"):
            assess(leader, follower, owner=EVE, takeover=False)
    assert leader.lock.holder()["owner"] == BOB
    assert assess(leader, follower, owner=EVE, takeover=False, gone={"app1": bob["fence"]})["decision"]["away"] == ["app2"]


def test_nor_from_one_that_closes_what_has_ended(tmp_path, monkeypatch):
    where = site(tmp_path)
    monkeypatch.setattr(forward, "drop_restore_points", lambda site, check: [])
    begun(where, EARLY).close("done", "")
    with pytest.raises(SlipwayError, match="started by ann.*may still be at work"):
        assess(where, owner=EVE, takeover=False)
    where.lock.beat(EARLY, lease=-1)
    assert assess(where, owner=EVE, takeover=False)["decision"]["direction"] == "none" and where.lock.holder() is None


def test_a_lock_elsewhere_is_not_that_of_a_dead_one_because_the_leaders_is(tmp_path):
    leader, former = site(tmp_path, "app2"), site(tmp_path)
    former.lock.acquire(EARLY, BOB)
    with pytest.raises(SlipwayError, match="On app1, which does not lead: .*started by bob"):
        assess(leader, former, takeover=False, gone={"app2": 1})
    with pytest.raises(SlipwayError, match="On app1, which does not lead"):  # whose clock is an hour ahead, or ours is behind
        surveys = surveyed(leader, former)
        surveys["app1"]["holder"]["expires"] -= 3600
        assess(leader, surveys=surveys, takeover=False)
    former.lock.beat(EARLY, lease=-1)
    surveys = surveyed(leader, former)
    surveys["app1"]["holder"]["expires"] += 3600
    assert assess(leader, surveys=surveys, takeover=False)["decision"]["locks"] == {"app1": EARLY, "app2": EARLY}
    former.lock.beat(EARLY, lease=900)
    leader.lock.release(EARLY)
    assert assess(leader, former, takeover=False, gone={"app1": 1})["decision"]["locks"] == {"app1": EARLY, "app2": EARLY}


def test_a_host_that_went_on_after_it_was_asked_is_not_closed_as_if_nothing_had_changed_there(tmp_path):
    """Where hosts take turns, one that was as it was has no steps of the way back to do."""
    where, follower = site(tmp_path), site(tmp_path, "app2")
    plan = dict(PLAN, mode="source", batches=[["app1", "app2"]])
    begun(where, EARLY, plan)
    late = begun(follower, EARLY, plan)
    told = assess(where, follower)
    assert told["decision"]["reason"] == "No host was switched."
    with late.step("close"):
        pass
    about = {"operation": told, "decision": told["decision"]}
    with pytest.raises(SlipwayError, match="has not gone back: its step close.*slipway.app.recover again"):
        run_step(follower, "undo", about, {})
    where.restore_point = lambda name: SimpleNamespace(absent=lambda: None)
    run_step(where, "undo", about, {})
    is_live(where, OLD)
    is_live(follower, NEW)
    assert assess(where, follower)["decision"]["away"] == ["app2"], "and recover brings it along"


def test_who_watches_keeps_the_lease(tmp_path, monkeypatch):
    """In the modes in which hosts take turns, the leader has the first one, and does nothing else until all have had theirs."""
    where = site(tmp_path)
    operation = begun(where, EARLY, dict(PLAN, mode="rolling"))
    where.lock.beat(EARLY, lease=1)
    expires = where.lock.holder()["expires"]
    monkeypatch.setattr(services, "check_live", lambda *_about: None)  # it is well at once
    run_step(where, "watch", {"operation": {"id": EARLY, "fence": operation.fence, "plan": operation.plan}, "decision": None}, {})
    assert where.lock.holder()["expires"] > expires
