# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The privileges inside a database (on schemas, tables, functions and their defaults), from one database to another.

pg_dump writes the statements and pg_restore runs them, so that no kind of object is forgotten here. Large objects alone
are none of a schema: pg_dump would write their content as well.
"""

from __future__ import annotations

import os
import re
import tempfile

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import LOST, PostgresError, quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import read_errors

_PRIVILEGES = re.compile(r"\d+; \d+ \d+ (DEFAULT )?ACL ")
_GONE = re.compile(r".*does not exist", re.DOTALL)
AT_ONCE = 1000  # large objects in one statement

# Who but the owners may do what with which large objects.
LARGE_OBJECTS = """
SELECT coalesce(g.rolname, '') AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable, json_agg(l.oid::bigint ORDER BY l.oid) AS objects
FROM pg_largeobject_metadata l, aclexplode(l.lomacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.grantee <> l.lomowner GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


def copy_grants(clients, connection, facts, source, target):
    """As Grants: read those of the source, and give them to the target."""
    with Grants(clients, connection, source) as grants:
        return grants.give(facts, target)


class Grants:
    """The privileges that a database has, read as a block begins (but those of large objects, which are as they are when given), for another one.

    Where they cannot be read it is an error: nobody is to be locked out, or let in, by a database without any.
    """

    def __init__(self, clients, connection, source):
        self._clients = clients
        self._connection = connection
        self._source = source
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
        _must(run([clients.pg_dump, "--format=custom", "--schema-only", "--no-password", "--lock-wait-timeout=%ds" % connection.lock_timeout,
                   "--file=" + self._archive, "--dbname=" + connection.conninfo(self._source)], env=environment, dies_with_us=True), connection)
        lines = _must(run([clients.pg_restore, "--list", self._archive], env=environment), connection).stdout.splitlines()
        with open(self._listed, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write("".join(line + "\n" for line in lines if _PRIVILEGES.match(line)))

    def give(self, facts, target):
        """Give them to what is in the target; return a sentence for each one that could not be given.

        What is in the source only is passed over. facts have the server's major and new_owner, the role that the target belongs to.
        """
        connection = self._connection
        done = run([self._clients.pg_restore, "--no-owner", "--no-password", "--role=" + facts["new_owner"], "--use-list=" + self._listed,
                    "--dbname=" + connection.conninfo(target), self._archive], env=connection.environment(), dies_with_us=True)
        errors = read_errors(done.stderr)
        if done.rc not in (0, 1) or done.rc and not errors:
            raise _lost(done, connection)
        lacking = [str(error) for error in errors if not (_GONE.match(error.text) or error.benign_for(facts["major"]))]
        return ["The new database lacks a privilege of the old one: %s" % lack
                for lack in lacking + _of_large_objects(connection, facts, self._source, target)]


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


def _must(done, connection):
    """What a program said that came through."""
    if not done.ok:
        raise _lost(done, connection)
    return done


def _lost(done, connection):
    return SlipwayError("The privileges inside the database cannot be carried over: %s" % (
        redact(tail(done.stderr, 5), [connection.login_password]) or "%s ended with %d." % (os.path.basename(done.argv[0]), done.rc)))
