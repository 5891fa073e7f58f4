# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The steps of the modes in which users are served all the time: hosts take turns, each leaving its balancer meanwhile.

plan["batches"] says whose turn it is when, plan["balancer"] how to know what the balancers have seen: {status: where to ask them,
fall_seconds and rise_seconds: how long one that cannot be asked takes to see that a host has left, or is back}.
"""

from __future__ import annotations

import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import forward, services
from ansible_collections.slipway.app.plugins.module_utils._operation.balancer import DOWN, UP, Balancers
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import TakenOver
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES

REST = services.WORKERS + ("websocket",)  # what follows when every web has changed over; websocket where nobody is drained
AHEAD = ("It has to be well on a database that has more migrations than it knows. The database stays migrated: where that is the cause, an"
         " upgrade to the same package in the mode maintenance brings the release that goes with it.")
SETTLING = 10  # seconds in which a host that has had its turn may seem unwell before the next one stays


def record(site, operation):
    """Record what runs, once: that, and nothing else, runs afterwards."""
    with operation.step("record") as outcome:
        outcome["recorded"] = services.note_running(site, operation)
    return outcome


def advise(site, operation):
    """Read the SQL of the migrations to come; the controller judges it. The journal gets their names only."""
    from ansible_collections.slipway.app.plugins.module_utils._operation.pending import pending

    with operation.step("advise") as outcome:
        release = site.releases.find(operation.plan["digest"])
        facts = pending(site.runtime(release), site.connection(), site.params["database"]["login_db"])
        outcome["pending"] = [migration["name"] for migration in facts["migrations"]]
    return dict(outcome, facts=facts)


def protect(site, operation):
    """Note what the schema looks like. There is no restore point: writes of users would be lost with it."""
    with operation.step("protect") as outcome:
        outcome["fingerprint"] = forward.take_fingerprint(site, operation)
    return outcome


def watch(site, operation):
    """While others have their turn: see that this host, which had its own, is still well. No journal: it is not a deed."""
    operation.beat()  # nobody else on the leader keeps the lease while the others have theirs
    services.check_live(site, site.releases.current(), SETTLING, operation.beat)


def close(site, operation):
    """Leave the balancer, wait until it has seen that, then let websocket and web end what they have."""
    with operation.step("close") as outcome:
        if _has_changed_over(site, operation):
            return outcome
        _stay_for(site, operation)
        _leave(site, operation, site.releases.current() or site.releases.find(operation.plan["digest"]), outcome, _insist)
    return outcome


def open_(site, operation):
    """Start websocket, be back at the balancer, and wait until it has seen that: then the next may leave."""
    with operation.step("open") as outcome:
        if not _has_changed_over(site, operation):
            release = site.releases.find(operation.plan["digest"])
            _come_back(site, operation, release, services.to_run(site, operation, release), outcome, _insist)
    return outcome


def renew(site, operation):
    """Let consumers and cron, and websocket where it still is the old one, end their work, then start by the new release those that ran before."""
    with operation.step("renew") as outcome:
        release = site.releases.find(operation.plan["digest"])
        _renew(site, release, *services.afterwards(site, operation, release), outcome)
    return outcome


def quiesce(site, operation):
    """Where the new release is live: leave the balancer, let its websocket and web end what they have."""
    with operation.step("quiesce") as outcome:
        live = site.releases.current()
        if live and live.digest == operation.plan["digest"]:
            _leave(site, operation, live, outcome, _go_on)
    return outcome


def reopen(site, operation):
    """Be back at the balancer, and run by the old release exactly what ran before."""
    with operation.step("reopen") as outcome:
        old = forward.previous(site, operation)
        if old is None:  # whoever had nothing serves nobody
            site.drain.off()
            return outcome
        wanted, resting = services.as_before(site, operation, old)
        if site.serves:
            _come_back(site, operation, old, wanted, outcome, _go_on)
        if services.noted(site, operation):
            _renew(site, old, wanted, resting, outcome)
    return outcome


def _has_changed_over(site, operation):
    """Whether this host had its turn already, in a run before this one."""
    return operation.outcome_of("open") is not None and not site.drain.status()["on"]


def _stay_for(site, operation):
    """Raise when a balancer sends nobody to a host that had its turn: with this one gone, too few would serve.

    Who has the first turn asks its own release, which others have as well: it may not be well on the migrated database. And it asks
    whether any of the others is sent users.
    """
    batches = operation.plan["batches"]
    turn = next(number for number, batch in enumerate(batches) if site.host in batch)
    if not turn and not site.drain.status()["on"]:
        _stay_well(site, operation)
        _stay_alone(site, operation)
    for host in [host for batch in batches[:turn] for host in batch]:
        against = Balancers(operation.plan["balancer"]["status"], host).wait(UP, 0, operation.beat, SETTLING)
        if against:
            raise SlipwayError("%s has had its turn, and is no longer well: no users are sent to it, says %s." % (host, ", ".join(against)),
                               untouched="%s has not left the balancer." % site.host)


def _stay_well(site, operation):
    live = site.releases.current()
    try:
        if live:
            services.check_live(site, live, SETTLING, operation.beat)
    except TakenOver:
        raise
    except SlipwayError as error:
        raise SlipwayError("%s, which serves, is no longer well. %s" % (live.package, error.message),
                           untouched="%s has not left the balancer." % site.host,
                           hint=AHEAD if "migrate" in MODES[operation.mode].forward else None) from error


def _stay_alone(site, operation):
    """Raise when balancers send users to none of those whose turn comes later: what the preflight saw of them may be an hour old."""
    plan, against = operation.plan, []
    for host in [host for batch in plan["batches"][1:] for host in batch if "app" in plan["hosts"][host]]:
        says = Balancers(plan["balancer"]["status"], host).wait(UP, 0, operation.beat, SETTLING)
        if not says:
            return
        against += says
    if against and site.releases.current():  # whoever has nothing yet serves nobody, and is welcome
        raise SlipwayError("The balancer sends no users to any other host, says %s." % ", ".join(against),
                           untouched="%s has not left the balancer." % site.host,
                           hint="One of the others has to serve while this one is switched: see why their health checks fail. Where they"
                                " are empty, say mode=rolling, which takes such hosts in first.")


def _leave(site, operation, release, outcome, unheard):
    if site.serves:
        site.drain.on(operation.id)
        seconds = site.drain.left(operation.plan["balancer"]["fall_seconds"])
        outcome["drained_for"] = _await_balancers(site, operation, DOWN, seconds, outcome, unheard)
        operation.check_fence()  # much may have happened meanwhile
    outcome["stopped"] = services.stop(site, services.FRONT, site.config(release.documents)["timeouts"]["drain"])


def _come_back(site, operation, release, wanted, outcome, unheard):
    if services.noted(site, operation):  # before anybody comes who wants to shake hands
        services.start(site, wanted, ("websocket",), site.config(release.documents)["timeouts"]["start"])
    site.drain.off()
    seconds = operation.plan["balancer"]["rise_seconds"]
    outcome["back_after"] = _await_balancers(site, operation, UP, seconds, outcome, unheard)


def _await_balancers(site, operation, state, seconds, outcome, unheard):
    """Wait for what the balancers say, and keep the lease meanwhile; unheard(...) where one does not say it. The seconds."""
    begun = time.monotonic()
    urls = operation.plan["balancer"]["status"]
    against = Balancers(urls, site.host).wait(state, seconds, operation.beat)
    passed = time.monotonic() - begun
    if against:
        unheard(site.host, state, against, passed, outcome)
    return round(passed, 3)


def _insist(host, state, against, passed, _outcome):
    """Forward, nobody goes on against what a balancer says: its users would pay for it."""
    what = "still sends users to it, though its health check fails on purpose" if state == DOWN else "does not send users to it again"
    raise SlipwayError("%s %s after %d seconds, says %s." % (
        host, "has not left the balancer" if state == DOWN else "is not back at the balancer", passed, ", ".join(against)),
        hint="The balancer %s: look at which path it checks, and what it gets." % what)


def _go_on(_host, state, against, _passed, outcome):
    """On the way back, a release that has to go is worse than what a balancer believes."""
    outcome["balancers_say_otherwise"] = {url: UP if state == DOWN else DOWN for url in against}


def _renew(site, release, wanted, resting, outcome):
    """Run the rest by this release; what runs by it already is left alone, what ends late is killed and named."""
    stale = [name for name, status in site.driver().status(wanted + resting).items() if status.alive and not status.up_to_date]
    outcome["stopped"] = dict(outcome.get("stopped") or {}, **services.stop(
        site, REST, site.config(release.documents)["timeouts"]["drain"], stale))
    outcome.update(forward.start_rest(site, release, wanted, resting))
