# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Another database in the place of the live one, and the way back.

All state is in the names of databases, so that it can be told after a crash at any moment:

  <database>         the live one; there is one at every moment
  <database>__new    one that is being filled, worth nothing before it is in its place
  <database>__ready  one that is restored and proved, and waits to be put in its place (source ":ready")
  <database>__part   some tables, restored and proved, whose rows wait to be put in the place of the live ones (":ready", too)
  <database>__copy   a copy of the live one, which becomes :pre when some of its rows are replaced
  <database>__old    one that is about to be dropped
  <database>__pre    what was live before the last restore (source ":pre"), whole and closed to everybody
  <database>__post   what was live before going back to :pre (source ":post"), whole and closed to everybody

The live database is closed for the moment of the swap. A crash can leave it closed; every call here opens it again, by the mark
in its comment. What is closed without that mark was closed by somebody else, and is left alone. Who only loses the server in that
moment comes back, opens it, and says which of the two is live.
"""

from __future__ import annotations

import contextlib
import hashlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import LOST, PATIENT, PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import (
    COMMENT, MARK, OPEN, SWAPPING, allow, alone, close, closed_by_somebody, copying, drop, fit, in_another, in_time, leave_turn, rename,
    take_turn, together)
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import collation_warnings
from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import carry_over

RESTORING = 0x736C6972  # first key of the advisory lock of who restores a database: "slir"
PATIENCE = 20  # seconds that a restore point being taken gets to be done, before the swap is given up
# What a role that has noted something of a database has set for itself in it: a digest of what, and behind that what it had set before.
# Any role may set this one, but only for itself.
NOTED = "application_name"
NOTED_BY_US = """(SELECT substr(setting, %d) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) setting
 WHERE s.setdatabase = d.oid AND r.rolname = session_user AND starts_with(setting, '%s='))""" % (len(NOTED) + 2, NOTED)
READY = ":ready"  # what is noted of a whole database, whose comment is that of the one it is to be
READY_REVERSIBLE = ":ready, reversible"  # the same, where what is live is to be kept when it takes its place
USED = "its rows are in their place"  # the comment of what waited, and waits no more
WAY = {":pre": ":post", ":post": ":pre"}  # what the live database becomes when we go there


class MayBeClosed(SlipwayError):
    """The live database was closed for a moment, and nobody could look whether it is open again."""


class Place:
    """The place of one live database: what stands there and beside it."""

    def __init__(self, database):
        self.database = database
        self.new, self.ready, self.part, self.copy, self.old, self.pre, self.post = (
            fit("%s__%s" % (database, kind)) for kind in ("new", "ready", "part", "copy", "old", "pre", "post"))
        self.passing = (self.new, self.ready, self.part, self.copy, self.old)  # there for as long as a restore is at work
        self.kept = {":pre": self.pre, ":post": self.post}

    def found(self, session):
        """{name: whether it lets connections in} of the live database and those beside it, as far as they are there.

        It is None of one that is closed, but not by Slipway, and of a __ready that no restore of who asks has made so.
        """
        ours = (self.database, *self.passing, self.pre, self.post)
        rows = session.query("SELECT d.datname AS name, %s AS open FROM pg_database d WHERE d.datname IN (%s)"
                             % (OPEN, ", ".join(quote_literal(name) for name in ours)))
        found = {row["name"]: row["open"] for row in rows}
        if found.get(self.ready) is False and self.ready_reversible(session) is None:
            found[self.ready] = None  # whoever may create databases can give one this name, and that comment
        return found

    def ready_reversible(self, session):
        """Whether the restore that has left __ready was to keep what is live; None where no restore of who asks has left one."""
        noted = self._told(session, self.ready)["noted"]
        return next((reversible for note, reversible in ((READY, False), (READY_REVERSIBLE, True)) if self._is_noted(noted, note)), None)

    def take(self, session):
        """Be the only one to restore this database for as long as the session lives."""
        # The session waits while pg_restore works. PostgreSQL 13, which is refused by and by, does not know the setting.
        session.query("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'")
        holder = take_turn(session, self.database, RESTORING)
        if holder:
            raise SlipwayError(
                "Database %s is being restored already, by process %s of the server: role %s, from %s, since %s." % (
                    quote_ident(self.database), holder["pid"], holder["role"] or "(not shown)",
                    holder["address"] or "the server itself or not shown", holder["since"] or "(not shown)"),
                untouched="Nothing was changed.", hint="Wait until that is done, or end it.")

    def leftovers(self, found):
        """Databases that a restore which did not end has left, and what they are."""
        ready = ("restored, and never put in its place, which a restore with source=:ready and login_db=%s does (the playbook database_restore), with "
                 "adopt=true again where that was said" % self.database)
        if found.get(self.ready) is not False:
            ready = "not what a restore of this login has made ready and closed, whatever it is called"
        what = {self.new: "half restored, worth nothing", self.ready: ready,
                self.part: "some tables, restored, which source=:ready puts in their place unless it was done",
                self.copy: "a copy of what was live, made to go back to", self.old: "what was to be dropped after an earlier restore"}
        return [{"database": name, "what": what[name]} for name in what if name in found]

    def strangers(self, found):
        """A sentence for each database that is not what it has to be: a live one that somebody has closed, or another with the name of one that is kept."""
        wrong = [closed_by_somebody(self.database)] if found.get(self.database, True) is None else []
        for name in self.kept.values():
            if found.get(name, False) is not False:
                what, cure = ("lets connections in", "closes it") if found[name] else ("was not closed by Slipway", "says so")
                wrong.append('Database "%s" %s, so no restore has kept it, but one would drop it or put it in place. Rename it; or if it is what was live, '
                             "this %s: %s." % (name, what, cure, "ALTER DATABASE %s ALLOW_CONNECTIONS false" % quote_ident(name) if found[name]
                                               else "COMMENT ON DATABASE %s IS '%s'" % (quote_ident(name), MARK)))
        return wrong

    def reopen(self, session, found):
        """Let connections in again where a killed call has left the live database closed; return whether it was.

        Not while another call has closed it for a copy or a swap, which clients would spoil.
        """
        if found.get(self.database) is not False:
            return False
        self._take_turn_to_swap(session)
        closed = self.found(session).get(self.database) is False
        if closed:
            session.execute(PATIENT, allow(self.database, True), session.connection.patience(session.database))
        leave_turn(session, self.database, SWAPPING)
        return closed

    def set_ready(self, session, name, note=None, reversible=False):
        """Say of the new database that it is whole, by this name and with this note, and close it until it is put in its place. Everybody can read a note.

        Without one it is __ready, and reversible is what ready_reversible says of it.
        """
        if note is not None:
            session.execute("COMMENT ON DATABASE %s IS %s" % (quote_ident(self.new), quote_literal(note)))
        former = self._told(session, self.new)["noted"]
        session.execute(_noting(self.new, self._digest(note or (READY_REVERSIBLE if reversible else READY)) + ("" if former is None else " " + former)))
        close(session, self.new)
        alone(session, [rename(self.new, name)], self.new)

    def note(self, session, name):
        """What was noted of a database that is ready for this place, by nobody but who asks: its owner may comment on it, but not set it for others."""
        told = self._told(session, name)
        return told["comment"] if self._is_noted(told["noted"], told["comment"] or "") else None

    def is_used(self, session, name):
        """Whether the rows of a database beside are in their place already, and only it was not dropped."""
        return self._told(session, name)["comment"] == USED

    def _told(self, session, name):
        """{comment, noted} of a database, null where there is none."""
        return session.query("SELECT %s AS comment, %s AS noted FROM (SELECT) o LEFT JOIN pg_database d ON d.datname = %s" % (
            COMMENT, NOTED_BY_US, quote_literal(name)))[0]

    def _is_noted(self, noted, note):
        return (noted or "").startswith(self._digest(note))

    def _digest(self, note):
        return "slipway ready " + hashlib.sha256(("%s\0%s" % (self.database, note)).encode("utf-8")).hexdigest()[:40]

    def swap(self, session, name, reversible):
        """Put a database that stands beside in the place of the live one, and drop what is no longer kept.

        Returns the names dropped, and a sentence for each that could not be: what is live is live all the same.
        """
        found = self.found(session)
        former = self._told(session, name)["noted"][len(self._digest(READY)):]
        moves = [_noting(name, former[1:] if former else None)]
        if reversible and self.pre in found and self.database in found:
            moves.append(rename(self.pre, self.old))
        if self.database in found:
            moves.append(rename(self.database, self.pre if reversible else self.old))
        self._move(session, moves + [rename(name, self.database)], [each for each in (self.database, self.pre, name) if each in found],
                   name, (self.pre if reversible else self.old) if self.database in found else None)
        # The way back from an earlier restore led to data that is older than what is replaced now.
        return self._discard_all(session, [self.old, self.post] if reversible else [self.old, self.pre, self.post])

    def copy_live(self, session, facts):
        """Copy the live database, which is closed meanwhile, to what is to be kept as :pre; return what is to be known of the copy, in words."""
        warnings = collation_warnings(session, self.database, facts)
        self._take_turn_to_swap(session)
        with self._open_on_error(session):
            close(session, self.database)
            with in_time(session):
                alone(session, [copying(self.database, self.copy, facts)], self.database)
            session.execute(PATIENT)  # what took the server long is not given up for a moment; only what is closed is worked on after it
            session.execute(allow(self.database, True))
        warnings += carry_over(session, self.database, self.copy)
        close(session, self.copy)  # it was made closed, and is kept so: now that can be seen
        return warnings

    def keep_copy(self, session, live):
        """Let the copy be :pre, and set aside what was until discard_older, in the transaction of a session in the live database."""
        moves = [rename(self.pre, self.old)] if self.pre in self.found(session) else []
        alone(session, ["SELECT"], self.pre, self.copy)  # they are closed, so nobody comes any more
        live.execute(*moves, rename(self.copy, self.pre))

    def used(self, live, name):
        """Say of a database beside, in the transaction of a session in the live one, that its rows are in their place. What was noted of it is no longer so."""
        live.execute("COMMENT ON DATABASE %s IS %s" % (quote_ident(name), quote_literal(USED)))

    def discard_older(self, session):
        """Drop the ways back that were there before keep_copy; as swap returns what was dropped."""
        return self._discard_all(session, [self.old, self.post])

    def _discard_all(self, session, useless):
        """Drop those of these that are there; what is done is done, so whatever fails here, be it the connection, is a warning."""
        dropped, warnings = [], []
        try:
            there = self.found(session)
        except PostgresError as error:
            return dropped, ["What is needed no more (%s) may be left: %s" % (", ".join(map(quote_ident, useless)), error)]
        for each in (each for each in useless if each in there):
            try:
                self._discard(session, each)
                dropped.append(each)
            except PostgresError as error:  # it may have a replication slot, for one
                names = quote_ident(each) if each == self.old else "%s or %s" % (quote_ident(each), quote_ident(self.old))
                warnings.append("A database that is needed no more is left as %s: %s" % (names, error))
        return dropped, warnings

    def go(self, session, where):
        """Put what is kept as :pre or :post in the place of the live database, which is kept as the other one."""
        there, back = self.kept[where], self.kept[WAY[where]]
        self._move(session, [rename(self.database, back), rename(there, self.database)], [self.database, there], there, back)

    def _discard(self, session, name):
        """Drop a database that stands beside; a crash in the middle leaves it under the name of what is to be dropped."""
        if name != self.old:
            close(session, name)
            alone(session, [rename(name, self.old)], name)
            name = self.old
        drop(session, name)

    def _move(self, session, moves, involved, coming, going):
        """Run renames by which the database coming gets live and what is live gets the name going, all or none, with nobody in those involved."""
        self._take_turn_to_swap(session)
        found = self.found(session)
        with self._open_on_error(session, coming, going):
            # From here on clients are refused, and they may be many: the server is asked as little as can be.
            session.execute(*(allow(name, False) for name in involved if found.get(name) is not False))
            # One transaction: there is a live database at every moment, and it is one of the two whole ones.
            alone(session, [together(*(moves + [allow(self.database, True)]))], *involved)

    def _take_turn_to_swap(self, session):
        holder = take_turn(session, self.database, SWAPPING, PATIENCE)
        if holder:
            raise SlipwayError("Database %s is being copied or swapped by process %s of the server." % (
                quote_ident(self.database), holder["pid"]), untouched="It was left as it was.")

    @contextlib.contextmanager
    def _open_on_error(self, session, coming=None, going=None):
        """Go back to an open live database when the block fails, as far as we still can; coming and going are as for _move."""
        try:
            yield
        except PostgresError as error:
            live = quote_ident(self.database)
            try:
                found = in_another(session, self._reopened) if error.sqlstate == LOST else self._reopened(session)
            except SlipwayError:
                raise MayBeClosed(str(error), hint="Database %s may refuse connections until this is run again." % live) from None
            if coming and coming not in found:
                raise SlipwayError(str(error), hint="The server had done it all the same: what was %s is live as database %s and accepts connections%s." % (
                    quote_ident(coming), live, ", and what was live before is %s" % quote_ident(going) if going else "")) from None
            raise SlipwayError(str(error), untouched="Database %s is as it was and accepts connections." % live) from None

    def _reopened(self, session):
        """What there is of the place, when nobody is at a swap any more and the live database is open."""
        self._take_turn_to_swap(session)  # what was lost may be at its last statement still
        self.reopen(session, self.found(session))
        return self.found(session)


def _noting(name, value):
    """The statement by which who has logged in notes something of a database, or nothing any more."""
    return together("SET ROLE NONE", "ALTER ROLE SESSION_USER IN DATABASE %s %s" % (
        quote_ident(name), "RESET " + NOTED if value is None else "SET %s = %s" % (NOTED, quote_literal(value))), "RESET ROLE")
