# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Replace the rows of tables by those of the same tables in another database, in one transaction."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import READ_AS_WRITTEN, PostgresError, quote_ident, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import COUNTED_AT_ONCE, count_rows
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken
from ansible_collections.slipway.app.plugins.module_utils._postgres.sequences import raising, refused

FOREIGN_KEY = "23503"  # SQLSTATE foreign_key_violation

TABLES = """
SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND (n.nspname, c.relname) IN (%s)"""

COLUMNS = """
SELECT a.attrelid::bigint AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attgenerated <> '' AS generated,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS needed
FROM pg_attribute a WHERE a.attrelid IN (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""

# Foreign keys of the tables and of others to them. What a partition has of its parent is made and dropped with the parent's.
KEYS = """
WITH RECURSIVE k AS (
    SELECT oid, conparentid FROM pg_constraint WHERE contype = 'f' AND (conrelid IN (%(oids)s) OR confrelid IN (%(oids)s))
    UNION SELECT p.oid, p.conparentid FROM k JOIN pg_constraint p ON p.oid = k.conparentid)
SELECT c.conname AS name, n.nspname AS schema, r.relname AS of, pg_get_constraintdef(c.oid) AS definition,
       obj_description(c.oid, 'pg_constraint') AS comment
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.oid IN (SELECT oid FROM k WHERE conparentid = 0) ORDER BY 2, 3, 1"""

TRIGGERS = """
SELECT tgrelid::bigint AS oid, tgname AS name, tgenabled AS enabled FROM pg_trigger
WHERE tgrelid IN (%s) AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1, 2"""
ENABLING = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}

# Materialized views that read the tables, be it through others.
STALE = """
WITH RECURSIVE r AS (
    SELECT unnest(ARRAY[%s]::oid[]) AS oid
    UNION SELECT w.ev_class FROM r JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite w ON w.oid = d.objid)
SELECT n.nspname AS schema, c.relname AS name FROM r JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' ORDER BY 1, 2"""


class Replacement:
    """Tables ({schema, name, rows}) of the database of a session, which get their rows from another database of the server.

    Those that are lacking are made by a Making. A block around what is done with it is one transaction. It is for the block
    to commit it; otherwise all is as it was, but for sequences.
    """

    def __init__(self, connection, session, tables, source, making):
        self.connection = connection
        self.session = session
        self.source = source
        self.tables = tables
        self.making = making
        self.warnings = []
        self.raised = False  # whether sequences may have gone forward, which stays so
        self._here = {}
        self._there = {}

    def __enter__(self):
        self.session.execute("BEGIN")

    def __exit__(self, kind, _error, _traceback):
        if kind:
            self.session.close()  # what is not committed is undone by the server

    def compare(self):
        """Refuse tables that are defined otherwise or cannot be made, before anything is locked for long; nothing comes of it."""
        with self.connection.session() as here, self.connection.session(self.source) as there:
            self._try(here, there)
            found = refused(here, self._here.values())
            if found:
                raise SlipwayError("; ".join(found) + ".")

    def fill(self, watch):
        """Replace all rows, and prove what has come of it."""
        self._raise_sequences()
        quoted = [quoted_name(table) for table in self.tables]
        there = [quoted_name(table) for table in self.tables if not self.making.lacks(table)]
        if there:
            self.session.execute("LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE" % ", ONLY ".join(there))
        self.making.make(self.session)
        with self.connection.session(self.source) as source:
            self._compare(self.session, source)
            # Who has begun one anew while we waited for the tables (TRUNCATE ... RESTART IDENTITY); its numbers in store went with it.
            statements = raising(self.session, self._here.values(), source, self._there.values(), anew=False)
            self.raised = self.raised or bool(statements)
            self.session.execute(*statements)
        keys = self._without_keys()
        triggers = self._without_triggers()
        self.session.execute(*READ_AS_WRITTEN, "TRUNCATE ONLY %s" % ", ONLY ".join(quoted))
        for table in self.tables:
            watch("replace", table=spoken(table))
            self._load(table)
        self.session.execute("SET CONSTRAINTS ALL IMMEDIATE", *triggers)
        self._count()
        self._with_keys(keys)
        for view in self.session.query(STALE % self._oids()):
            self.warnings.append("Materialized view %s shows rows of before until it is refreshed." % spoken(view))
        for table in self.making.tables:
            self.warnings.append("%s was made again. Foreign keys of other tables to it, views of it and privileges on it were not." % spoken(table))

    def _oids(self):
        return ", ".join(str(table["oid"]) for table in self._here.values())

    def _described(self, session):
        """{(schema, name): {oid, columns}} of the tables, as far as there are any in the database of a session."""
        rows = session.query(TABLES % ", ".join("(%s, %s)" % (quote_literal(table["schema"]), quote_literal(table["name"]))
                                                for table in self.tables))
        found = {row["oid"]: dict(row, columns={}) for row in rows}
        for column in session.query(COLUMNS % ", ".join(map(str, found))) if found else ():
            found[column["oid"]]["columns"][column["name"]] = column
        return {(table["schema"], table["name"]): table for table in found.values()}

    def _compare(self, here_session, there_session):
        """Refuse tables whose rows cannot be what they were in the dump."""
        self._here, self._there = self._described(here_session), self._described(there_session)
        wrong = []
        for table in self.tables:
            here, there = (each.get((table["schema"], table["name"])) for each in (self._here, self._there))
            if not here or not there:
                wrong.append("%s is no table in %s" % (spoken(table), "the dump" if here else "the live database"))
                continue
            wrong += ["%s has column %s" % (spoken(table), one_line(words)) for words in _differences(here["columns"], there["columns"])]
        if wrong:
            raise SlipwayError("The live database has other definitions than the dump: %s." % "; ".join(wrong),
                               hint="Bring it to the state of the dump, or restore the whole dump with swap=false and take the rows from there.")

    def _try(self, here, there):
        """Make the tables in a transaction that the session here is left in, and compare them."""
        here.execute("BEGIN")
        self.making.make(here)
        self._compare(here, there)

    def _raise_sequences(self):
        """Let no number be given out again that a row of the dump has.

        Each sequence is raised in a transaction of its own, before the tables are locked: who has taken a number of it, and
        goes on to one of them, would wait for us as we wait for him. When nothing comes of the rows, that leaves a gap.
        """
        with self.connection.session() as here, self.connection.session(self.source) as there:
            self._try(here, there)
            statements = raising(here, self._here.values(), there, self._there.values())
            here.execute("ROLLBACK")
            for statement in statements:
                self.raised = True
                here.execute(statement)

    def _without_keys(self):
        """Drop the foreign keys from and to the tables; return them."""
        keys = self.session.query(KEYS % {"oids": self._oids()})
        for key in keys:
            self.session.execute("ALTER TABLE %s DROP CONSTRAINT %s" % (_of(key), quote_ident(key["name"])))
        return keys

    def _with_keys(self, keys):
        """Make the foreign keys again, which looks at every row."""
        for key in keys:
            name = quote_ident(key["name"])
            try:
                self.session.execute("ALTER TABLE %s ADD CONSTRAINT %s %s" % (_of(key), name, key["definition"]))
            except PostgresError as error:
                if error.sqlstate != FOREIGN_KEY:
                    raise
                raise SlipwayError("With the rows of the dump, foreign key %s of table %s would not hold: %s" % (
                    one_line(name), one_line("%s.%s" % (key["schema"], key["of"])), error.message),
                    hint="Restore the tables that refer to each other together.") from None
            if key["comment"] is not None:
                self.session.execute("COMMENT ON CONSTRAINT %s ON %s IS %s" % (name, _of(key), quote_literal(key["comment"])))

    def _without_triggers(self):
        """Turn off the triggers of the tables, which have seen the rows already; return the statements that turn them on as they were."""
        by_oid = {table["oid"]: quoted_name(table) for table in self._here.values()}
        again = []
        for trigger in self.session.query(TRIGGERS % self._oids()):
            change = "ALTER TABLE ONLY %s %%s TRIGGER %s" % (by_oid[trigger["oid"]].replace("%", "%%"), quote_ident(trigger["name"]).replace("%", "%%"))
            self.session.execute(change % "DISABLE")
            again.append(change % ENABLING[trigger["enabled"]])
        return again

    def _load(self, table):
        there = self._there[table["schema"], table["name"]]["columns"].values()
        what = "%s (%s)" % (quoted_name(table), ", ".join(quote_ident(column["name"]) for column in there if not column["generated"]))
        if all(column["generated"] for column in there):  # COPY cannot name no columns
            what = quoted_name(table)
        self.session.load(what, self.connection.rows(what, self.source))

    def _count(self):
        expected = {(table["schema"], table["name"]): table["rows"] for table in self.tables if table["rows"] is not None}
        places, found = list(expected), {}
        for first in range(0, len(places), COUNTED_AT_ONCE):
            found.update(count_rows(self.session, places[first:first + COUNTED_AT_ONCE]))
        for place, rows in expected.items():
            if found[place] != rows:
                raise SlipwayError("Table %s has %d rows instead of %d." % (one_line("%s.%s" % place), found[place], rows))


def quoted_name(relation):
    """The name of {schema, name} for SQL."""
    return "%s.%s" % (quote_ident(relation["schema"]), quote_ident(relation["name"]))


def _of(key):
    """The table of a foreign key as ALTER TABLE is to have it: a partitioned one with its partitions."""
    return quoted_name({"schema": key["schema"], "name": key["of"]})


def _differences(here, there):
    """In words, each column that keeps the rows of there from fitting here."""
    for name, column in there.items():
        if name not in here:
            yield "%s in the dump only" % name
        elif here[name]["type"] != column["type"]:
            yield "%s of type %s, and %s in the dump" % (name, here[name]["type"], column["type"])
        elif here[name]["generated"] != column["generated"]:
            yield "%s, which is computed in one of them only" % name
    for name in here:
        if name not in there and here[name]["needed"]:
            yield "%s, which must have a value and is not in the dump" % name
