# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What systemd reads about a program of ours: a unit, a timer where it has a schedule, and a file with its environment.

Units can be read by everybody, so values of the environment, secrets among them, are in a file of root alone.

Each program of a service with a count has a unit of its own, shop-consumer@1.service and so on, and no template that they
share: a unit and its environment are only written while their program does not run. So these files are what a running
program runs by, also while others of the service run by other ones; and whether it is to be restarted is seen by comparing
them with what would be written now. No digest is noted: everybody could guess at weak secrets by it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import (
    atomic_symlink, atomic_write, exclusive, fsync_dir, holds, make_dirs)

FOLDER = "/etc/systemd/system"
ENVIRONMENTS = "/etc/slipway"
# Where a unit of somebody else may have the name that we would like.
_SYSTEM = (FOLDER, "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")

SERVICE = """\
# Written by slipway.app: changes made here are overwritten. "systemctl edit {unit}" is for yours.
[X-Slipway]
Root={root}
Program={program}
Kind={kind}
StopTimeout={stop_timeout}
Schedule={schedule}

[Unit]
Description={program} of {specified_root}
After=network.target
StartLimitIntervalSec=0

[Service]
{user}WorkingDirectory={cwd}
EnvironmentFile={environment}
ExecStart={command}
SyslogIdentifier={identifier}
KillSignal=SIG{stop_signal}
# The program alone is asked to end; what it leaves is killed. Who stops it kills it in time; this is for a shutdown.
KillMode=mixed
TimeoutStopSec={stop_wait}
"""
# A program may end on purpose, as consumers do when the cache was cleared: that is no failure, however often it happens.
ALWAYS = """\
Type=exec
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""
ONCE = """\
Type=oneshot
"""
TIMER = """\
# Written by slipway.app: changes made here are overwritten. "systemctl edit {unit}" is for yours.
[X-Slipway]
Root={root}

[Unit]
Description=Schedule of {program} of {specified_root}

[Timer]
OnCalendar={schedule}
AccuracySec=1s

[Install]
WantedBy=timers.target
"""

_IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f]|^\s|\s$|\\$")
_PLAIN = re.compile(r"[A-Za-z0-9/._%+@:,=-]+\Z")
_FACT = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class UnitFiles:
    """The units of an application's programs.

    They are called as people type them, shop-consumer@2.service, after the application's folder. Where another application,
    or the system, has that name, a part of a digest of the folder's path is added.
    """

    def __init__(self, root, folder=FOLDER, environments=ENVIRONMENTS):
        self.root = root
        self.folder = folder
        self._environments = environments
        readable = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(root))
        digest = hashlib.sha256(root.encode("utf-8")).hexdigest()[:6]
        self._prefixes = (readable + "-", "%s-%s-" % (readable, digest))

    def read(self):
        """{program: the facts in its unit as texts, and "unit": the name of the unit without .service}."""
        found = {}
        present = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        for name in sorted(present):
            if name.startswith(self._prefixes) and name.endswith(".service"):
                facts = self._facts(os.path.join(self.folder, name))
                if facts.get("Root") == self.root and facts.get("Program"):
                    found[facts["Program"]] = dict(facts, unit=name[:-len(".service")])
        return found

    def write(self, definition, owner):
        """Write the unit of a program that does not run, for the user Account owner; None is root. Returns its name."""
        with _writing(self.folder), self._alone():
            unit = self._unit(definition.name)
            files = self._texts(unit, definition, owner)
            # Where a schedule has come or gone, another file is started at a reboot.
            self._unlink(self._want({"unit": unit, "Schedule": not definition.schedule}))
            for path, mode, text in files:
                if text is None:
                    self._unlink(path)
                else:
                    atomic_write(path, text, mode)
        return unit

    def up_to_date(self, facts, definition, owner):
        """Whether the files of a program, known by its facts, are what write() would write."""
        with contextlib.suppress(SlipwayError):  # what cannot be written has not been
            return all(holds(path, text) for path, mode, text in self._texts(facts["unit"], definition, owner))
        return False

    def _texts(self, unit, definition, owner):
        """[(path, mode, text)] of a program's files, in the order they are written; the text is None where there is to be none."""
        facts = dict(
            unit=unit + ".service", root=_possible(self.root), specified_root=_specified(self.root), kind=_possible(definition.kind),
            program=definition.name, stop_timeout=definition.stop_timeout,
            schedule=_possible((definition.schedule or "").strip()), user="User=%s\n" % owner.name if owner else "",
            cwd=_specified(definition.cwd), environment=_specified(self._environment(unit)),
            command=command_line(definition.argv), identifier=unit, stop_signal=_possible(definition.stop_signal),
            stop_wait=definition.stop_timeout + 5)
        return [
            (self._environment(unit), 0o600, environment_text(definition.environment)),
            (self._path(unit, ".timer"), 0o644, TIMER.format(**{**facts, "unit": unit + ".timer"}) if definition.schedule else None),
            (self._path(unit, ".service"), 0o644, SERVICE.format(**facts) + (ONCE if definition.schedule else ALWAYS))]

    def autostart(self, facts):
        """Whether systemd starts a program, known by its facts, when the host starts."""
        return os.path.islink(self._want(facts))

    def set_autostart(self, facts, enabled):
        """What systemctl enable and disable do, without a reload of systemd."""
        link = self._want(facts)
        with _writing(self.folder):
            if not enabled:
                self._unlink(link)
            elif not os.path.islink(link):
                make_dirs(os.path.dirname(link))
                atomic_symlink(os.path.join(self.folder, os.path.basename(link)), link)

    def remove(self, facts):
        """Take a program's files away. The unit goes last: by it they are found."""
        unit = facts["unit"]
        with _writing(self.folder):
            self.set_autostart(facts, False)
            self._unlink(self._environment(unit))
            self._unlink(self._path(unit, ".timer"))
            self._unlink(self._path(unit, ".service"))

    def _unit(self, program):
        """The name of a program's unit: the one it has, else the first that is free."""
        known = self.read().get(program)
        if known:
            return known["unit"]
        for prefix in self._prefixes:
            if not self._strangers(prefix + program):
                return prefix + program
        raise SlipwayError("%s exists already and does not belong to %s." % (
            self._strangers(self._prefixes[-1] + program)[0], self.root), hint="Remove it if nothing uses it.")

    def _strangers(self, unit):
        """The files by which somebody else has a unit's name, as it is or as a template."""
        names = [name + suffix for name in (unit, unit.partition("@")[0] + "@") for suffix in (".service", ".timer")]
        paths = [os.path.join(folder, name) for folder in (self.folder, *_SYSTEM) for name in names]
        return [path for path in paths if os.path.lexists(path) and self._facts(path).get("Root") != self.root]

    def _want(self, facts):
        suffix, target = (".timer", "timers") if facts["Schedule"] else (".service", "multi-user")
        return os.path.join(self.folder, target + ".target.wants", facts["unit"] + suffix)

    def _path(self, unit, suffix):
        return os.path.join(self.folder, unit + suffix)

    def _environment(self, unit):
        return os.path.join(self._environments, unit + ".env")

    @staticmethod
    def _facts(path):
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as stream:
            section = stream.read().partition("[X-Slipway]\n")[2].partition("\n\n")[0]
            return dict(_FACT.findall(section))
        return {}

    @staticmethod
    def _unlink(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            fsync_dir(os.path.dirname(path))

    @contextlib.contextmanager
    def _alone(self):
        """Two applications must not take one name at the same time."""
        make_dirs(self._environments, 0o700)
        with exclusive(os.path.join(self._environments, ".lock")):
            yield


def command_line(argv):
    """The words of a program as ExecStart= wants them, so that systemd replaces nothing in them.

    What is no absolute path is looked for by env, in the PATH that the program gets.
    """
    words = list(argv)
    if not words[0].startswith("/") or "$" in words[0]:
        if "=" in words[0]:
            raise SlipwayError("A program cannot be called %r: it would be taken for a variable." % words[0])
        words.insert(0, "/usr/bin/env")
    return " ".join(_word(word) for word in words)


def environment_text(environment):
    """Variables as EnvironmentFile= wants them. No error shows a value: values are secrets."""
    lines = ["# Written by slipway.app: changes made here are overwritten."]
    for name, value in sorted(environment.items()):
        lines.append('%s="%s"' % (name, re.sub(r'(["\\`$])', r"\\\1", value)))
    return "\n".join(lines) + "\n"


def _word(text):
    if _PLAIN.match(text):
        return text.replace("%", "%%")
    escaped = "".join(_ESCAPES.get(letter) or (letter if letter >= " " and letter != "\x7f" else "\\x%02x" % ord(letter))
                      for letter in text)
    return '"%s"' % escaped


def _specified(path):
    """A path in a setting that is taken as it is but for specifiers."""
    return _possible(path).replace("%", "%%")


def _possible(text):
    """A text that ends where its line in a unit ends: no word of it is another setting."""
    if _IMPOSSIBLE.search(text):
        raise SlipwayError("systemd cannot work with %r." % text,
                           hint="Use a text without control characters, spaces at its ends and a backslash at its end.")
    return text


@contextlib.contextmanager
def _writing(folder):
    try:
        yield
    except PermissionError as error:
        raise SlipwayError("%s cannot be written to by this user." % (error.filename or folder),
                           untouched="No service was changed.", hint="Units of the system are root's: use become.") from error
