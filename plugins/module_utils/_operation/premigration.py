# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Migrate a restored database by the live release before it is live.

The application is told another database by the environment variables that name its own one. Whether it listens is not
believed but asked: in the same environment it has to say which database it is in, before anything is migrated.

What it writes to folders of its release, such as a cache, users are not to be served from: both is done apart from the live release.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, tail
from ansible_collections.slipway.app.plugins.module_utils._operation.apart import apart, require_apart
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS, open_runtime

# scheme://user:password@host:port/NAME?options, as PostgreSQL's own client and those of all languages take it
_ADDRESS = re.compile(r"(?P<before>[A-Za-z][\w+.-]*://[^/?#]*/)(?P<name>[^/?#]*)(?P<after>([?#].*)?)\Z", re.DOTALL)
_NAMED = re.compile(r"(\A|_)(PGDATABASE|DB_?NAME|DATABASE_?NAME|POSTGRES_DB|DATABASE|DB)\Z")
# How modules take the application, as an option.
APPLICATION = {"root": {"type": "path", "required": True}, "variables": RUNTIME_ARGUMENTS["variables"], "python": RUNTIME_ARGUMENTS["python"]}
HINT = "Say pre_swap_hooks (an empty list: the database is not migrated), or migrate=false with the playbook."


def migration_by(application, environment, login_db, check):
    """What migrates a database by its name, instead of login_db: the live release of an application, which APPLICATION describes.

    With check, it is only said whether it could.
    """
    migration = Premigration(open_runtime(dict(application, environment=environment)), login_db)
    migration.require_possible(check)
    return migration.run


class Premigration:
    """The migration of the live release, for another database than the one (login_db) that the application has."""

    def __init__(self, runtime, login_db):
        self._runtime = runtime
        self._login_db = login_db
        self._commands = runtime.config["commands"]["migrate"]
        self._current = runtime.config["database"]["current"]

    def require_possible(self, check=False):
        """Refuse what could only be hoped to work. Nothing has been done yet, and with check nothing is."""
        if not self._commands:
            return
        if not self._current:
            raise _refused("slipway.yml does not say how the application is asked which database it is in (database.current), so nobody "
                           "could tell that its migration would not run in the live one")
        if not self._redirected(""):
            raise _refused("None of its environment variables names the database %s" % self._login_db)
        try:
            require_apart(self._runtime, check)
        except SlipwayError as error:
            raise SlipwayError(error.message, untouched="Nothing was changed.", hint=" ".join(filter(None, (error.hint, HINT))),
                               **error.facts) from error

    def run(self, database):
        """Migrate a database of this name on the same server."""
        if not self._commands:
            return
        extra = self._redirected(database)
        secrets = self._runtime.secrets() + list(extra.values())
        timeout = self._runtime.config["timeouts"]
        with apart(self._runtime) as runtime:
            done = runtime.run(runtime.argv(self._current), timeout["command"], extra, dies_with_us=True)
            said = tail(done.stdout, 1).strip()
            if not done.ok or said != database:
                raise SlipwayError("The application was told to use database %s and %s, so its migration was not run." % (
                    database, "says it is in %r" % redact(said, secrets) if done.ok else
                    "failed: " + redact(tail(done.stderr or done.stdout, 5), secrets)), hint=HINT)
            runtime.run_all(self._commands, timeout["migrate"], secrets, extra=extra, dies_with_us=True)

    def _redirected(self, database):
        """{name: value} of the environment variables that name the application's database, for another one."""
        return {name: value for name, value in (
            (name, _renamed(name, value, self._login_db, database)) for name, value in self._runtime.environment().items()) if value is not None}


def _renamed(name, value, old, new):
    """The value of a variable with another database in it; None where it names none, or one that is not meant."""
    address = _ADDRESS.match(value)
    if address and unquote(address.group("name")) == old:
        return address.group("before") + quote(new, safe="") + address.group("after")
    return new if value == old and _NAMED.search(name) else None


def _refused(why):
    return SlipwayError("The restored database cannot be migrated before it is live: %s." % why, untouched="Nothing was changed.", hint=HINT)
