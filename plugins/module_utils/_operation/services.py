# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services within an operation: which are to run, stop them in order, start them in order, and see that web is well."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.load import expand
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service import record

WORKERS = ("cron", "consumer")  # stopped first, so that nothing new begins while consumers end their work
FRONT = ("websocket", "web")    # stopped behind the maintenance page


def note_running(site, operation):
    """Record, once per operation, which services of the live release run on this host; return their names."""
    return record.record(site.root, operation.id, site.driver(), site.definitions(site.releases.current()))


def noted(site, operation):
    """Whether this operation has recorded services here; if not, it has not stopped any either."""
    return record.read(site.root, operation.id) is not None


def to_run(site, operation, release):
    """The definitions of a release to start: all at the first installation, later what ran before and what is new.

    The new release also gets what had failed by the old one, which it may have come to mend.
    """
    definitions = site.definitions(release)
    if operation.plan["kind"] == "deploy":
        return definitions
    return record.to_run(site.root, operation.id, definitions, revive=release is not None and release.digest == operation.plan["digest"])


def owe(site, operation, release):
    """Note, where the rest could not be started, what was to be: the next upgrade, recover and status go by that."""
    record.owe(site.root, operation.id, [item.name for item in to_run(site, operation, release) if item.kind != "web"])


def stop(site, definitions, kinds, drain):
    """Stop services kind after kind, those of one kind together; {name: {seconds, killed}} of what was stopped."""
    driver = site.driver()
    running = {name for name, status in driver.status().items() if status.state in ("running", "starting", "stopping")}
    stopped = {}
    for kind in kinds:
        names = [definition.name for definition in definitions if definition.kind == kind and definition.name in running]
        if names:
            for name, report in driver.stop(names, drain).items():
                stopped[name] = {"seconds": report.seconds, "killed": report.killed}
    return stopped


def start(site, definitions, kinds, timeout, healthy=None):
    """Start services of these kinds, in their order, and wait for all of them together; their names.

    healthy() may tell earlier than their service manager that they are up.
    """
    wanted = [definition for kind in kinds for definition in definitions if definition.kind == kind]
    if wanted:
        site.driver().start(wanted, timeout, healthy)
    return [definition.name for definition in wanted]


def start_web(site, operation, release):
    """Start web and wait until it is well; {started, healthy_after: seconds beyond the start, None without a check}."""
    config = site.config(release.documents)
    webs = [definition for definition in to_run(site, operation, release) if definition.kind == "web"]
    check = _health_check(site, config, release)
    alone = check and len(webs) == 1  # the check speaks for one program
    started = start(site, webs, ("web",), config["timeouts"]["start"], check.is_green if alone else None)
    if not started:
        return {"started": []}
    return {"started": started, "healthy_after": check and check.wait(operation.beat)}


def check_live(site, release, seconds=10, beat=None):
    """Raise when the live release does not answer its health check here within so many seconds."""
    check = _health_check(site, site.config(release.documents), release)
    if check:
        check.timeout = min(check.timeout, seconds)
        check.wait(beat)


def check_up(site, release, started):
    """Raise where a program is no longer up, or another process is in its place; started: {name: pid} as it was.

    A program may need longer to fail than its service manager looks at it.
    """
    driver = site.driver()
    found = driver.status() if started else {}
    fallen = [item for item in site.definitions(release) if item.name in started and not item.schedule
              and (found[item.name].state, found[item.name].pid) != ("running", started[item.name])]
    if fallen:
        raise SlipwayError("\n".join("The service %s has ended since it was started. %s" % (item.name, driver.last_words(item))
                                     for item in fallen))


def _health_check(site, config, release):
    """How to see that the application is well, or None where it has no web here."""
    from ansible_collections.slipway.app.plugins.module_utils._operation.health import HealthCheck

    health = config["health"]
    if not site.serves or not health["url"]:
        return None
    url = " ".join(expand(health["url"], site.runtime(release).variables))
    return HealthCheck(url, health["status"], health["contains"], health["timeout"], health["interval"])
