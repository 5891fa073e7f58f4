# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The privileges inside a database (on schemas, tables, functions and their defaults), from one database to another.

pg_dump writes the statements and pg_restore runs them, so that no kind of object is forgotten here.
"""

from __future__ import annotations

import os
import re
import tempfile

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_errors import read_errors

_PRIVILEGES = re.compile(r"\d+; \d+ \d+ (DEFAULT )?ACL ")
_GONE = re.compile(r".*does not exist", re.DOTALL)


def copy_grants(clients, connection, facts, source, target):
    """Give what is in the target the privileges that the source has; return a sentence for each one that could not be given.

    What is in the source only is passed over. facts have the server's major and new_owner, the role that the target belongs to.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-grants-") as folder:
        archive, listed = os.path.join(folder, "schema"), os.path.join(folder, "list")
        environment = connection.environment()
        said = run([clients.pg_dump, "--format=custom", "--schema-only", "--no-password", "--file=" + archive,
                    "--dbname=" + connection.conninfo(source)], env=environment, dies_with_us=True)
        if not said.ok:
            return ["The privileges inside the database are not carried over: %s" % tail(said.stderr, 3)]
        lines = run([clients.pg_restore, "--list", archive], env=environment).stdout.splitlines()
        wanted = [line for line in lines if _PRIVILEGES.match(line)]
        if not wanted:
            return []
        with open(listed, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write("".join(line + "\n" for line in wanted))
        done = run([clients.pg_restore, "--no-owner", "--no-password", "--role=" + facts["new_owner"], "--use-list=" + listed,
                    "--dbname=" + connection.conninfo(target), archive], env=environment, dies_with_us=True)
    if done.rc < 0 or done.rc and not read_errors(done.stderr):
        raise SlipwayError("The privileges inside the database cannot be carried over: %s" % tail(done.stderr, 5))
    return ["The new database lacks a privilege of the old one: %s" % error for error in read_errors(done.stderr)
            if not (_GONE.match(error.text) or error.benign_for(facts["major"]))]
