# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services within an operation: which are to run, stop them in order, start them in order, and see that web is well."""

from __future__ import annotations

import contextlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service import record
from ansible_collections.slipway.app.plugins.module_utils._service.definition import service_of

WORKERS = ("cron", "consumer")  # stopped first, so that nothing new begins while consumers end their work
FRONT = ("websocket", "web")    # stopped behind the maintenance page


def note_running(site, operation):
    """Record, once per operation, which services of the live release run on this host; return their names."""
    return record.record(site.root, operation.id, site.driver(), site.definitions(site.releases.current()))


def noted(site, operation):
    """Whether this operation has recorded services here; if not, it has not stopped any either."""
    return record.read(site.root, operation.id) is not None


def to_run(site, operation, release):
    """The definitions of the new release to start: all where it is the first one, else what ran before and what is new.

    What has failed by the old one is among it, for it may have come to mend that. So is what came with a role that this host
    has since then, such as to lead; but what people have stopped on the hosts that had it stays stopped on this one.
    """
    definitions, resting = site.definitions(release), operation.plan.get("resting")
    if operation.plan["previous"].get(site.host) is None:
        return [item for item in definitions if service_of(item.name) not in (resting or ())]
    return record.to_run(site.root, operation.id, definitions, revive=True, resting=resting)


def to_run_again(site, operation, release):
    """The definitions of the old release to start on the way back: what ran before, also what roles of today would not have here."""
    return record.to_run(site.root, operation.id, site.definitions(release, record.there(site.root, operation.id)))


def afterwards(site, operation, release):
    """(the definitions of the new release to start, those to be there and not to run)"""
    wanted = to_run(site, operation, release)
    return wanted, [item for item in site.definitions(release) if item not in wanted]


def as_before(site, operation, release):
    """(the definitions of the old release to start on the way back, those that were there and did not run)"""
    wanted, there = to_run_again(site, operation, release), record.there(site.root, operation.id)
    return wanted, [item for item in site.definitions(release, there) if item.name in there and item not in wanted]


def brought(site, operation):
    """The names of the programs that are here since the operation began."""
    return sorted(set(site.driver().status()).difference(record.there(site.root, operation.id))) if noted(site, operation) else []


def owe(site, operation, release):
    """Note, where the rest could not be started, what was to be: the next upgrade, recover and status go by that."""
    record.owe(site.root, operation.id, [item.name for item in to_run(site, operation, release) if item.kind != "web"])


def settle(site):
    """Note that nothing is due any more: all that was to run was started, and what the release does not have cannot be."""
    record.settle(site.root, record.debts(site.root)["services"])


def stop(site, kinds, drain, only=None):
    """Stop services kind after kind, those of one kind together; {name: {seconds, killed, cut}} of what was stopped.

    It is all of the application that runs here, or only what is named: what roles of today, or the live release, do not have
    here works with the same database.
    """
    driver = site.driver()
    running = {name: status.kind for name, status in driver.status().items()
               if status.state in ("running", "starting", "stopping") and (only is None or name in only)}
    stopped = {}
    for kind in kinds:
        names = [name for name in running if running[name] == kind]
        if names:
            for name, report in driver.stop(names, drain).items():
                stopped[name] = dict(vars(report))
    return stopped


def start(site, definitions, kinds, timeout, healthy=None):
    """Start services of these kinds, in their order, and wait for all of them together; their names.

    healthy() may tell earlier than their service manager that they are up.
    """
    wanted = [definition for kind in kinds for definition in definitions if definition.kind == kind]
    if wanted:
        site.driver().start(wanted, timeout, healthy)
    return [definition.name for definition in wanted]


def start_web(site, operation, release, wanted):
    """Start what is wanted of web and wait until it is well; {started, healthy_after: seconds beyond the start, None without a check}."""
    config = site.config(release.documents)
    webs = [definition for definition in wanted if definition.kind == "web"]
    check = _health_check(site, release)
    alone = check and len(webs) == 1  # the check speaks for one program
    started = start(site, webs, ("web",), config["timeouts"]["start"], check.is_green if alone else None)
    if not started:
        return {"started": []}
    return {"started": started, "healthy_after": check and check.wait(operation.beat)}


def check_live(site, release, seconds=10, beat=None):
    """Raise when the live release does not answer its health check here within so many seconds."""
    check = _health_check(site, release)
    if check:
        check.timeout = min(check.timeout, seconds)
        check.wait(beat)


def check_up(site, operation, release, started):
    """Raise where a program is no longer up, or another process is in its place, and note that it is due; started: {name: pid} as it was.

    A program may need longer to fail than its service manager looks at it.
    """
    driver = site.driver()
    found = driver.status() if started else {}
    fallen = [item for item in site.definitions(release) if item.name in started and not item.schedule
              and (found[item.name].state, found[item.name].pid) != ("running", started[item.name])]
    if fallen:
        with contextlib.suppress(OSError):  # on a full disk the reason is told all the same
            record.owe(site.root, operation.id, [item.name for item in fallen])
        raise SlipwayError("\n".join("The service %s has ended since it was started. %s" % (item.name, driver.last_words(item))
                                     for item in fallen))


def _health_check(site, release):
    """How to see that the application is well, or None where it has no web here."""
    from ansible_collections.slipway.app.plugins.module_utils._operation.health import HealthCheck

    return HealthCheck.of(site.runtime(release)) if site.serves else None
