# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which services ran when an operation began, so that it starts again just those."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive, make_own_dir, read_json, write_json
from ansible_collections.slipway.app.plugins.module_utils._service.definition import service_of


def record(root, operation, driver, definitions, owed=False):
    """Note which programs run now, and which there are; return the names of the former.

    Only the first call of an operation notes anything: at the second one some may be stopped already. What an earlier
    one still owes counts as running, and is owed until settle(): this one may end before it has stopped or started anything.
    What is to run and has failed is noted for itself; so is what had failed when the one before began, and still comes back after a
    reboot. With owed the operation has no journal: all these programs are known to have been stopped by it, to be started again by
    whoever comes next.
    """
    noted = _noted(root, operation)
    if noted is None:
        statuses = driver.status()
        still = debts(root)["services"]
        running = sorted({name for name, status in statuses.items() if status.alive} | set(still))
        earlier = failed(root)
        fallen = sorted(name for name, status in statuses.items() if name not in running and (status.fallen or status.autostart and name in earlier))
        stopped = owed or bool(still and (read_json(_path(root)) or {}).get("stopped"))  # a restore that owes them may owe warm caches too
        noted = {"operation": operation, "running": running, "failed": fallen, "owed": running if owed else still, "stopped": stopped,
                 "restarting": restarting(root), "known": sorted({definition.name for definition in definitions} | set(statuses)), "there": sorted(statuses)}
        with _noting(root):
            write_json(_path(root), noted)
    return noted["running"]


def read(root, operation):
    """The names of the programs that ran when the operation began; None when it has not noted them."""
    noted = _noted(root, operation)
    return None if noted is None else noted["running"]


def there(root, operation):
    """The names of the programs that the service manager knew when the operation began, running or not; none where it has not noted them."""
    noted = _noted(root, operation) or {}
    return noted.get("there", noted.get("known", []))  # before 0.2 there was no difference


def debts(root):
    """{operation, services}: what was stopped by an operation that has not started it again yet; no services where there is none."""
    noted = read_json(_path(root)) or {}
    return {"operation": noted.get("operation", ""), "services": noted.get("owed", [])}


def restarting(root):
    """Those of the programs that are owed which a restart has stopped, and not what another operation could not start."""
    return (read_json(_path(root)) or {}).get("restarting", [])


def failed(root):
    """The names of the programs that were to run and had failed when the last operation began."""
    return (read_json(_path(root)) or {}).get("failed", [])


def has_stopped(root, operation):
    """Whether what this operation owes is what it has stopped without a journal, and not what an upgrade could not start."""
    return bool((_noted(root, operation) or {}).get("stopped"))


def owe(root, operation, names):
    """Note that an operation was to start these programs, and that they do not run."""
    with _noting(root) as noted:
        if noted.get("operation") == operation:
            write_json(_path(root), dict(noted, owed=sorted(names), restarting=[]))


def promise(root, names, known):
    """Note that these programs, of all that are known, are stopped just to be started again: they are owed until settle()."""
    with _noting(root) as noted:
        if not noted.get("owed"):  # else it is added to what another one owes
            noted = {"operation": "service_restart", "known": sorted(known), "failed": noted.get("failed", [])}
        for key in ("running", "known", "owed", "restarting"):
            noted[key] = sorted({*noted.get(key, ()), *names})
        write_json(_path(root), noted)


def settle(root, names):
    """Nobody owes these programs any more: they were started, or somebody has said since what is to be with them."""
    if not set(names) & {*debts(root)["services"], *restarting(root)}:
        return
    with _noting(root) as noted:
        write_json(_path(root), dict(noted, **{key: [name for name in noted.get(key, ()) if name not in names] for key in ("owed", "restarting")}))


def to_run(root, operation, definitions, revive=False, resting=None):
    """Those of the definitions that are to run after the operation: what ran before it, and what it brought.

    With revive also what was to run and had failed; without, it is not asked again of what failed already.

    What it brought are services that did not exist before, and further programs of a service that ran; but nothing at
    all on a host where nothing ran. With resting, a list of services that have been stopped wherever they are, it also
    brought the others that belong here and were not there: they came with a role.
    """
    noted = _noted(root, operation) or {"running": [], "known": []}
    running = set(noted["running"]) | set(noted.get("failed", []) if revive else [])
    known = noted["known"] if resting is None else there(root, operation)
    at_rest = {service_of(name) for name in known}.union(resting or ())
    services_that_ran = {service_of(name) for name in running}

    def wanted(name):
        if name in known:
            return name in running
        return service_of(name) in services_that_ran or (bool(running) and service_of(name) not in at_rest)

    return [definition for definition in definitions if wanted(definition.name)]


@contextlib.contextmanager
def _noting(root):
    """What is noted, for a block that notes something else; people may be at work beside each other, one who restarts and one who stops."""
    make_own_dir(os.path.dirname(_path(root)), 0o700)
    with exclusive(os.path.join(os.path.dirname(_path(root)), ".services")):
        yield read_json(_path(root)) or {}


def _noted(root, operation):
    noted = read_json(_path(root))
    return noted if noted and noted["operation"] == operation else None


def _path(root):
    return os.path.join(root, "state", "services.json")
