# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What would keep a restore point from being made, found before anything is changed."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_ident, quote_literal

OLDEST = 14

# One row about server, role and database; the database's columns are null where there is no such database.
LOOK = """
SELECT current_setting('server_version_num')::int / 10000 AS major, pg_is_in_recovery() AS standby,
       current_user AS role, r.rolsuper AS superuser, r.rolcreatedb AS createdb, d.oid::bigint,
       pg_get_userbyid(d.datdba) AS owner, d.datallowconn AS open, d.datconnlimit AS connection_limit,
       d.datistemplate AS template, r.rolsuper OR pg_has_role(d.datdba, 'USAGE') AS owns,
       r.rolsuper OR pg_has_role(d.datdba, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS becomes,
       (SELECT count(*) FROM pg_prepared_xacts p WHERE p.database = d.datname) AS prepared,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) ELSE 0 END AS size,
       current_setting('file_copy_method', true) AS file_copy_method, to_jsonb(d) ->> 'datcollversion' AS collation_version
FROM pg_roles r LEFT JOIN pg_database d ON d.datname = %s
WHERE r.rolname = current_user"""

VERSION_NOW = "SELECT pg_database_collation_actual_version(%d) AS version"  # there is such a function where a database has one, from 15 on

# Roles whose sessions in the database this role may not end.
UNTOUCHABLE = """
SELECT DISTINCT s.rolname AS role, s.rolsuper AS superuser
FROM pg_stat_activity a JOIN pg_roles s ON s.oid = a.usesysid
WHERE a.datname = %s AND a.pid <> pg_backend_pid() AND NOT pg_has_role(s.oid, 'USAGE')
  AND (s.rolsuper OR NOT pg_has_role('pg_signal_backend', 'USAGE'))
ORDER BY 1"""


def look(session, database):
    """Facts about server, role and database, as one dict; "oid" is None where there is no such database."""
    return session.query(LOOK % quote_literal(database))[0]


def collation_warnings(session, database, facts):
    """A sentence on a database whose indexes, and so those of its copies, were made by other rules for sorting texts than the server's machine has now."""
    if not facts["collation_version"]:
        return []
    now = session.query(VERSION_NOW % facts["oid"])[0]["version"]
    return [] if now == facts["collation_version"] else [
        "Database %s was made by version %s of the rules for sorting texts, and the server's machine has %s now: indexes may be wrong, in its copies, too. "
        "Mend it by REINDEX DATABASE %s, then ALTER DATABASE %s REFRESH COLLATION VERSION."
        % (quote_ident(database), facts["collation_version"], now or "none", quote_ident(database), quote_ident(database))]


def problems(session, database, facts, may_lack=False):
    """Sentences on what keeps this role from copying and renaming the database; empty when nothing does.

    With may_lack it is none that there is no such database yet.
    """
    found = []
    if facts["major"] < OLDEST:
        found.append("The server is PostgreSQL %d; Slipway needs %d or later." % (facts["major"], OLDEST))
    if facts["standby"]:
        found.append("The server is a standby and read-only; name the primary.")
    if not (facts["createdb"] or facts["superuser"]):
        found.append('Role "%s" may not create databases, which this needs; a superuser can allow it: '
                     'ALTER ROLE "%s" CREATEDB.' % (facts["role"], facts["role"]))
    if facts["oid"] is None:
        return found if may_lack else found + ['There is no database "%s" on this server.' % database]
    if database == session.database:
        found.append('Database "%s" is also the maintenance database; name another one as maintenance_db.' % database)
    if facts["template"]:
        found.append('Database "%s" is a template database.' % database)
    if not facts["owns"]:
        found.append('Role "%s" does not own database "%s" (role "%s" does), so it may not copy and rename it.'
                     % (facts["role"], database, facts["owner"]))
    elif not facts["becomes"]:
        found.append('Role "%s" may not give a database to role "%s", which owns database "%s"; that role\'s admin can allow it: '
                     'GRANT "%s" TO "%s" WITH SET TRUE.' % (facts["role"], facts["owner"], database, facts["owner"], facts["role"]))
    if facts["prepared"]:
        found.append('Database "%s" has %d prepared transactions; commit them or roll them back.'
                     % (database, facts["prepared"]))
    for other in session.query(UNTOUCHABLE % quote_literal(database)):
        cure = "disconnect it" if other["superuser"] else 'GRANT pg_signal_backend TO "%s"' % facts["role"]
        found.append('Role "%s" is connected to database "%s" and role "%s" may not end its sessions; %s.'
                     % (other["role"], database, facts["role"], cure))
    return found


def findings(connection, database):
    """What stands against a restore point of the database, as sentences; empty when nothing does."""
    try:
        with connection.session(connection.maintenance_db) as session:
            facts = look(session, database)
            found = problems(session, database, facts)
        if facts["oid"] is not None:
            connection.query("SELECT 1 AS one", database)
        return found
    except PostgresError as error:
        return [str(error)]
