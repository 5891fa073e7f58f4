# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whole databases of a server: one call at a time copies, closes, renames and drops them.

A database that is renamed or copied must have nobody in it. It is closed first (ALLOW_CONNECTIONS false), so that
clients which come back at once do not get in again, then the sessions in it are ended. The comment of a closed database says that it
was Slipway, so that what a killed call has left closed can be told from what somebody has closed on purpose. A comment, and
not a setting of Slipway's own: only a superuser may make one.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import (
    EXIT_TIMEOUT, LOST, PostgresError, quote_ident, quote_literal)
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken

LONGEST = 63  # bytes in a name, unless the server was built otherwise
LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE of it
IN_USE = "55006"  # SQLSTATE object_in_use
SWAPPING = 0x736C6970  # first key of the advisory lock of who copies or swaps a database: "slip"
PATIENCE = 2  # seconds an earlier call gets to end by itself
BACK = 60  # seconds a server that was lost gets to come back
# Measured on PostgreSQL 17, ext4, two cores (median seconds, WAL_LOG against FILE_COPY): 7 MB 0.06 and 0.11, 39 MB 0.19
# and 0.16, 71 MB 0.27 and 0.20, 263 MB 0.94 and 0.57, 1 GB 4.7 and 1.9. FILE_COPY also writes out every changed
# page of the whole server, so it comes in a little above the crossover.
FILE_COPY_FROM = 64 * 1024 * 1024  # bytes

MARK = "[closed by Slipway]"
_MARKED = quote_literal("\n?%s$" % re.escape(MARK))
# Of database d: whether it lets connections in, null where it was not Slipway that has closed it; and its comment without the mark.
OPEN = "CASE WHEN d.datallowconn THEN true WHEN shobj_description(d.oid, 'pg_database') ~ %s THEN false END" % _MARKED
COMMENT = "nullif(regexp_replace(shobj_description(d.oid, 'pg_database'), %s, ''), '')" % _MARKED

# Ends sessions and waits for it. pg_terminate_backend() looks only every 100 ms whether one is gone, and clients are refused meanwhile.
ENDING = """
DECLARE patience CONSTANT timestamptz := clock_timestamp() + interval '%(milliseconds)d ms';
BEGIN
    LOOP -- who was just logging in comes to be seen a moment later
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) %(others)s;
        EXIT WHEN NOT FOUND OR clock_timestamp() > patience;
        PERFORM pg_sleep(0.002);
    END LOOP;
END"""

HOLDER = """
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = %d AND l.objid::bigint = %d AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

# Who keeps everybody else from which tables of the database; the process of a prepared transaction is nobody's.
LOCKED = """
SELECT n.nspname AS schema, c.relname AS name, l.pid, a.usename AS role, a.application_name AS program
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2, 3 LIMIT 10"""


def in_the_way(connection, database):
    """Sentences on the tables that nobody else can read now, each with a space before it; none where that cannot be asked."""
    try:
        held = connection.query(LOCKED, database)
    except PostgresError:
        return ""
    return "".join(" Table %s is locked by %s." % (spoken(table), 'process %d (user "%s", application "%s")' % (
        table["pid"], table["role"], table["program"]) if table["pid"] else "a prepared transaction") for table in held)


@contextlib.contextmanager
def naming_who_is_in_the_way(connection):
    """An error of the block for a lock that came not in time tells who keeps which tables of login_db to himself; PostgreSQL tells neither."""
    try:
        yield
    except PostgresError as error:
        if error.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        raise PostgresError("%s.%s" % (error.message.rstrip("."), in_the_way(connection, connection.login_db)), error.sqlstate,
                            untouched=error.untouched, hint=error.hint) from error


def version_of(session):
    """The version of the server that a session or a Connection leads to, as server_version_num."""
    return session.query("SELECT current_setting('server_version_num')::int AS n")[0]["n"]


def system_of(connection, database=None):
    """The identifier that a server and its standbys have in common, as a text, asked for in a database; None where it is not told."""
    try:
        return connection.query("SELECT system_identifier::text AS system FROM pg_control_system()", database)[0]["system"]
    except PostgresError:
        return None


def take_turn(session, database, lock_class, patience=PATIENCE):
    """Take an advisory lock about the database for as long as the session lives; None, or after patience seconds who has it.

    The holder is {pid, role, address, since}. A killed call leaves its psql at the statement it had sent, so a lock
    that is held may be nobody's any more and come free by itself.
    """
    key = _key(database)
    deadline = time.monotonic() + patience
    while not session.query("SELECT pg_try_advisory_lock(%d, %d) AS ours" % (lock_class, key))[0]["ours"]:
        if time.monotonic() > deadline:
            holders = session.query("SELECT a.pid, a.usename AS role, a.client_addr AS address, a.backend_start AS since"
                                    + HOLDER % (lock_class, key & 0xFFFFFFFF))
            if holders:
                return holders[0]
        time.sleep(0.05)
    return None


def insist_on_turn(session, database, lock_class):
    """Take the advisory lock whoever has it: who does not let go in a moment is ended."""
    while take_turn(session, database, lock_class):
        session.execute("SELECT pg_terminate_backend(a.pid, %d) %s" % (
            EXIT_TIMEOUT, HOLDER % (lock_class, _key(database) & 0xFFFFFFFF)))


def leave_turn(session, database, lock_class):
    """Let go of the advisory lock once, as often as it was taken."""
    session.execute("SELECT pg_advisory_unlock(%d, %d)" % (lock_class, _key(database)))


def in_another(session, work):
    """What work(session) returns in a session like the one that was lost, as soon as one can be had."""
    deadline = time.monotonic() + BACK
    while True:
        try:
            with session.connection.session(session.database) as another:
                return work(another)
        except PostgresError as error:
            if error.sqlstate != LOST or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _key(database):
    return int.from_bytes(hashlib.sha256(database.encode("utf-8")).digest()[:4], "big", signed=True)


def alone(session, statements, *databases):
    """Run statements that need databases to themselves, after ending the sessions there; they must be closed."""
    others = ("FROM pg_stat_activity WHERE datname IN (%s) AND usesysid IS NOT NULL"
              % ", ".join(quote_literal(database) for database in databases))
    for attempt in range(3):
        session.execute("DO " + quote_literal(ENDING % {"others": others, "milliseconds": EXIT_TIMEOUT}))
        try:
            # CREATE DATABASE cannot be part of a transaction and is one by itself.
            return session.execute(*statements) if len(statements) == 1 else session.transaction(*statements)
        except PostgresError as error:
            # A session that was still logging in when we closed the database is not in the list at first.
            if error.sqlstate != IN_USE or attempt == 2:
                raise


def together(*statements):
    """Statements as one: psql sends them at once, and the server runs all of them or none."""
    return "\\; ".join(statements)


def close(session, database):
    session.execute(allow(database, False))


def drop(session, database):
    try:
        session.execute("DROP DATABASE IF EXISTS %s WITH (FORCE)" % quote_ident(database))
    except PostgresError as error:
        if error.sqlstate != IN_USE:
            raise
        raise PostgresError(error.message, error.sqlstate, hint=_subscriptions(session, database)) from None


def _subscriptions(session, database):
    """How the subscriptions that keep a database from being dropped go without their slots, which another database may need; None without any.

    By itself, DROP SUBSCRIPTION drops the slot on the publisher, and an enabled one reads on from it once connections are let in.
    """
    found = session.query("SELECT s.subname AS name FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = %s ORDER BY 1"
                          % quote_literal(database))
    if not found:
        return None
    statements = " ".join("ALTER SUBSCRIPTION {0} DISABLE; ALTER SUBSCRIPTION {0} SET (slot_name = NONE); DROP SUBSCRIPTION {0};".format(
        quote_ident(row["name"])) for row in found)
    return ("Its subscriptions have to be dropped in it first, their slots on the publisher left to whoever goes on with them: ALTER DATABASE %s "
            "ALLOW_CONNECTIONS true, and then at once, in it: %s" % (quote_ident(database), statements))


def allow(database, allowed):
    """The statement that lets connections in, or no longer and says so in the comment."""
    comment = COMMENT if allowed else "concat_ws(%s, %s, %s)" % (quote_literal("\n"), COMMENT, quote_literal(MARK))
    comments = ("BEGIN EXECUTE (SELECT format('COMMENT ON DATABASE %%I IS %%L', d.datname, %s) FROM pg_database d WHERE d.datname = %s); END"
                % (comment, quote_literal(database)))
    return together("ALTER DATABASE %s ALLOW_CONNECTIONS %s" % (quote_ident(database), "true" if allowed else "false"),
                    "DO " + quote_literal(comments))


def closed_by_somebody(database):
    """A sentence for a live database that refuses connections although no call of Slipway has closed it."""
    return ("Database %s refuses connections, and it was not Slipway that has closed it. When it is needed again: "
            "ALTER DATABASE %s ALLOW_CONNECTIONS true." % (quote_ident(database), quote_ident(database)))


def rename(old, new):
    return "ALTER DATABASE %s RENAME TO %s" % (quote_ident(old), quote_ident(new))


@contextlib.contextmanager
def in_time(session):
    """While the block runs, a statement of the session may take the seconds of statement_timeout, if there are any."""
    seconds = session.connection.statement_timeout
    if not seconds:
        yield
        return
    session.execute("SET statement_timeout = '%ds'" % seconds)
    try:
        yield
    finally:
        with contextlib.suppress(PostgresError):  # the session was lost, which the block has said
            session.execute("SET statement_timeout = 0")


def copying(source, copy, facts):
    """The statement that makes a closed copy of a database with these facts (as preflight's look gives them)."""
    options = "TEMPLATE %s OWNER %s ALLOW_CONNECTIONS false CONNECTION LIMIT %d" % (
        quote_ident(source), quote_ident(facts["owner"]), facts["connection_limit"])
    if facts["major"] >= 15:
        options += " STRATEGY " + strategy(facts["size"], facts["file_copy_method"])
    if facts["collation_version"]:
        # Otherwise the server refuses what was made by another version than its machine has now. A copy of its files is no worse than they are.
        options += " COLLATION_VERSION " + quote_literal(facts["collation_version"])
    return "CREATE DATABASE %s %s" % (quote_ident(copy), options)


def strategy(size, file_copy_method):
    """How CREATE DATABASE copies fastest."""
    return "FILE_COPY" if size >= FILE_COPY_FROM or file_copy_method == "clone" else "WAL_LOG"


def fit(name):
    """The name, or when it is too long for PostgreSQL its beginning and a hash of all of it."""
    data = name.encode("utf-8")
    if len(data) <= LONGEST:
        return name
    tail = "_" + hashlib.sha256(data).hexdigest()[:12]
    return data[:LONGEST - len(tail)].decode("utf-8", "ignore") + tail
