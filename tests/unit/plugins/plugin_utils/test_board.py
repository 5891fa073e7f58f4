# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step runs where, from what all hosts have reported."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFilterError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.slipway.app.plugins.action.operation_step import CARRIED, ActionModule, _plan, _turns
from ansible_collections.slipway.app.plugins.filter.host_roles import host_roles
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES, STEPS
from ansible_collections.slipway.app.plugins.plugin_utils._board import Board, Reports
from ansible_collections.slipway.app.plugins.plugin_utils._report import GOOD, report

OPERATION = {"id": "20260101T000000Z-upgrade-1", "fence": 1, "plan": {}}
FOUND = {"digest": "sha256:new", "package": "shop:2", "current": {"id": "1-x", "digest": "sha256:old"}}
BACKWARDS = {"direction": "back", "restore": True, "reason": "The migration failed."}
FORWARDS = {"direction": "forward", "restore": False, "reason": "The migration had ended well."}


def _board(kind="upgrade", dropped="", **reports):
    groups = {"app": ["app1", "app2"], "consumer": ["worker"]}
    every = {host: {"operation_step_result": dict({"found": FOUND}, **reports.get(host, {}))} for host in ("app1", "app2", "worker")}
    left = [host for host in every if host != dropped]
    return Board({"groups": groups, "hostvars": every, "ansible_play_hosts": left}, kind)


def _runs(board, turn=None):
    """{step: hosts it would run on} now."""
    runs = {step: [host for host in board.hosts if board.why_not(step, host, turn) is None] for step in STEPS}
    return {step: hosts for step, hosts in runs.items() if hosts}


def test_a_host_is_what_the_groups_of_the_inventory_say():
    groups = {"all": ["a", "b", "c", "d"], "app": ["a", "b"], "consumer": ["b", "c"]}
    assert {host: host_roles(groups, host) for host in groups["all"]} == {"a": ["app", "leader"], "b": ["app", "consumer"], "c": ["consumer"], "d": []}
    assert host_roles({"app": ["a"], "consumer": ["a"]}, "a") == ["app", "consumer", "leader"] and host_roles({"app": ["a"]}, "b") == []
    for nothing in ({}, {"app": []}):
        with pytest.raises(AnsibleFilterError, match="a host in the group app"):
            host_roles(nothing, "a")


def test_all_well_goes_forward_and_never_back():
    runs = _runs(_board(app1={"operation": OPERATION}))
    assert set(runs) == set(MODES["maintenance"].forward)
    assert runs["close"] == ["app1", "app2"] and runs["migrate"] == ["app1"] and runs["stage"] == ["app1", "app2", "worker"]


def patched(*names, release="1-x", interrupted=False, keep=False):
    return {"release": release, "interrupted": interrupted, "patches": [{"name": name, "digest": "9f86d0818", "keep": keep} for name in names]}


EMPTY = dict(FOUND, current=None, patched=patched(release=None))


def test_a_host_without_a_release_is_taken_in_and_has_its_turn_before_those_that_serve():
    board = _board(app2={"found": EMPTY})
    assert board.findings() == [] and not board.nothing_to_do()
    board.asked_mode = "rolling"
    asked = {"fall_seconds": 1, "rise_seconds": 1, "batch": 1, "balancer_status": []}
    assert _turns(board, asked)["batches"] == [["app2"], ["app1"], ["worker"]]
    board.asked_mode = "source"  # where the leader makes the new code fit for all when it is its turn
    assert _turns(board, asked)["batches"] == [["app1"], ["app2"], ["worker"]]


def test_patches_of_the_others_would_not_come_to_a_host_without_a_release():
    board = _board(app1={"found": dict(FOUND, patched=patched("fix.patch", keep=True))}, app2={"found": EMPTY})
    assert set(_runs(board)) == {"preflight"}
    ((hosts, sentence),) = board.findings()
    assert hosts == "app2" and "(fix.patch)" in sentence and "slipway.app.patch_revert" in sentence


def test_one_folder_under_two_names_stops_all():
    """Each name would take away what runs by the roles of the other."""
    board = _board(app1={"found": dict(FOUND, folder="a")}, app2={"found": dict(FOUND, folder="b")}, worker={"found": dict(FOUND, folder="a")})
    assert set(_runs(board)) == {"preflight"}
    ((hosts, sentence),) = board.findings()
    assert hosts == "app1, worker" and "name the machine once" in sentence
    apart = _board(app1={"found": dict(FOUND, folder="a")}, app2={"found": dict(FOUND, folder=None)}, worker={"found": dict(FOUND, folder=None)})
    assert apart.findings() == []


def test_a_finding_on_one_host_stops_all():
    assert set(_runs(_board(worker={"findings": ["The disk is full."]}))) == {"preflight"}


@pytest.mark.parametrize("kind", ["deploy", "upgrade", "recover"])
@pytest.mark.parametrize("dropped", ["app1", "app2"])
def test_a_host_that_ansible_has_dropped_stops_all(kind, dropped):
    """By an error of Ansible's own, or of an inventory: what the host reported last says nothing of it, and the leader would migrate."""
    board = _board(kind, app1={"operation": OPERATION}, dropped=dropped)
    assert _runs(board) == {}
    ended, sentences = report(board, kind)
    assert ended == "open" and "dropped %s from the run" % dropped in sentences[0] and "slipway.app.recover" in sentences[-1]
    assert report(_board(kind, dropped=dropped), kind)[0] == ("open" if dropped == "app1" else "refused")  # app1 leads: has it begun?


def test_what_rests_wherever_it_is_has_been_stopped_by_people():
    """Programs of one service are one: it runs as long as one of them does."""
    board = _board(app1={"found": dict(FOUND, services={"web": True, "cron": False})}, app2={"found": dict(FOUND, services={"web": False})},
                   worker={"found": dict(FOUND, services={"mailer@1": True, "mailer@2": False, "feed": False})})
    assert board.resting() == ["cron", "feed"]


def test_hosts_with_other_patches_stop_all():
    board = _board(app1={"found": dict(FOUND, patched=patched("fix.patch"))}, app2={"found": dict(FOUND, patched=patched("fix.patch"))},
                   worker={"found": dict(FOUND, patched=patched())})
    assert set(_runs(board)) == {"preflight"}
    ended, (dummy, sentence) = report(board, "upgrade")
    assert ended == "refused"
    assert sentence.startswith("- worker: The patch fix.patch (9f86d0818) of release 1-x is applied on app1, app2 and not here: say slipway.app.patch_apply")
    assert "slipway.app.patch_revert -e patch='fix.patch'" in sentence


def test_a_recovery_names_the_hosts_with_other_patches():
    decision = {"direction": "none", "restore": False, "reason": "The lock is free again."}

    def ended(app1, app2):
        board = _board("recover", app1={"decision": decision, "survey": {"patched": app1}}, app2={"survey": {"patched": app2}})
        return report(board, "recover")

    assert ended(patched("a"), patched("a")) == ("done", ["Nothing to recover. The lock is free again."])
    assert ended(patched("a"), patched(release="2-y"))[0] == "done"  # while releases are switched
    how, sentences = ended(patched("a", "b"), patched("a"))
    assert how == "patched differently" and sentences[2].startswith("- app2: The patch b (9f86d0818) of release 1-x is applied on app1 and not here")
    how, sentences = ended(patched("a"), patched("a", keep=True))
    assert how == "patched differently" and sentences[2].startswith("- app1: The patch a is to be kept by an upgrade on app2 and not here")
    how, sentences = ended(patched(), patched(interrupted=True))
    assert how == "patched differently" and sentences[2].startswith("- app2: A run was killed while it changed release 1-x")


def test_nothing_to_do_takes_no_lock():
    live = dict(FOUND, current={"id": "2-y", "digest": "sha256:new"})
    board = _board(app1={"found": live}, app2={"found": live}, worker={"found": live})
    assert set(_runs(board)) == {"preflight"}
    assert report(board, "upgrade") == ("nothing to do", ["shop:2 is live on every host already; nothing was changed."])


def test_other_environment_variables_for_what_is_live_are_told():
    live = dict(FOUND, current={"id": "2-y", "digest": "sha256:new"})
    board = _board(app1={"found": live}, app2={"found": dict(live, other_environment=True)}, worker={"found": live})
    ended, sentences = report(board, "upgrade")
    assert ended == "nothing to do" and "others by now for app2: the playbook slipway.app.service_start" in sentences[1]


def test_before_there_is_a_package_nothing_more_can_be_said():
    board = _board(**{host: {"found": dict(FOUND, digest=None, package="")} for host in ("app1", "app2", "worker")})
    assert report(board, "upgrade") == ("checked", ["Upgrade can begin, as far as can be known before its package is there."])


def test_a_failure_asks_for_an_assessment_only():
    runs = _runs(_board(app1={"operation": OPERATION}, app2={"failures": {"close": "no"}}))
    assert set(runs) == {"survey"}
    runs = _runs(_board(app1={"operation": OPERATION, "survey": {"x": 1}}, app2={"failures": {"close": "no"}}))
    assert set(runs) == {"survey", "assess"}


def test_a_lock_that_is_refused_touches_nothing():
    board = _board(app1={"failures": {"start": "Operation x holds the lock."}})
    assert _runs(board) == {}
    assert report(board, "upgrade")[0] == "refused"


def test_the_plan_has_the_highest_fencing_number_of_all_hosts():
    found = dict(FOUND, reference="2")
    board = _board(**{host: {"found": dict(found, fence=fence)} for host, fence in (("app1", 13), ("app2", 20), ("worker", 0))})
    assert _plan("start", board, "upgrade", {"accept_unsafe_mode": ""})["fence"] == 20


class Lost(ActionModule):
    """The connection breaks before the host has answered."""

    def __init__(self):
        self._connection = SimpleNamespace(transport="local")
        self._display = Display()

    def _run_on_host(self, arguments, known, task_vars):
        raise AnsibleConnectionFailure("connection reset by peer")


def test_a_leader_that_is_lost_while_it_takes_the_lock_is_not_said_to_have_nothing_to_recover():
    answer = {}
    Lost()._run_steps(answer, {"host": "app1", "steps": ["start"]}, {}, _board())
    ended, sentences = report(_board(app1=answer), "upgrade")
    assert "start on app1: The host cannot be reached: connection reset by peer" in sentences
    assert ended == "open" and "not known whether the upgrade was begun" in sentences[0] and "slipway.app.recover" in sentences[-1]


class Answering(ActionModule):
    """The host answers this."""

    def __init__(self, answer):
        self._connection = SimpleNamespace(transport="local")
        self._display, self.answer = Display(), answer

    def _run_on_host(self, arguments, known, task_vars):
        return self.answer


class Blind(ActionModule):
    """A password of a host cannot be looked up, as when its vault does not answer; Ansible would drop the host, and nothing went back."""

    def __init__(self):
        self._task = SimpleNamespace(check_mode=False, args={"step": "activate", "kind": "upgrade"}, async_val=False, environment=[])
        self._display, self._supports_async = Display(), False
        self._connection = SimpleNamespace(transport="local")
        self._play_context = self._loader = self._shared_loader_obj = None
        self._templar = SimpleNamespace(template=self.template)

    def _option(self, name, arguments, task_vars):
        if name == "database":
            raise AnsibleError("The vault does not answer.")
        return super()._option(name, arguments, task_vars)

    @staticmethod
    def template(value):
        return value


def test_a_host_whose_variables_cannot_be_had_has_failed_and_stays(monkeypatch):
    monkeypatch.setattr(ActionModule.__mro__[1], "run", lambda *_arguments: {})
    reports = {host: {"operation_step_result": {"found": FOUND}} for host in ("app1", "app2", "worker")}
    reports["app1"]["operation_step_result"]["operation"] = dict(OPERATION, plan={"mode": "maintenance"})
    every = ["app1", "app2", "worker"]
    answer = Blind().run(None, dict(reports["app2"], inventory_hostname="app2", hostvars=reports, groups={"app": ["app1", "app2"], "consumer": ["worker"]},
                                    ansible_play_hosts=every, ansible_play_hosts_all=every))
    assert (answer["outcome"], answer["failures"]) == ("failed", {"activate": "The vault does not answer."})


@pytest.mark.parametrize(("mode", "named"), [("maintenance", False), ("rolling", True), ("source", True)])
def test_check_mode_says_what_it_did_not_look_at(mode, named):
    board = _board(app1={"found": dict(FOUND, package="shop:2")})
    board.asked_mode, board.check_mode = mode, True
    ended, sentences = report(board, "upgrade")
    assert ended == "checked" and "own checks pass" in sentences[1] and "not unpacked" in sentences[1]
    assert ("suit the mode " + mode in sentences[1]) == named


def test_check_mode_of_recover_says_what_would_be_done():
    board = _board("recover", app1={"operation": OPERATION, "decision": BACKWARDS, "survey": {"x": 1}})
    board.check_mode = True
    assert report(board, "recover")[0] == "checked" and "would go back" in report(board, "recover")[1][0]
    nothing = {"direction": "none", "restore": False, "reason": "It had taken the lock and not begun."}
    for holder, ended in ((None, "done"), ({"operation": "x"}, "checked")):
        board = _board("recover", app1={"decision": nothing, "survey": {"holder": holder}})
        board.check_mode = True
        assert report(board, "recover")[0] == ended


def test_check_mode_of_recover_has_no_operation_and_knows_all_the_same_whom_nothing_has_touched():
    decision = dict(CODE_BACK, mode="rolling")
    board = _board("recover", app1=dict(_touched("stage", "close"), decision=decision), app2=_touched("stage"), worker=_touched("stage"))
    board.check_mode = True
    assert _runs(board) == dict({step: ["app1"] for step in ("quiesce", "reinstate", "reopen")}, undo=["app1", "app2", "worker"])
    assert report(board, "recover")[0] == "checked" and board.turns() == []


def test_only_who_is_known_to_be_gone_is_taken_over_from(monkeypatch):
    monkeypatch.setattr("ansible_collections.slipway.app.plugins.action.operation_step.gone", lambda holder: holder["owner"] == "dead")
    surveys = {host: {"survey": {"holder": holder}} for host, holder in (
        ("app1", {"owner": "dead", "fence": 7}), ("app2", {"owner": "alive", "fence": 8}), ("worker", None))}
    plan = _plan("assess", _board("recover", **surveys), "recover", {})
    assert (plan["takeover"], plan["gone"]) == (False, {"app1": 7})
    assert _plan("assess", _board("recover", **surveys), "recover", {"takeover": "true"})["takeover"] is True


def test_what_hosts_remarked_is_said_once_at_the_end():
    ended, sentences = report(_board(app1={"operation": OPERATION, "found": FOUND, "remarks": ["It is late."]},
                                     app2={"remarks": ["It is late."]}, worker={"remarks": ["It rains."]}), "upgrade")
    assert ended == "done" and sentences[1:] == ["app1, app2: It is late.", "worker: It rains."]


def test_an_assessment_that_fails_leaves_the_operation_open_and_says_why():
    board = _board(app1={"operation": OPERATION, "survey": {"x": 1}, "failures": {"protect": "no", "assess": "No space left"}})
    ended, sentences = report(board, "upgrade")
    assert ended == "open" and "assess on app1: No space left" in sentences and "slipway.app.recover" in sentences[-1]


def test_going_back():
    board = _board(app1={"operation": OPERATION, "decision": BACKWARDS, "failures": {"migrate": "no"}, "survey": {"x": 1}})
    assert set(_runs(board)) == set(MODES["maintenance"].back) - {"survey", "assess"}
    ended, sentences = report(board, "upgrade")
    assert ended == "undone" and any("migrate on app1: no" in sentence for sentence in sentences)
    assert "The old release is live again" in sentences[-1]


def test_an_installation_that_is_undone_leaves_nothing_and_is_said_so():
    deploy = dict(OPERATION, plan=dict(OPERATION["plan"], kind="deploy"))
    board = _board(app1={"operation": deploy, "decision": BACKWARDS, "failures": {"migrate": "no"}, "survey": {"x": 1}})
    assert "Nothing is installed, as before, and the database is as it was." in report(board, "deploy")[1][-1]
    board = _board("recover", app1={"operation": deploy, "decision": BACKWARDS, "survey": {"x": 1}})
    assert "Nothing is installed, as before" in report(board, "recover")[1][0]


def test_a_host_that_cannot_go_back_keeps_the_operation_open():
    board = _board(app1={"operation": OPERATION, "decision": BACKWARDS, "failures": {"migrate": "no"}, "survey": {"x": 1}},
                   app2={"failures": {"reinstate": "gone"}})
    runs = _runs(board)
    assert "undo" not in runs and runs["reopen"] == ["app1", "worker"]
    assert report(board, "upgrade")[0] == "open"


def test_a_database_that_cannot_be_restored_keeps_users_out():
    board = _board(app1={"operation": OPERATION, "decision": BACKWARDS, "survey": {"x": 1},
                         "failures": {"migrate": "no", "restore": "no server"}})
    assert _runs(board) == {}


def test_recover_begins_with_questions_and_never_with_new_work():
    assert set(_runs(_board("recover"))) == {"survey"}
    runs = _runs(_board("recover", app1={"operation": OPERATION, "decision": FORWARDS, "survey": {"x": 1}}))
    assert set(runs) == {"activate", "open", "finish"}


def test_recover_that_fails_forward_asks_again():
    board = _board("recover", app1={"operation": OPERATION, "decision": FORWARDS, "survey": {"x": 1}},
                   app2={"failures": {"activate": "never green"}})
    assert set(_runs(board)) == {"survey", "assess"}


def test_recover_of_nothing():
    nothing = {"direction": "none", "restore": False, "reason": "No operation was ever started here."}
    board = _board("recover", app1={"decision": nothing, "survey": {"x": 1}})
    assert _runs(board) == {}
    assert report(board, "recover") == ("done", ["Nothing to recover. No operation was ever started here."])


FOLLOW = {"direction": "follow", "outcome": "undone", "restore": False, "reason": "It had ended.", "behind": ["app2", "worker"], "away": ["app2"],
          "fetch": [], "locks": {"app1": "x"}}


def test_hosts_that_were_away_follow_and_the_leader_keeps_the_lock_meanwhile():
    reports = {"app1": {"operation": OPERATION, "decision": FOLLOW, "survey": {"x": 1}}}
    board = _board("recover", **reports)
    assert _runs(board) == {"stage": ["app2"], "drain": ["app2"], "close": ["app2"], "activate": ["app2"], "open": ["app2"],
                            "finish": ["app1", "app2", "worker"]}
    assert _runs(board, 0) == {} and not board.may_go_back()
    assert report(board, "recover") == ("done", ["Hosts that were away have followed. It had ended."])
    board = _board("recover", app2={"failures": {"activate": "never green"}}, **reports)
    assert _runs(board) == {"finish": ["app1", "worker"]}
    assert report(board, "recover")[0] == "open"


def test_a_host_that_had_no_part_in_an_operation_does_not_go_on_with_it():
    """It came back while another operation, begun without it, was open; its own turn is the next run's."""
    with_some = dict(OPERATION, plan={"hosts": {"app1": ["app", "leader"], "worker": ["consumer"]}})
    mine, other = ({"operation": {"id": name, "outcome": "open", "steps": []}} for name in (OPERATION["id"], "20251231T000000Z-upgrade-1"))
    board = _board("recover", app1={"operation": with_some, "decision": FORWARDS, "survey": mine}, app2={"survey": other})
    assert set(map(tuple, _runs(board).values())) == {("app1", "worker")}
    ended, sentences = report(board, "recover")
    assert ended == "open" and "20251231T000000Z-upgrade-1 on app2. Run the playbook slipway.app.recover once more" in sentences[-1]


# When another run has taken over

UNDONE = {"fence": 2, "ended": {OPERATION["id"]: "undone"}, "live": {"package": "shop:1"}}
TOLD = {"failures": {"activate": "It has ended."}, "taken_over": True}


@pytest.mark.parametrize("app1", [TOLD, {"failures": {"activate": "The host cannot be reached"}}], ids=["told", "unreachable"])
def test_a_run_whose_operation_another_has_ended_says_so_and_decides_nothing(app1):
    board = _board(app1=dict(app1, operation=OPERATION, survey=UNDONE), app2={"survey": UNDONE}, worker={"survey": dict(UNDONE, live=None)})
    assert set(_runs(board)) == {"survey"}
    ended, sentences = report(board, "upgrade")
    assert ended == "taken over" and ended not in GOOD
    text = " ".join(sentences)
    assert OPERATION["id"] + " was ended by another run (undone)" in text and "shop:1 is live on app1, app2." in text and "activate on app1" in text
    assert "is open" not in text and "finishes or undoes" not in text


def test_a_run_of_which_another_has_taken_over_waits_for_that():
    board = _board(app1=dict(TOLD, operation=OPERATION, survey=dict(UNDONE, ended={})))
    ended, sentences = report(board, "upgrade")
    assert ended == "taken over" and "was taken over by another run" in sentences[0] and "slipway.app.recover if it is" in sentences[-1]


def test_a_host_that_the_other_run_has_not_ended_it_on_is_named():
    """It was away meanwhile, and serves what the other run has undone elsewhere."""
    behind = {"fence": 1, "ended": {}, "live": {"package": "shop:2"}, "operation": {"id": OPERATION["id"], "outcome": "open", "steps": []}}
    board = _board(app1=dict(TOLD, operation=OPERATION, survey=UNDONE), app2={"survey": behind}, worker={"survey": dict(UNDONE, live=None)})
    _ended, sentences = report(board, "upgrade")
    assert "ended by another run (undone)" in sentences[0] and "may be open on app2: run the playbook slipway.app.recover" in sentences[-1]


@pytest.mark.parametrize("kind", ["upgrade", "recover"])
def test_so_does_one_that_was_going_back(kind):
    """It was asked before: what was live then says nothing."""
    mine = dict(OPERATION, fence=2, plan={"kind": "upgrade", "package": "shop:2"})
    board = _board(kind, app1={"operation": mine, "decision": BACKWARDS, "survey": {"fence": 1, "ended": {}, "live": {"package": "shop:2"}},
                               "failures": {"migrate": "no"}}, app2={"failures": {"undo": "It has ended."}, "taken_over": True})
    ended, sentences = report(board, kind)
    assert ended == "taken over" and "shop:2 is live" not in " ".join(sentences) and "undo on app2: It has ended." in sentences


@pytest.mark.parametrize("direction", ["none", "follow"])
def test_an_upgrade_that_only_a_host_has_not_closed_is_not_called_open(direction):
    decision = {"direction": direction, "restore": False, "reason": "It had ended.", "away": [], "behind": ["app2"], "locks": {}}
    board = _board(app1={"operation": OPERATION, "decision": decision, "survey": {"fence": 1}}, app2={"failures": {"finish": "no"}})
    ended, sentences = report(board, "upgrade")
    assert ended == "open" and "has ended, " + {"none": "as far as is known", "follow": "but not on every host"}[direction] in sentences[0]
    assert "finish on app2: no" in sentences and ("It had ended." in sentences) is (direction == "none")
    assert "slipway.app.recover" in sentences[-1] and "finishes or undoes" not in sentences[-1]


def test_a_host_says_that_another_run_has_taken_over_and_that_is_kept():
    answer = {}
    Answering({"failed": True, "step": "open", "msg": "no", "taken_over": True})._run_steps(answer, {"host": "app1", "steps": ["open"]}, {}, _board())
    assert answer["taken_over"] is True and "taken_over" in CARRIED


# Where hosts take turns

ROLLING = dict(OPERATION, plan={"mode": "rolling", "batches": [["app1"], ["app2"], ["worker"]]})
CODE_BACK = {"direction": "back", "restore": False, "reason": "The step activate failed."}


def _touched(*steps):
    return {"survey": {"operation": {"id": OPERATION["id"], "steps": [{"step": step, "outcome": "done"} for step in steps]}}}


def test_all_at_once_but_for_what_goes_by_batch():
    board = _board(app1={"operation": ROLLING})
    assert set(_runs(board)) == {"preflight", "start", "stage", "record", "advise", "protect", "migrate", "renew", "finish"}
    assert _runs(board, 0) == {"close": ["app1"], "activate": ["app1"], "open": ["app1"]}
    assert _runs(board, 1) == {"watch": ["app1"], "close": ["app2"], "activate": ["app2"], "open": ["app2"]}
    assert _runs(board, 2) == {"watch": ["app1", "app2"], "activate": ["worker"]}


def test_source_does_not_migrate():
    board = _board(app1={"operation": dict(ROLLING, plan=dict(ROLLING["plan"], mode="source"))})
    assert not {"migrate", "protect", "drain"} & set(_runs(board))


def test_maintenance_knows_no_turns():
    assert _runs(_board(app1={"operation": OPERATION}), 0) == {}


def test_a_red_host_stops_the_batches_after_it():
    board = _board(app1={"operation": ROLLING, "failures": {"activate": "never green"}})
    assert _runs(board, 1) == {} and set(_runs(board)) == {"survey"}


def test_a_host_that_is_unwell_after_its_turn_stops_the_batches_after_it():
    board = _board(app1={"operation": ROLLING, "failures": {"watch": "never green"}})
    assert _runs(board, 2) == {} and set(_runs(board)) == {"survey"}


def test_going_back_the_last_to_leave_is_the_first_to_return():
    board = _board(app1=dict(_touched("stage", "close", "activate", "open"), operation=ROLLING, decision=CODE_BACK),
                   app2=dict(_touched("stage", "close"), failures={"activate": "never green"}), worker=_touched("stage"))
    assert _runs(board, 0) == {}, "the worker is as it was"
    assert _runs(board, 1) == {step: ["app2"] for step in ("quiesce", "reinstate", "reopen")}
    assert _runs(board, 2) == {step: ["app1"] for step in ("quiesce", "reinstate", "reopen")}
    assert set(_runs(board)) == {"undo"}


def test_who_serves_does_not_leave_for_one_that_cannot_return():
    board = _board(app1=dict(_touched("close", "activate", "open"), operation=ROLLING, decision=CODE_BACK),
                   app2=dict(_touched("close"), failures={"activate": "never green", "reinstate": "never green either"}))
    assert _runs(board, 2) == {} and _runs(board) == {}
    assert report(board, "upgrade")[0] == "open"


def test_recover_takes_turns_up_again_and_never_the_migration():
    board = _board("recover", app1={"operation": ROLLING, "decision": FORWARDS, "survey": {"x": 1}})
    assert set(_runs(board)) == {"renew", "finish"}
    assert _runs(board, 0) == {"close": ["app1"], "activate": ["app1"], "open": ["app1"]}


def test_what_a_host_has_registered_is_read_without_making_up_its_other_variables(monkeypatch):
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=["app1,app2,"])
    manager = VariableManager(loader, inventory)
    manager.set_nonpersistent_facts("app2", {"operation_step_result": {"found": {"digest": "sha256:1"}}})
    monkeypatch.setattr(manager, "get_vars", None)  # cannot be called
    reports = Reports(["app1", "app2"], {"hostvars": HostVars(inventory, manager, loader)})
    assert dict(reports) == {"app1": {}, "app2": {"found": {"digest": "sha256:1"}}}


@pytest.mark.parametrize("value", ["soon", None, []])
def test_the_balancers_patience_is_a_number(value):
    board = _board()
    board.asked_mode = "rolling"
    with pytest.raises(SlipwayError, match="The option rise_seconds must be a number of seconds, not "):
        _turns(board, {"fall_seconds": "2.5", "rise_seconds": value, "batch": 1, "balancer_status": []})
