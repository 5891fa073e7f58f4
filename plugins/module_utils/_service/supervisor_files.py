# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What supervisord reads about a program of ours: its .conf file and the launcher that the .conf names.

The launcher is a shell script that goes to the release's folder, sets the environment and becomes the program. So
values and words with quotes, percent signs, semicolons or line breaks need no escaping for supervisord, which has none
for some of them; secrets are in a file of the program's user alone, not in what supervisord tells about its programs.

Both are only written while their program does not run. So they are what a running program runs by, and whether it is to be
restarted is seen by comparing them with what would be written now. No digest is noted: everybody could guess at weak
secrets by it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, holds

# Of programs that supervisord, as root, runs as somebody else: it opens a log anew for each start, and whoever owns the folder of
# the application can put a link in the place of any folder in it. Not below /var/log, which may be gone after a reboot: without the
# folder of one log supervisord does not start at all.
LOGS = "/var/lib/slipway/logs"

CONF = """\
; Written by slipway.app for {root}: changes made here are overwritten.
; kind={kind}
; stop_timeout={stop_timeout}
[program:{program}]
command={command}
{user}autostart={autostart}
autorestart=true
startsecs=1
startretries=20
stopsignal={stop_signal}
; A program that goes beyond its stop_timeout is killed by who stops it; this is for a shutdown of the machine.
stopwaitsecs={stop_wait}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
"""

# supervisord has no way to write these.
_IMPOSSIBLE = re.compile(r"[\x00-\x1f]|\s[;#]|%\(here\)s")
_FACT = re.compile(r"^(?:; )?(\w+)=(.*)$", re.MULTILINE)


class ProgramFiles:
    """The files of an application's programs in a folder that supervisord includes."""

    def __init__(self, root, folder):
        self.root = root
        self.folder = folder
        # Programs of all applications share one name space: the folder's name is for people, the digest is unique.
        readable = re.sub(r"[^A-Za-z0-9._-]", "_", os.path.basename(root))
        self.prefix = "%s-%s-" % (readable, hashlib.sha256(root.encode("utf-8")).hexdigest()[:6])

    def program(self, name):
        """supervisord's name of a program."""
        return self.prefix + name

    def log(self, name, apart):
        """Where a program prints to; apart: not in the folder of the application."""
        return os.path.join(LOGS, self.program(name) + ".log") if apart else os.path.join(self.root, "logs", name + ".log")

    def names(self):
        """The names of the programs there are files for."""
        present = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        return sorted(entry[len(self.prefix):-len(".conf")] for entry in present
                      if entry.startswith(self.prefix) and entry.endswith(".conf"))

    def read(self, name):
        """The facts in a program's .conf as texts; empty when there is none."""
        try:
            with open(self._path(name, ".conf"), encoding="utf-8") as stream:
                return dict(_FACT.findall(stream.read()))
        except FileNotFoundError:
            return {}

    def write(self, definition, autostart, owner, log):
        """Write a program's files; owner is the Account it has to run as, None for supervisord's; log the path of its log()."""
        launcher, conf = self._path(definition.name, ".sh"), self._conf(definition, autostart, owner, log)
        if not os.path.isdir(self.folder):
            raise SlipwayError("There is no folder %s for the programs of supervisord." % self.folder,
                               hint="Say with supervisor_conf_dir which folder supervisord includes.")
        with _writing(self.folder):
            atomic_write(launcher, _launcher(definition), 0o600, owner)
            atomic_write(self._path(definition.name, ".conf"), conf, 0o644)

    def up_to_date(self, definition, owner, log):
        """Whether the files of a program are what write() would write; autostart is no part of what it is."""
        autostart = self.read(definition.name).get("autostart") == "true"
        with contextlib.suppress(SlipwayError):  # what cannot be written has not been
            return (holds(self._path(definition.name, ".conf"), self._conf(definition, autostart, owner, log))
                    and holds(self._path(definition.name, ".sh"), _launcher(definition)))
        return False

    def autostart(self, name, enabled):
        """Change only whether supervisord starts the program when it starts itself."""
        path = self._path(name, ".conf")
        with contextlib.suppress(FileNotFoundError), _writing(self.folder):
            with open(path, encoding="utf-8") as stream:
                before = stream.read()
            after = re.sub(r"(?m)^autostart=.*$", "autostart=" + _boolean(enabled), before)
            if after != before:
                atomic_write(path, after, 0o644)

    def remove(self, name):
        for suffix in (".conf", ".sh"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(name, suffix))

    def _conf(self, definition, autostart, owner, log):
        return CONF.format(
            root=_possible(self.root), kind=_possible(definition.kind),
            stop_timeout=definition.stop_timeout, program=self.program(definition.name),
            command="/usr/bin/env -i /bin/sh " + _escaped(shlex.quote(self._path(definition.name, ".sh"))),
            user="user=%s\n" % owner.name if owner else "", autostart=_boolean(autostart),
            stop_signal=_escaped(definition.stop_signal), stop_wait=definition.stop_timeout + 5,
            log=_escaped(_escaped(log)))  # supervisord replaces twice in this one

    def _path(self, name, suffix):
        return os.path.join(self.folder, self.program(name) + suffix)


def _launcher(definition):
    lines = ["# Written by slipway.app: changes made here are overwritten.",
             "cd %s || exit 1" % shlex.quote(definition.cwd)]
    lines += ["export %s=%s" % (name, shlex.quote(value)) for name, value in sorted(definition.environment.items())]
    lines.append("exec " + " ".join(shlex.quote(word) for word in definition.argv))
    return "\n".join(lines) + "\n"


def _escaped(text):
    return _possible(text).replace("%", "%%")


def _possible(text):
    """A text that ends where its line in a .conf ends: no word of it is another setting."""
    if _IMPOSSIBLE.search(text):
        raise SlipwayError("supervisord cannot work with %r." % text,
                           hint="Use a text without control characters and without a ';' or '#' after a space.")
    return text


def _boolean(value):
    return "true" if value else "false"


@contextlib.contextmanager
def _writing(folder):
    try:
        yield
    except PermissionError as error:
        raise SlipwayError("%s cannot be written to by this user." % folder, untouched="No service was changed.",
                           hint="Let the user write there, or use become.") from error
