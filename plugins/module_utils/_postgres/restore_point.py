# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A copy of a database on its own server, to go back to within a second.

All state is in the names of databases, so that it can be told after a crash at any moment:

  <database>                          the live one; there is one at every moment
  <database>__slipway_part_<name>     a copy being made or dropped, worth nothing
  <database>__slipway_<name>          the restore point: whole, closed to everybody
  <database>__slipway_failed_<name>   what was live before the restore point was put in its place

The live database is closed (ALLOW_CONNECTIONS false) while it is copied or swapped. A crash can leave it closed;
every call here opens it again, reopen() does only that. What somebody else has closed, its comment tells, stays closed.
"""

from __future__ import annotations

import contextlib
import re
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import LOST, PATIENT, PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import (
    OPEN, SWAPPING, allow, alone, close, closed_by_somebody, copying, drop, fit, in_another, in_time, insist_on_turn, rename)
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import collation_warnings, look, problems
from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import carry_over

NAME = re.compile(r"(?!part_|failed_)[A-Za-z0-9][A-Za-z0-9._-]*\Z")
MAY_BE_CLOSED = "Database %s may refuse connections until this is run again or recovered."


def left(connection, database, names):
    """Those of the names under which the server still has something of a restore point."""
    rows = connection.query("SELECT datname AS name FROM pg_database", connection.maintenance_db)
    there = {row["name"] for row in rows}
    points = [RestorePoint(connection, database, name) for name in names]
    return [point.name for point in points if there & {point.part, point.copy, point.failed}]


class RestorePoint:
    """The restore point of one database under one name, usually the id of an operation."""

    def __init__(self, connection, database, name):
        if not NAME.match(name):
            raise SlipwayError(
                "%r cannot name a restore point: letters, digits, dots, dashes and underscores, beginning with a "
                'letter or digit, not with "part_" or "failed_".' % (name,))
        self.connection = connection
        self.database = database
        self.name = name
        self.part, self.copy, self.failed = (
            fit("%s__slipway_%s%s" % (database, kind, name)) for kind in ("part_", "", "failed_"))

    def status(self):
        """Which of absent, partial, present and restored it is, and what there is of it."""
        with self.connection.session(self.connection.maintenance_db) as session:
            return self._status(session)

    def present(self, check=False):
        """Copy the database, with nobody connected to it; sessions are ended, and may come back afterwards."""
        with self._session(check) as session:
            before = self._status(session)
            if before["state"] == "restored":
                raise SlipwayError(
                    "Restore point %s was put in place already; what was live before is kept as database %s."
                    % (self.name, quote_ident(self.failed)), untouched="Nothing was changed.",
                    hint="Take another name, or remove this one first.")
            if before["state"] == "present":
                return self._unchanged(session, before, check)
            facts = self._facts(session, before)
            if check:
                return _result(True, before, "present", facts["size"])
            drop(session, self.part)
            warnings = collation_warnings(session, self.database, facts)
            begun = time.monotonic()
            with self._undone_on_error(session):
                close(session, self.database)
                with in_time(session):
                    alone(session, [copying(self.database, self.part, facts)], self.database)
                session.execute(PATIENT)  # what took the server long is not given up for a moment
                warnings += carry_over(session, self.database, self.part)
                session.transaction(rename(self.part, self.copy), allow(self.database, True))
            return _result(True, before, "present", facts["size"], time.monotonic() - begun, warnings)

    def restored(self, check=False):
        """Put the restore point in the place of the live database, which is kept under another name, closed."""
        with self._session(check) as session:
            before = self._status(session)
            if before["state"] == "restored":
                return self._unchanged(session, before, check)
            if before["state"] != "present":
                raise SlipwayError(
                    "There is no restore point %s of database %s%s." % (
                        self.name, quote_ident(self.database),
                        ", only a copy that was never finished" if before["state"] == "partial" else ""),
                    untouched="Nothing was changed.")
            facts = self._facts(session, before)
            if check:
                return _result(True, before, "restored", facts["size"])
            begun = time.monotonic()
            with self._undone_on_error(session):
                close(session, self.database)
                close(session, self.copy)
                # One transaction: there is a live database at every moment, and it is one of the two whole ones.
                alone(session, [rename(self.database, self.failed), rename(self.copy, self.database),
                                allow(self.database, True)], self.database, self.copy)
            return _result(True, before, "restored", facts["size"], time.monotonic() - begun)

    def absent(self, check=False):
        """Drop the restore point and what a restore kept."""
        with self._session(check) as session:
            before = self._status(session)
            if before["state"] == "absent":
                return self._unchanged(session, before, check)
            if not before["live"]:
                raise SlipwayError(
                    "There is no database %s, so restore point %s may be the only good copy of it."
                    % (quote_ident(self.database), self.name), untouched="Nothing was dropped.")
            begun = time.monotonic()
            if not check:
                self._open(session, before)
                drop(session, self.part)
                for kept in (self.copy, self.failed):
                    if kept in before["databases"]:
                        # A crash while a database is dropped can leave its name with half its files.
                        close(session, kept)
                        alone(session, [rename(kept, self.part)], kept)
                        drop(session, self.part)
            size = look(session, self.database)["size"]
            return _result(True, before, "absent", size, 0 if check else time.monotonic() - begun)

    def reopen(self):
        """Let connections to the live database in again, as a killed call may have left it closed; return changed."""
        with self._session() as session:
            return self._open(session, self._status(session))

    # Looking

    def _status(self, session):
        ours = (self.database, self.part, self.copy, self.failed)
        rows = session.query("SELECT d.datname AS name, %s AS open FROM pg_database d WHERE d.datname IN (%s)"
                             % (OPEN, ", ".join(quote_literal(name) for name in ours)))
        databases = {row["name"]: row["open"] for row in rows}
        if self.copy in databases:
            state = "present"
        elif self.failed in databases:
            state = "restored"
        else:
            state = "partial" if self.part in databases else "absent"
        beside = sorted(set(databases) - {self.database})
        # Without the mark it was a release of Slipway that left none, when a copy of ours is there.
        is_open = False if beside and databases.get(self.database, True) is None else databases.get(self.database)
        return {"state": state, "live": self.database in databases, "open": is_open, "databases": beside}

    def _facts(self, session, before):
        facts = look(session, self.database)
        found = problems(session, self.database, facts)
        if before["live"] and before["open"] is None:
            found.append(closed_by_somebody(self.database))
        if found:
            raise SlipwayError(" ".join(found), untouched="Nothing was changed.", findings=found)
        return facts

    # Changing

    @contextlib.contextmanager
    def _session(self, check=False):
        """A session in the maintenance database; one that may change something is the only one of its kind."""
        with self.connection.session(self.connection.maintenance_db) as session:
            if not check:
                # Two living calls at once are kept apart by the lock of the operation; what is in the way was killed.
                insist_on_turn(session, self.database, SWAPPING)
            yield session

    @contextlib.contextmanager
    def _undone_on_error(self, session):
        """Go back to an open live database without a half-made copy when the block fails, as far as we still can."""
        try:
            yield
        except PostgresError as error:
            if error.sqlstate == LOST:
                error = SlipwayError(str(error), hint=self._settled(session))
            else:
                error = self._as_before(session, error)
            raise error from None

    def _as_before(self, session, error):
        """Open the live database and drop what was half-made after an error; that error, with how things stand."""
        live = quote_ident(self.database)
        try:
            session.execute(PATIENT, allow(self.database, True))
        except PostgresError as again:
            return SlipwayError(str(error), hint=self._settled(session) if again.sqlstate == LOST else MAY_BE_CLOSED % live)
        try:
            drop(session, self.part)
            hint = None
        except PostgresError:  # as after a crash
            hint = "What there is of the copy, database %s, may be left: state=absent drops it." % quote_ident(self.part)
        return SlipwayError(str(error), untouched="Database %s is as it was and accepts connections." % live, hint=hint)

    def _settled(self, lost):
        """Open the live database in another session than the one that was lost, and say how things stand."""
        try:
            state = in_another(lost, self._opened_again)["state"]
        except SlipwayError:
            return MAY_BE_CLOSED % quote_ident(self.database)
        return "Database %s accepts connections, and restore point %s of it is %s." % (quote_ident(self.database), self.name, {
            "restored": "what is live now; what was live before is kept as %s" % quote_ident(self.failed),
            "present": "there, beside what was live all the time"}.get(state, "not there"))

    def _opened_again(self, session):
        insist_on_turn(session, self.database, SWAPPING)
        self._open(session, self._status(session))
        drop(session, self.part)
        return self._status(session)

    def _unchanged(self, session, before, check):
        opened = before["open"] is False if check else self._open(session, before)
        return _result(opened, before, before["state"], look(session, self.database)["size"])

    def _open(self, session, status):
        closed = status["open"] is False
        if closed:
            session.execute(PATIENT, allow(self.database, True))
        return closed


def _result(changed, before, after, size, seconds=0.0, warnings=()):
    return {"changed": changed, "before": before["state"], "after": after, "size": size,
            "seconds": round(seconds, 3), "warnings": list(warnings)}
