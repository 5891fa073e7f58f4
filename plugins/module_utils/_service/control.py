# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Bring services into a state: first a plan that says for each what is done and why, then its execution."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record
from ansible_collections.slipway.app.plugins.module_utils._service.definition import START_ORDER, STOP_ORDER, service_of

STATES = ("started", "stopped", "restarted", "resumed")
_AFTER = {"started": "running", "restarted": "running", "stopped": "stopped", "removed": "absent"}


class Step(Record, changeable=True):
    """What is done with one program. action: none | started | restarted | stopped | removed | updated (nothing but what
    is written down about it changes)."""

    name: str
    kind: str
    before: str  # absent, or the state of its Status
    action: str
    reason: str
    seconds: float = 0.0
    killed: bool = False
    cut: bool = False

    @property
    def after(self):
        return _AFTER.get(self.action, self.before)

    def as_dict(self):
        return dict(vars(self), after=self.after)


def plan(state, definitions, statuses, names=(), kinds=(), wanted=(), elsewhere=(), owed=(), failed=None):
    """The steps that bring programs into a state, one for each that is meant, in the order they are started.

    statuses are those that the driver tells for these definitions.

    names (of services, or of single programs of one) and kinds choose which are meant, without them it is all.
    wanted are the names that state resumed is to start, or that a restart has stopped and not started again; owed are those that
    some operation was to start and has not; elsewhere are those of programs on other hosts: naming them is no mistake, and there
    is nothing to do here. failed, where it is an operation that stops what it starts again, are those that had failed before
    it: they go on to come back after a reboot, for nobody has stopped them.
    """
    defined = {definition.name: definition for definition in definitions}
    pool = {name: definition.kind for name, definition in defined.items()}
    if state == "stopped" or (state != "restarted" and not (names or kinds)):
        # What an earlier release left.
        pool.update((name, status.kind) for name, status in statuses.items() if name not in defined)
    _check_names(names, pool, elsewhere)
    steps = []
    for name, kind in pool.items():
        if (names and name not in names and service_of(name) not in names) or (kinds and kind not in kinds):
            continue
        status = statuses.get(name)
        if state == "stopped":
            action, reason = _stopped(status, failed is not None and is_fallen(status, failed))
        elif state == "restarted":
            action, reason = _restarted(status, name in wanted, name in owed)
        elif name not in defined:
            action, reason = "removed", "it is not in this release"
        elif state == "started" or name in wanted:
            action, reason = _started(status)
        else:
            action, reason = _left(status, is_fallen(status, failed or ()))
        steps.append(Step(name, kind, status.state if status else "absent", action, reason))
    return steps


def is_fallen(status, failed):
    """Whether it is to run and does not, and nobody has stopped it: it has failed, or had, and was stopped by who went back since."""
    return status is not None and (status.fallen or status.autostart and not status.alive and status.name in failed)


def perform(state, steps, definitions, statuses, driver, drain, timeout, promise=None, failed=()):
    """Carry out the plan of a state, made of these statuses and what had failed. Fills in seconds, killed and cut of its steps.

    What ends for good ends first, kind by kind. What is restarted follows kind by kind, too, web first: so users miss web for
    its own restart only, however long a consumer takes to end, and where web does not come up, the rest goes on as it ran.
    drain is how many seconds the programs of a kind may take to end, timeout how many all that start together may take.
    promise(names) is called before some are stopped that are started again at once.
    """
    by_name = {step.name: step for step in steps}

    def names(action, kind):
        return [step.name for step in steps if step.action == action and step.kind == kind]

    def defined(chosen):
        return [definition for definition in definitions if definition.name in chosen]

    def end(how, chosen):
        for name, report in (how(chosen, drain) if chosen else {}).items():
            by_name[name].seconds += report.seconds
            by_name[name].killed, by_name[name].cut = report.killed, report.cut

    def start(chosen):
        for name, seconds in (driver.start(defined(chosen), timeout) if chosen else {}).items():
            by_name[name].seconds += seconds

    for kind in STOP_ORDER + ("",):  # "" is that of a program of which no more is known
        end(driver.stop, names("stopped", kind))
        end(driver.remove, names("removed", kind))
    updated = [step for step in steps if step.action == "updated"]
    if state == "resumed":
        driver.install(defined([step.name for step in updated]), [name for name in failed if is_fallen(statuses.get(name), failed)])
    for step in updated:
        alive = step.before in ("running", "starting")
        if alive or step.before == "stopping" or state != "resumed":  # to what does not run, install() has seen
            driver.autostart(step.name, alive)
    due = []
    for kind in START_ORDER:
        again = names("restarted", kind)
        if again:  # which may take a while, and nothing that is due waits for it
            start(due)
            again = _not_stopped(again, by_name, statuses, driver.status())
            if promise and again:
                promise(again)
            end(lambda names, seconds: driver.stop(names, seconds, again=True), again)
            again, due = _not_stopped(again, by_name, statuses, driver.status()), []
        due += again + names("started", kind)
    start(due)


def _not_stopped(again, steps, before, now):
    """Those programs that nobody has stopped for good while they ended: they come back after a reboot if they did before."""
    for name in again:
        if before[name].autostart and name in now and not now[name].autostart:
            steps[name].action, steps[name].reason = "stopped", "somebody has stopped it meanwhile"
    return [name for name in again if steps[name].action == "restarted"]


def _started(status):
    if status is None or not status.alive:
        return "started", "it failed" if status and status.state == "failed" else "it did not run"
    if not status.up_to_date:
        return "restarted", "it runs by what has changed since: its definition, its user, the collection or a drop-in"
    if not status.autostart:
        return "updated", "it is to come back after a reboot"
    return "none", "it runs"


def _stopped(status, fallen):
    if status is None:
        return "none", "it was never started"
    if status.alive or status.state == "stopping":
        return "stopped", "it ran"
    if status.autostart and not fallen:
        return "updated", "it is not to come back after a reboot"
    return "none", "it does not run"


def _restarted(status, wanted, owed):
    if status and status.alive:
        return "restarted", "it ran"
    if status and status.autostart and wanted:  # what was stopped for good since then does not come back after a reboot
        return "started", "a restart was cut off when it had stopped it"
    return "none", "it does not run" + ("; the playbook slipway.app.recover starts it" if owed else "")


def _left(status, fallen):
    """resumed, for a program that is not to be started: it is left as it is, and nobody can start an old release by it."""
    if status and status.alive:
        return "none", "it runs" if status.up_to_date else "it runs by what has changed since; the playbook slipway.app.service_start restarts it"
    if status is None or (status.up_to_date and (fallen or not status.autostart)):
        return "none", "it did not run before"
    return "updated", "it did not run before, and follows the release"


def _check_names(names, pool, elsewhere):
    programs = set(pool) | set(elsewhere)
    known = programs | {service_of(name) for name in programs}
    for name in names:
        if name not in known:
            raise SlipwayError("There is no service %s." % name, untouched="No service was touched.",
                               hint="There are: %s." % (", ".join(sorted(programs)) or "none"))
