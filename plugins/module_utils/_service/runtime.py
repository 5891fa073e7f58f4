# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How a program of the application is run: its placeholders, its environment, its folder."""

from __future__ import annotations

import copy
import os
import pwd
import re
import sys

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand, expand_text
from ansible_collections.slipway.app.plugins.module_utils._config.schema import ENVIRONMENTS
from ansible_collections.slipway.app.plugins.module_utils._core.account import owner_of
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._release import environment as environment_file
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Options of the modules that run something of the application; documented in the fragment slipway.app._service.
RUNTIME_ARGUMENTS = {
    "environment": {"type": "str", "choices": list(ENVIRONMENTS)},
    "variables": {"type": "dict", "default": {}},
    "python": {"type": "path"},
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Of its package's digest, at the end of a release's id: the same on all hosts, another one for another content.
DIGITS = 12


class Runtime:
    """The commands of one release on one host.

    config is the effective configuration; variables are the inventory's own placeholders (port, ...); python is the
    interpreter of the application, by default the one that runs this; private are environment variables, by default those that
    were written for the release.
    """

    def __init__(self, root, release, config, variables=None, python=None, private=None):
        self.root = os.path.realpath(root)
        self.release = release
        self.folder = release.path
        self.config = config
        self.variables = dict(config["variables"], **variables or {})
        self.variables.update(python=python or sys.executable, release=release.path, root=self.root,
                              shared=os.path.join(self.root, "shared"), namespace=release.id[-DIGITS:])
        self._private = environment_file.read(self.root, release.id) if private is None else private
        self._owner = owner_of(self.root)

    def elsewhere(self, path, namespace):
        """The same for a copy of the release in another folder, with a namespace of its own."""
        other = copy.copy(self)
        other.folder = path
        other.variables = dict(self.variables, release=path, namespace=namespace)
        return other

    def argv(self, command):
        """A command of slipway.yml, ready to be run."""
        return expand(command, self.variables)

    def run(self, argv, timeout, extra=None, dies_with_us=False):
        """Run a program in the release to its end, as the user the application belongs to; return a Completed."""
        return run(argv, cwd=self.folder, env=self.environment(extra), timeout=timeout, owner=self._owner, dies_with_us=dies_with_us)

    def run_all(self, commands, timeout, secrets=(), beat=None, extra=None, dies_with_us=False):
        """Run commands of slipway.yml one after the other; [{argv, rc, seconds}]. The first failure raises.

        timeout: seconds for each; secrets: what must not be told of beyond the release's own; beat() is called before each;
        extra: environment variables; dies_with_us: as run() has it.
        """
        ran = []
        for command in commands:
            if beat:
                beat()
            argv = self.argv(command)
            done = self.run(argv, timeout, extra, dies_with_us)
            ran.append({"argv": argv, "rc": done.rc, "seconds": round(done.seconds, 3)})
            if not done.ok:
                what = "did not end within %d seconds" % timeout if done.timed_out else "failed with exit status %d" % done.rc
                output = redact(tail(done.stdout + done.stderr, 25), list(secrets) + self.secrets())
                raise SlipwayError("The command %s %s.%s It printed:\n%s" % (
                    " ".join(argv), what, self.meaning(argv, done.rc), output or "(nothing)"))
        return ran

    def start(self, program, argv, extra=None):
        """Start a Detached program in the release, as the user the application belongs to."""
        program.start(argv, self.folder, self.environment(extra), self._owner)

    def meaning(self, argv, rc):
        """What slipway.yml says an exit status of this command means, with a space before it; else nothing."""
        texts = [codes[str(rc)] for word, codes in self.config["exit_codes"].items() if word in argv and str(rc) in codes]
        return "".join(" " + text for text in texts)

    def environment(self, extra=None):
        """The whole environment of a program: a minimal one, that of slipway.yml, the release's own file, extra.

        Nothing is inherited: what runs depends on what was configured, not on who started it.
        """
        environment = {
            "PATH": "%s:%s" % (os.path.dirname(self.variables["python"]), _SYSTEM_PATH),
            "HOME": self._home(),
            "LANG": "C.UTF-8",
        }
        for name, value in self.config["environment"].items():
            environment[name] = expand_text(value, self.variables)
        environment.update(self._private)
        environment.update(extra or {})
        for name, value in environment.items():
            if not _VARIABLE.match(name):
                raise SlipwayError("%r cannot be the name of an environment variable." % name)
            if "\0" in value:
                raise SlipwayError("The value of the environment variable %s has a NUL character in it." % name)
        return environment

    def secrets(self):
        """What must not appear in anything shown: the values of the release's environment file."""
        return list(self._private.values())

    def _home(self):
        """The home of whom the application belongs to; the application's folder when the owner has none."""
        try:
            return pwd.getpwuid(os.stat(self.root).st_uid).pw_dir
        except KeyError:
            return self.root


def open_runtime(options, release_id=None, private=None):
    """The Runtime that a module's options ask for: of a release by its id, or of the live one; private as there."""
    releases = ReleaseStore(options["root"])
    release = releases.get(release_id) if release_id else releases.current()
    if release is None:
        raise SlipwayError("No release is live in %s." % options["root"], untouched="Nothing was changed.",
                           hint="The playbook slipway.app.deploy installs the application.")
    config = effective(release.documents, options["environment"])
    return Runtime(options["root"], release, config, options["variables"], options["python"], private)
