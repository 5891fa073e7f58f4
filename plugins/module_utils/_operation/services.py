# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services within an operation: which are to run, stop them in order, start them in order, and see that web is well."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.load import expand
from ansible_collections.slipway.app.plugins.module_utils._operation.health import wait_until_green
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
    """The definitions of a release to start: all at the first installation, later what ran before and what is new."""
    definitions = site.definitions(release)
    if operation.plan["kind"] == "deploy":
        return definitions
    return record.to_run(site.root, operation.id, definitions)


def stop(site, definitions, kinds, drain):
    """Stop services kind after kind, those of one kind together; {name: {seconds, killed}} of what was stopped."""
    driver = site.driver()
    running = {name for name, status in driver.status().items() if status.state in ("running", "starting")}
    stopped = {}
    for kind in kinds:
        names = [definition.name for definition in definitions if definition.kind == kind and definition.name in running]
        if names:
            for name, report in driver.stop(names, drain).items():
                stopped[name] = {"seconds": report.seconds, "killed": report.killed}
    return stopped


def start(site, definitions, kinds, timeout):
    """Start services kind after kind; their names."""
    started = []
    for kind in kinds:
        wanted = [definition for definition in definitions if definition.kind == kind]
        if wanted:
            site.driver().start(wanted, timeout)
            started += [definition.name for definition in wanted]
    return started


def check_health(site, operation, release):
    """Wait until the application answers as its health check wants; the seconds, or None where it has no web here."""
    health = site.config(release.documents)["health"]
    if not site.serves or not health["url"]:
        return None
    url = " ".join(expand(health["url"], site.runtime(release).variables))
    return wait_until_green(url, health["status"], health["contains"], health["timeout"], health["interval"], operation.beat)
