# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Hosts that were away when an operation ended on the others follow them: to the release that is live by now, whichever that is.

Their journal of that operation is still open. They go by the steps of an upgrade in maintenance mode, each on its own, without
what only a leader does: the database has been seen to. What is live may be what the operation brought, what there was before
it, or what a later one has brought.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record
from ansible_collections.slipway.app.plugins.module_utils._operation import forward
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import held
from ansible_collections.slipway.app.plugins.module_utils._operation.table import BACK, LAST, MODES, READING, mode_of
from ansible_collections.slipway.app.plugins.module_utils._release import environment


class Left(Record):
    """An operation that is open on some hosts and has ended on others: ended {host: outcome}, behind [host, ...]."""

    operation: dict
    ended: dict
    behind: list


def left_behind(leader, surveys):
    """[Left, ...]: the operations that go on nowhere and are open all the same.

    One that is open on the leader, and of which the others are what it has made of them, is not: its own steps end it.
    """
    opened = {host: survey["operation"] for host, survey in surveys.items()
              if survey["operation"] and survey["operation"]["outcome"] == "open"}
    found = []
    for operation in {one["id"]: one for one in opened.values()}.values():
        ended = {host: survey["ended"][operation["id"]] for host, survey in surveys.items() if operation["id"] in survey["ended"]}
        behind = sorted(host for host in opened if opened[host]["id"] == operation["id"])
        if leader in behind:
            over = any(_has_gone_on(host, outcome, surveys[host]["live"], operation["plan"]) for host, outcome in ended.items())
        else:
            over = bool(ended) or _led(operation["plan"]) in (leader, None)
        if over:
            found.append(Left(operation, ended, behind))
    return sorted(found, key=lambda left: left.operation["id"])


def _has_gone_on(host, outcome, live, plan):
    """Whether what is live on a host is not what the operation has left there: then a later one has been there."""
    if outcome == "done":
        return (live and live["digest"]) != plan["digest"]
    return outcome == "undone" and (live and live["id"]) != plan["previous"].get(host)


def _led(plan):
    """The leader by this plan; None where it tells of none: then it was the one that has the journal."""
    return next((host for host, roles in (plan.get("hosts") or {}).items() if "leader" in roles), None)


def left_locks(leader, surveys):
    """{host: operation} of locks that are left on hosts that do not lead, or not any more."""
    return {host: survey["holder"]["operation"] for host, survey in surveys.items() if host != leader and survey["holder"]}


def decided(leader, left, locks, plan):
    """(the operation to hold the lock by, its plan, the decision) for hosts that were left behind; left is None where only locks are left.

    plan is what assess gets.
    """
    surveys = plan["surveys"]
    for host in sorted(locks) if not plan["takeover"] else ():
        if host not in plan["gone"] and surveys[host]["holder"]["alive"]:
            raise SlipwayError(
                "On %s, which does not lead: %s" % (host, held(surveys[host]["holder"])), untouched="Nothing was changed.",
                hint="Wait until it ends, or take its lock with -e takeover=true when you know that it is gone.")
    if left is None:
        name, going_on = sorted(locks.values())[0], {}
        decision = {"behind": [], "away": [], "fetch": [], "outcome": "", "reason": "Locks were left on %s." % ", ".join(sorted(locks))}
    else:
        name = left.operation["id"]
        decision, going_on = _about(leader, left, surveys)
    return name, going_on, dict({"direction": "follow", "restore": False, "locks": dict(locks, **{leader: name})}, **decision)


def _about(leader, left, surveys):
    """(the decision about an operation, the plan to go by)."""
    began, names = left.operation["plan"], ", ".join(left.behind)
    told = "Operation %s had ended%s without %s" % (
        left.operation["id"], "".join(" (%s)" % outcome for outcome in sorted(set(left.ended.values()))), names)
    if "digest" not in began:  # of the module slipway.app.operation, on a host that has led
        return {"behind": left.behind, "away": [], "fetch": [], "outcome": "abandoned",
                "reason": "Operation %s (%s) was left open on %s by whoever had started it, and what it was at has to be looked after by hand." % (
                    left.operation["id"], left.operation["kind"], names)}, began
    live = _live(leader, left, surveys, told)
    if live is None:
        return {"direction": "back", "behind": left.behind, "reason": told + "."}, began
    away = [host for host in left.behind if _is_away(surveys[host], live, left.operation)]
    return {"behind": left.behind, "away": away, "outcome": "done" if live["digest"] == began["digest"] else "undone",
            "fetch": [host for host in away if live["digest"] not in surveys[host]["releases"]],
            "reason": told + (". %s is live on the others." % live["id"] if away else ", which had only not closed its journal.")
            }, dict(began, mode="maintenance", batches=[], package=live["package"], digest=live["digest"], reference=live["reference"])


def _live(leader, left, surveys, told):
    """The release that is live, as the leader has it; if it was away itself, as all have it that were not. None where none is to be."""
    hosts = [leader] if leader not in left.behind else sorted(left.ended)
    found = {host: surveys[host]["live"] for host in hosts}
    lives = list(found.values())
    others = [host for host in left.behind if left.operation["plan"]["previous"].get(host)]
    if len({live and live["digest"] for live in lives}) > 1 or lives[0] is None and others:
        raise SlipwayError(
            "%s, and it cannot be told what is to be live there: %s." % (told, ", ".join(
                "%s on %s" % (live["id"] if live else "no release", host) for host, live in found.items())),
            untouched="Nothing was changed.",
            hint="Let a host on which the right release is live be the first one of the group app, and run the playbook slipway.app.recover again.")
    return lives[0]


def _is_away(survey, live, operation):
    """Whether more than the last record of its journal is missing on a host: it is in the midst of something, or elsewhere."""
    if not survey["live"] or survey["live"]["digest"] != live["digest"]:
        return True
    if survey["maintenance"]["held_by"] or survey["drain"]["on"]:
        return True
    mode = MODES[mode_of(operation["plan"])]
    changing = set(mode.touching) | set(BACK) - set(READING) - set(LAST)
    changed = [step for step in survey["operation"]["steps"] if step["step"] in changing]
    over = {"renew" if mode.by_batch else "open", "reopen"}
    return bool(changed) and (changed[-1]["step"] not in over or changed[-1]["outcome"] != "done")


def end_migration(operation):
    """Kill what may still run of it here: nobody waits for it any more."""
    number, program = 1, operation.detached("migrate-1")
    while program.state()["state"] != "absent":
        program.kill()
        number += 1
        program = operation.detached("migrate-%d" % number)


def stage(site, operation):
    """See that the live release is here, with its environment as it is by now; one that is here needs no package store."""
    from ansible_collections.slipway.app.plugins.module_utils._maintenance.pages import put_error_pages
    from ansible_collections.slipway.app.plugins.module_utils._operation import patching

    end_migration(operation)  # this host may have led
    release = site.releases.find(operation.plan["digest"])
    if release is None:
        return _stage_anew(site, operation)
    with operation.step("stage") as outcome:
        environment.write(site.root, release.id, site.params["environment_variables"] or {})
        if site.serves:
            put_error_pages(site.releases.within(release.id), site.config(release.documents)["error_pages"])
        outcome.update(release=release.id, unpacked=False)
        if release.id != operation.plan["previous"].get(site.host):  # the way back has its patches
            outcome["patches"] = patching.replay(site, site.releases.current(), release)
    return outcome


def _stage_anew(site, operation):
    try:
        return forward.stage(site, operation, follows=True)
    except SlipwayError as error:
        if site.releases.find(operation.plan["digest"]):
            raise
        folder = "%s/releases/%s" % (site.root, site.releases.release_id(operation.plan["package"], operation.plan["digest"]))
        raise SlipwayError(
            "%s, which is live on the others, is not here. %s" % (operation.plan["package"], error), untouched="Nothing was changed on %s." % site.host,
            hint="Copy the folder %s from another host, or say -e slipway_relay=true where only the controller can read the package; "
                 "then run the playbook slipway.app.recover again." % folder) from error


def activate(site, operation):
    """Whatever still runs, of whichever release, ends; then as in an upgrade."""
    operation.check_fence()
    release, driver = site.releases.find(operation.plan["digest"]), site.driver()
    wanted = {definition.name for definition in site.definitions(release)}
    found = driver.status()
    driver.stop([name for name, status in found.items() if status.alive], site.config(release.documents)["timeouts"]["drain"])
    driver.remove([name for name in found if name not in wanted])
    return forward.activate(site, operation)


def open_(site, operation):
    """As in an upgrade; where hosts took turns, be back at the balancer as well."""
    operation.check_fence()
    site.drain.off()
    return forward.open_(site, operation)


def finish(site, operation, decision):
    """Close the journal, and free a lock that is left here: the leader's for all this, another's of the time when it led."""
    outcome = {}
    site.lock.pass_fence(operation.fence)  # the lock may be that of who has taken over, by the same name
    if site.host in decision["behind"]:
        if decision["outcome"] == "done":
            outcome = forward.finish(site, operation)
        else:
            operation.close(decision["outcome"], decision["reason"])
    site.lock.release(decision["locks"].get(site.host))
    return outcome
