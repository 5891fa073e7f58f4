# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a server says of the columns of tables, as far as masks have to know it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.column import Column

COLUMNS = """
SELECT a.attrelid::bigint AS oid, a.attname AS name, a.attnum AS number, format_type(a.atttypid, a.atttypmod) AS type,
       a.atttypid::bigint AS type_oid, a.atttypmod AS typmod, a.attnotnull AS not_null, a.attgenerated <> '' AS generated
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid IN (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 3"""

# Functions of others, which could do in the name of this role whatever it may, and read the key, if a session of it ran them: not its own, nor a
# superuser's (as those of extensions are), nor of those who may become this role anyhow. A role that a superuser works as makes none its own: a
# function is the superuser again by one SET. With what runs them: operators, types (in the checks of domains, in casts), checks, indexes,
# generated columns, and what is made of these. In C nobody but a superuser writes any.
_OTHERS = """
others (class, oid, number) AS (
    SELECT 'pg_proc'::regclass::oid, p.oid, 0 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') AND (NOT pg_has_role(p.proowner, current_user, 'MEMBER')
        OR NOT pg_has_role(p.proowner, session_user, 'MEMBER') AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user))
    UNION SELECT n.class, n.oid, n.number
    FROM others o JOIN pg_depend d ON d.refclassid = o.class AND d.refobjid = o.oid AND d.refobjsubid = o.number, LATERAL (
        SELECT d.classid, d.objid, 0 WHERE d.classid IN ('pg_operator'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass)
        UNION ALL SELECT 'pg_type'::regclass, contypid, 0 FROM pg_constraint
            WHERE d.classid = 'pg_constraint'::regclass AND pg_constraint.oid = d.objid AND contypid <> 0
        UNION ALL SELECT 'pg_type'::regclass, t.oid, 0 FROM pg_cast c, unnest(ARRAY[c.castsource, c.casttarget]) t (oid)
            WHERE d.classid = 'pg_cast'::regclass AND c.oid = d.objid AND o.class = 'pg_proc'::regclass AND t.oid >= 16384
        UNION ALL SELECT 'pg_type'::regclass, c.reltype, 0 FROM pg_class c
            WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND c.oid = d.objid AND c.reltype <> 0 AND o.class = 'pg_type'::regclass
        UNION ALL SELECT d.classid, d.objid, 0 FROM pg_class c
            WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND c.oid = d.objid AND c.relkind IN ('i', 'I')
        UNION ALL SELECT 'pg_class'::regclass, e.adrelid, e.adnum FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
            WHERE d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid AND a.attgenerated <> ''
        UNION ALL SELECT d.classid, d.objid, d.objsubid FROM pg_attribute a  -- before 15
            WHERE d.classid = 'pg_class'::regclass AND a.attrelid = d.objid AND a.attnum = d.objsubid AND a.attgenerated <> ''
    ) n (class, oid, number))"""


def _of_others(kind, oid, number="0"):
    """SQL for whether something runs functions of others."""
    return "('%s'::regclass::oid, %s, %s::int) IN (SELECT class, oid, number FROM others)" % (kind, oid, number)


TYPES = "WITH RECURSIVE " + _OTHERS + """,
used (oid) AS (
    SELECT atttypid FROM pg_attribute WHERE attrelid IN (%s) AND attnum > 0 AND NOT attisdropped
    UNION SELECT next.oid FROM used JOIN pg_type t USING (oid), LATERAL (VALUES (t.typbasetype), (t.typelem)) next (oid) WHERE next.oid <> 0)
SELECT t.oid::bigint, -- None but those of superusers go by their name: anybody may call an enum text.
       CASE t.typtype WHEN 'c' THEN 'record' WHEN 'e' THEN 'enum' WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' ELSE t.typname END AS name,
       t.typbasetype::bigint AS base, t.typtypmod AS typmod, t.typnotnull AS not_null,
       CASE WHEN t.typcategory = 'A' THEN t.typelem::bigint ELSE 0 END AS element, format_type(t.oid, NULL) AS type,
       """ + _of_others("pg_type", "t.oid") + """ AS others
FROM used JOIN pg_type t USING (oid)"""

# Indexes that can be worked out for a row that is none of the table: not of the row as a whole, and of functions that this role may call, and
# that are not of others.
_TRIABLE = """concat(i.indexprs, i.indpred) !~ ':varattno 0 ' AND NOT EXISTS (
    SELECT FROM pg_depend f JOIN pg_proc p ON p.oid = f.refobjid WHERE f.classid = 'pg_class'::regclass AND f.objid = i.indexrelid
        AND f.refclassid = 'pg_proc'::regclass AND NOT (has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(p.pronamespace, 'USAGE')))
    AND NOT """ + _of_others("pg_class", "i.indexrelid")

# Of them those whose rows meet where all keys are equal, which can be counted: not every exclusion constraint is one.
_COUNTABLE = "(" + _TRIABLE + """ AND NOT EXISTS (
    SELECT FROM pg_constraint x, unnest(x.conexclop) e (oid) JOIN pg_operator o ON o.oid = e.oid WHERE x.conindid = i.indexrelid AND NOT o.oprcanmerge))"""

_NULLS_MEET = "coalesce(to_jsonb(i) ->> 'indnullsnotdistinct' = 'true', false)"  # of 15 on

# What indexes keep rows apart by: columns, and those that more is worked out from, in an expression, the predicate or a generated column (some are
# both). What they INCLUDE keeps nothing apart; the predicate may name it all the same, and of both there is one dependency.
_APART = "WITH RECURSIVE " + _OTHERS + """,
kept (oid, index, number, worked_out) AS (
    SELECT i.indrelid, i.indexrelid, k.number, k.worked_out
    FROM pg_index i, LATERAL (SELECT ARRAY(SELECT unnest(i.indkey::int[]) LIMIT i.indnkeyatts) AS numbers) keys, LATERAL (
        SELECT unnest(keys.numbers) AS number, false AS worked_out
        UNION SELECT d.refobjsubid, true FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
            AND concat(i.indexprs, i.indpred) ~ concat(':varattno ', d.refobjsubid, ' ')) k
    WHERE i.indrelid IN (%s) AND (i.indisunique OR i.indisexclusion) AND k.number > 0),
apart (oid, index, number, worked_out) AS (
    SELECT oid, index, number, worked_out FROM kept
    UNION SELECT k.oid, k.index, d.refobjsubid, true
    FROM kept k JOIN pg_attribute a ON a.attrelid = k.oid AND a.attnum = k.number AND a.attgenerated <> ''
    JOIN pg_attrdef e ON e.adrelid = k.oid AND e.adnum = k.number
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = k.oid AND d.refobjsubid > 0 AND (
        d.classid = 'pg_attrdef'::regclass AND d.objid = e.oid  -- from 15 on
        OR d.classid = 'pg_class'::regclass AND d.objid = k.oid AND d.objsubid = k.number))"""

# Columns that an index keeps apart from others.
UNIQUE = "".join((_APART, """
SELECT a.oid::bigint, a.number, bool_or(""", _NULLS_MEET, " OR a.worked_out AND NOT ", _COUNTABLE, """) AS nulls_meet,
       bool_or(NOT """, _COUNTABLE, """) AS uncounted
FROM apart a JOIN pg_index i ON i.indexrelid = a.index GROUP BY 1, 2"""))

# Indexes that keep rows apart. Two rows meet where the predicate is true and the keys are equal, and none is NULL unless nulls_meet. Keys are told as
# a list of them, as ROW takes it, with the collations that say what is equal: C says the same as any that is deterministic, and sorts fastest.
APART = "".join((_APART, """
SELECT i.indrelid::bigint AS oid, c.relname AS name, coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') AS predicate, """, _NULLS_MEET, """ AS nulls_meet, (
           SELECT string_agg(concat('(', pg_get_indexdef(i.indexrelid, n, false), ')', CASE WHEN l.collisdeterministic THEN ' COLLATE pg_catalog."C"'
               WHEN NOT l.collisdeterministic THEN format(' COLLATE %%s.%%I', l.collnamespace::regnamespace, l.collname) END), ', ' ORDER BY n)
           FROM generate_series(1, i.indnkeyatts) n LEFT JOIN pg_collation l ON l.oid = i.indcollation[n - 1]) AS keys,
       u.columns, u.keyed, u.worked_out
FROM (
    SELECT a.index, json_agg(DISTINCT t.attname) AS columns, coalesce(json_agg(t.attname) FILTER (WHERE NOT a.worked_out), '[]') AS keyed,
           coalesce(json_agg(t.attname) FILTER (WHERE a.worked_out), '[]') AS worked_out
    FROM apart a JOIN pg_attribute t ON t.attrelid = a.oid AND t.attnum = a.number GROUP BY 1) u
JOIN pg_index i ON i.indexrelid = u.index JOIN pg_class c ON c.oid = u.index
WHERE i.indisvalid AND """, _COUNTABLE, " ORDER BY 1, 2"))

# What generated columns come to.
GENERATED = "WITH RECURSIVE " + _OTHERS + """
SELECT e.adrelid::bigint AS oid, a.attname AS name, a.attnotnull AS not_null, pg_get_expr(e.adbin, e.adrelid) AS expression,
       """ + _of_others("pg_class", "e.adrelid", "e.adnum") + """ AS others
FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum WHERE a.attgenerated <> '' AND e.adrelid IN (%s) ORDER BY 1, 2"""

# What rows are told apart by into the partitions of a table.
PARTITIONED_BY = """
SELECT p.partrelid::bigint AS oid, a.attname AS name
FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid
WHERE a.attnum = ANY (p.partattrs::int[]) OR EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = p.partrelid AND d.objsubid = 0 AND p.partexprs IS NOT NULL
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.partrelid AND d.refobjsubid = a.attnum)
    -- The other way round: a column cannot go without the table, for what the table is partitioned by.
    OR EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = p.partrelid AND d.objsubid = a.attnum
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.partrelid AND d.refobjsubid = 0 AND d.deptype = 'i')"""

# Which rows go into which partition by the hash of an enum, which is that of an oid: it is another one in each database.
HASHED_BY_ENUM = """
SELECT p.partrelid::bigint AS oid FROM pg_partitioned_table p JOIN pg_opclass c ON c.oid = ANY (p.partclass::oid[])
WHERE p.partstrat = 'h' AND c.opcname = 'enum_ops' AND c.opcnamespace = 'pg_catalog'::regnamespace"""

PARENTS = "SELECT inhrelid::bigint AS oid, inhparent::bigint AS parent FROM pg_inherits"

# The columns that tables hand down to others.
HANDED_DOWN = """
SELECT attrelid::bigint AS oid, json_agg(attname) AS columns
FROM pg_attribute WHERE attrelid IN (SELECT inhparent FROM pg_inherits) AND attnum > 0 AND NOT attisdropped GROUP BY 1"""

# Of partitioned tables once for all their partitions. collation is that of a key to which different letters may be the same.
REFERENCES = """
SELECT f.conname AS name, f.conrelid::bigint AS source, f.confrelid::bigint AS target, f.confmatchtype = 'f' AS full, s.attname AS column,
       t.attname AS key, (SELECT collname FROM pg_collation WHERE oid = t.attcollation AND NOT collisdeterministic) AS collation, (
           SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)) AS columns
FROM pg_constraint f, LATERAL unnest(f.conkey, f.confkey) k (source, target)
JOIN pg_attribute s ON s.attnum = k.source JOIN pg_attribute t ON t.attnum = k.target
WHERE f.contype = 'f' AND f.conparentid = 0 AND s.attrelid = f.conrelid AND t.attrelid = f.confrelid ORDER BY 1, 2"""

# Those that a restore has rows pass: what is NOT VALID, or not enforced, is so in the dump. Without those of the row as a whole or of system columns:
# what is asked about here is no row of the table.
CHECKS = "WITH RECURSIVE " + _OTHERS + """
SELECT c.conrelid::bigint AS oid, c.conname AS name, pg_get_expr(c.conbin, c.conrelid) AS expression,
       """ + _of_others("pg_constraint", "c.oid") + """ AS others,
       (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS columns
FROM pg_constraint c WHERE c.contype = 'c' AND c.convalidated AND c.conrelid IN (%s) AND 0 < ALL (c.conkey) ORDER BY 1, 2"""

# What indexes work out, and the columns that it is worked out from. Expressions are told as a list of them, as ROW takes it. Without
# predicates of nothing but truths and NULL, which are nothing that a mask could break.
INDEXES = "WITH RECURSIVE " + _OTHERS + """
SELECT i.indrelid::bigint AS oid, c.relname AS name, coalesce(pg_get_expr(i.indexprs, i.indrelid), 'true') AS expressions,
       coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') AS predicate, (
           SELECT json_agg(a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid IN (%s) AND i.indisvalid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    AND (i.indexprs IS NOT NULL OR concat(i.indpred) ~ '[{](?!(NULLTEST|BOOLEXPR|VAR) )') AND """ + _TRIABLE + " ORDER BY 1, 2"

LARGE_OBJECTS = "SELECT count(*) AS n FROM pg_largeobject_metadata"

# Tables of extensions whose rows pg_dump dumps, since their extension says so.
OF_EXTENSIONS = """
SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name, e.extname AS extension,
       ARRAY(SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns
FROM pg_extension e, unnest(e.extconfig) x (oid) JOIN pg_class c ON c.oid = x.oid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2"""


def listed(oids):
    """oids as a list of SQL, of which there may be none."""
    return ", ".join(map(str, oids)) or "0"


def columns(session, oids, encoding):
    """{oid: [(Column, whether it is generated)]} of tables, in their order."""
    types = {row["oid"]: row for row in session.query(TYPES % listed(oids))}
    unique = {(row["oid"], row["number"]): row for row in session.query(UNIQUE % listed(oids))}
    found = {oid: [] for oid in oids}
    for row in session.query(COLUMNS % listed(oids)):
        column = _column(row, types, unique.get((row["oid"], row["number"])), encoding)
        found[row["oid"]].append((column, row["generated"]))
    return found


def _column(row, types, unique, encoding):
    base, typmod, not_null = _base(types, row["type_oid"], row["typmod"], row["not_null"])
    element, array = types.get(base["element"]), bool(base["element"])
    if array:
        base, typmod, _not_null = _base(types, base["element"], typmod, False)
    limits = {}
    if typmod >= 4 and base["name"] in ("varchar", "bpchar"):
        limits["length"] = typmod - 4
    elif typmod >= 4 and base["name"] == "numeric":
        limits["precision"], scale = (typmod - 4) >> 16, (typmod - 4) & 0x7ff
        limits["scale"] = (scale ^ 1024) - 1024
    return Column(row["name"], row["type"], base["name"], array=array, element_type=element["type"] if element else None,
                  others=types[row["type_oid"]]["others"], not_null=not_null, unique=bool(unique), nulls_meet=bool(unique and unique["nulls_meet"]),
                  uncounted=bool(unique and unique["uncounted"]), encoding=encoding, **limits)


def _base(types, oid, typmod, not_null):
    """The type that a domain comes to, through all that are between, with what they limit."""
    base = types[oid]
    while base["base"]:
        typmod, not_null = base["typmod"] if typmod < 0 else typmod, not_null or base["not_null"]
        base = types[base["base"]]
    return base, typmod, not_null
