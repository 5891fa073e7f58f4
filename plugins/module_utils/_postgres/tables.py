# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What there is to know of the tables of a database, for whom some SQL changes them: how big they are, and what it has left."""

from __future__ import annotations

# A table is big from here on: about what PostgreSQL reads, sorts and writes again in a second.
BIG_TABLE = 32 * 1024 * 1024  # bytes, indexes included

NAMES = """
SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY 2, 3"""

# The types are those whose widening can be told from another change; no other is asked for.
SIZES = """
SELECT c.oid::bigint,
       CASE WHEN c.relkind = 'p' THEN (SELECT coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_partition_tree(c.oid))
            ELSE pg_total_relation_size(c.oid) END::bigint AS bytes,
       c.relkind = 'p' AS partitioned,
       (SELECT sum(pg_total_relation_size(tree.relid)) FROM pg_partitioned_table p, pg_partition_tree(p.partdefid) tree
        WHERE p.partrelid = c.oid AND p.partdefid <> 0)::bigint AS default_bytes,
       (SELECT coalesce(json_object_agg(attname, format_type(atttypid, atttypmod)), '{}') FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND atttypid IN ('varchar'::regtype, 'numeric'::regtype)) AS columns
FROM pg_class c WHERE c.oid IN (%s)"""

# An index that somebody is building at this moment is not valid either; who may not see which one that is (NULL) is told of none. That of
# a partitioned table waits for those of its partitions.
INVALID = """
SELECT format('%I.%I', n.nspname, c.relname) AS name
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_toast'
  AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p
    WHERE p.datname = current_database() AND coalesce(p.index_relid, c.oid) = c.oid)
ORDER BY 1"""


def mentioned(connection, database, text):
    """The tables and materialized views whose names occur in a text of SQL, and the server's version.

    {"tables": [{schema, name, bytes (indexes and partitions included), partitioned, default_bytes (those of its default partition, or None),
                 columns {name: type}}], "server_version": 150004}
    """
    text = text.lower()
    with connection.session(database) as session:
        version = session.query("SELECT current_setting('server_version_num')::int AS n")[0]["n"]
        tables = {row.pop("oid"): row for row in session.query(NAMES) if row["name"].lower() in text}
        for row in session.query(SIZES % ", ".join(map(str, tables))) if tables else ():
            if row["bytes"] is not None:  # else it is gone meanwhile
                tables[row.pop("oid")].update(row)
    return {"tables": [table for table in tables.values() if "bytes" in table], "server_version": version}


def invalid_indexes(connection, database):
    """The names of indexes that CREATE INDEX CONCURRENTLY has left when it failed, ready to be written in SQL."""
    with connection.session(database) as session:
        return [row["name"] for row in session.query(INVALID)]
