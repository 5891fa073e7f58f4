# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The properties of a database that stand outside of it: what CREATE DATABASE ... TEMPLATE leaves behind, and how to give it to the copy.

Owner, connection limit, encoding, locale and tablespace are the business of CREATE DATABASE itself; privileges,
ALTER DATABASE ... SET (for every role) and the comment live outside the database and are not copied.
"""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import (
    PostgresError, quote_ident, quote_literal)
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import COMMENT

# These settings hold lists of names, stored as they are written in SQL; every other value is plain text.
LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
         "temp_tablespaces", "unix_socket_directories")

PRIVILEGES = """
SELECT coalesce(g.rolname, '') AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable,
       a.grantor = d.datdba AS by_owner
FROM pg_database d, aclexplode(d.datacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE d.datname = %s ORDER BY by_owner DESC, 1, 2"""

SETTINGS = """
SELECT coalesce(r.rolname, '') AS role, unnest(s.setconfig) AS setting
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE d.datname = %s ORDER BY 1, 2"""

OTHERS = """
SELECT d.datacl IS NOT NULL AS has_privileges, d.datconnlimit AS connection_limit, pg_get_userbyid(d.datdba) AS owner,
       %s AS comment,
       (SELECT count(*) FROM pg_shseclabel l WHERE l.classoid = 'pg_database'::regclass AND l.objoid = d.oid) AS labels,
       (SELECT count(*) FROM pg_subscription s WHERE s.subdbid = d.oid) AS subscriptions,
       (SELECT count(*) FROM pg_replication_slots s WHERE s.database = d.datname) AS slots
FROM pg_database d WHERE d.datname = %%s""" % COMMENT


NOTHING = {"owner": None, "comment": None, "connection_limit": -1, "settings": [], "privileges": None}


def outside(session, database):
    """What a database has outside of itself, as NOTHING has it; privileges are None where they are the usual ones."""
    return _outside(session, database, session.query(OTHERS % quote_literal(database))[0])


def give(session, copy, told):
    """Give a copy what a database has outside of itself (but for the connection limit); return a sentence for each thing it lacks."""
    lacking = []
    for statement, subject in _statements(session, copy, told):
        try:
            session.execute(statement)
        except PostgresError as error:
            if not error.sqlstate.startswith(("42", "22")):  # not refused as such: no room, no connection, ...
                raise
            lacking.append("The copy lacks %s: %s" % (subject, error))
    return lacking


def lacking(database, others):
    """Sentences on what a copy of a database cannot have, by a row of OTHERS."""
    return ["Database %s has %d %s, which a copy cannot have." % (quote_ident(database), others[key], what)
            for key, what in (("labels", "security labels"), ("subscriptions", "subscriptions"), ("slots", "replication slots")) if others[key]]


def carry_over(session, database, copy, there=None):
    """Give the copy what the database has outside of itself; return a sentence for each thing that stays behind.

    there is a session on the server of the database, where that is another one than the copy's.
    """
    there = there or session
    others = there.query(OTHERS % quote_literal(database))[0]
    return give(session, copy, _outside(there, database, others)) + lacking(database, others)


def keep_out(database):
    """The statement after which nobody but its owner gets into a database, until give() says who may."""
    return "REVOKE ALL ON DATABASE %s FROM PUBLIC" % quote_ident(database)


def _outside(session, database, others):
    here = quote_literal(database)
    return {"owner": others["owner"], "comment": others["comment"], "connection_limit": others["connection_limit"],
            "settings": session.query(SETTINGS % here), "privileges": session.query(PRIVILEGES % here) if others["has_privileges"] else None}


def _statements(session, copy, told):
    """Pairs of a statement and, in words, what would be missing without it."""
    target = quote_ident(copy)
    if told["comment"] is not None:
        yield "COMMENT ON DATABASE %s IS %s" % (target, quote_literal(told["comment"])), "the comment"
    for row in told["settings"]:
        name, value = row["setting"].split("=", 1)
        scope = "ROLE %s IN DATABASE %s" % (quote_ident(row["role"]), target) if row["role"] else "DATABASE " + target
        of_role = ' of role "%s"' % row["role"] if row["role"] else ""
        yield "ALTER %s SET %s TO %s" % (scope, _setting_name(name), _setting_value(name, value)), \
            "setting %s%s" % (name, of_role)
    if told["privileges"] is None:
        if session.query(OTHERS % quote_literal(copy))[0]["has_privileges"]:  # they were taken away while it was filled
            yield "GRANT CONNECT, TEMPORARY ON DATABASE %s TO PUBLIC" % target, "the usual privileges"
        return
    for grantee in ("PUBLIC", quote_ident(told["owner"])):  # one by one: that role may not be on the copy's server
        yield "REVOKE ALL ON DATABASE %s FROM %s" % (target, grantee), "its privileges"
    for row in told["privileges"]:
        grantee = quote_ident(row["grantee"]) if row["grantee"] else "PUBLIC"
        option = " WITH GRANT OPTION" if row["grantable"] else ""
        # A privilege that somebody else passed on comes from the owner afterwards; what it allows is the same.
        yield "GRANT %s ON DATABASE %s TO %s%s" % (row["privilege"], target, grantee, option), \
            "privilege %s of %s" % (row["privilege"], row["grantee"] or "PUBLIC")


def _setting_name(name):
    """The name as an identifier; settings of extensions have a dot."""
    return ".".join(quote_ident(part) for part in name.split("."))


def _setting_value(name, value):
    if name not in LISTS:
        return quote_literal(value)
    names = [quoted.replace('""', '"') or plain
             for quoted, plain in re.findall(r'"((?:[^"]|"")*)"|([^,\s"]+)', value)]
    return ", ".join(quote_literal(each) for each in names) or "''"
