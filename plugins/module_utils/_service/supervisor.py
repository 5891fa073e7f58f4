# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The driver for supervisord."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time

from ansible_collections.slipway.app.plugins.module_utils._core.account import account
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import TO_ROOT, make_own_dir, own_dir, read_within
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, start_ticks, tail
from ansible_collections.slipway.app.plugins.module_utils._service.base import Driver, Status, StopReport
from ansible_collections.slipway.app.plugins.module_utils._service.supervisor_client import (
    ALREADY_ADDED, ALREADY_STARTED, BAD_NAME, FAILED, NOT_RUNNING, SPAWN_ERROR, SupervisorClient)
from ansible_collections.slipway.app.plugins.module_utils._service.supervisor_files import ProgramFiles

# An exited program is about to be started again by supervisord (autorestart), as is one in BACKOFF.
_BACKOFF = 30
_STATES = {0: "stopped", 10: "starting", 20: "running", _BACKOFF: "starting", 40: "stopping", 100: "starting",
           200: "failed", 1000: "failed"}
_LARGEST_LOG = 1 << 28  # bytes; it is rotated long before
_POLL = 0.05  # every question also makes supervisord look after its children at once
_ATTEMPTS = 3  # a program that ended that often before it stayed up has failed
_ABOVE = ("supervisord, which root runs, writes logs to {logs}. An application cannot have {above} for its folder (slipway_root); where none has, "
          "let it be root's: chown root: {above} and chmod go-w {above}.")
_UNKILLABLE = 15  # seconds beyond its stop_timeout; supervisord itself has tried to kill it by then


class Supervisor(Driver):
    """One supervisord program, in a group of its own, for every program of the application."""

    def __init__(self, root, socket, conf_dir):
        self.root = os.path.realpath(root)
        self._client = SupervisorClient(socket)
        self._files = ProgramFiles(self.root, conf_dir)
        self._conf_dir = conf_dir

    def check(self, definitions):
        if definitions and not os.access(self._conf_dir, os.W_OK | os.X_OK):
            raise SlipwayError("The folder %s, from where supervisord is to read its programs, is not there or cannot be written to." % self._conf_dir,
                               hint="slipway_supervisor_conf_dir names it, and [include] of supervisord's configuration: %s" % self._files_setting)
        for definition in definitions:
            if definition.schedule:
                raise SlipwayError("The service %s has a schedule, which supervisord has no way to follow." % definition.name,
                                   hint="Let systemd run the services (slipway_service_driver: systemd), or let slipway.yml "
                                        "give it a command that runs all the time and no schedule.")
        for folder, _mode, hint in self._folders_of_logs() if definitions else ():
            if os.path.lexists(folder):  # refused before anything is stopped
                os.close(own_dir(folder, hint))

    @property
    def _files_setting(self):
        """By which supervisord reads the folder: names end at white space there, but they are patterns."""
        return "files = %s/*.conf" % re.sub(r"\s", "?", self._conf_dir)

    def status(self, definitions=()):
        known, current = self._known(), self._up_to_date(definitions)
        return {name: self._status(name, known.get(name), name in current) for name in sorted(set(known) | set(self._files.names()))}

    def start(self, definitions, timeout, healthy=None):
        self.check(definitions)
        begun = time.monotonic()
        before = self.status(definitions)
        fresh = [definition for definition in definitions if not _is_as_defined(before.get(definition.name))]
        self.stop([definition.name for definition in fresh if definition.name in before], again=True)
        if healthy and fresh and healthy():
            healthy = None  # who answers now is a stranger at their port, or another one of them that runs already
        ends_of_logs = {definition.name: self._log_size(definition.name) for definition in definitions}
        self._write(fresh, autostart=True)
        for definition in definitions:
            self._files.autostart(definition.name, True)
        self._load([definition.name for definition in fresh])
        for definition in fresh:
            # With autostart, supervisord may have been quicker; a spawn error it repeats is seen while waiting.
            self._client.call("startProcess", self._process(definition.name), False,
                              expected=(ALREADY_STARTED, SPAWN_ERROR))
        seconds, failed = self._wait_until_up([definition.name for definition in definitions], begun, timeout, healthy)
        if failed:
            raise SlipwayError("\n".join(
                "The service %s %s. %s" % (definition.name, failed[definition.name],
                                           self._end_of_log(definition, ends_of_logs[definition.name]))
                for definition in definitions if definition.name in failed), failed=sorted(failed))
        return seconds

    def stop(self, names, deadline=None, again=False):
        for name in () if again else names:  # before the program ends: if this process is killed meanwhile, it still stays down
            self._files.autostart(name, False)
        begun = time.monotonic()
        endings = {name: _Ending(self._stop_timeout(name, deadline)) for name in names}
        reports = {}
        while True:
            known, seconds = self._known(), time.monotonic() - begun
            for name in names:
                if name not in reports and self._has_ended(name, known.get(name), endings[name], seconds):
                    ran = endings[name].pid is not None
                    reports[name] = StopReport(round(seconds, 3) if ran else 0.0, endings[name].killed)
            if len(reports) == len(endings):
                return reports
            time.sleep(_POLL)

    def _has_ended(self, name, info, ending, seconds):
        """Look at a program that is to end and do what is due: ask it, kill it, kill what it left."""
        state = _STATES[info["state"]] if info else "stopped"
        if state in ("stopped", "failed"):
            _kill_orphans(ending.pid)
            return True
        ending.pid = info["pid"] or ending.pid
        if state != "stopping":  # it may be between two starts, then it is asked again on the next look
            self._client.call("stopProcess", self._process(name), False, expected=(NOT_RUNNING, FAILED))
        elif seconds >= ending.limit:
            ending.killed = True
            _kill(ending.pid)
            if seconds >= self._stop_timeout(name) + _UNKILLABLE:
                raise SlipwayError("The service %s (process %d) does not end even when killed." % (name, ending.pid),
                                   hint="The kernel holds it: look at its storage. A restart of the host helps.")
        return False

    def install(self, definitions, fallen=()):
        before = self.status()
        idle = [definition for definition in definitions
                if definition.name not in before or before[definition.name].state in ("stopped", "failed")]
        failed = [definition for definition in idle if definition.name in before and before[definition.name].fallen]
        rest = [definition for definition in idle if definition not in failed]
        self._write(failed, autostart=True)  # who starts one loads it: by then supervisord is to know that it has failed
        self._write(rest, autostart=False)
        self._load([definition.name for definition in rest])
        for definition in rest:
            if definition.name in fallen:
                self.autostart(definition.name, True)

    def autostart(self, name, enabled):
        self._files.autostart(name, enabled)

    def last_words(self, definition):
        return self._end_of_log(definition, 0)

    def remove(self, names, deadline=None):
        reports = self.stop(names, deadline)
        for name in names:
            self._files.remove(name)
        self._client.call("reloadConfig")
        for name in names:
            self._client.call("removeProcessGroup", self._files.program(name), expected=(BAD_NAME,))
        return reports

    def _known(self):
        """{name: what supervisord tells} for the programs of the application that it has loaded."""
        prefix = self._files.prefix
        return {info["group"][len(prefix):]: info for info in self._client.call("getAllProcessInfo")
                if info["group"].startswith(prefix)}

    def _up_to_date(self, definitions):
        """The names of those that are written down as they would be now.

        Root lets some print where their user cannot; that user, who asks, finds them as they are to be.
        """
        owner, apart = (self._owner(), {True, self._apart()}) if definitions else (None, ())
        return {item.name for item in definitions
                if any(self._files.up_to_date(item, owner, self._files.log(item.name, one)) for one in apart)}

    def _status(self, name, info, up_to_date):
        facts = self._files.read(name)
        state = _STATES[info["state"]] if info else "stopped"
        runs = state in ("running", "starting", "stopping")
        return Status(name=name, kind=facts.get("kind", ""), state=state, pid=info["pid"] or None if runs else None,
                      since=float(info["start"]) if runs else None, up_to_date=up_to_date,
                      autostart=facts.get("autostart") == "true")

    def _process(self, name):
        program = self._files.program(name)
        return "%s:%s" % (program, program)

    def _write(self, definitions, autostart):
        if not definitions:
            return
        owner = self._owner()
        for definition in definitions:
            log = self._log(definition.name)
            for folder, mode, hint in self._folders_of_logs():
                make_own_dir(folder, mode, hint)
            self._files.write(definition, autostart, owner, log)

    def _owner(self):
        """The Account that programs run as; None is that of supervisord."""
        return account(os.stat(self.root).st_uid, self.root) if self._serves_another() else None

    def _serves_another(self):
        """Whether supervisord runs as root and the application is somebody else's: programs run as the owner of its folder then."""
        return os.stat(self.root).st_uid != 0 and os.stat("/proc/%d" % self._client.call("getPID")).st_uid == 0

    def _apart(self):
        """Whether logs are kept apart. A user who may write what supervisord runs as root could not be kept from anything by that."""
        return os.geteuid() == 0 and self._serves_another()

    def _log(self, name):
        return self._files.log(name, self._apart())

    def _folders_of_logs(self):
        """[(folder, its mode, a hint), ...] of what has to be this user's alone; who has the one above could put another in its place."""
        logs = os.path.dirname(self._log(""))
        above = os.path.dirname(logs)
        return [(above, 0o755, _ABOVE.format(logs=logs, above=above))] * self._apart() + [(logs, 0o700, TO_ROOT)]

    def _load(self, names):
        """Let supervisord take over the files of programs that do not run."""
        if not names:
            return
        self._client.call("reloadConfig")
        for name in names:
            program = self._files.program(name)
            self._client.call("removeProcessGroup", program, expected=(BAD_NAME,))
            if self._client.call("addProcessGroup", program, expected=(BAD_NAME, ALREADY_ADDED)) is None:
                raise SlipwayError("supervisord at %s does not read %s/%s.conf." % (
                    self._client.path, self._conf_dir, program),
                    hint="Its configuration needs a section [include] with %s" % self._files_setting)

    def _wait_until_up(self, names, begun, timeout, healthy=None):
        """({name: seconds} of those that stay up, {name: what is wrong} of the others)."""
        seconds, failed, attempts = {}, {}, {}
        while True:
            known, now = self._known(), time.monotonic() - begun
            for name in names:
                if name in seconds or name in failed:
                    continue
                state = known[name]["state"]
                if _STATES[state] == "running":
                    seconds[name] = round(now, 3)
                elif state == _BACKOFF:
                    attempts.setdefault(name, set()).add(known[name]["start"])
                if _STATES[state] == "failed" or len(attempts.get(name, ())) >= _ATTEMPTS:
                    failed[name] = "does not stay up"
                elif name not in seconds and now >= timeout:
                    failed[name] = "was not up after %d seconds" % timeout
            waiting = [name for name in names if name not in seconds and name not in failed]
            if not waiting:
                return seconds, failed
            if healthy and not failed and self._prove_well(waiting, known, healthy):
                return dict(seconds, **dict.fromkeys(waiting, round(time.monotonic() - begun, 3))), failed
            time.sleep(_POLL)

    def _prove_well(self, names, known, healthy):
        """Whether the programs do their work, and are the same processes afterwards."""
        def pids(infos):
            return [infos[name]["pid"] for name in names if _STATES[infos[name]["state"]] in ("starting", "running")]

        before = pids(known)
        return len(before) == len(names) and all(before) and healthy() and pids(self._known()) == before

    def _stop_timeout(self, name, deadline=None):
        own = float(self._files.read(name).get("stop_timeout", 30))
        return own if deadline is None else min(own, deadline)

    def _log_size(self, name):
        with contextlib.suppress(OSError):
            return os.path.getsize(self._log(name))
        return 0

    def _end_of_log(self, definition, since):
        """What the program printed since then, its last lines, or a sentence that it printed nothing."""
        path = self._log(definition.name)
        text = ""
        with contextlib.suppress(OSError):
            log = read_within(*os.path.split(path), _LARGEST_LOG)
            text = tail(log[since if len(log) >= since else 0:].decode("utf-8", "replace"), 20)  # else it was rotated meanwhile
        if not text:
            return "It printed nothing (%s)." % path
        return "The end of %s:\n%s" % (path, redact(text, definition.secrets))


class _Ending:
    """A program that is to end within limit seconds."""

    def __init__(self, limit):
        self.limit = limit
        self.pid = None  # its last one; None when it did not run at all
        self.killed = False


def _is_as_defined(status):
    return status is not None and status.alive and status.up_to_date


def _kill(pid):
    """Kill a program and what it started. Not ours to kill: supervisord does it, a few seconds later."""
    if pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _kill_orphans(pid):
    """Kill what an ended program left in its process group; the number is not used anew as long as the group is."""
    if pid and start_ticks(pid) is None:
        _kill(pid)
