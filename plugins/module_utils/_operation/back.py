# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The steps back: what recover begins with, and what a failed upgrade does by itself."""

from __future__ import annotations

import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import forward, rejoin, services
from ansible_collections.slipway.app.plugins.module_utils._operation.action import at_work
from ansible_collections.slipway.app.plugins.module_utils._operation.decide import Decision, decide, refuse_restore
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal, ended, open_operation, operations, summary
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import TakenOver, alive, held, same
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation, step_is_at_work
from ansible_collections.slipway.app.plugins.module_utils._operation.table import BACK, FORWARD, MODES, READING
from ansible_collections.slipway.app.plugins.module_utils._release.patches import patched


def survey(site):
    """What this host knows, without changing anything: its operation, its release and patches, its maintenance, its lock.

    The operation is the one that is open, else the last one; closed_since is since when it keeps users out here, decided
    what was decided here about going on or back. ended says how all others ended here, releases has the digests of those
    that are here, live is the one that is, holder who holds the lock and whether he is alive by the clock that runs here,
    fence the highest fencing number seen here, at_work whether a step or an action is.
    """
    live, releases = site.releases.current(), site.releases.list()
    holder = site.lock.holder()
    last = open_operation(site.root) or next(filter(None, (summary(Journal(site.root, name).records()) for name in operations(site.root))), None)
    closed_since = decided = None
    if last:
        closed_since = next((step["data"].get("since") for step in reversed(last["steps"]) if step["step"] == "close"), None)
        decided = next((step["data"] for step in reversed(last["steps"]) if (step["step"], step["outcome"]) == ("assess", "done")), None)
        last["steps"] = [{"step": step["step"], "outcome": step["outcome"]} for step in last["steps"]]
    return {"operation": last, "ended": ended(site.root), "releases": [release.digest for release in releases],
            "live": {fact: getattr(live, fact) for fact in ("id", "digest", "package", "reference")} if live else None,
            "maintenance": site.maintenance.status(), "closed_since": closed_since, "decided": decided, "drain": site.drain.status(),
            "holder": holder and dict(holder, alive=alive(holder)), "patched": patched(site.root), "fence": site.lock.fence(),
            "at_work": step_is_at_work(site.root) or bool(at_work(site.root))}


def assess(site, plan, check=False, own=None):
    """Take over the operation, see how its migration ended, and decide: go on or go back.

    plan: owner (who recovers), surveys {host: survey}, failed (steps this very run saw failing), crashed (whether it
    takes up what another run left), takeover, gone {host: fencing number of who holds a lock there and is known to be dead}, wish,
    accept_loss, leader_lost. The decision's direction is forward, back, follow (it had ended: hosts that were away follow, see
    rejoin.py), or none (nothing was left over). The survey that is returned is this host's by the time of the decision.
    With check, the decision is the same as far as it can be known now, and nothing is taken over, ended or written.
    own: the operation that this very run was at, if any. Where another run has taken that over, nothing is for this one to decide.
    """
    if own:
        _refuse_taken_over(site, own, plan["owner"])
    surveys = plan["surveys"]
    left = rejoin.left_behind(site.host, surveys)
    over = {one.operation["id"] for one in left}
    lost = _lost_leader(site, plan, over)
    leader = surveys[site.host]["operation"]
    holder = site.lock.holder()
    left.sort(key=lambda one: not holder or one.operation["id"] != holder["operation"])  # the one that a dead recover was at comes first
    if holder and holder["operation"] not in over | ({leader["id"]} if leader else set()):
        return _release_unbegun(site, holder, plan, check)
    if not leader or leader["outcome"] != "open" or leader["id"] in over:
        if holder and holder["operation"] not in over and not check:  # it is of what has ended here
            _free(site, holder["operation"], plan)
        locks = rejoin.left_locks(site.host, surveys)
        return _bring_along(site, plan, left[0] if left else None, locks, check) if left or locks else _closed(site, leader, check)
    if "digest" not in leader["plan"]:
        return _abandoned(site, leader, plan, check)
    going_on = _led_by(site.host, leader["plan"], plan["surveys"]) if lost else leader["plan"]
    if check:
        operation = Operation(site, leader["id"], leader["fence"], going_on)
        return {"decision": dict(_decide(site, operation, plan, lost, check)[0].as_dict(), mode=operation.mode)}
    fence = _take_over(site, leader["id"], plan)
    operation = Operation(site, leader["id"], fence, going_on)
    _refuse_ended(operation)
    with operation.step("assess") as outcome:
        # What was at work here when it was asked went on until this step could begin; from now on it is refused.
        seen = survey(site)
        decision, migration = _decide(site, operation, dict(plan, surveys=dict(surveys, **{site.host: seen})), lost, check)
        outcome.update(decision.as_dict(), migration=migration)
    return {"id": operation.id, "fence": fence, "plan": operation.plan, "decision": decision.as_dict(), "survey": seen}


def _refuse_taken_over(site, own, owner):
    """Raise where another run has taken over since, or whatever came after that: only recover takes up what is another's."""
    holder, outcome = site.lock.holder(), ended(site.root).get(own["id"])
    asked_again = holder and holder["operation"] == own["id"] and same(holder["owner"], owner)  # its answer was lost
    if own["fence"] < site.lock.fence() and not asked_again:
        raise TakenOver("Another run has taken over from operation %s%s.%s" % (
            own["id"], ", which has ended (%s)" % outcome if outcome else "", " " + held(holder) if holder else ""), untouched="Nothing was decided.")


def _refuse_ended(operation):
    """Raise where an operation has ended since the survey: it is not to be opened again by what would be noted of it."""
    outcome = operation.summary()["outcome"]
    if outcome != "open":
        operation.site.lock.release(operation.id)
        raise SlipwayError("Operation %s has ended (%s) since the hosts were asked." % (operation.id, outcome), untouched="Nothing was changed.",
                           hint="Run the playbook slipway.app.recover again: it sees whether anything is left over.")


def _take_over(site, operation, plan):
    """Take over the lock of an operation, unless it is at work on some host, with a number that no host refuses; that number."""
    surveys = plan["surveys"]
    return site.lock.take_over(operation, plan["owner"], force=plan["takeover"], gone=plan["gone"].get(site.host),
                               seen=max(survey["fence"] for survey in surveys.values()), busy=sorted(host for host in surveys if surveys[host]["at_work"]))


def _lost_leader(site, plan, over):
    """The leader of an open operation that is gone for good, where this host is to stand in for it; else None.

    Only its leader knows what became of an operation's migration: without the word of a person, nobody else decides about it.
    over: those that have ended all the same.
    """
    for host in sorted(plan["surveys"]):
        operation = plan["surveys"][host]["operation"]
        hosts = operation["plan"].get("hosts", {}) if operation and operation["outcome"] == "open" else {}
        leaders = [name for name in hosts if "leader" in hosts[name]]
        if not leaders or site.host in leaders or operation["id"] in over:
            continue
        said = "Operation %s, which is open on %s, is led by %s, and only there is it known what became of the database." % (
            operation["id"], host, leaders[0])
        if leaders[0] in plan["surveys"] or not plan["leader_lost"]:
            raise SlipwayError(said, untouched="Nothing was changed.",
                               hint="Let %s be the first host of the group app and run recover again; where it is gone for good, take it out of "
                                    "the inventory and say -e leader_lost=true." % leaders[0])
        mine = plan["surveys"][site.host]["operation"]
        if not mine or mine["id"] != operation["id"]:
            raise SlipwayError("%s %s had no part in it." % (said, site.host), untouched="Nothing was changed.",
                               hint="Let a host that had be the first one of the group app, such as %s." % host)
        return leaders[0]
    return None


def _led_by(host, plan, surveys):
    """The plan of an operation with another leader; the one that is lost takes no turn any more."""
    hosts = {name: [role for role in roles if role != "leader"] + ["leader"] * (name == host) for name, roles in plan["hosts"].items()}
    turns = [[name for name in batch if name in surveys] for batch in plan.get("batches") or []]
    return dict(plan, hosts=hosts, batches=[batch for batch in turns if batch])


def _abandoned(site, leader, plan, check):
    """An operation of the module slipway.app.operation: what it was at, only its caller knows."""
    if not check:
        fence = _take_over(site, leader["id"], plan)
        Operation(site, leader["id"], fence, leader["plan"]).close("abandoned", "Whoever had started it was gone.")
        site.lock.release(leader["id"])
    told = _nothing("Operation %s (%s) was left open by whoever had started it; it is closed now, and what it was at has to be looked after by "
                    "hand." % (leader["id"], leader["kind"]))
    return {"decision": dict(told["decision"], closed=leader["id"]), "changed": True}


def _decide(site, operation, plan, lost, check):
    """(the Decision, how the migration ended) from what all hosts say; lost is the leader whose word is not to be had."""
    surveys = [survey for survey in plan["surveys"].values() if survey["operation"] and survey["operation"]["id"] == operation.id]
    states = [step for survey in surveys for step in survey["operation"]["steps"]]
    ended = {survey["ended"].get(operation.id) for survey in plan["surveys"].values()}
    if "undone" in ended and not plan["surveys"][site.host]["decided"]:
        if not check:
            rejoin.end_migration(operation)
        return Decision("back", False, "It had been undone without this host."), None
    going_back = bool({step["step"] for step in states} & (set(BACK) - set(READING)))
    wish = _back_only(plan["wish"]) if going_back else plan["wish"]
    earlier = going_back and next((survey["decided"] for survey in [plan["surveys"][site.host], *surveys] if survey["decided"]), None)
    if earlier:
        # Users may be in again: looking at the database anew could take their writes for the migration's.
        return _again(earlier), None
    if lost and {step["step"] for step in states} & _SEEN_TO:
        return Decision("back", False, _BEGUN + "The database had been seen to before hosts went back."), None
    begun = {step["step"] for step in states} | set(plan["failed"]) | ({"open", "finish"} if "done" in ended else set())
    if lost:
        begun, migration, changes = _without_its_leader(site, operation, begun, lost, check)
    else:
        migration = _migration(site, operation, "migrate" in begun, check)
        changes = _changes(site, operation, begun)
    decision = decide(begun, _failed(states) | set(plan["failed"]), migration, changes, wish, operation.mode)
    if decision.restore and not plan["accept_loss"]:
        _refuse_loss(operation, plan)
    return decision, migration


def _without_its_leader(site, operation, begun, lost, check):
    """(steps begun, the migration, the changes) as far as the database tells: a migration begins when the restore point is there."""
    if "restore" in MODES[operation.mode].back:
        before = site.restore_point(operation.restore_point).status()["state"] in ("absent", "partial")
        if before:
            return begun, {"state": "absent"}, []
    if not check:
        site.connection().end_sessions(operation.session_name)
    return begun | {"migrate"}, {"state": "lost"}, ["%s, which ran the migration, is lost." % lost]


def _release_unbegun(site, holder, plan, check):
    """The lock was taken, but there is no journal: it had not begun, or keeps none and can be said once more (patches)."""
    if not check:
        _free(site, holder["operation"], plan)
    return _nothing("Operation %s had taken the lock and begun no journal; the lock is free again." % holder["operation"])


def _free(site, operation, plan):
    """Free a lock that was left here: nobody's who may still be at work."""
    _take_over(site, operation, plan)
    site.lock.release(operation)


def _remains(site, ended, check):
    """Nobody has to go on or back. What is left in the database of operations that have ended is dropped all the same."""
    kept = None
    try:
        dropped = forward.drop_restore_points(site, check=check)
    except SlipwayError as error:
        dropped, kept = error.facts.get("dropped"), "what may be left of restore points could not be dropped: %s" % error
    if not dropped:
        return _nothing("%s; %s" % (ended, kept or "nothing was left over."))
    gone = "its database still had the restore point of %s, which is dropped" % " and ".join(dropped)
    return dict(_nothing("%s; %s%s" % (ended, gone, "; " + kept if kept else ".")), changed=True)


def _nothing(reason):
    return {"decision": {"direction": "none", "restore": False, "reason": reason}}


def _bring_along(site, plan, left, locks, check):
    """Let hosts follow that were away when an operation ended, and nobody begin another one meanwhile."""
    name, going_on, decision = rejoin.decided(site.host, left, locks, plan)
    # What has failed in this very run has no steps left in it: recover sees to that.
    if check or plan["failed"] and decision["direction"] != "back":
        return {"decision": decision}
    fence = _take_over(site, name, plan)
    return {"id": name, "fence": fence, "plan": going_on, "decision": decision}


def _closed(site, leader, check):
    """Nothing is open anywhere."""
    if not leader:
        return _nothing("No operation was ever started here.")
    return _remains(site, "Operation %s had ended (%s)" % (leader["id"], leader["outcome"]), check)


def _refuse_loss(operation, plan):
    """Raise when putting the restore point back could lose a write that was accepted after it."""
    reason = refuse_restore(plan["surveys"], operation.plan["hosts"], plan["crashed"])
    if reason:
        raise SlipwayError(
            "The restore point is not put back by itself: %s, so writes accepted after it could be lost." % reason,
            untouched="The database, the releases and maintenance are as they were.",
            hint="Bring every host within reach and run recover again, or accept the loss with -e accept_loss=true.")


def _failed(states):
    """Steps whose last run on some host failed, going back itself not counted."""
    return {step["step"] for step in states if step["outcome"] == "fail" and step["step"] in FORWARD}


_BEGUN = "Going back had already begun. "
# Steps that no host begins before the leader has put the restore point back, or has left the database as it was.
_SEEN_TO = {"reinstate", "reopen", "undo"}


def _back_only(wish):
    """What is wished for an operation that goes back on some host already."""
    if wish == "forward":
        raise SlipwayError("This operation can only go back: going back had begun.", untouched="Nothing was changed.")
    return "back"


def _again(earlier):
    """The decision to go back that has been acted upon already on some host."""
    said = earlier["reason"]  # by a run of recover that died as well, perhaps
    return Decision("back", earlier["restore"], said if said.startswith(_BEGUN) else _BEGUN + said)


def _migration(site, operation, begun, check):
    """How the detached migration ended; one that still runs gets the rest of its time, then it is killed."""
    if not begun:
        return {"state": "absent"}
    release = site.releases.find(operation.plan["digest"])
    config = site.config(release.documents)
    deadline = operation.detached("migrate-1").state().get("started", time.time()) + config["timeouts"]["migrate"]
    for number in range(1, len(forward.migration(config, operation.plan)) + 1):
        program = operation.detached("migrate-%d" % number)
        state = program.state() if check else program.wait(max(0, deadline - time.time()), operation.beat)
        if state["state"] in ("running", "lost") and not check:
            state = dict(program.kill(), state="lost")
        if state["state"] != "exited" or state["rc"] != 0:
            if not check:
                site.connection().end_sessions(operation.session_name)
            return {"state": state["state"], "rc": state.get("rc")}
    return {"state": "exited", "rc": 0}


def _changes(site, operation, begun):
    """Reasons to believe that the database is no longer as it was when the restore point was taken.

    Without a restore point users have gone on writing, and only the schema is compared.
    """
    from ansible_collections.slipway.app.plugins.module_utils._postgres import fingerprint

    if "migrate" not in begun:
        return []
    if "restore" not in MODES[operation.mode].back:
        return fingerprint.compare_schema(operation.outcome_of("protect")["fingerprint"], forward.take_fingerprint(site, operation))
    point = site.restore_point(operation.restore_point)
    if point.status()["state"] == "restored":
        return ["the restore point is in its place already"]
    before = operation.outcome_of("protect")["fingerprint"]
    return fingerprint.compare(before, forward.take_fingerprint(site, operation, since=before))


def quiesce(site, operation):
    """Stop what runs, so that nothing writes while the database goes back; keep users out meanwhile."""
    with operation.step("quiesce") as outcome:
        candidate = site.releases.find(operation.plan["digest"])
        live = site.releases.current()
        if live is None or candidate is None or live.id != candidate.id:
            return outcome
        seconds = site.config(candidate.documents)["timeouts"]["drain"]
        outcome["stopped"] = services.stop(site, services.WORKERS + services.FRONT, seconds)
    return outcome


def restore(site, operation, decision):
    """Put the restore point in the place of the database, or open the database again where it was not changed."""
    done = operation.outcome_of("restore")
    with operation.step("restore") as outcome:
        point = site.restore_point(operation.restore_point)
        if done and "restored" in done:  # the last step may have dropped the restore point since
            outcome.update(done)
        elif decision["restore"]:
            outcome["restored"] = point.restored()
            protected = operation.outcome_of("protect")  # of whoever led then
            outcome["warnings"] = protected["restore_point"].get("warnings", []) if protected else []
        else:
            point.reopen()
    return outcome


def reinstate(site, operation):
    """Switch back to the release that was live before, start its web, wait until it is well."""
    with operation.step("reinstate") as outcome:
        old = _before(site, operation)
        if old is None:
            site.driver().remove(services.brought(site, operation))
            site.releases.deactivate()
            return outcome
        site.releases.activate(old.id)
        outcome["release"] = old.id
        if not services.noted(site, operation):
            return outcome
        outcome["unlocked"] = forward.unlock(site, operation, old)
        outcome.update(services.start_web(site, operation, old, services.to_run_again(site, operation, old)))
    return outcome


def _before(site, operation):
    """The release to go back to, None where there was none; raise where it should be there and is not."""
    name, found = operation.plan["previous"].get(site.host), forward.previous(site, operation)
    if name and found is None:
        raise SlipwayError("The release %s, which was live before, is gone or damaged." % name,
                           untouched="What is live on this host, and its services, are as they were.",
                           hint="Bring %s/releases/%s back from another host or a backup, then run the playbook slipway.app.recover." % (
                               site.root, name))
    return found


def reopen(site, operation):
    """Let users in again, unless somebody had turned maintenance on before, and start exactly what ran before."""
    with operation.step("reopen") as outcome:
        old = forward.previous(site, operation)
        if site.serves:
            if site.maintenance.locked and old is not None:  # reinstate has unlocked it
                config = site.config(old.documents)
                outcome["locked"] = forward.run_commands(site, operation, old, config["maintenance"]["on"], config["timeouts"]["command"])
            forward.let_in(site, outcome)
        if old is not None and services.noted(site, operation):
            outcome.update(forward.start_rest(site, old, *services.as_before(site, operation, old)))
    return outcome


def undo(site, operation, decision):
    """Drop the restore point and close: the old release is live again. A database that cannot be dropped is a warning."""
    from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError

    with operation.step("undo") as outcome:
        _refuse_left(operation)
        if site.leads:
            try:
                site.restore_point(operation.restore_point).absent()
            except PostgresError as error:  # users are in again, and are not to be kept from the next upgrade
                outcome["warnings"] = ["Dropping the restore point failed: %s%s" % (error, forward.LEFT)]
    operation.close("undone", "%s was undone. %s" % (operation.plan["kind"].capitalize(), decision["reason"]))
    if site.leads:
        site.lock.release(operation.id)
    return outcome


def _refuse_left(operation):
    """Raise where this host was taken for one that is as it was (see the board of the controller), and a step had just not begun yet."""
    steps = [step["step"] for step in operation.summary()["steps"] if step["step"] in MODES[operation.mode].touching + ("reopen",)]
    if steps and steps[-1] != "reopen":
        raise SlipwayError("This host has not gone back: its step %s was not known of when it was decided which hosts have to." % steps[-1],
                           untouched="It is as that step has left it.",
                           hint="Run the playbook slipway.app.recover again: it brings this host along.")
