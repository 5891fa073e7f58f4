# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The driver for systemd."""

from __future__ import annotations

import os
import time

from ansible_collections.slipway.app.plugins.module_utils._core.account import account
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._service.base import Driver, Status, StopReport
from ansible_collections.slipway.app.plugins.module_utils._service.systemd_units import UnitFiles

_STATES = {"active": "running", "reloading": "running", "activating": "starting", "deactivating": "stopping",
           "inactive": "stopped", "failed": "failed"}
# What systemd is asked about a unit, and what it leaves out about units that are none or no services.
_SHOWN = {"Id": "", "LoadState": "not-found", "NeedDaemonReload": "no", "ActiveState": "inactive", "MainPID": "0",
          "NRestarts": "0", "ActiveEnterTimestampMonotonic": "0", "ExecMainStartTimestampMonotonic": "0", "Result": "success"}
_POLL = 0.1
_RECENT = 600  # seconds of a program's log that are its last words
_UP = 1.0  # seconds after which a program counts as one that stays up
_ATTEMPTS = 3  # a program that was restarted that often before it stayed up has failed
_LATE = 5  # seconds for a scheduled job to end once it is asked to, which it is when its time is over
_UNKILLABLE = 15  # seconds beyond its stop_timeout; systemd itself has tried to kill it by then
_TIMEOUT = 60  # seconds for systemctl, which is never asked to wait for a program


class Systemd(Driver):
    """One unit of the system's manager for every program of the application; programs run as the owner of its folder.

    A program with a schedule has a timer: it is running while the timer is, and the timer is what comes back after a reboot.
    """

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self._files = UnitFiles(self.root)

    def check(self, definitions):
        for definition in definitions:
            if definition.schedule and not run(["systemd-analyze", "calendar", "--", definition.schedule], timeout=_TIMEOUT).ok:
                raise SlipwayError("The schedule %r of the service %s is none that systemd understands." % (
                    definition.schedule, definition.name), hint="man systemd.time, 'CALENDAR EVENTS', has examples.")

    def status(self, definitions=()):
        known = self._files.read()
        shown, current = self._show(known.values()), self._up_to_date(definitions, known)
        return {name: self._status(name, facts, shown, name in current) for name, facts in sorted(known.items())}

    def start(self, definitions, timeout, healthy=None):
        begun, since = time.monotonic(), time.time()
        before = self.status(definitions)
        fresh = [definition for definition in definitions if not _is_as_defined(before.get(definition.name))]
        self.stop([definition.name for definition in fresh if definition.name in before], again=True)
        if healthy and fresh and healthy():
            healthy = None  # who answers now is a stranger at their port, or another one of them that runs already
        self._write(fresh)
        known = self._files.read()
        for definition in definitions:
            self._files.set_autostart(known[definition.name], True)
        if fresh:
            self._reload_for([known[definition.name] for definition in fresh])
            self._systemctl("start", "--no-block", *[_started(known[definition.name]) for definition in fresh])
        seconds, failed = self._wait_until_up({item.name: known[item.name] for item in definitions}, begun, timeout, healthy)
        if failed:
            raise SlipwayError("\n".join(
                "The service %s %s. %s" % (item.name, failed[item.name], self._end_of_log(item, known[item.name], since))
                for item in definitions if item.name in failed), failed=sorted(failed))
        return seconds

    def stop(self, names, deadline=None, again=False):
        known = {name: facts for name, facts in self._files.read().items() if name in names}
        for facts in () if again else known.values():  # before the program ends: if this process is killed meanwhile, it still stays down
            self._files.set_autostart(facts, False)
        begun, shown = time.monotonic(), self._show(known.values())
        timers = [unit for unit, facts in shown.items() if unit.endswith(".timer") and not _ended(facts)]
        if timers:  # no job begins any more; one that runs is let end by itself
            self._systemctl("stop", *timers)
            shown = self._show(known.values())
        running = {name: facts for name, facts in known.items() if not _ended(shown[_unit(facts)])}
        asked = [_unit(facts) for facts in running.values() if not facts["Schedule"]]
        if asked:
            self._systemctl("stop", "--no-block", *asked)
        reports, shown = self._wait_until_ended(running, begun, deadline, shown)
        failed = [unit for unit, facts in shown.items() if facts["ActiveState"] == "failed"]
        if failed:  # a program that was stopped is stopped, whatever it said when it ended
            self._systemctl("reset-failed", *failed, may_fail=True)
        return {name: reports.get(name, StopReport(0.0, False)) for name in names}

    def install(self, definitions, fallen=()):
        before = self.status(definitions)
        idle = [definition for definition in definitions if _is_to_be_written(before.get(definition.name))]
        for definition in idle:
            if definition.name in before and definition.name not in fallen and not before[definition.name].fallen:
                self.autostart(definition.name, False)
        self._write(idle)
        known = self._files.read()
        if idle:
            self._reload_for([known[definition.name] for definition in idle])
        for definition in definitions:
            if definition.name in fallen:
                self._files.set_autostart(known[definition.name], True)

    def autostart(self, name, enabled):
        facts = self._files.read().get(name)
        if facts:
            self._files.set_autostart(facts, enabled)

    def last_words(self, definition):
        return self._end_of_log(definition, self._files.read()[definition.name], time.time() - _RECENT)

    def remove(self, names, deadline=None):
        if not names:
            return {}
        reports = self.stop(names, deadline)
        known = {name: facts for name, facts in self._files.read().items() if name in names}
        for facts in known.values():
            self._files.remove(facts)
        self._reload_for(known.values(), there=False)
        return reports

    def _up_to_date(self, definitions, known):
        """The names of those that are written down as they would be now."""
        owner = self._owner() if definitions else None
        return {item.name for item in definitions if item.name in known and self._files.up_to_date(known[item.name], item, owner)}

    def _status(self, name, facts, shown, up_to_date):
        service = shown[_unit(facts)]
        state = _STATES.get(service["ActiveState"], "failed")
        begun = service["ActiveEnterTimestampMonotonic"]
        loaded = service["NeedDaemonReload"] == "no"  # else it runs by what was written before
        if facts["Schedule"]:
            timer = shown[_started(facts)]
            state = "running" if timer["ActiveState"] == "active" else "stopped" if _ended(service) else "stopping"
            begun = timer["ActiveEnterTimestampMonotonic"]
        elif state == "starting":
            begun = service["ExecMainStartTimestampMonotonic"]
        runs = state in ("running", "starting", "stopping")
        return Status(name=name, kind=facts["Kind"], state=state, pid=int(service["MainPID"]) or None if runs else None,
                      since=time.time() - _seconds_since(begun) if runs else None, up_to_date=up_to_date and loaded,
                      autostart=self._files.autostart(facts))

    def _write(self, definitions):
        owner = self._owner() if definitions else None
        for definition in definitions:
            self._files.write(definition, owner)

    def _owner(self):
        """The Account that programs run as, whoever asks; None is root."""
        uid = os.stat(self.root).st_uid
        return account(uid, self.root) if uid else None

    def _reload_for(self, known, there=True):
        """Let systemd read its files anew, which takes it a while, if it has not noticed how those of these programs changed.

        It looks for itself at the files of a unit that does not run and that nothing refers to.
        """
        if known and any(unit["NeedDaemonReload"] == "yes" or there and unit["LoadState"] == "not-found"
                         for unit in self._show(known).values()):
            self._systemctl("daemon-reload")

    def _wait_until_up(self, known, begun, timeout, healthy):
        """({name: seconds} of those that stay up, {name: what is wrong} of the others)."""
        seconds, failed, restarts = {}, {}, {}
        while True:
            shown, now = self._show(known.values()), round(time.monotonic() - begun, 3)
            proven = healthy is not None and healthy()
            left = []  # seconds for which there is nothing to see of each that is waited for
            for name, facts in known.items():
                if name in seconds or name in failed:
                    continue
                unit = shown[_started(facts)]
                up, count = _seconds_since(unit["ActiveEnterTimestampMonotonic"]), int(unit["NRestarts"])
                restarts[name] = min(count, restarts.get(name, count))  # an earlier start's may be counted in, or forgotten
                if unit["ActiveState"] == "active" and (facts["Schedule"] or proven or up >= _UP):
                    seconds[name] = now
                elif unit["ActiveState"] == "failed" or count - restarts[name] >= _ATTEMPTS:
                    failed[name] = "does not stay up"
                elif now >= timeout:
                    failed[name] = "was not up after %d seconds" % timeout
                else:
                    left.append(_UP - up if unit["ActiveState"] == "active" and healthy is None else 0)
            if not left:
                return seconds, failed
            # Each look is a program. One that ends meanwhile does not count as up at the next look either.
            time.sleep(max(_POLL, min(*left, timeout - now)))

    def _wait_until_ended(self, running, begun, deadline, shown):
        """({name: StopReport} of programs that are ending, how all look then); each is killed when its time is over.

        A scheduled job is asked to end then, and killed a little later.
        """
        killed, hurried, reports = set(), set(), {}
        while len(reports) < len(running):
            shown, seconds = dict(shown, **self._show(running.values())), time.monotonic() - begun
            late, asked = [], []
            for name, facts in running.items():
                own = float(facts["StopTimeout"])
                unit = shown[_unit(facts)]
                if name in reports:
                    continue
                if _ended(unit):
                    reports[name] = StopReport(round(seconds, 3), name in killed or unit["Result"] == "timeout", name in hurried)
                elif seconds >= own + _UNKILLABLE:
                    raise SlipwayError("The service %s (process %s) does not end even when killed." % (name, unit["MainPID"]),
                                       hint="The kernel holds it: look at its storage. A restart of the host helps.")
                elif seconds >= _limit(facts, deadline) + (_LATE if facts["Schedule"] else 0):
                    late.append(name)
                elif seconds >= _limit(facts, deadline) and name not in hurried:
                    asked.append(name)
            killed.update(late)
            hurried.update(asked)
            if asked:
                self._systemctl("stop", "--no-block", *[_unit(running[name]) for name in asked])
            if late:
                # One of them may have ended by now: then there is nothing to kill.
                self._systemctl("kill", "--signal=SIGKILL", *[_unit(running[name]) for name in late], may_fail=True)
            if len(reports) < len(running):
                time.sleep(_POLL)
        return reports, shown

    def _show(self, known):
        """{unit: {property: text}} of services and timers of programs by their facts, all in one question."""
        units = [unit for facts in known for unit in sorted({_unit(facts), _started(facts)})]
        # Without units it is the manager that tells about itself: a way to see that it is there.
        printed = self._systemctl("show", "--property=" + ",".join(_SHOWN), *units)
        shown = {}
        for block in printed.split("\n\n"):
            facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            shown[facts.get("Id")] = dict(_SHOWN, **facts)
        return {unit: shown.get(unit, _SHOWN) for unit in units}

    def _systemctl(self, verb, *arguments, may_fail=False):
        done = run(["systemctl", "--no-ask-password", verb, *arguments], timeout=_TIMEOUT)
        if not done.ok and not may_fail:
            raise SlipwayError("systemctl %s failed: %s" % (verb, tail(done.stderr, 5) or "it did not answer in time"),
                               hint="Only root can tell the system's manager what to do: use become. Or let supervisord run the services "
                                    "(slipway_service_driver: supervisor)."
                                    if os.geteuid() else None)
        return done.stdout

    def _end_of_log(self, definition, facts, since):
        """What the journal has of the program since then, its last lines, or a sentence that it has nothing."""
        run(["journalctl", "--sync"], timeout=_TIMEOUT)
        # What it printed itself; where there is nothing, what systemd says of it.
        for chosen in ("--identifier=" + facts["unit"], "--unit=" + _unit(facts)):
            done = run(["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=20", "--since=@%.6f" % since, chosen],
                       timeout=_TIMEOUT)
            if done.stdout.strip():
                return "The end of journalctl %s:\n%s" % (chosen, redact(tail(done.stdout, 20), definition.secrets))
        return "It printed nothing (journalctl --unit=%s)." % _unit(facts)


def _unit(facts):
    """The unit that is the program."""
    return facts["unit"] + ".service"


def _started(facts):
    """The unit that is started and stopped: the program, or the timer that runs it."""
    return facts["unit"] + (".timer" if facts["Schedule"] else ".service")


def _limit(facts, deadline):
    """For how many seconds a program may go on when it is to end."""
    own = float(facts["StopTimeout"])
    return own if deadline is None else min(own, deadline)


def _ended(shown):
    return shown["ActiveState"] in ("inactive", "failed")


def _is_as_defined(status):
    return status is not None and status.alive and status.up_to_date


def _is_to_be_written(status):
    """Whether a program does not run, and is written down otherwise than it is to be."""
    if status is None:
        return True
    return status.state in ("stopped", "failed") and (not status.up_to_date or status.autostart and not status.fallen)


def _seconds_since(microseconds):
    """How long a moment of the monotonic clock, as systemd writes it, is over."""
    return time.monotonic() - int(microseconds or 0) / 1e6
