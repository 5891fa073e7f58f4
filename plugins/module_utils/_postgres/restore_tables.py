# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Restore some tables: their rows come from the dump, everything else of the live database stays as it is.

The rows are restored into a database beside the live one and proved there. Then they replace those of the live tables in
one transaction, which the server itself undoes whenever anything or anybody fails. Nothing is swapped: a database put in
the place of the live one would lose what others have written to their tables meanwhile. A table that the live database
has no more is made again in that transaction, where somebody names it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import time

from ansible_collections.slipway.app.plugins.module_utils._config.fields import nearest
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.archive import belonging, rows_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import LOST, PostgresError, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow, close, drop, in_another
from ansible_collections.slipway.app.plugins.module_utils._postgres.making import Making
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import look, problems
from ansible_collections.slipway.app.plugins.module_utils._postgres.replacement import Replacement, quoted_name
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import RELATIONS, Pattern, names, places, spoken
from ansible_collections.slipway.app.plugins.module_utils._postgres.sequences import refused

PATIENCE = 20  # seconds that a server gets to end a transaction whose session was lost
STILL_READY = "What was restored is ready still: source=:ready with the tables tries again."
MANY = 20  # names that are not listed any more in an error
# Entries of an archive that bring content, or what only content needs. The rest is there for types and domains.
_NOT_FOR_ROWS = ("TABLE DATA ", "MATERIALIZED VIEW DATA ", "BLOB", "POLICY ", "COMMENT ")


# Tables with columns that may be names of large objects: of type oid or of a domain of it, as is the type of the extension lo.
NAMING_LARGE_OBJECTS = """
SELECT DISTINCT n.nspname AS schema, c.relname AS name
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND 'oid'::regtype IN (t.oid, t.typbasetype) AND c.relkind = 'r' AND n.nspname <> 'pg_catalog' ORDER BY 1, 2"""


class Replaced(SlipwayError):
    """The rows are in their place, and what was to come behind is not done."""


class TablesSource(DumpSource):
    """Some tables of a dump: those that match patterns of tables, as Pattern reads them, and all of schemas that do."""

    takes_privileges = False
    options = ("--section=pre-data", "--section=data")  # constraints and indexes are those of the live tables

    def __init__(self, dump, bin_dir, tables, schemas, only_look=False):
        super().__init__(dump, bin_dir, only_look)
        self._tables, self._schemas = tables, schemas
        self.lacking = []  # tables that the live database does not have, but is to have again
        self._whole_list = []

    def problems(self, restore, session, facts):
        if not facts["oid"]:
            return ["There is no database %s to restore tables into." % quote_ident(restore.database)]
        chosen, self.lacking, found = named_here(restore.connection, self.manifest, self._tables, self._schemas)
        self.manifest = dict(self.manifest, tables=chosen)  # the only ones that are restored, watched and counted
        return found or super().problems(restore, session, facts)  # the dump is not brought here for a slip of the pen

    def check(self, restore, new):
        super().check(restore, new)
        asked, _lacking, _found = named(self.dump.manifest, restore.connection.query(RELATIONS, new), self._tables, self._schemas)
        more = sorted(places(asked) - places(self.manifest["tables"]))
        if more:
            raise SlipwayError("The live database lacks partitions that the dump has: %s." % ", ".join(one_line("%s.%s" % place) for place in more))
        if any(_entry(line)[1].startswith("BLOB") for line in self._whole_list):
            naming = places(restore.connection.query(NAMING_LARGE_OBJECTS, new)) & places(self.manifest["tables"])
            self.warnings = self.warnings + ["Rows of table %s may name large objects of the dump, which a restore of some tables does not bring back."
                                             % one_line("%s.%s" % place) for place in sorted(naming)]

    def making(self, restore, facts):
        """How the tables are made again that the live database lacks, with what belongs to them."""
        if not self.lacking:
            return Making()
        there = {row["name"] for row in restore.connection.query("SELECT nspname AS name FROM pg_namespace")}
        schemas = {self._encoded(table["schema"]) for table in self.lacking if table["schema"] not in there}
        ours = belonging(self.dump.archive, self._places(self.lacking), schemas)
        return Making.of(self.dump.archive, [line for line in self._whole_list if _entry(line)[0] in ours],
                         [self._clients.pg_restore, "--role=" + facts["new_owner"], *self.without_tablespaces], self.lacking)

    def _choose(self, superuser):
        super()._choose(superuser)
        self._whole_list = self._asked_for.splitlines()
        ours = rows_of(self.dump.archive, self._places(self.manifest["tables"]))
        if len(ours) < len(self.manifest["tables"]):
            raise SlipwayError("The archive has no rows of some tables that its manifest has.")
        asked = [(line, *_entry(line)) for line in self._whole_list]
        self._asked_for = "".join(line + "\n" for line, number, entry in asked if number in ours or not entry.startswith(_NOT_FOR_ROWS))

    def _tables_asked_for(self):
        ours = rows_of(self.dump.archive, self._places(self.manifest["tables"]), b"TABLE")
        asked = [(line, *_entry(line)) for line in super()._tables_asked_for().splitlines()]
        return "".join(line + "\n" for line, number, entry in asked if number in ours or not entry.startswith("TABLE "))

    def _places(self, tables):
        """{(schema, name)} of tables, as they stand in the archive."""
        return {(self._encoded(table["schema"]), self._encoded(table["name"])) for table in tables}


class TablesRestore(Restore):
    """A restore of a TablesSource into the connection's login_db, which is not swapped."""

    _replacement = None  # of the live rows, when it has come so far

    def run(self, source, check=False):
        """Replace the rows of the tables, or without swap have them ready beside, and return the result."""
        self._refuse_what_needs_a_swap()
        with self._session(check) as session:
            found = self._found(session, check)
            facts = self._facts(session, source, found)
            tables = source.manifest["tables"]
            result = self._result(tables, source.name, leftovers=self.place.leftovers(found), made=names(source.lacking), warnings=list(source.warnings))
            source.ready(self)
            if check:
                return result
            for leftover in result["leftovers"]:
                drop(session, leftover["database"])
            put = ([], None)
            with self._dropped_on_error(session):
                with self._timed("restore"):
                    source.fill(self, session, facts)
                with self._timed("check"):
                    source.check(self, self.place.new)
                making = source.making(self, facts)
                Replacement(self.connection, None, tables, self.place.new, making).compare()
                if self.wishes.swap:
                    put = self._put(session, facts, tables, self.place.new, making)
                else:
                    self.place.set_ready(session, self.place.part, json.dumps(dict(
                        self._note_making(making), tables=tables, source=source.name, whole=names(source.dump.manifest["tables"]),
                        reversible=bool(self.wishes.reversible))))
            if not put[1] or isinstance(put[1], Replaced):  # who restored them again would do so over what was written since
                source.used()
            result = dict(result, ignored=source.ignored, checked=source.checked)
            return self._finished(session, result, self.place.new, tables, source.warnings + put[0], put[1])

    def put_in_place(self, check=False, tables=(), schemas=()):
        """Replace the rows of the tables that a run without swap has made ready, which are said once more, and return the result."""
        self._refuse_what_needs_a_swap()
        with self._session(check) as session:
            found = self._found(session, check)
            ready = self._ready(session, found)
            if self.wishes.reversible is None:
                self.wishes.reversible = ready["reversible"]
            facts = look(session, self.database)
            left = [leftover for leftover in self.place.leftovers(found) if leftover["database"] != self.place.part]
            self._raise_findings(problems(session, self.database, facts) + self._in_the_way(left, found))
            self._require_asked_for(ready, tables, schemas)
            tables, name = ready["tables"], ready["source"]
            result = self._result(tables, name, leftovers=left, ignored=[], checked=0, made=ready["made"])
            if check:
                return result
            for leftover in left:
                drop(session, leftover["database"])
            if found[self.place.part] is not True:  # a killed call may have opened it, and be at its last statement still: it says whether its note holds
                session.execute(allow(self.place.part, True))
            with self._kept_on_error(session):
                put = self._put(session, facts, tables, self.place.part, self._noted_making(ready))
            return self._finished(session, result, self.place.part, tables, *put)

    def _ready(self, session, found):
        """What was noted of what is ready: {tables, source, whole, reversible, made, making, digest}.

        These are the tables, the dump they are from, all tables of it, whether there is to be a way back, and what _note_making tells.
        """
        self._refuse_used(session, self.place.part)
        note = self.place.note(session, self.place.part) if self.place.part in found else None
        try:
            noted = dict({"reversible": False}, **json.loads(note or ""))  # which was not noted once
            return {name: noted[name] for name in ("tables", "source", "whole", "reversible", "made", "making", "digest")}
        except (ValueError, KeyError, TypeError):
            raise SlipwayError("There are no tables to put in place: database %s is %s." % (
                quote_ident(self.place.part), "of somebody else" if self.place.part in found else "not there"), untouched="Nothing was changed.",
                hint="A restore of tables with swap=false makes it.") from None

    def _require_asked_for(self, ready, tables, schemas):
        """Refuse to put other tables in place than those that are asked for, by patterns as named() has them."""
        asked, _lacking, found = named_here(self.connection, {"tables": ready["whole"], "excluded_data": []}, tables, schemas)
        self._raise_findings(found)
        if places(asked) != places(ready["tables"]):
            raise SlipwayError("What is ready to be put in place is %s, and not what is asked for." % ", ".join(map(spoken, ready["tables"])),
                               untouched="Nothing was changed.",
                               hint="It is put there as a whole: say tables and schemas as for the restore that has made it ready.")

    def _note_making(self, making):
        """What is noted of how tables are made: which, and where in the new database the rest is kept, for a note can be read by everybody."""
        if not making.tables:
            return {"made": [], "making": None, "digest": None}
        kept = json.dumps(vars(making)).encode("utf-8")
        row = self.connection.query("SELECT lo_from_bytea(0, decode('%s', 'base64'))::bigint AS oid" % base64.b64encode(kept).decode("ascii"),
                                    self.place.new)[0]
        return {"made": making.tables, "making": row["oid"], "digest": hashlib.sha256(kept).hexdigest()}

    def _noted_making(self, noted):
        """The Making that was noted; its database has to be open."""
        if noted["making"] is None:
            return Making()
        row = self.connection.query("SELECT encode(lo_get(%d), 'base64') AS kept" % noted["making"], self.place.part)[0]
        kept = base64.b64decode(row["kept"])
        try:
            if hashlib.sha256(kept).hexdigest() != noted["digest"]:
                raise ValueError("another one than was noted")
            return Making(**json.loads(kept.decode("utf-8")))  # whoever may connect as we do may have noted anything
        except (ValueError, TypeError):
            raise SlipwayError("Somebody has changed in database %s how tables are made that the live database lacks." % quote_ident(self.place.part),
                               hint="Restore them from the dump once more.") from None

    def _result(self, tables, name, **told):
        """What is known before anything is done."""
        kept = self.place.pre if self.wishes.reversible and self.wishes.swap else None
        return dict({"changed": True, "restored": name, "left_out": [], "kept": kept, "replaced": names(tables), "made": [], "seconds": {}, "ignored": None,
                     "dropped": None, "checked": None, "warnings": []}, **told)

    def _put(self, session, facts, tables, name, making):
        """Replace the rows by those of a database beside, with a way back where it is wanted; as _replace returns it."""
        self._raise_findings(self.objections(), None)
        with self._timed("copy"):
            warnings = self.place.copy_live(session, facts) if self.wishes.reversible else []
        more, lost = self._replace(session, facts, tables, name, making)
        return warnings + more, lost

    def _finished(self, session, result, name, tables, warnings, lost):
        """The result, when the rows that came from a database beside are in their place, or ready to be put there."""
        if lost:
            raise lost
        dropped = []
        if self.wishes.swap:
            if self.wishes.reversible:
                dropped, undropped = self.place.discard_older(session)
                warnings = warnings + undropped
            warnings = warnings + self._analyze(tables)
            try:
                drop(session, name)
            except PostgresError as error:
                warnings = warnings + ["Database %s, whose rows are in their place, is left: %s" % (quote_ident(name), error)]
        return dict(result, seconds=self.seconds, dropped=dropped, warnings=warnings)

    @contextlib.contextmanager
    def _kept_on_error(self, session):
        """Leave what is ready as it was when the block fails, for another try; the rows of the live database were not touched."""
        try:
            yield
        except SlipwayError as error:
            left = self._undropped(session, self._copies())
            with contextlib.suppress(PostgresError):
                close(session, self.place.part)
            raise SlipwayError(error.message, untouched=self._untouched(error), hint=self._naming(error.hint or STILL_READY, left), **error.facts) from None

    def _made(self):
        return super()._made() + self._copies()

    def _copies(self):
        return [self.place.copy] if self.wishes.reversible else []

    def _refuse_what_needs_a_swap(self):
        """What is to be done with a database before it is live is not to be done with the live one, nor passed over in silence."""
        for option, asked, hint in (("pre_swap_hooks", self.wishes.commands, "Say pre_swap_hooks=[], or another config."),
                                    ("pre_swap_sql", self.wishes.sql, "Say pre_swap_sql=[], or another config.")):
            if asked:
                raise SlipwayError("Tables are restored into the live database itself, where %s has no meaning." % option,
                                   untouched="Nothing was changed.", hint=hint)

    def _untouched(self, error):
        untouched = super()._untouched(error)
        if untouched and self._replacement and self._replacement.raised:
            return "Database %s was not touched, but for sequences, which may have gone forward." % quote_ident(self.database)
        return untouched

    def _replace(self, session, facts, tables, name, making):
        """Replace the rows in the live database by those of a database of this name.

        Returns warnings, and the error to be raised when the connection was lost as the end was asked for.
        """
        with self._timed("replace"), self.connection.session() as live:
            self._replacement = replacement = Replacement(self.connection, live, tables, name, making)
            with replacement:
                self._take(session, facts, live, name)
                replacement.fill(self.watch)
                # Databases are renamed and commented on by whom preflight looked at, whatever role this one sets for its sessions.
                live.execute("SET LOCAL ROLE " + quote_ident(facts["role"]))
                # The way back is made at the last moment, when nothing but the end is to come; the former one is kept until after it.
                if self.wishes.reversible:
                    live.execute(self.connection.patience(self.connection.maintenance_db))  # as for a swap: nobody can use the tables meanwhile
                    self.place.keep_copy(session, live)
                number = live.query("SELECT pg_current_xact_id()::text AS number")[0]["number"]
                self._raise_findings(self.objections(), None)  # once more: it may have waited for long
                session.execute("SELECT 1")  # which was the only one to restore this database all the while, if it is there still
                try:
                    live.execute("COMMIT")
                except PostgresError as error:
                    if error.sqlstate != LOST:
                        raise
                    return replacement.warnings, self._judged(session, number, error, name)
        return replacement.warnings, None

    def _take(self, session, facts, live, name):
        """Say of a database that its rows are used; until that is so nobody drops it.

        This waits for a killed call that says so still, and refuses where that one came through.
        """
        live.execute("SET LOCAL ROLE " + quote_ident(facts["role"]))
        self.place.used(live, name)
        live.execute("RESET ROLE")
        self._refuse_used(session, name)

    def _refuse_used(self, session, name):
        """Never put rows in place once more, over what was written since."""
        if self.place.is_used(session, name):
            raise SlipwayError("The rows that waited are in their place already: an earlier call has put them there.", untouched="Nothing was changed.",
                               hint="The next restore with remove_leftovers=true drops database %s, which is left of it." % quote_ident(name))

    def _judged(self, session, number, error, name):
        """The error to raise when the connection was lost as a transaction was to be committed: it says what the server says of that one."""
        try:
            status = in_another(session, lambda another: _status(another, number))
        except SlipwayError:
            status = None
        if status == "committed":
            return Replaced("%s The server had replaced the rows all the same, all of them." % error,
                            hint="remove_leftovers=true of the next restore drops what could not be tidied up.")
        if status == "aborted":
            left = self._copies() if name == self.place.part else self._made()
            return SlipwayError(str(error), untouched="The rows are what they were.",
                                hint=self._naming(STILL_READY if name == self.place.part else None, left))
        return SlipwayError("%s Whether the rows were replaced is not known: all of them were, or none." % error)

    def _analyze(self, tables):
        """Let the server know what is in the tables now; a sentence where it could not."""
        self.watch("analyze")
        with self._timed("analyze"):
            try:
                self.connection.execute("ANALYZE " + ", ".join(map(quoted_name, tables)))
            except PostgresError as error:
                return ["The tables could not be analyzed: %s" % error]
        return []


def _status(session, number):
    """What became of a transaction: "committed", "aborted", or "in progress" where it does not end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        status = session.query("SELECT pg_xact_status('%s') AS status" % number)[0]["status"]
        if status != "in progress" or time.monotonic() > deadline:
            return status
        time.sleep(0.1)


def _entry(line):
    """The id of a line of an archive's list, and what stands there of the entry."""
    number, text = re.fullmatch(r"(\d+); \d+ \d+ (.*)", line).groups()
    return int(number), text


def named_here(connection, manifest, tables, schemas):
    """As named(), with the relations of the live database; sequences that could not be raised stand against it, too."""
    here = connection.query(RELATIONS)
    asked, lacking, found = named(manifest, here, tables, schemas)
    wanted = places(asked)
    return asked, lacking, found + refused(connection, [relation for relation in here if (relation["schema"], relation["name"]) in wanted])


def named(manifest, here, tables, schemas):
    """The tables of a manifest that patterns ask for, those of them to be made again, and a sentence for each thing against it.

    here are the relations of the live database: a partitioned table stands for the partitions it has there.
    """
    there = {(table["schema"], table["name"]): table for table in manifest["tables"]}
    live = {(relation["schema"], relation["name"]): relation for relation in here}
    by_oid = {relation["oid"]: relation for relation in here}
    asked = [("Table", text, Pattern(text)) for text in tables] + [("Schema", text, Pattern(text + ".*")) for text in schemas]
    chosen, exact, lacking, found = {}, set(), [], []
    for what, text, pattern in asked:
        matching = [place for place, table in there.items() if pattern.matches(table)]
        matching += [place for place, relation in live.items() if _leaf_of(relation, by_oid, pattern) and place not in matching]
        if not matching:
            found.append("%s %s is not in the dump. %s" % (what, text, _nearest(what, text, there)))
        chosen.update((place, there.get(place)) for place in matching)
        exact.update(matching if what == "Table" and pattern.exact else ())
    without = {(table["schema"], table["name"]) for table in manifest["excluded_data"] + (manifest.get("sanitized") or {}).get("emptied", [])}
    for place, table in chosen.items():
        name = one_line("%s.%s" % place)
        if table is None:
            found.append("Partition %s of the live database is not in the dump." % name)
        elif place in without:
            found.append("The rows of table %s were left out of the dump." % name)
        elif place not in live and place in exact:
            lacking.append(table)
        elif place not in live:
            found.append("Table %s is not in the live database. It is made again when tables has its own name, and not a pattern or a schema." % name)
        elif live[place]["kind"] != "r":
            found.append("%s is no table in the live database." % name)
        elif live[place]["guarded"]:
            found.append("Row security keeps the connecting role from rows of table %s, so it cannot replace them; a role with BYPASSRLS can." % name)
    return [table for table in chosen.values() if table], lacking, found


def _leaf_of(relation, by_oid, pattern):
    """Whether a relation is a partition with rows of its own, of a partitioned table that matches a pattern."""
    if relation["kind"] != "r":
        return False
    while relation["partition_of"] in by_oid:
        relation = by_oid[relation["partition_of"]]
        if pattern.matches(relation):
            return True
    return False


def _nearest(what, text, there):
    """What was meant instead, or what there is."""
    if what == "Schema":
        known = sorted({schema for schema, _name in there})
    else:
        known = [spoken(table) if "." in text else table["name"] for table in there.values()]
    said = nearest(text, known)
    return said if said.startswith("Did") or len(known) <= MANY else "It has %d others." % len(known)
