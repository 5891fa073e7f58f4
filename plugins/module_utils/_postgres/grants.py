# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The privileges inside a database (on schemas, tables, functions and their defaults), from one database to another.

pg_dump writes the statements and pg_restore runs them, so that no kind of object is forgotten here. Large objects alone
are none of a schema: pg_dump would write their content as well. What came of it is asked of both databases: of a privilege that
a role may not give, the server only warns, in its own language, and pg_restore keeps that to itself.
"""

from __future__ import annotations

import os
import re
import tempfile
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import LOST, PostgresError, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import in_the_way
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import read_errors

_PRIVILEGES = re.compile(r"\d+; \d+ \d+ (DEFAULT )?ACL ")
OTHERS = 'Role "%s" owned in the old database what role "%s" owns in the new one: %s.'
PAUSE = 5  # seconds between two tries to read what is locked
AT_ONCE = 1000  # large objects in one statement
NAMED, SAID = 5, 20  # objects in one sentence, and sentences

# Who but the owner holds a list of privileges, as [role, or "" for everybody; privilege; whether it may be handed on].
_HOLDERS = """(
    SELECT coalesce(json_agg(json_build_array(coalesce(r.rolname, ''), a.privilege_type, a.is_grantable)), '[]')
    FROM aclexplode(%s) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> held.owner AND (a.grantee = 0 OR r.oid IS NOT NULL))"""
# Who may do what with which object, and what would be so if nothing were said; whether its owner may do all that the database's
# may; what the object is part of, and whether every database
# has it (initdb makes those below 16384, FirstNormalObjectId: all whose privileges were ever said). Named as the server names them.
HELD = """
SELECT what.type || ' ' || what.identity AS name, coalesce(whole.type || ' ' || whole.identity, '') AS within, held.everywhere,
    pg_get_userbyid(held.owner) AS owner,
    pg_has_role(held.owner, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE') AS mighty,
    """ + _HOLDERS % "coalesce(held.acl, acldefault(held.kind, held.owner))" + """ AS given,
    """ + _HOLDERS % "acldefault(held.kind, held.owner)" + """ AS unsaid
FROM (
    SELECT 'pg_namespace'::regclass AS class, oid::bigint AS object, 0 AS part, nspowner AS owner, nspacl AS acl, 'n'::"char" AS kind,
        NULL::regclass AS whole, 0::oid AS within, oid::bigint < 16384 AS everywhere
    FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'
    UNION ALL SELECT 'pg_class'::regclass, oid::bigint, 0, relowner, relacl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
        NULL, 0, oid::bigint < 16384
    FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
    UNION ALL SELECT 'pg_class'::regclass, attrelid::bigint, attnum, relowner, attacl, 'c'::"char", 'pg_class'::regclass, attrelid, attrelid::bigint < 16384
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attacl IS NOT NULL AND NOT attisdropped AND relpersistence <> 't'
    UNION ALL SELECT 'pg_proc'::regclass, oid::bigint, 0, proowner, proacl, 'f'::"char", NULL, 0, oid::bigint < 16384 FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid::bigint, 0, typowner, typacl, 'T'::"char", NULL, 0, oid::bigint < 16384
    FROM pg_type WHERE NOT (typtype = 'b' AND typcategory = 'A') AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND relkind <> 'c')
    UNION ALL SELECT 'pg_language'::regclass, oid::bigint, 0, lanowner, lanacl, 'l'::"char", NULL, 0, oid::bigint < 16384 FROM pg_language
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid::bigint, 0, fdwowner, fdwacl, 'F'::"char", NULL, 0, false FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid::bigint, 0, srvowner, srvacl, 'S'::"char", NULL, 0, false FROM pg_foreign_server
    UNION ALL SELECT 'pg_default_acl'::regclass, oid::bigint, 0, defaclrole, defaclacl,
        CASE WHEN defaclnamespace <> 0 THEN 'c' WHEN defaclobjtype = 'S' THEN 's' ELSE defaclobjtype END::"char",  -- a schema's add to the others
        CASE WHEN defaclnamespace <> 0 THEN 'pg_namespace'::regclass END, defaclnamespace, defaclnamespace = 0 FROM pg_default_acl
) held CROSS JOIN LATERAL pg_identify_object(held.class, held.object::oid, held.part) what
LEFT JOIN LATERAL pg_identify_object(held.whole, held.within, 0) whole ON held.within <> 0
WHERE (held.object >= 16384 OR held.acl IS NOT NULL) AND what.identity IS NOT NULL ORDER BY 1"""

# Who but the owners may do what with which large objects.
LARGE_OBJECTS = """
SELECT coalesce(g.rolname, '') AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable, json_agg(l.oid::bigint ORDER BY l.oid) AS objects
FROM pg_largeobject_metadata l, aclexplode(l.lomacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.grantee <> l.lomowner GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


def copy_grants(clients, connection, facts, source, target, patience=0):
    """As Grants: read those of the source, and give them to the target; return what Grants.give does."""
    with Grants(clients, connection, source, patience) as grants:
        return grants.give(facts, target)


class Grants:
    """The privileges that a database has, read as a block begins (but those of large objects, which are as they are when given), for another one.

    Where they cannot be read it is an error: nobody is to be locked out, or let in, by a database without any. While tables are locked it is
    tried again for patience seconds.
    """

    def __init__(self, clients, connection, source, patience=0):
        self._clients = clients
        self._connection = connection
        self._source = source
        self._patience = patience
        self._folder = tempfile.TemporaryDirectory(prefix="slipway-grants-")
        self._archive, self._listed = (os.path.join(self._folder.name, name) for name in ("schema", "list"))

    def __enter__(self):
        try:
            self._read()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_error):
        self._folder.cleanup()

    def _read(self):
        clients, connection = self._clients, self._connection
        environment = connection.environment()
        argv = [clients.pg_dump, "--format=custom", "--schema-only", "--no-password", "--lock-wait-timeout=%ds" % connection.lock_timeout,
                "--file=" + self._archive, "--dbname=" + connection.conninfo(self._source)]
        until, gone = time.monotonic() + self._patience, False
        while True:
            dumped = run(argv, env=environment, dies_with_us=True)
            if dumped.ok:
                break
            why = in_the_way(connection, self._source)
            if gone or time.monotonic() > until:
                raise _lost(dumped, connection, why)
            gone = not why  # who was in the way may have ended as pg_dump did, so one more time tells
            # Not one long wait: others would wait behind the locks that pg_dump has already.
            time.sleep(PAUSE)
        listed = run([clients.pg_restore, "--list", self._archive], env=environment)
        if not listed.ok:
            raise _lost(listed, connection)
        with open(self._listed, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write("".join(line + "\n" for line in listed.stdout.splitlines() if _PRIVILEGES.match(line)))

    def give(self, facts, target):
        """Give them to what is in the target; return sentences on large objects that did not get theirs, all else compared() tells.

        What is in the source only is passed over. facts have new_owner, the role that the target belongs to.
        """
        connection = self._connection
        done = run([self._clients.pg_restore, "--no-owner", "--no-password", "--role=" + facts["new_owner"], "--use-list=" + self._listed,
                    "--dbname=" + connection.conninfo(target), self._archive], env=connection.environment(), dies_with_us=True)
        if done.rc not in (0, 1) or done.rc and not read_errors(done.stderr):
            raise _lost(done, connection)
        return ["The new database lacks a privilege of the old one: %s" % lack for lack in _of_large_objects(connection, facts, self._source, target)]


def compared(connection, source, target, beside=False):
    """Sentences on whom the target lets do less than the source, or more; also where that cannot be said. beside: more is as it should be."""
    try:
        old, new = (_objects(connection, database) for database in (source, target))
    except (PostgresError, UnicodeDecodeError) as error:
        if getattr(error, "sqlstate", None) == LOST:
            raise
        return ["The privileges of the old database and of the new one could not be compared: %s" % error]
    lacking, more, others = {}, {}, {}
    for name, row in old.items():
        if name in new and not row["within"] and not row["mighty"] and row["owner"] != new[name]["owner"]:
            others.setdefault((row["owner"], new[name]["owner"]), []).append(name)
        if name in new or row["everywhere"] or row["within"] in new:
            there = new.get(name) or dict(row, given=row["unsaid"])
            before, after = (_Held(one["owner"], one["given"]) for one in (row, there))
            lacking[name], more[name] = before.beyond(after), set() if beside else after.beyond(before)
    return ([OTHERS % (*roles, _some(names)) for roles, names in sorted(others.items())]
            + _sentences("The new database lacks privileges of the old one: %s.", lacking)
            + _sentences("The new database has privileges that the old one has not: %s.", more))


class _Held:
    """The privileges on one object, {(role, or "" for everybody; privilege)}, and its owner, who needs none."""

    def __init__(self, owner, holders):
        self.owner = owner
        self.given = {(role, privilege) for role, privilege, _grantable in holders}
        self.given |= {(role, privilege + " WITH GRANT OPTION") for role, privilege, grantable in holders if grantable}

    def beyond(self, other):
        """Those that a role has not by the other's, neither for itself nor as everybody."""
        return {(role, privilege) for role, privilege in self.given - other.given if role != other.owner and ("", privilege) not in other.given}


def _objects(connection, database):
    """{name: the row of HELD} of the objects of a database."""
    with connection.session(database) as session:
        return {row["name"]: row for row in session.query(HELD)}


def _sentences(sentence, found):
    """A sentence for each role and what it may do, with the objects, of {object: {(role, privilege)}}."""
    objects = {}
    for name, held in found.items():
        for role in {role for role, _privilege in held}:
            words = ", ".join(sorted(privilege for whose, privilege in held if whose == role))
            objects.setdefault((role, words), []).append(name)
    said = []
    for (role, words), names in sorted(objects.items()):
        said.append(sentence % ("%s of %s on %s" % (words, quote_ident(role) if role else "everybody", _some(names))))
    return said[:SAID] + ([sentence % ("%d more such groups" % (len(said) - SAID))] if len(said) > SAID else [])


def _some(names):
    return ", ".join(names[:NAMED]) + (" and %d more" % (len(names) - NAMED) if len(names) > NAMED else "")


def _of_large_objects(connection, facts, source, target):
    """Give the large objects of the target theirs, which no schema has; what is said against one that cannot be given."""
    with connection.session(source) as session:
        granted = session.query(LARGE_OBJECTS)
    if not granted:
        return []
    lacking = []
    with connection.session(target) as session:
        session.execute("SET ROLE " + quote_ident(facts["new_owner"]))
        there = {row["id"] for row in session.query("SELECT oid::bigint AS id FROM pg_largeobject_metadata")}
        for row in granted:
            objects = [str(number) for number in row["objects"] if number in there]
            for first in range(0, len(objects), AT_ONCE):
                try:
                    session.execute("GRANT %s ON LARGE OBJECT %s TO %s%s" % (
                        row["privilege"], ", ".join(objects[first:first + AT_ONCE]), quote_ident(row["grantee"]) if row["grantee"] else "PUBLIC",
                        " WITH GRANT OPTION" if row["grantable"] else ""))
                except PostgresError as error:
                    if error.sqlstate == LOST:
                        raise
                    lacking.append(error.message)
    return lacking


def _lost(done, connection, why=""):
    return SlipwayError("The privileges inside the database cannot be carried over: %s.%s" % (
        redact(tail(done.stderr, 5), [connection.login_password]).rstrip(".") or "%s ended with %d" % (os.path.basename(done.argv[0]), done.rc), why))
