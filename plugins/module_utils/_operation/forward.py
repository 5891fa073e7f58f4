# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The steps of deploy and upgrade, in their order. Each can be run again after a crash in the middle of it."""

from __future__ import annotations

import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, tail
from ansible_collections.slipway.app.plugins.module_utils._operation import services
from ansible_collections.slipway.app.plugins.module_utils._operation.action import without_actions
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal, now, operations, summary
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation, new_id, restore_point_of
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES, mode_of
from ansible_collections.slipway.app.plugins.module_utils._release import environment
from ansible_collections.slipway.app.plugins.module_utils._service import record

BROKEN = " Users are served. When it is mended, the playbook slipway.app.recover starts it, and so does the next upgrade."
LEFT = " It is a database beside the live one, in nobody's way; the next upgrade drops it, and so does the playbook slipway.app.recover."


def preflight(site, plan):
    """Find everything that would make the operation fail later; change nothing."""
    from ansible_collections.slipway.app.plugins.module_utils._operation import preflight as checks

    return checks.check(site, plan["kind"], plan["package"], mode_of(plan), plan["balancer"]["status"], plan["digest"])


def start(site, plan):
    """Take the lock and open the leader's journal: from here on this operation is the only one.

    fence in the plan, which is no part of what the journal gets, is the highest number that any host had seen at the preflight.
    """
    plan = dict(plan)
    found = plan.pop("fence", 0)
    with without_actions(site.root, "start"):  # the next one sees that it is open
        seen = max(site.lock.fence(), found)
        operation = new_id(plan["kind"], seen + 1)
        given = site.lock.acquire(operation, plan["owner"], seen=seen)
        started = Operation(site, operation, given, plan)
        try:
            if seen > found:  # a controller that was suspended: what is live, and would be gone back to, may be another release
                raise SlipwayError("Another operation has held the lock since the preflight.", untouched="Nothing was changed.",
                                   hint="Run the playbook again: it looks anew.")
            started.begin()
        except (SlipwayError, OSError):
            site.lock.release(operation)
            raise
    return {"id": operation, "fence": given, "plan": plan}


def stage(site, operation, follows=False):
    """Fetch by digest, verify, unpack beside the live release; write its environment, let the application check itself.

    A host that only follows the others tells nobody of maintenance: none begins.
    """
    from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages
    from ansible_collections.slipway.app.plugins.module_utils._operation import debugging, patching

    operation.begin()
    with operation.step("stage") as outcome:
        store = site.store(operation.plan["package"])
        config = site.config(store.config(operation.plan["digest"])["documents"])
        release, changed = site.releases.present(store, operation.plan["digest"], operation.plan["package"])
        debugging.refuse_files(site, release)  # also where it is here since an upgrade that was refused for them
        environment.write(site.root, release.id, site.params["environment_variables"] or {})
        outcome.update(release=release.id, unpacked=changed, patches=patching.replay(site, site.releases.current(), release))
        if site.serves:
            pages.page_of(site.releases.within(release.id), config["maintenance"]["page"])  # needed when it is too late for another one
            pages.put_error_pages(site.releases.within(release.id), config["error_pages"])
            # On every one of them: it also leaves the release warm, before anybody has to wait for it.
            commands = config["commands"]["check"] + (
                config["commands"]["check_upgrade"] if operation.plan["kind"] == "upgrade" else [])
            outcome["checked"] = run_commands(site, operation, release, commands, config["timeouts"]["command"])
        live = site.releases.current()
        if site.leads and live and not follows and not MODES[operation.mode].by_batch:
            # The last step before any host stops anything. At the first installation there is nobody to tell.
            outcome["warnings"] = []
            if not site.maintenance.status()["on"]:
                outcome["announced"] = _announce(site, operation, live, outcome["warnings"].append)
            outcome["hooks"] = run_commands(site, operation, release, config["hooks"]["before_maintenance"], config["timeouts"]["command"])
    return outcome


def _announce(site, operation, live, warn):
    """Have users told that maintenance comes, by the release that they use; no upgrade is given up because they were not."""
    config = site.config(live.documents)
    try:
        return run_commands(site, operation, live, config["maintenance"]["announce"], config["timeouts"]["command"])
    except (SlipwayError, OSError) as error:
        warn("Users were not told that maintenance begins: %s" % error)
        return []


def drain(site, operation):
    """Record what runs, then let cron and consumers end their work; what does not end in time is killed and named.

    Where no users are kept out by close, so does what still serves by a role that this host has no more.
    """
    with operation.step("drain") as outcome:
        live = site.releases.current()
        outcome["recorded"] = services.note_running(site, operation)
        if live:
            seconds = site.config(live.documents)["timeouts"]["drain"]
            outcome["stopped"] = services.stop(site, services.WORKERS if site.serves else services.WORKERS + services.FRONT, seconds)
    return outcome


def close(site, operation):
    """Turn users away with the maintenance page, then let web end the requests it has."""
    from ansible_collections.slipway.app.plugins.module_utils._maintenance.pages import page_or_ours

    with operation.step("close") as outcome:
        release = site.releases.find(operation.plan["digest"])
        live = site.releases.current()
        config = site.config((live or release).documents)
        page = config["maintenance"]
        kept = site.maintenance.hold(operation.id, page["message"], page["expected_seconds"], operation.plan["owner"]["user"],
                                     page_or_ours(site.releases.within((live or release).id), page["page"], outcome.setdefault("warnings", []).append))
        if kept:
            outcome["kept"] = _who_wants(kept)
        outcome["since"] = site.maintenance.status()["since"]
        if live and not site.maintenance.locked:  # while websocket can still tell its users
            outcome["locked"] = run_commands(site, operation, live, page["on"], config["timeouts"]["command"])
        outcome["stopped"] = services.stop(site, services.FRONT, config["timeouts"]["drain"])
    return outcome


def protect(site, operation):
    """Copy the database on its server, and note what it looked like."""
    with operation.step("protect") as outcome:
        point = site.restore_point(operation.restore_point)
        outcome["restore_point"] = point.present()
        outcome["since"] = now()
        outcome["fingerprint"] = take_fingerprint(site, operation)
    return outcome


def take_fingerprint(site, operation, since=None):
    """What the database looks like now, as the profile of the new release counts its migrations."""
    from ansible_collections.slipway.app.plugins.module_utils._postgres import fingerprint

    release = site.releases.find(operation.plan["digest"])
    table = site.config(release.documents)["database"]["migrations_table"]
    return fingerprint.take(site.connection(), site.params["database"]["login_db"], table, since)


def migrate(site, operation):
    """Run the release's migrations, detached: whoever dies meanwhile, they end and leave their exit status."""
    with operation.step("migrate") as outcome:
        release = site.releases.find(operation.plan["digest"])
        config = site.config(release.documents)
        runtime = site.runtime(release)
        commands = migration(config, operation.plan)
        outcome["commands"] = []
        extra = impatience(runtime, site.params["lock_timeout"]) if MODES[operation.mode].by_batch else {}
        deadline = time.monotonic() + config["timeouts"]["migrate"]
        for number, command in enumerate(commands, 1):
            argv = runtime.argv(command)
            begun = time.monotonic()
            program = operation.detached("migrate-%d" % number)
            runtime.start(program, argv, dict(extra, PGAPPNAME=operation.session_name))
            state = program.wait(max(0, deadline - time.monotonic()), operation.beat)
            hung = state["state"] == "running"
            if hung:
                state = program.kill()
            outcome["commands"].append({"argv": argv, "rc": state.get("rc"), "seconds": round(time.monotonic() - begun, 3)})
            if hung or state.get("rc") != 0:
                raise SlipwayError(_migration_failed(argv, state, hung, config, program, site, runtime, operation.mode))
    return outcome


def migration(config, plan):
    """The commands that bring the database to a release, in their order."""
    commands = config["commands"]
    if plan["kind"] == "deploy":
        chosen = commands["install"]
    else:
        chosen = commands.get("upgrade_" + mode_of(plan)) or commands["migrate"]
    return chosen + config["hooks"]["after_migrate"]


def impatience(runtime, seconds):
    """Environment variables by which a migration beside users gives up rather than wait for a lock longer than that.

    Whoever waits for a lock on a table lets all others queue behind. 0 sets no limit; one of the application's own stands.
    """
    if not seconds:
        return {}
    # Of two the last counts. libpq reads them, so psycopg, psql and PHP's pdo_pgsql do.
    own = runtime.environment().get("PGOPTIONS", "")
    return {"PGOPTIONS": ("-c lock_timeout=%d %s" % (round(seconds * 1000), own)).strip()}


def _migration_failed(argv, state, hung, config, program, site, runtime, mode):
    if hung:
        what = "did not end within %d seconds and was killed" % config["timeouts"]["migrate"]
    elif state["state"] == "exited":
        what = "failed with exit status %s" % state["rc"] if state["rc"] >= 0 else "was killed by signal %d" % -state["rc"]
    else:
        what = "was lost"
    invalid = _invalid(site) if MODES[mode].by_batch else ""  # else the restore point takes the place of that database
    output = redact(tail(program.output(), 25), site.secrets() + runtime.secrets())
    return "The migration %s %s.%s%s It printed:\n%s" % (
        " ".join(argv), what, runtime.meaning(argv, state.get("rc")), invalid, output or "(nothing)")


def _invalid(site):
    """What to do about indexes that were not built to their end, with a space before it; nothing where there is none, or nobody can tell."""
    from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import invalid_indexes

    try:
        names = invalid_indexes(site.connection(), site.params["database"]["login_db"])
    except (SlipwayError, OSError):
        return ""  # the migration's own words say more
    drops = " ".join("DROP INDEX CONCURRENTLY IF EXISTS %s;" % name for name in names)
    return drops and (" There are indexes that are not valid, as CREATE INDEX CONCURRENTLY leaves them when it fails: each write maintains them,"
                      " no query uses them, and they cannot be built again before %s has been run." % drops)


def activate(site, operation):
    """Warm the caches, switch to the new release, start its web and wait until it is well."""
    with operation.step("activate") as outcome:
        release = site.releases.find(operation.plan["digest"])
        config = site.config(release.documents)
        commands = (config["commands"]["upgrade_source"] if site.leads and operation.mode == "source" else []) + config["commands"]["warm"]
        outcome["warm"] = run_commands(site, operation, release, commands, config["timeouts"]["command"])
        operation.check_fence()  # that may have taken long enough for somebody else to have gone back
        site.releases.activate(release.id)
        outcome["unlocked"] = unlock(site, operation, release)
        outcome.update(services.start_web(site, operation, release, services.to_run(site, operation, release)))
        outcome["release"] = release.id
    return outcome


def unlock(site, operation, release):
    """Take the application's own lock away, before its health is looked at; users are still kept out by the web server."""
    config = site.config(release.documents)
    commands = config["maintenance"]["off"] if site.serves and site.maintenance.status()["on"] else []
    return run_commands(site, operation, release, commands, config["timeouts"]["command"])


def previous(site, operation):
    """The release that was live on this host when the operation began, or None."""
    name = operation.plan["previous"].get(site.host)
    return next((release for release in site.releases.list() if release.id == name), None)


def run_commands(site, operation, release, commands, timeout):
    """Run commands of the application in a release, one after the other; seconds of each. The first failure raises."""
    return site.runtime(release).run_all(commands, timeout, site.secrets(), operation.beat)


def open_(site, operation):
    """Let users in again and start the rest. From here on nothing is ever taken back by itself."""
    with operation.step("open") as outcome:
        release = site.releases.find(operation.plan["digest"])
        if site.serves:
            let_in(site, outcome)
            site.maintenance.forget_locked()  # activate has unlocked it
        outcome["warnings"] = []
        # Users are in: there is no way back, and the release that mends it has to be let in as well.
        _try(outcome["warnings"], "starting what ran before", lambda: outcome.update(
            start_rest(site, release, *services.afterwards(site, operation, release))), BROKEN)
        if outcome["warnings"]:
            services.owe(site, operation, release)
    return outcome


def let_in(site, outcome):
    """Let users in, or where a person had turned maintenance on before, only who has a bypass, as it was then."""
    seconds = site.maintenance.status()["seconds"]
    kept = site.maintenance.release()
    outcome.update({"kept": _who_wants(kept)} if kept else {"maintenance_seconds": seconds})


def _who_wants(maintenance):
    return {fact: maintenance[fact] for fact in ("by", "since", "message")}


def start_rest(site, release, wanted, resting):
    """Start what is wanted but web, note what is to rest, and take away all else; {started: {name: pid}, removed: [name, ...]}."""
    timeout = site.config(release.documents)["timeouts"]["start"]
    removed = sorted(set(site.driver().status()) - {definition.name for definition in wanted + resting})
    if removed:
        site.driver().remove(removed)
    site.driver().install(resting, record.failed(site.root))  # nobody has stopped that but who goes back from a release by which it ran
    started = services.start(site, wanted, ("websocket", "consumer", "cron"), timeout)
    services.settle(site)
    found = site.driver().status() if started else {}
    return {"started": {name: found[name].pid for name in started}, "removed": removed}


def finish(site, operation):
    """Tidy up and close. Nothing here can make a good upgrade bad: what fails is a warning."""
    warnings = []
    with operation.step("finish") as outcome:
        release = site.releases.find(operation.plan["digest"])
        if any(definition.kind == "web" for definition in services.to_run(site, operation, release)):
            _try(warnings, "the health check of " + site.host, lambda: services.check_live(site, release, beat=operation.beat))
        _try(warnings, "keeping up what was started", lambda: services.check_up(site, operation, release, _started(operation)), BROKEN)
        if site.leads:
            config = site.config(release.documents)
            _try(warnings, "the hook after_upgrade", lambda: run_commands(
                site, operation, release, config["hooks"]["after_upgrade"], config["timeouts"]["command"]))
            _try(warnings, "dropping restore points", lambda: drop_restore_points(site, operation.id), LEFT)
        outcome["pruned"] = []
        needed = {release.id, operation.plan["previous"].get(site.host)} - {None}
        for old in site.releases.surplus(site.params["keep_releases"], needed):
            _try(warnings, "removing the release " + old.id, lambda name=old.id: site.releases.absent(name))
            outcome["pruned"].append(old.id)
        _try(warnings, "removing what was fetched for them", site.releases.tidy)
        outcome["warnings"] = warnings
    operation.close("done", "%s is live." % operation.plan["package"])
    if site.leads:
        site.lock.release(operation.id)
    return outcome


def _started(operation):
    """{name: pid} of what the operation has started on this host besides web."""
    outcome = operation.outcome_of("renew" if MODES[operation.mode].by_batch else "open")
    started = (outcome or {}).get("started")
    return started if isinstance(started, dict) else {}  # before 0.2 they were names alone


def drop_restore_points(site, ending=None, check=False):
    """Drop the restore points of operations that have ended, and of the one that is ending; return the names of those operations.

    One is left where the database could not be reached when its operation ended, or something kept it from being dropped. What keeps
    one now is raised at the end, with those that are dropped among its facts.
    """
    from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import left

    known = {restore_point_of(name): name for name in operations(site.root)}
    found = [point for point in left(site.connection(), site.params["database"]["login_db"], known)
             if known[point] == ending or _ended(site, known[point])]
    failed = {}
    for point in found if not check else ():
        try:
            site.restore_point(point).absent()
        except SlipwayError as error:  # what keeps one, such as a subscription, is not to keep the others
            failed[point] = str(error)
    dropped = [known[point] for point in found if point not in failed]
    if failed:
        raise SlipwayError(" ".join(failed.values()), dropped=dropped)
    return dropped


def _ended(site, operation):
    told = summary(Journal(site.root, operation).records())
    return told is not None and told["outcome"] != "open"


def _try(warnings, what, action, then=""):
    """Do it; a failure becomes a warning that says what it was, and what comes of it."""
    try:
        action()
    except (SlipwayError, OSError) as error:
        warnings.append("After the upgrade, %s failed: %s%s" % (what, error, then))
