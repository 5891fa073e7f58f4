# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Has anything in a database changed between two moments, such as before and after a failed migration?

The answer "no" must be right; where it cannot be proven the answer is "yes", with the reason.

* Every row of every catalog is hashed: tables, columns, functions, privileges, comments, policies, extensions, file
  numbers (TRUNCATE and rewrites). A database is compared with itself only, so object ids may be part of it.
* Rows of the migrations table are hashed, sequences are read (they move without a transaction).
* Rows of other tables are not read; the server counts what was inserted, updated and deleted. It counts what was
  rolled back as well, so tables whose counters moved are looked at: nothing in them has changed when no visible row
  is younger than the first look and as many rows were committed as deleted. That takes a sequential scan, which gets
  SCAN_TIMEOUT; without since=, or when it runs out, moved counters count as a change.
  Sessions hand their counters in late: the second look waits for other sessions to leave.

A rolled-back INSERT into a table with a sequence still moves the sequence, and is therefore reported.
What lives outside the database (roles, other databases, foreign servers' tables) is not looked at, and a superuser
who turns track_counts off for a session of his own escapes the counters.
"""

from __future__ import annotations

import time

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import (
    PostgresError, quote_literal)

QUIET_TIMEOUT = 5  # seconds to wait for other sessions to leave
SCAN_TIMEOUT = 10  # seconds for looking at one table whose counters moved
COUNTERS_FROM = 15  # earlier servers send counters as datagrams that may come late or never

# An idle session has handed in its counters after ten seconds at the latest.
OTHERS = """
SELECT count(*) AS n FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
  AND NOT coalesce(state = 'idle' AND state_change < now() - interval '12 seconds', false)"""

IDENTITY = """
SELECT d.oid::bigint, current_setting('server_version_num')::int / 10000 AS major,
       pg_postmaster_start_time()::text AS started,
       (SELECT stats_reset::text FROM pg_stat_database s WHERE s.datid = d.oid) AS counters_reset,
       -- A crash of the server throws counters away and is seen here only.
       (SELECT stats_reset::text FROM pg_stat_bgwriter) AS server_counters_reset,
       current_setting('track_counts')::bool AND NOT EXISTS (
           SELECT 1 FROM pg_db_role_setting, unnest(setconfig) AS setting
           WHERE setting LIKE 'track\\_counts=%' AND setdatabase IN (0, d.oid)) AS counting,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS first_open_xid
FROM pg_database d WHERE d.datname = current_database()"""

# Columns that the server changes by itself, outside of transactions.
VOLATILE = ("relpages", "reltuples", "relallvisible", "relallfrozen", "relhasindex", "relhasrules", "relhastriggers",
            "relhassubclass", "relfrozenxid", "relminmxid", "indcheckxmin")
# Statistics of the planner are no content.
SKIPPED = ("pg_statistic", "pg_statistic_ext_data")
# Large objects are counted like rows of tables, and so is what the role cannot read.
COUNTED = ("pg_largeobject", "pg_largeobject_metadata")

CATALOGS = """
SELECT relname AS name, has_table_privilege(oid, 'SELECT') AND relname <> ALL (ARRAY[%s]) AS hashed,
       (SELECT string_agg('t.' || quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attname <> ALL (ARRAY[%s])) AS columns
FROM pg_class c WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
  AND relname <> ALL (ARRAY[%s])
ORDER BY relname""" % tuple(", ".join(map(quote_literal, names)) for names in (COUNTED, VOLATILE, SKIPPED))

# Tables whose content is told by counters only; those that never moved are left out.
ROWS = """
SELECT c.oid::bigint, c.oid::regclass::text AS name, a.ins, a.upd, a.del, pg_stat_get_live_tuples(c.oid) AS live,
       pg_stat_get_vacuum_count(c.oid) + pg_stat_get_autovacuum_count(c.oid)
       + pg_stat_get_analyze_count(c.oid) + pg_stat_get_autoanalyze_count(c.oid) AS upkeep
FROM pg_class c, LATERAL (SELECT pg_stat_get_tuples_inserted(c.oid) AS ins, pg_stat_get_tuples_updated(c.oid) AS upd,
                                 pg_stat_get_tuples_deleted(c.oid) AS del) a
WHERE c.relkind IN ('r', 'm') AND (c.relnamespace <> 'pg_catalog'::regnamespace OR c.relname IN (%s))
  AND a.ins + a.upd + a.del > 0"""

SEQUENCES = """
SELECT c.oid::regclass::text AS name, has_sequence_privilege(c.oid, 'SELECT') AS readable
FROM pg_class c WHERE c.relkind = 'S' AND c.relpersistence <> 't'"""

MIGRATIONS = """
SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND %s IN (c.relname, n.nspname || '.' || c.relname) ORDER BY 1"""

# A sum of 64-bit hashes does not depend on the order of the rows.
HASH = "SELECT %s AS name, count(*) || ':' || coalesce(sum(hashtextextended(%s, 0)), 0) AS value FROM %s t"

WORDS = {
    "pg_class": "tables, indexes, views or the files of tables", "pg_attribute": "columns",
    "pg_attrdef": "column defaults", "pg_constraint": "constraints", "pg_index": "indexes", "pg_proc": "functions",
    "pg_type": "types", "pg_enum": "enum values", "pg_trigger": "triggers", "pg_policy": "row security policies",
    "pg_rewrite": "views or rules", "pg_sequence": "sequence definitions", "pg_namespace": "schemas",
    "pg_extension": "extensions", "pg_description": "comments", "pg_depend": "dependencies",
    "pg_inherits": "inheritance or partitions", "pg_default_acl": "default privileges",
}


def take(connection, database, migrations_table=None, since=None):
    """The fingerprint of a database now, as plain data; since is the earlier one it will be compared with."""
    with connection.session(database) as session:
        quiet = _is_quiet(session, QUIET_TIMEOUT if since else 0)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        fingerprint = session.query(IDENTITY)[0]
        catalogs = session.query(CATALOGS)
        fingerprint["schema"] = _pairs(session.query(" UNION ALL ".join(
            HASH % (quote_literal(catalog["name"]), "ROW(%s)::text" % catalog["columns"], catalog["name"])
            for catalog in catalogs if catalog["hashed"])))
        counted = [catalog["name"] for catalog in catalogs if not catalog["hashed"]]
        fingerprint["rows"] = {str(row.pop("oid")): row for row in session.query(
            ROWS % ", ".join(map(quote_literal, counted)))}
        sequences = session.query(SEQUENCES)
        fingerprint["sequences"] = _values(session, [row["name"] for row in sequences if row["readable"]])
        fingerprint["migrations"] = _migrations(session, migrations_table)
        session.execute("COMMIT")
        uncertain = []
        if not fingerprint["counting"]:
            uncertain.append("The server does not count row activity for everybody here (track_counts).")
        if fingerprint["major"] < COUNTERS_FROM:
            uncertain.append("PostgreSQL before %d does not count row activity reliably." % COUNTERS_FROM)
        unreadable = [row["name"] for row in sequences if not row["readable"]]
        if unreadable:
            uncertain.append("Sequences cannot be read by this role: %s." % ", ".join(sorted(unreadable)))
        fingerprint.update(uncertain=uncertain, quiet=quiet)
        fingerprint["no_new_rows"] = _without_new_rows(session, since, fingerprint) if since else []
    return fingerprint


def compare(before, after):
    """Reasons to believe that the database changed in between; empty means it provably did not."""
    reasons = compare_schema(before, after)
    if before["oid"] != after["oid"]:
        return reasons
    reasons += _row_reasons(before, after)
    sequences = [name for name in sorted(set(before["sequences"]) | set(after["sequences"]))
                 if before["sequences"].get(name) != after["sequences"].get(name)]
    if sequences:
        reasons.append("Sequences moved, as a rolled-back insert does too: %s." % _some(sequences))
    return reasons + sorted(set(before["uncertain"] + after["uncertain"]))


def compare_schema(before, after):
    """What has changed but for the content of tables, which users may have written; empty means nothing has."""
    if before["oid"] != after["oid"]:
        return ["It is another database than before."]
    reasons = ["Schema changed: %s." % WORDS.get(name, name)
               for name in sorted(set(before["schema"]) | set(after["schema"]))
               if before["schema"].get(name) != after["schema"].get(name)]
    if before["migrations"] != after["migrations"]:
        reasons.append("The migrations table changed.")
    return reasons


def _row_reasons(before, after):
    if not after["quiet"]:
        return ["Row activity is not known: other sessions are connected."]
    lost = [words for key, words in (
        ("started", "the server was restarted"), ("counters_reset", "the counters were reset"),
        ("server_counters_reset", "the server lost or reset its counters")) if before[key] != after[key]]
    if lost:
        return ["Row activity is not known: %s." % ", ".join(lost)]
    touched = []
    for oid in sorted(set(before["rows"]) | set(after["rows"]), key=int):
        old, new = before["rows"].get(oid, {}), after["rows"].get(oid, {})
        if _moved(old, new) and not _rolled_back(old, new, oid in after["no_new_rows"]):
            touched.append((new or old)["name"])
    return ["Rows were inserted, updated or deleted in %s." % _some(touched)] if touched else []


def _moved(old, new):
    return any(old.get(key, 0) != new.get(key, 0) for key in ("ins", "upd", "del"))


def _rolled_back(old, new, no_new_rows):
    """Whether everything that moved the counters was rolled back.

    "live" takes in committed inserts and deletes only, and is an estimate as soon as VACUUM or ANALYZE came by. With
    no new row to be seen every committed insert was deleted again, so the same number means that no old one was.
    But the server never lets it fall below 0, where it begins for a table without counters, as all of a fresh copy are:
    it tells of deletes only where it was as large as all that are counted.
    """
    same = all(old.get(key, 0) == new.get(key, 0) for key in ("live", "upkeep"))
    return no_new_rows and same and old.get("live", 0) >= new.get("del", 0) - old.get("del", 0)


def _is_quiet(session, patience):
    """Whether sessions that may still write, or have not handed in their counters, are gone; wait for it a while."""
    deadline = time.monotonic() + patience
    while session.query(OTHERS)[0]["n"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _values(session, sequences):
    """Where each sequence stands; a sequence is read like a table of one row."""
    return _pairs(session.query(" UNION ALL ".join(
        "SELECT %s AS name, last_value || ':' || is_called AS value FROM %s" % (quote_literal(name), name)
        for name in sequences)) if sequences else [])


def _migrations(session, table):
    """The hash of the migrations table's rows, for each schema that has such a table; None for a name that is None."""
    if not table:
        return None
    names = [row["name"] for row in session.query(MIGRATIONS % quote_literal(table))]
    return _pairs(session.query(" UNION ALL ".join(HASH % (quote_literal(name), "t::text", name) for name in names))
                  if names else [])


def _without_new_rows(session, since, fingerprint):
    """Ids of the tables with moved counters in which no visible row is younger than the earlier fingerprint."""
    first = since["first_open_xid"]
    proven = []
    session.execute("SET statement_timeout = '%ds'" % SCAN_TIMEOUT)
    for oid, row in sorted(fingerprint["rows"].items()):
        if not _moved(since["rows"].get(oid, {}), row):
            continue
        # xmin has 32 bits; a row so old that it looks young after a wrap-around is taken for a new one.
        young = ("SELECT EXISTS (SELECT 1 FROM ONLY %s WHERE (xmin::text::bigint - %d) & 4294967295"
                 " < pg_snapshot_xmax(pg_current_snapshot())::text::bigint - %d) AS found"
                 % (row["name"], first & 0xFFFFFFFF, first))
        try:
            if not session.query(young)[0]["found"]:
                proven.append(oid)
        except PostgresError as error:
            if error.sqlstate not in ("57014", "42501", "55P03"):  # too slow, not allowed, locked: not proven then
                raise
    session.execute("SET statement_timeout = 0")
    return proven


def _pairs(rows):
    return {row["name"]: row["value"] for row in rows}


def _some(names):
    return ", ".join(names) if len(names) <= 8 else "%s and %d more" % (", ".join(names[:8]), len(names) - 8)
