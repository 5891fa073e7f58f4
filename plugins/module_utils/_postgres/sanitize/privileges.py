# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the role of a sanitized dump has to be let do, all of which is asked before anything is read: else a run for each table would tell of the next.

Nothing is asked for that the dump does without.
"""

from __future__ import annotations

import typing

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.catalog import listed
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import MANY

# What the role may not use, read or lock: tables whose rows are dumped, which it reads by their columns, those that pg_dump locks for their definition
# (no privilege for a column lets it), extensions' tables of which it dumps rows alone, and sequences, whose values are dumped, of extensions those that
# they say. Those of identity columns are left out with their table.
LACKING = """
WITH wanted AS (
    SELECT CASE WHEN relkind = 'S' THEN 'SEQUENCE' WHEN c.oid IN (%(read)s) THEN 'TABLE' ELSE 'LOCKED' END AS kind, c.oid, relnamespace, relname,
           c.oid IN (%(locked)s) AND c.oid IN (%(read)s) AS of_rows
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE c.oid IN (%(locked)s) OR c.oid IN (%(read)s)
        OR relkind = 'S' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND (
                d.deptype = 'e' AND NOT EXISTS (SELECT FROM pg_extension WHERE c.oid = ANY (extconfig))
                OR d.deptype = 'i' AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (%(left_out)s))))
SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS schema, NULL AS name, oid IN (SELECT relnamespace FROM wanted WHERE of_rows) AS of_rows,
       quote_ident(current_user) AS role
FROM pg_namespace WHERE oid IN (SELECT relnamespace FROM wanted) AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT kind, quote_ident(nspname), quote_ident(relname), of_rows, quote_ident(current_user)
FROM wanted w JOIN pg_namespace n ON n.oid = relnamespace, LATERAL (SELECT current_setting('server_version_num')::int) s (version)
WHERE kind = 'SEQUENCE' AND NOT has_sequence_privilege(w.oid, 'SELECT') OR kind = 'TABLE' AND NOT has_any_column_privilege(w.oid, 'SELECT')
    OR w.oid IN (%(locked)s) AND NOT has_table_privilege(w.oid, CASE WHEN version < 160000 THEN 'SELECT'
        WHEN version < 170000 THEN 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE' ELSE 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, MAINTAIN' END)
UNION ALL
SELECT 'GUARDED', quote_ident(nspname), quote_ident(relname), of_rows, quote_ident(current_user)
FROM wanted w JOIN pg_namespace n ON n.oid = relnamespace WHERE w.oid IN (%(guarded)s)
ORDER BY 2, 3"""

# kind: (what it is called where there are some, what gives the privilege for some by their names, and for all of schemas)
KINDS = {"SCHEMA": ("use the schemas", "USAGE ON SCHEMA", None), "TABLE": ("read the tables", "SELECT ON TABLE", "SELECT ON ALL TABLES IN SCHEMA"),
         "LOCKED": ("lock the tables that are dumped without rows,", "SELECT ON TABLE", "SELECT ON ALL TABLES IN SCHEMA"),
         "SEQUENCE": ("read the sequences", "SELECT ON SEQUENCE", "SELECT ON ALL SEQUENCES IN SCHEMA"),
         "GUARDED": ("read the rows, by row security, of the tables", None, None)}


class Lacking(typing.NamedTuple):
    """What a role lacks for a dump, as a sentence, and what gives it that; of_rows says that there are rows that it cannot look at, either."""

    sentence: str
    hint: str
    of_rows: bool

    def error(self, untouched):
        return SlipwayError(self.sentence, untouched=untouched, hint=self.hint)


def lacking(session, selection, dumped, kept):
    """What the role of a session lacks for a dump of a Selection with the rows of the tables dumped, and those of tables kept of extensions; or None."""
    out = {relation["oid"] for relation in selection.excluded}
    locked = [relation["oid"] for relation in selection.relations
              if relation["kind"] in "rp" and relation["oid"] not in out and not relation["of_extension"]]
    read = [table for table in dumped + kept if table["kind"] == "r"]
    found = session.query(LACKING % {"locked": listed(locked), "left_out": listed(out), "read": listed(table["oid"] for table in read),
                                     "guarded": listed(table["oid"] for table in read if table["guarded"])})
    if not found:
        return None
    role, kinds = _typed(found[0]["role"]), {kind: [one for one in found if one["kind"] == kind] for kind in KINDS}
    told = ", and may not ".join("%s %s" % (KINDS[kind][0], _some(some)) for kind, some in kinds.items() if some)
    return Lacking("Role %s may not %s." % (role, told), " ".join(filter(None, [_grants(kinds, role), _of_row_security(kinds, role)])),
                   any(one["of_rows"] for one in found))


def _grants(kinds, role):
    grants = ["GRANT %s TO %s" % (_granted(kind, some), role) for kind, some in kinds.items() if some and KINDS[kind][1]]
    return "%s lets it, or GRANT pg_read_all_data TO %s by a superuser, also for tables of later migrations.%s" % (
        "; ".join(grants), role, " exclude_tables leaves tables out altogether." if kinds["LOCKED"] else "") if grants else ""


def _of_row_security(kinds, role):
    return "ALTER ROLE %s BYPASSRLS by a superuser lets it read what row security keeps back. So may their owner, unless it is forced, and rules may" \
           " leave their rows out." % role if kinds["GUARDED"] else ""


def _granted(kind, some):
    """The privilege on some, as GRANT takes it: by their names, as far as there are not too many."""
    _words, by_name, by_schema = KINDS[kind]
    if by_schema and len(some) > MANY:
        return "%s %s" % (by_schema, ", ".join(sorted({_typed(one["schema"]) for one in some})))
    return "%s %s" % (by_name, ", ".join(map(_name, some)))


def _some(some):
    """The names of some, as far as there are not too many."""
    return ", ".join(map(_name, some[:MANY])) + (", and %d more" % (len(some) - MANY) if len(some) > MANY else "")


def _name(one):
    return ".".join(_typed(part) for part in (one["schema"], one["name"]) if part)


def _typed(name):
    """A name as SQL has it, in letters that people can type."""
    if name.isprintable():
        return name
    return "U&%s" % "".join("\\\\" if letter == "\\" else letter if letter.isprintable() else "\\+%06x" % ord(letter) for letter in name)
