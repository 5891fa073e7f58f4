# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the role of a sanitized dump has to be let do, all of which is asked before anything is read: else a run for each table would tell of the next."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, one_line
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.catalog import listed
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import MANY

# What the role may not use or read: of tables whose rows are dumped, of others that pg_dump locks, for which more will do, and of sequences, whose values
# are dumped. Those of identity columns are left out with their table.
LACKING = """
WITH wanted AS (
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid, relnamespace, relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE c.oid IN (%(locked)s) OR relkind = 'S' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND (d.deptype = 'e' OR d.deptype = 'i' AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (%(left_out)s))))
SELECT 'SCHEMA' AS kind, quote_ident(nspname) AS name, quote_ident(current_user) AS role
FROM pg_namespace WHERE oid IN (SELECT relnamespace FROM wanted) AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT kind, format('%%I.%%I', nspname, relname), quote_ident(current_user)
FROM wanted w JOIN pg_namespace n ON n.oid = relnamespace
WHERE NOT CASE WHEN kind = 'SEQUENCE' THEN has_sequence_privilege(w.oid, 'SELECT') WHEN w.oid IN (%(read)s) THEN has_table_privilege(w.oid, 'SELECT')
    ELSE has_table_privilege(w.oid, 'SELECT, UPDATE, DELETE, TRUNCATE') END
ORDER BY 2"""

# (kind, what it is called where there are some, the privilege)
KINDS = (("SCHEMA", "use the schemas", "USAGE"), ("TABLE", "read the tables", "SELECT"), ("SEQUENCE", "read the sequences", "SELECT"))


def require_all(session, selection):
    """An error with all that the role of a session lacks for a dump of a Selection, and with what gives it that."""
    out = {relation["oid"] for relation in selection.excluded}
    locked = [relation["oid"] for relation in selection.relations
              if relation["kind"] in "rp" and relation["oid"] not in out and not relation["of_extension"]]
    lacking = session.query(LACKING % {"locked": listed(locked), "left_out": listed(out), "read": listed(table["oid"] for table in selection.with_rows)})
    if not lacking:
        return
    role = lacking[0]["role"]
    found = [(kind, words, privilege, names) for kind, words, privilege in KINDS for names in [_names(kind, lacking)] if names]
    raise SlipwayError(
        one_line("Role %s may not %s." % (role, ", and may not ".join("%s %s" % (words, names) for _kind, words, _privilege, names in found))),
        untouched="Nothing was dumped.", hint=one_line("%s lets it, or GRANT pg_read_all_data TO %s by a superuser, also for tables of later migrations." % (
            "; ".join("GRANT %s ON %s %s TO %s" % (privilege, kind, names, role) for kind, _words, privilege, names in found), role)))


def _names(kind, lacking):
    """The names of what is lacking of a kind, as far as there are not too many."""
    names = [one["name"] for one in lacking if one["kind"] == kind]
    return ", ".join(names[:MANY]) + (", and %d more" % (len(names) - MANY) if len(names) > MANY else "")
