# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which tables a dump leaves out: patterns as people write them, tables as the server has them."""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# Everything that pg_dump takes for a table where it is to leave one out.
RELATIONS = """
SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence = 'u' AS unlogged,
       row_security_active(c.oid) AS guarded,
       CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE 0 END AS bytes, greatest(c.reltuples, 0)::bigint AS estimate,
       (SELECT inhparent::bigint FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition) AS partition_of,
       EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e') AS of_extension
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 2, 3"""

REFERENCES = """
SELECT conname AS name, conrelid::bigint AS source, confrelid::bigint AS target
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND confrelid IN (%s) AND conrelid NOT IN (%s) ORDER BY 1"""


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
        self._schema, self._name = [re.compile(part + r"\Z", re.DOTALL) for part in ([".*"] + parts)[-2:]]

    def matches(self, relation):
        return bool(self._schema.match(relation["schema"]) and self._name.match(relation["name"]))


class Selection:
    """The relations of a database: excluded are those left out, excluded_data those whose rows are; warnings say what is odd."""

    def __init__(self, session, exclude_tables, exclude_table_data):
        self.warnings = []
        self._relations = {relation["oid"]: relation for relation in session.query(RELATIONS)}
        self.excluded = self._matching(exclude_tables)
        out = {relation["oid"] for relation in self.excluded}
        self.excluded_data = [relation for relation in self._matching(exclude_table_data) if relation["oid"] not in out]
        # The tables of the dump that are no extension's and may have rows of their own, the largest first.
        self.tables = sorted((relation for relation in self._relations.values()
                              if relation["kind"] == "r" and relation["oid"] not in out and not relation["of_extension"]),
                             key=lambda table: -table["bytes"])
        empty = {relation["oid"] for relation in self.excluded_data}
        self.with_rows = [table for table in self.tables if table["oid"] not in empty]
        self._look_at_references(session)

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

    def _lineage(self, relation):
        """The oids of a relation and of what it is a partition of: pg_dump would leave out the empty parent only."""
        while relation:
            yield relation["oid"]
            relation = self._relations.get(relation["partition_of"])

    def _look_at_references(self, session):
        out = [relation["oid"] for relation in self.excluded + self.excluded_data]
        if not out:
            return
        listed = ", ".join(map(str, out))
        for key in session.query(REFERENCES % (listed, listed)):
            source, target = self._relations.get(key["source"]), self._relations.get(key["target"])
            if source and target:
                self.warnings.append(
                    "Foreign key %s of table %s refers to table %s, which is left out: a restore will not be able to make it where rows refer to any."
                    % (key["name"], spoken(source), spoken(target)))


def exactly(relation):
    """A pattern of pg_dump that matches this relation and no other."""
    return ".".join('"%s"' % relation[part].replace('"', '""') for part in ("schema", "name"))


def spoken(relation):
    return "%s.%s" % (relation["schema"], relation["name"])


def places(relations):
    """{(schema, name)} of relations, by which they are compared: two can be spoken alike."""
    return {(relation["schema"], relation["name"]) for relation in relations}


def names(relations):
    """[{schema, name}] of relations."""
    return [{"schema": relation["schema"], "name": relation["name"]} for relation in relations]
