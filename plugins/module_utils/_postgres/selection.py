# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which tables a dump leaves out: patterns as people write them, tables as the server has them."""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident

# Everything that pg_dump takes for a table where it is to leave one out.
RELATIONS = """
SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence = 'u' AND pg_is_in_recovery() AS elsewhere,
       row_security_active(c.oid) AS guarded,
       CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END AS bytes, greatest(c.reltuples, 0)::bigint AS estimate,
       (SELECT inhparent::bigint FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition) AS partition_of,
       EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e') AS of_extension
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 2, 3"""

MANY = 20  # names that are not all said any more

# Foreign keys to what is left out. Those that the server has not checked ("valid" is false) are not checked by a restore, either.
# On a standby nobody can read unlogged tables, which pg_dump leaves empty.
REFERENCES = """
SELECT k.conname AS name, k.conrelid::bigint AS source, k.confrelid::bigint AS target,
       k.convalidated AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery()) AS valid,
       (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS columns
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN (%s) ORDER BY 1, 2"""

# Whether any row that is dumped refers to one: a foreign key with a NULL in it does not.
REFERRING = "SELECT EXISTS (SELECT FROM %s%s.%s WHERE %s AND tableoid NOT IN (%s)) AS it"


class Pattern:
    """[schema.]name, with * and ? for any characters and any one; without a schema it means all schemas.

    As in SQL upper case means lower case, but for what stands in double quotes, which is meant to the letter.
    """

    def __init__(self, text):
        self.text = text
        self.exact = True  # means one name
        parts = [""]
        for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|(.)', text, re.DOTALL):
            if plain == ".":
                parts.append("")
            else:
                self.exact = self.exact and plain not in ("*", "?")
                parts[-1] += re.escape(quoted.replace('""', '"')) or {"*": ".*", "?": "."}.get(plain, re.escape(plain.lower()))
        if len(parts) > 2 or not all(parts) or re.sub(r'"(?:[^"]|"")*"', "", text).count('"'):
            raise SlipwayError("%r is no pattern of tables: it is [schema.]name, in double quotes where a name has upper case, dots or spaces."
                               % (text,), untouched="Nothing was changed.")
        self.has_schema = len(parts) == 2
        self._schema, self._name = [re.compile(part + r"\Z", re.DOTALL) for part in ([".*"] + parts)[-2:]]

    def matches(self, relation):
        return bool(self._schema.match(relation["schema"]) and self._name.match(relation["name"]))


class Selection:
    """The relations of a database: excluded are those left out, excluded_data those whose rows are; warnings say what is odd.

    needed are the foreign keys that no restore can make, since they refer to what is left out: [{key, table, of}], two of which are {schema, name}.
    With by_rules it is up to the rules of a sanitized dump which rows refer to any.
    """

    def __init__(self, session, exclude_tables, exclude_table_data, by_rules=False):
        self.warnings = []
        self._relations = {relation["oid"]: relation for relation in session.query(RELATIONS)}
        self.excluded = self._matching(exclude_tables)
        out = {relation["oid"] for relation in self.excluded}
        self.excluded_data = [relation for relation in self._matching(exclude_table_data) if relation["oid"] not in out]
        # The tables of the dump that are no extension's and may have rows of their own, the largest first.
        self.tables = sorted((relation for relation in self._relations.values()
                              if relation["kind"] == "r" and relation["oid"] not in out and not relation["of_extension"]),
                             key=lambda table: -table["bytes"])
        self._leave_out_what_is_elsewhere()
        empty = {relation["oid"] for relation in self.excluded_data}
        self.with_rows = [table for table in self.tables if table["oid"] not in empty]
        self.needed = list(self._needed(session, out, {} if by_rules else empty))
        self.warnings += ["%s The whole database cannot be restored from the dump." % sentence for sentence in needed(self.needed)]

    @property
    def relations(self):
        """All that there are, left out or not."""
        return list(self._relations.values())

    def _matching(self, patterns):
        found = []
        for pattern in map(Pattern, patterns):
            matching = [relation for relation in self._relations.values() if pattern.matches(relation)]
            if not matching:
                self.warnings.append("No table matches %s, so nothing was left out for it." % pattern.text)
            found += matching
        wanted = {relation["oid"] for relation in found}
        return [relation for relation in self._relations.values() if wanted & set(self._lineage(relation))]

    def _leave_out_what_is_elsewhere(self):
        """The rows of unlogged tables are on the primary only: on a standby pg_dump leaves them out without a word."""
        known = {relation["oid"] for relation in self.excluded_data}
        lost = [table for table in self.tables if table["elsewhere"] and table["oid"] not in known]
        if lost:
            self.excluded_data += lost
            self.warnings.append("The server is a standby, which has no rows of unlogged tables: those of %s are left out." % ", ".join(map(spoken, lost)))

    def _lineage(self, relation):
        """The oids of a relation and of what it is a partition of: pg_dump would leave out the empty parent only."""
        while relation:
            yield relation["oid"]
            relation = self._relations.get(relation["partition_of"])

    def _needed(self, session, out, empty):
        """The foreign keys of what is dumped to what is not: to tables in out, and to those in empty where rows refer to any."""
        if not (out or empty):
            return
        for key in session.query(REFERENCES % ", ".join(map(str, [*out, *empty]))):
            source, target = self._relations.get(key["source"]), self._relations.get(key["target"])
            if not source or not target or source["of_extension"] or target["of_extension"]:
                continue  # an extension brings its tables and their rows along (but for rows that others have put into some of them)
            if source["oid"] not in out and (target["oid"] in out or self._refers(session, source, key, empty, out)):
                yield {"key": key["name"], "table": names([source])[0], "of": names([target])[0]}

    @staticmethod
    def _refers(session, source, key, empty, out):
        """Whether a row that is dumped refers by a foreign key to any."""
        if not key["valid"] or source["oid"] in empty:
            return False
        session.execute("SAVEPOINT looking")
        found = session.query(REFERRING % (
            "" if source["kind"] == "p" else "ONLY ", quote_ident(source["schema"]), quote_ident(source["name"]),
            " AND ".join("%s IS NOT NULL" % quote_ident(column) for column in key["columns"]), ", ".join(map(str, [*out, *empty]))))[0]["it"]
        # A server has room for a limited number of locks, and who changes a table is not to wait for ours.
        session.execute("ROLLBACK TO looking", "RELEASE looking")
        return found


def needed(keys):
    """A sentence for each foreign key that needs what is left out, as Selection.needed has them, as far as there are not too many."""
    more = ["%d more foreign keys need what is left out." % (len(keys) - MANY)] if len(keys) > MANY else []
    return ["Foreign key %s of table %s needs rows of table %s, which are left out." % (
        one_line(key["key"]), spoken(key["table"]), spoken(key["of"])) for key in keys[:MANY]] + more


def exactly(relation):
    """A pattern of pg_dump that matches this relation and no other."""
    return ".".join('"%s"' % relation[part].replace('"', '""') for part in ("schema", "name"))


def spoken(relation):
    """The name of a relation, for people."""
    return one_line("%s.%s" % (relation["schema"], relation["name"]))


def places(relations):
    """{(schema, name)} of relations, by which they are compared: two can be spoken alike."""
    return {(relation["schema"], relation["name"]) for relation in relations}


def names(relations):
    """[{schema, name}] of relations."""
    return [{"schema": relation["schema"], "name": relation["name"]} for relation in relations]


def listed(relations):
    """The names of relations, as far as there are not too many."""
    more = ", and %d more" % (len(relations) - MANY) if len(relations) > MANY else ""
    return ", ".join(map(spoken, relations[:MANY])) + more
