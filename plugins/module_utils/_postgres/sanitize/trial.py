# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Masks tried out: the server works them out for rows of the tables, and says what would not pass there, before anything is dumped."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import catalog
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import NONE
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken

FEW = " LIMIT 1000"  # rows of each table that masks are tried on before the dump
# What the server says can have a value in it; only its code is told.
NOT_WORKED_OUT = "%s: a mask cannot be worked out (SQLSTATE %s), of %s."
NOT_INDEXED = "%s: the index %s could not be made of masked rows (SQLSTATE %s), by %s."
# Classes of codes that say nothing of a mask: no room or memory, a limit or somebody that ended it, a standby that had to go on, a disk that failed.
NOT_OF_VALUES = ("40", "53", "57", "58")
NOT_COUNTED = "%s: the server could not try out the masks of its rows (SQLSTATE %s), which says nothing against the masks."
ROOM = ("What an index keeps apart is sorted for it, in temporary files beyond work_mem (the guide on sanitized dumps, What becomes of a column): look at "
        "the server's disk, and at temp_file_limit of this role.")
ENDED = "The server's log says why it ended the query; a standby does where replay has waited max_standby_streaming_delay for it."


class Trial:
    """Has masks of tables worked out in a session; what does not pass is told in problems, what is not tried in warnings.

    distinct(table, column) says whether the mask of a column keeps all of its values apart. uncounted has a sentence where the server could not go
    on, and what to do: nothing is tried after that, for it would fill a disk again and again.
    """

    def __init__(self, session, distinct, problems, warnings):
        self._session = session
        self._distinct = distinct
        self._problems = problems
        self._warnings = warnings
        self.uncounted = None
        # Of Tables that are tried out: (checks that their rows have to pass, generated columns, indexes that work something out, those to count in).
        self._passed = {}

    def try_some(self, tables):
        """Let the server mask some rows of each table, and say which check of the table the result would not pass."""
        self._session.execute("SAVEPOINT trial")
        masked = [table for table in tables if table.rows != NONE and (table.masked() or table.part and table.part.lost)]
        oids = catalog.listed(table.relation["oid"] for table in masked)
        checks, generated, indexes, apart = (self._session.query(query % oids) for query in (
            catalog.CHECKS, catalog.GENERATED, catalog.INDEXES, catalog.APART))
        for table in masked:
            changed = _changed(table) | table.generated
            counted = [index for index in _of(table, apart, changed) if self._may_meet(table, index)]
            own_checks = self._own(table, "check", _of(table, checks, changed))
            own_generated = self._own(table, "generated column", _of(table, generated))
            self._passed[table] = (own_checks, own_generated, _of(table, indexes, changed), counted)
            self._try(table, table.trial(), table.masked(), table.masked(), FEW)

    def is_of_server(self, error, table):
        """Whether an error tells of the server, which cannot count rows of a table, and not of a value in them; that is noted."""
        if error.sqlstate[:2] not in NOT_OF_VALUES:
            return False
        self.uncounted = (NOT_COUNTED % (spoken(table.relation), error.sqlstate), ROOM if error.sqlstate.startswith("53") else ENDED)
        return True

    def _own(self, table, kind, found):
        """Of checks or generated columns of a table those that run no functions of others; of each of the rest there is a warning."""
        for one in found:
            warning = ("%s: the %s %s calls a function of another role, which is not run with the rights of this one: whether masked rows pass it, "
                       "nobody knows before a restore." % (spoken(table.relation), kind, one_line(one["name"])))
            if one["others"] and warning not in self._warnings:
                self._warnings.append(warning)
        return [one for one in found if not one["others"]]

    def _may_meet(self, table, index):
        """Whether masked rows may meet in an index that keeps rows apart; else to count them would tell nothing."""
        masked = [column for column in table.masked() if column.name in index["keyed"]]
        if not index["nulls_meet"] and any(table.decisions[column.name].rule.name == "null" for column in masked):
            return False
        return bool(_changed(table) & set(index["worked_out"])) or not all(self._distinct(table, column) for column in masked)

    def try_all(self):
        """Look at every row for what a few may break: a check or an index of the table, and NOT NULL where somebody's SQL makes the value.

        Other masks are not worked out for it: they come to nothing that the first rows do not, or to an error while they are dumped.
        """
        for table, (checks, generated, indexes, counted) in self._passed.items():
            own = [column for column in table.masked() if column.not_null and table.decisions[column.name].rule.written(column, "")]
            names = {column.name for column in own}.union(*(one["columns"] for one in checks + indexes + counted))
            if generated:  # whatever they are worked out from
                names = {column.name for column in table.columns}
            if names:
                self._try(table, table.query(names), own, [column for column in table.masked() if column.name in names])

    def _try(self, table, query, columns, masked, limit=""):
        """Have masks of a table worked out, those of masked; say what does not pass: checks, indexes, and NOT NULL of some columns and of generated ones."""
        if self.uncounted:
            return
        checks, generated, indexes, counted = self._passed[table]
        tried = [(index, _indexed(index)) for index in indexes] + [(index, "%s AS u%d" % (_met(index), number)) for number, index in enumerate(counted)]
        parts = ["count(*) FILTER (WHERE NOT (%s)) AS c%d" % (check["expression"], number) for number, check in enumerate(checks)]
        parts += ["count(%s) AS g%d" % (quote_ident(column["name"]), number) for number, column in enumerate(generated)]
        try:
            row = self._session.query(_counted(query, columns, parts + [part for _index, part in tried], generated))[0]
        except PostgresError as error:
            if not self.is_of_server(error, table):
                guilty = self._guilty(table, masked, limit)
                index = None if guilty else self._guilty_index(query, generated, tried)
                self._problems.append(NOT_INDEXED % (spoken(table.relation), index["name"], error.sqlstate, _by(table, index)) if index else NOT_WORKED_OUT % (
                    spoken(table.relation), error.sqlstate, ", ".join(column.name for column in guilty or masked)))
            self._session.execute("ROLLBACK TO SAVEPOINT trial")
            return
        self._say_what_is_null(table, columns, generated, row)
        for number, check in enumerate(checks):
            if row["c%d" % number]:
                self._problems.append("%s: the check %s would refuse %d of %d masked rows, by %s." % (
                    spoken(table.relation), check["name"], row["c%d" % number], row["n"], _by(table, check)))
        for number, index in enumerate(counted):
            if row["u%d" % number]:
                self._problems.append("%s: the index %s would refuse %d of %d masked rows, which meet others, by %s.%s" % (
                    spoken(table.relation), index["name"], row["u%d" % number], row["n"], _by(table, index), _folded(table, index)))

    def _say_what_is_null(self, table, columns, generated, row):
        for number, column in enumerate(columns):
            if column.not_null and row["m%d" % number] != row["n"]:
                self._problems.append("%s.%s: the rule %s gives NULL in %d of %d rows, and the column is NOT NULL." % (
                    spoken(table.relation), column.name, table.decisions[column.name].rule.name, row["n"] - row["m%d" % number], row["n"]))
        for number, column in enumerate(generated):
            if column["not_null"] and row["g%d" % number] != row["n"]:
                self._problems.append("%s.%s: it is generated and NOT NULL, and would be NULL in %d of %d masked rows." % (
                    spoken(table.relation), column["name"], row["n"] - row["g%d" % number], row["n"]))

    def _guilty(self, table, masked, limit):
        """The columns whose masks cannot be worked out, each by itself."""
        found = []
        for column in masked:
            self._session.execute("ROLLBACK TO SAVEPOINT trial")
            try:
                self._session.query(_counted(table.alone(column) + limit, [column]))
            except PostgresError:
                found.append(column)
        return found

    def _guilty_index(self, query, generated, tried):
        """The first index that cannot be made of masked rows, or None; tried has [(index, SQL that works it out)]."""
        for index, part in tried:
            self._session.execute("ROLLBACK TO SAVEPOINT trial")
            try:
                self._session.query(_counted(query, [], [part], generated))
            except PostgresError:
                return index
        return None


def _changed(table):
    """The names of the columns of a table that have other values in the dump."""
    return {column.name for column in table.masked()} | set(table.part.lost if table.part else ())


def _of(table, found, changed=None):
    """What was found of a table, [{oid}]; of it what has one of some columns that changed, where these are said."""
    return [one for one in found if one["oid"] == table.relation["oid"] and (changed is None or changed & set(one["columns"] or ()))]


def _by(table, found):
    """The names of the columns that were found and have other values in the dump, told."""
    return ", ".join(sorted((_changed(table) | table.generated) & set(found["columns"])))


def _folded(table, index):
    """What keeps values apart in an index that differ in upper and lower case only, as a sentence, or nothing where none does."""
    folded = [column.name for column in table.masked() if column.name in index["columns"] and table.decisions[column.name].rule.folds(column)]
    return " With fold: false, %s keeps apart what differs in upper and lower case only." % ", ".join(folded) if folded else ""


def _indexed(index):
    """SQL that works out what an index does, for the rows that it is of."""
    return "count(ROW(%s)) FILTER (WHERE %s)" % (index["expressions"], index["predicate"])


def _met(index):
    """SQL that counts the rows that an index which keeps them apart has no room for."""
    rows = index["predicate"] if index["nulls_meet"] else "(%s) AND num_nulls(%s) = 0" % (index["predicate"], index["keys"])
    # Of one key as it is, which sorts faster than a row of it; but what is DISTINCT passes NULL over.
    keys = "%s(%s)" % ("ROW" if index["nulls_meet"] else "", index["keys"])
    return "count(*) FILTER (WHERE %s) - count(DISTINCT %s) FILTER (WHERE %s)" % (rows, keys, rows)


def _counted(query, columns, more=(), generated=()):
    """A query over masked rows, and what is generated from them, that needs each of the columns; named, they do not come to be left out."""
    parts = ["count(*) AS n"] + ["count(%s) AS m%d" % (quote_ident(column.name), number) for number, column in enumerate(columns)] + list(more)
    if generated:
        query = "SELECT tried.*, %s FROM (%s) tried" % (
            ", ".join("(%s) AS %s" % (column["expression"], quote_ident(column["name"])) for column in generated), query)
    return "SELECT %s FROM (%s) tried" % (", ".join(parts), query)
