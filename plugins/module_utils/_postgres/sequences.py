# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The sequences that columns count by: no number is to be given out again that a row from elsewhere has."""

from __future__ import annotations

import collections

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_literal

# A column counts by the sequences that belong to it and by those that its default names; one of a partition by those of what it is a partition of, too.
SEQUENCES = """
WITH asked AS (
    SELECT o AS oid, o AS counting FROM unnest(ARRAY[%(oids)s]::oid[]) o
    UNION SELECT o, relid FROM unnest(ARRAY[%(oids)s]::oid[]) o, pg_partition_ancestors(o)),
counting AS (
    SELECT objid AS sequence, refobjid AS oid, refobjsubid AS number FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    UNION SELECT d.refobjid, f.adrelid, f.adnum FROM pg_attrdef f
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass)
SELECT json_build_array(tn.nspname, t.relname, a.attname)::text AS column, format('%%I.%%I', n.nspname, c.relname) AS name, s.seqincrement AS step,
       s.seqcache > 1 AS cached, pg_has_role(c.relowner, 'USAGE') AS ours, quote_ident(current_user) AS us,
       has_sequence_privilege(c.oid, 'SELECT') AND has_sequence_privilege(c.oid, 'UPDATE') AS allowed
FROM asked JOIN pg_class t ON t.oid = asked.oid JOIN pg_namespace tn ON tn.oid = t.relnamespace JOIN counting ON counting.oid = asked.counting
JOIN pg_attribute a ON a.attrelid = counting.oid AND a.attnum = counting.number
JOIN pg_sequence s ON s.seqrelid = counting.sequence JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY 2, 1"""


def refused(session, tables):
    """A sentence for each sequence by which tables ({oid}) count and which could not be raised."""
    return sorted({"The connecting role may not read and set sequence %(name)s, by which rows count; GRANT SELECT, UPDATE ON SEQUENCE %(name)s TO %(us)s"
                   " lets it." % sequence for sequence in _counting(session, tables) if not sequence["allowed"]})


def raising(here, tables_here, there, tables_there, anew=True):
    """The statements, each for a sequence of tables ({oid}) here, after which none gives out a number that those of the same names have there.

    A sequence is written anew by its owner, as it is: nobody else takes a number meanwhile, and no session has any in store (CACHE)
    afterwards. Who does not own it can do neither, but look and set it in one statement, as all are without anew.
    """
    there_by_column = collections.defaultdict(list)
    for sequence in _counting(there, tables_there):
        there_by_column[sequence["column"]].append(sequence)
    pairs = {}  # by names: several columns, say of partitions, may count by one sequence
    for sequence in _counting(here, tables_here):
        others = there_by_column[sequence["column"]]
        for other in [other for other in others if other["name"] == sequence["name"]] or others:
            pairs[sequence["name"], other["name"]] = sequence
    statements = [_raising(here, sequence, there.query("SELECT last_value, is_called FROM " + other)[0], anew and sequence["ours"])
                  for (_name, other), sequence in pairs.items()]
    return [statement for statement in statements if statement]


def _raising(session, sequence, wanted, anew):
    """The statement that raises a sequence to the state {last_value, is_called}, or an empty one where there is nothing to do.

    pg_sequence_last_value() would tell nothing of a sequence that was set and not called since.
    """
    name, step = sequence["name"], sequence["step"]
    comes = wanted["last_value"] + step * wanted["is_called"]  # the next number, whatever the bounds
    behind = "FROM %s WHERE (%d - last_value::numeric - (%d) * is_called::int) * (%d) > 0" % (name, comes, step, step)
    is_behind = session.query("SELECT last_value " + behind)
    parts = []
    if anew and (is_behind or sequence["cached"]):
        parts.append("ALTER SEQUENCE IF EXISTS %s INCREMENT %d" % (name, step))  # one that comes with its table is not there yet
    if is_behind:
        parts.append("SELECT setval(%s, %d, %s) %s" % (quote_literal(name), wanted["last_value"], wanted["is_called"], behind))
    return "\\; ".join(parts)


def _counting(session, tables):
    return session.query(SEQUENCES % {"oids": ", ".join(str(table["oid"]) for table in tables)})
