# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Restore a database: fill a fresh one beside the live one, prove it, and put it in its place.

Everything that can be known before is looked at before, and all that is wrong is said at once. The live database is
closed for the moment of the swap only; whatever fails earlier leaves it alone.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres.clients import for_dump, for_restore
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import drop, version_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import look, problems
from ansible_collections.slipway.app.plugins.module_utils._postgres.properties import carry_over
from ansible_collections.slipway.app.plugins.module_utils._postgres.swap import WAY, MayBeClosed, Place

HERE = """
SELECT row_to_json(d) AS here, pg_encoding_to_char(d.encoding) AS encoding, nullif(t.spcname, 'pg_default') AS tablespace
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = %s"""
NOTHING_HERE = {"here": None, "encoding": None, "tablespace": None}


class Wishes:
    """How to restore.

    reversible keeps what was live, as source :pre; where it is None, what is :ready does as was asked for when it was restored.
    properties says whose owner, grants, encoding and locale the database has afterwards: those of the "target", or of the "dump".
    remove_leftovers drops what restores that did not end have left. keep_failed leaves what could not be restored for people to look at.
    migrate (a function of its name), the sql of adoption with its settings, sql (texts) and commands (argument lists) are run on the new
    database before it is live; before them after_restore (texts), which is set when it is known what was dumped. jobs is how many tables
    are restored at the same time. Without swap the new database is left beside the live one, as source :ready.
    """

    def __init__(self, reversible=None, properties="target", remove_leftovers=False, keep_failed=False, sql=(), commands=(), jobs=1,
                 swap=True, migrate=None, adoption=None):
        self.reversible = reversible
        self.swap = swap
        self.properties = properties
        self.remove_leftovers = remove_leftovers
        self.keep_failed = keep_failed
        self.sql = sql
        self.commands = commands
        self.migrate = migrate
        self.adoption = adoption
        self.after_restore = ()
        self.jobs = jobs

    @property
    def has_hooks(self):
        """Whether something is to be done with the new database before it is live."""
        return bool(self.migrate or self.adoption and self.adoption.sql or self.makes_own)

    @property
    def makes_own(self):
        """Whether what somebody has said, other than adoption, may make the new database this environment's."""
        return bool(self.after_restore or self.sql or self.commands)


class Restore:
    """A restore into the place of the connection's login_db.

    objections is asked for sentences that speak against it by now, at the last moment before the live database is touched.
    """

    def __init__(self, connection, wishes, watch=None, objections=list):
        self.connection = connection
        self.wishes = wishes
        self.watch = watch or (lambda phase, **more: None)
        self.objections = objections
        self.place = Place(connection.login_db)
        self.database = connection.login_db
        self.seconds = {}

    def require_possible(self, source_version, bin_dir=None):
        """Refuse what would be refused of any dump of a server of this version, before anybody has made one for this; return what is there."""
        with self._session(check=False) as session:  # what a restore that is at work has made is no leftover
            for_restore(source_version, for_dump(source_version, bin_dir).version, version_of(session), bin_dir)
            found = self._found(session, check=True)
            wrong = problems(session, self.database, look(session, self.database), may_lack=True)
            self._raise_findings(wrong + self._in_the_way(self.place.leftovers(found), found))
        return found

    def run(self, source, check=False):
        """Restore from a source (DumpSource, CopySource) and return the result."""
        with self._session(check) as session:
            found = self._found(session, check)
            facts = self._facts(session, source, found)
            leftovers = self.place.leftovers(found)
            result = {"changed": True, "restored": source.name, "leftovers": leftovers, "left_out": source.left_out,
                      "kept": self.place.pre if self.wishes.swap and self.wishes.reversible and self.database in found else None}
            source.ready(self)
            if check:
                return dict(result, seconds={}, ignored=None, dropped=None, checked=None, warnings=list(source.warnings))
            for leftover in leftovers:
                drop(session, leftover["database"])
            with self._dropped_on_error(session):
                with self._timed("restore"):
                    source.fill(self, session, facts)
                warnings = self._prepare(session, source, facts)
                # What fails or is killed from here on leaves it under the name of what is worth something.
                self.place.set_ready(session, self.place.ready, reversible=self.wishes.reversible)
                source.used()
            dropped, undropped = self._swap(session) if self.wishes.swap else ([], [])
            return dict(result, seconds=self.seconds, ignored=source.ignored, dropped=dropped, warnings=warnings + undropped + source.warnings,
                        checked=source.checked)

    def put_in_place(self, check=False):
        """Put what a restore without swap has left as :ready in the place of the live database."""
        with self._session(check) as session:
            found = self._found(session, check)
            if self.place.ready not in found:
                raise SlipwayError("There is no database %s to put in place." % quote_ident(self.place.ready), untouched="Nothing was changed.",
                                   hint="A restore with swap=false leaves it.")
            if found[self.place.ready]:
                raise SlipwayError("Database %s lets connections in, so it may be no more what a restore has left." % quote_ident(self.place.ready),
                                   untouched="Nothing was changed.", hint="Rename it, or drop it.")
            if found[self.place.ready] is None:
                raise SlipwayError("No restore by role %s has left database %s." % (
                    quote_ident(session.query("SELECT session_user AS login")[0]["login"]), quote_ident(self.place.ready)), untouched="Nothing was changed.",
                    hint="If it was another role that has restored it, log in as that one; otherwise rename it, or drop it.")
            if self.wishes.reversible is None:
                self.wishes.reversible = self.place.ready_reversible(session)
            left = [leftover for leftover in self.place.leftovers(found) if leftover["database"] != self.place.ready]
            self._raise_findings(problems(session, self.database, look(session, self.database), may_lack=True) + self._in_the_way(left, found))
            result = _nothing_but(changed=True, restored=":ready", leftovers=left,
                                  kept=self.place.pre if self.wishes.reversible and self.database in found else None)
            if check:
                result["dropped"] = None
                return result
            for leftover in left:
                drop(session, leftover["database"])
            dropped, warnings = self._swap(session)
            result.update(dropped=dropped, warnings=warnings, seconds=self.seconds)
            return result

    def go(self, where, check=False):
        """Go back to :pre, or forth again to :post; nothing is copied."""
        with self._session(check) as session:
            found = self._found(session, check)
            self._raise_findings(self.place.strangers(found))
            there, back = self.place.kept[where], self.place.kept[WAY[where]]
            result = _nothing_but(changed=True, restored=where, kept=back, leftovers=self.place.leftovers(found))
            if there not in found:
                if back not in found:
                    raise SlipwayError("There is no database %s to go to." % quote_ident(there), untouched="Nothing was changed.",
                                       hint="It is kept when %s, until the next restore." % (
                                           "a restore is reversible" if where == ":pre" else "the database goes back to :pre"))
                result["changed"] = found.get(self.database) is False  # it is open again
                return result
            if back in found:
                raise SlipwayError("There is a database %s already, where the live one would go." % quote_ident(back),
                                   untouched="Nothing was changed.", hint="Drop the one that is not needed.")
            self._raise_findings(problems(session, self.database, look(session, self.database)) + self.objections())
            if not check:
                with self._timed("swap"):
                    self.place.go(session, where)
            result["seconds"] = self.seconds
            return result

    def _swap(self, session):
        """Put what is ready in its place, unless by now something speaks against it; it stays ready when that fails."""
        try:
            self._raise_findings(problems(session, self.database, look(session, self.database), may_lack=True) + self.objections(),
                                 "Database %s was not touched." % quote_ident(self.database))
            with self._timed("swap"):
                return self.place.swap(session, self.place.ready, self.wishes.reversible)
        except SlipwayError as error:
            raise SlipwayError(error.message, untouched=error.untouched, **dict(error.facts, hint=error.hint or (
                "What was restored waits as database %s: a restore with source=:ready and login_db=%s puts it in its place, with adopt=true again "
                "where that was said." % (quote_ident(self.place.ready), self.database)))) from None

    # Looking

    @contextlib.contextmanager
    def _session(self, check):
        """A session in the maintenance database; one that may change something is the only one that restores this one."""
        with self.connection.session(self.connection.maintenance_db) as session:
            if not check:
                self.place.take(session)
            yield session

    def _found(self, session, check):
        """What there is of the place; a live database that a killed call has left closed is open again."""
        found = self.place.found(session)
        if not check:
            self.place.reopen(session, found)
        return found

    def _facts(self, session, source, found):
        """What is known of server, role and target, or an error that says everything that is in the way."""
        facts = look(session, self.database)
        facts.update((session.query(HERE % quote_literal(self.database)) or [NOTHING_HERE])[0])
        wrong = problems(session, self.database, facts, may_lack=True)
        facts["new_owner"] = source.owner(session) if self.wishes.properties == "dump" else facts["owner"] or facts["role"]
        wrong += source.problems(self, session, facts)
        self._raise_findings(wrong + self._in_the_way(self.place.leftovers(found), found))
        return facts

    def _in_the_way(self, leftovers, found):
        """A sentence for each thing an earlier restore has left that nobody has asked to drop, and for what none has left."""
        return self.place.strangers(found) + ([] if self.wishes.remove_leftovers else [
            'Database "%s" is left of an earlier restore (%s); it is dropped with remove_leftovers=true.'
            % (leftover["database"], leftover["what"]) for leftover in leftovers])

    def _raise_findings(self, found, untouched="Nothing was changed."):
        if found:
            raise SlipwayError(" ".join(found), untouched=untouched, findings=found)

    # Filling

    def _prepare(self, session, source, facts):
        """Make the filled database what the live one is to be; return a sentence for each thing it lacks."""
        new = self.place.new
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            # One core each; but not when hooks are to change what would be analyzed.
            analyzing = None if self.wishes.has_hooks else pool.submit(self._gather_statistics, new)
            self.watch("check")
            with self._timed("check"):
                source.check(self, new)
            if analyzing:
                self.watch("analyze")
                analyzing.result()
        as_target = self.wishes.properties == "target" and facts["oid"]
        warnings = source.grants(self, new, facts) if as_target else []
        # Not earlier: a setting such as default_transaction_read_only would have kept all of it out.
        warnings += carry_over(session, self.database, new) if as_target else source.carry_over(self, session, facts)
        with self._timed("hooks"):
            self._run_hooks(new, facts)
        if self.wishes.has_hooks:
            self.watch("analyze")
            self._gather_statistics(new)
        warnings += source.compared(self, new) if as_target else []  # hooks may have given or taken something
        limit = source.connection_limit(self, facts)
        if limit not in (-1, None):  # not earlier: what fills it may need more
            session.execute("ALTER DATABASE %s CONNECTION LIMIT %d" % (quote_ident(new), limit))
        return warnings

    def _gather_statistics(self, new):
        with self._timed("analyze"):
            self.connection.execute("ANALYZE", new)

    def _run_hooks(self, new, facts):
        if self.wishes.after_restore:
            self.watch("hook", table="after_restore")
            self.connection.run_texts(self.wishes.after_restore, new, facts["new_owner"], "after_restore")
        if self.wishes.migrate:
            self.watch("migrate")
            self.wishes.migrate(new)
        if self.wishes.adoption and self.wishes.adoption.sql:
            self.connection.run_texts(self.wishes.adoption.sql, new, facts["new_owner"], "adopt.sql", self.wishes.adoption.settings)
        if self.wishes.sql:
            self.connection.run_texts(self.wishes.sql, new, facts["new_owner"], "pre_swap_sql")
        environment = dict(self.connection.environment(), PGDATABASE=new)
        for argv in self.wishes.commands:
            self.watch("hook", table=argv[0])
            done = run(argv, env=environment, dies_with_us=True)
            if not done.ok:
                said = redact(tail(done.stderr or done.stdout, 20), [self.connection.login_password])
                raise SlipwayError("The command %s ended with %d: %s" % (argv[0], done.rc, said or "it said nothing."))

    @contextlib.contextmanager
    def _dropped_on_error(self, session):
        """Drop what was half restored when the block fails, as far as we still can; the live database was not touched."""
        try:
            yield
        except SlipwayError as error:
            kept = [self.place.new] if self.wishes.keep_failed else []
            left = self._undropped(session, [name for name in self._made() if name not in kept])
            hint = " ".join(filter(None, [error.hint] + ["What was restored is kept as database %s (keep_failed); remove_leftovers=true drops it."
                                                         % quote_ident(name) for name in kept])) or None
            raise SlipwayError(error.message, untouched=self._untouched(error), hint=self._naming(hint, left), **error.facts) from None
        except BaseException:
            self._undropped(session, self._made())
            raise

    def _untouched(self, error):
        """What was left as it was by an error beside the live database; nothing is said where that may be closed."""
        return None if isinstance(error, MayBeClosed) else "Database %s was not touched." % quote_ident(self.database)

    def _made(self):
        """Names of the databases that a restore makes beside the live one, and drops when it fails."""
        return [self.place.new]

    def _undropped(self, session, names):
        """Drop databases; those of them that may still be there, be it that the session is lost."""
        left = []
        for name in names:
            try:
                drop(session, name)
            except PostgresError:
                left.append(name)
        return left

    def _naming(self, hint, left):
        """A hint, and behind it what is left."""
        return " ".join(filter(None, [hint] + ["Database %s may be left (%s); remove_leftovers=true drops it." % (
            quote_ident(leftover["database"]), leftover["what"]) for leftover in self.place.leftovers(dict.fromkeys(left))])) or None

    @contextlib.contextmanager
    def _timed(self, what):
        begun = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - begun, 3)


def _nothing_but(**told):
    """A result of a call that has filled nothing, and what is to be told beside."""
    result = {"leftovers": [], "left_out": [], "seconds": {}, "ignored": [], "dropped": [], "warnings": [], "checked": 0}
    result.update(told)
    return result
