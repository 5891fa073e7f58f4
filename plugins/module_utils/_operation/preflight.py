# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Everything that can be known before anything changes, on one host. Findings are collected, not raised one by one."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import boot_id
from ansible_collections.slipway.app.plugins.module_utils._operation import debugging, services
from ansible_collections.slipway.app.plugins.module_utils._operation.action import at_work
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal, open_operation, operations, summary
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import advice, held
from ansible_collections.slipway.app.plugins.module_utils._operation.patching import carried, refuse_to_drop
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._postgres import preflight as database
from ansible_collections.slipway.app.plugins.module_utils._release import environment
from ansible_collections.slipway.app.plugins.module_utils._service import record


SETTLING = 10  # seconds in which a balancer may still be about to see that a host is well


def check(site, kind, package, mode="maintenance", balancers=(), digest=None):
    """{digest, package, current, findings, warnings}: what would be deployed here, what is live, every reason not to begin, what else to know.

    package is empty before it is built: the rest can be known without it. digest is that of the package where it has just been built.
    folder and last are for the controller, which compares them with those of other hosts, and with the inventory.
    """
    findings = []
    current = site.releases.current()
    found = {"digest": None, "package": package, "current": current.as_dict() if current else None, "findings": findings, "warnings": [],
             "patched": carried(site), "fence": site.lock.fence(), "services": None, "folder": None, "last": None}
    if not os.path.isdir(site.root):
        findings.append("There is no folder %s: make it, owned by the user that runs the application." % site.root)
        return found
    found.update(folder=_folder(site.root), last=_last(site.root) if site.leads else None)
    _collect(findings, _nothing_open, site)
    if kind == "upgrade" and current is None and site.leads:  # others are taken in
        findings.append("The application is not installed on %s, which leads (no release is live): run the playbook slipway.app.deploy, or "
                        "let a host where it is installed be the first of the group app." % site.host)
    if kind == "deploy" and current is not None:
        findings.append("The application is already installed on %s (release %s is live): deploying again would empty its "
                        "database. Run the playbook slipway.app.upgrade." % (site.host, current.id))
    candidate = _collect(findings, _package, site, found) if package else None
    if digest and found["digest"] not in (None, digest):
        findings.append("%s is another package by now (%s) than the one that was built: somebody else has moved the tag. To go on with "
                        "what was built, say -e package=%s@%s." % (package, found["digest"], parse(package).repository, digest))
    if candidate and not (current and current.digest == found["digest"]):
        _collect(findings, _stageable, site, found)
        _collect(findings, _runnable, site, candidate)
        _collect(findings, _commands, site, candidate, kind)
        _collect(findings, debugging.refuse, site, candidate)
        if current:
            _collect(findings, refuse_to_drop, site, current)
    found["services"] = _collect(findings, _services, site, current)
    findings.extend(_environment(site, found, current))
    if MODES[mode].by_batch and site.serves:
        _collect(findings, _lets_users_in, site)
        if current is not None:
            _collect(findings, _serves_well, site, current)
            _collect(findings, _is_sent_users, site, balancers)
    if site.leads and (kind == "deploy") == (current is None):
        _database(findings, site, kind)
        if not findings and "restore" in MODES[mode].back:
            found["warnings"] = _collect(findings, _not_copied, site) or []
    return found


def _collect(findings, check_one, *arguments):
    """Run one check; what it raises becomes a finding."""
    try:
        return check_one(*arguments)
    except (SlipwayError, OSError) as error:
        findings.append(str(error))
        return None


def _folder(root):
    """What tells this folder from every other one of every machine; None where the machine cannot be told."""
    boot, facts = boot_id(), os.stat(root)
    return "%s %d %d" % (boot, facts.st_dev, facts.st_ino) if boot else None


def _last(root):
    """{operation, hosts} of the last operation on hosts that ended well; None where there is none."""
    with contextlib.suppress(SlipwayError, OSError):  # a damaged journal of what is over is no reason not to begin
        for known in (summary(Journal(root, name).records()) for name in operations(root)):
            if known and known["outcome"] == "done" and known["plan"].get("hosts"):
                return {"operation": known["id"], "hosts": known["plan"]["hosts"]}
    return None


def _nothing_open(site):
    operation, holder = open_operation(site.root), site.lock.holder()
    if holder:
        raise SlipwayError(held(holder), hint=advice(holder))
    if operation:
        raise SlipwayError("Operation %s is still open on %s." % (operation["id"], site.host),
                           hint="Run the playbook slipway.app.recover to finish or undo it.")
    busy = at_work(site.root)
    if busy:
        raise SlipwayError(" ".join(busy), hint="Wait until that has ended, or end it.")


def _package(site, found):
    """The package as the release it will be; note when there is no way to the store, for the controller may relay it."""
    try:
        return _candidate(site, found)
    except SlipwayError as error:
        found["store_unreachable"] = bool(error.facts.get("store_unreachable"))
        raise


def _candidate(site, found):
    """Resolve and verify the package; return it as the release it will be (its path included), not yet unpacked."""
    store = site.store(found["package"])
    found["digest"] = store.resolve(found["package"])
    config = store.config(found["digest"])
    name = site.params["application"]
    if config["application"] != name:
        raise SlipwayError("The package %s is of the application %s, not of %s." % (found["package"], config["application"], name))
    found.update(reference=config["reference"], commit=config["commit"], label=config["label"])
    site.config(config["documents"])
    return site.releases.planned(config, found["digest"], found["package"])


def _stageable(site, found):
    """Manifest and configuration agree, the disk can hold the unpacked release; note what the controller has to relay."""
    store = site.store(found["package"])
    new = site.releases.present(store, found["digest"], found["package"], check=True)[1]
    if site.params["relayed"]:
        found["missing"] = store.missing(found["digest"]) if new else []


def _runnable(site, candidate):
    """The service manager can run what the candidate defines."""
    site.driver().check(site.definitions(candidate))


def _commands(site, candidate, kind):
    """Every command that the operation would run here has a value for each of its placeholders."""
    runtime = site.runtime(candidate)
    others = ("install",) if kind == "upgrade" else (
        "migrate", "check_upgrade", "upgrade_maintenance", "upgrade_rolling", "upgrade_source")
    for name, commands in dict(runtime.config["commands"], **runtime.config["hooks"]).items():
        if name not in others and (site.serves or name == "warm"):
            for command in commands:
                runtime.argv(command)


def _services(site, current):
    """The service manager answers, and what it runs could be started again: {program: whether it is to run}."""
    statuses, owed = site.driver().status(), record.debts(site.root)["services"]
    try:
        site.definitions(current, statuses)
    except SlipwayError as error:
        raise SlipwayError("Not all that %s has could be started again if it goes back. %s" % (site.host, error),
                           hint="Where the host no longer has the role for it, the playbook slipway.app.service_start removes it.") from error
    return {name: status.alive or status.autostart or name in owed for name, status in statuses.items()}


def _environment(site, found, current):
    """What speaks against the variables of the application; note whether those of a release that is live already are others."""
    variables = site.params["environment_variables"] or {}
    wrong = environment.problems(variables)
    if variables and not wrong and current and current.digest == found["digest"]:
        found["other_environment"] = environment.write(site.root, current.id, variables, check=True)
    return wrong


def _serves_well(site, current):
    """This host can serve alone while others have left the balancer."""
    if site.drain.status()["on"]:
        raise SlipwayError("%s has left the balancer (%s is there)." % (site.host, site.drain.path),
                           hint="Run the playbook slipway.app.recover; if nothing is left over, remove the file.")
    try:
        services.check_live(site, current)
    except SlipwayError as error:
        raise SlipwayError("%s is not well, but every host has to serve while others are switched. %s" % (site.host, error)) from error


def _lets_users_in(site):
    """Nobody is kept out, or there would be nobody to be served all the time."""
    maintenance = site.maintenance.status()
    if maintenance["on"]:
        raise SlipwayError("%s is in maintenance, turned on by %s at %s: its balancer could not see it come back." % (
            site.host, maintenance["by"], maintenance["since"]),
            hint="Run the playbook slipway.app.maintenance_off, or upgrade in the mode maintenance, which leaves it on.")


def _is_sent_users(site, balancers):
    """Those balancers that can be asked send users here; else this host could never be seen to come back."""
    from ansible_collections.slipway.app.plugins.module_utils._operation.balancer import UP, Balancers

    against = Balancers(balancers, site.host).wait(UP, 0, lambda: None, SETTLING)
    if against:
        raise SlipwayError(
            "No users are sent to %s, says %s." % (site.host, ", ".join(against)),
            hint="The balancer's health check has to get 200 from the web server of the host, at slipway_health_path "
                 "(by default what the profile says): see what the host answers there.")


def _database(findings, site, kind):
    if not site.params["database"].get("login_db"):
        findings.append("No database is named: set slipway_database with login_db.")
        return
    connection = site.connection()
    found = database.findings(connection, site.params["database"]["login_db"])
    if not found and kind == "deploy":
        tables = connection.query("SELECT count(*) AS tables FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                                  " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN"
                                  " ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'",
                                  site.params["database"]["login_db"])[0]["tables"]
        if tables:
            findings.append("The database %s is not empty (%d tables): deploying would mix two installations. Name an empty "
                            "database, or upgrade the application that owns these tables." % (site.params["database"]["login_db"], tables))
    findings += found


def _not_copied(site):
    """What the database has that its restore point will lack: better heard of before users are kept out."""
    from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal
    from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import OTHERS, lacking

    name = site.params["database"]["login_db"]
    others = site.connection().query(OTHERS % quote_literal(name), name)[0]
    return ["%s Where the upgrade has to go back, a copy takes the place of the database." % words for words in lacking(name, others)]
