# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Make tables of an archive again within a transaction, so that nobody ever finds them without their rows."""

from __future__ import annotations

import base64
import re
import tempfile

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import run, tail
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import READ_AS_WRITTEN, PostgresError, quote_literal
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import file_with
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import spoken

_ENDS_SETTINGS = b"SET row_security = "  # the last of the settings that a script of pg_restore begins with
_ENCODING = re.compile(rb"^SET client_encoding = '(\w+)';$", re.MULTILINE)
# Timeouts are ours, and servers of before do not know all of them. In which encoding a script is, is said where it is read.
_NOT_OURS = re.compile(rb"SET (\w+_timeout|client_encoding) = ")
_SETTING = re.compile(rb"SET |SELECT pg_catalog\.set_config\(")
# What psql is to know about a script, in releases since August 2025; no SQL.
_LAST_LINE = re.compile(rb"^\\unrestrict \w+\s*\Z", re.MULTILINE)
_BASE64, _WORD = re.compile(r"[A-Za-z0-9+/=]*", re.ASCII), re.compile(r"\w*", re.ASCII)
# Where psql begins to show all of a statement that failed.
_STATEMENT = re.compile(r" (?:LINE \d+|QUERY|CONTEXT): ")


class Making:
    """Tables [{schema, name}] that a database lacks, and the scripts that make them, empty, one after the other; of no tables there is nothing to do.

    Scripts are in base64, of an encoding that the server has. An error tells that arguments, which may have been noted by anybody, are no such things.
    """

    def __init__(self, tables=(), scripts=(), encoding=""):
        self.tables = [{"schema": table["schema"], "name": table["name"]} for table in tables]
        self.scripts = list(scripts)
        self.encoding = encoding
        if not all(_BASE64.fullmatch(script) for script in scripts) or not _WORD.fullmatch(encoding):
            raise ValueError("no scripts that make tables")

    @classmethod
    def of(cls, archive, lines, pg_restore, tables):
        """The Making of tables by some lines of an archive's list; pg_restore is a list of words."""
        # The parent of a partition has its indexes already: those of the partition have to be there when it gets its place below them.
        lines = sorted(lines, key=lambda line: (" TABLE ATTACH " in line) + 2 * (" INDEX ATTACH " in line))
        with file_with("".join(line + "\n" for line in lines)) as listed, tempfile.NamedTemporaryFile(prefix="slipway-restore-") as script:
            done = run([*pg_restore, "--no-owner", "--no-acl", "--use-list=" + listed, "--file=" + script.name, archive], dies_with_us=True)
            if not done.ok:
                raise SlipwayError("pg_restore cannot read the archive %s: %s" % (archive, tail(done.stderr, 3)))
            return cls(tables, *_scripts(script.read()))

    def lacks(self, table):
        """Whether a table ({schema, name}) is one of those."""
        return {"schema": table["schema"], "name": table["name"]} in self.tables

    def make(self, session):
        """Make the tables in the transaction of a session."""
        if not self.tables:
            return
        try:
            session.execute(*READ_AS_WRITTEN, self._statement())
        except PostgresError as error:
            said = _STATEMENT.split(error.message)[0]
            raise PostgresError("%s cannot be made again: %s" % (", ".join(map(spoken, self.tables)), said), error.sqlstate) from None
        session.execute("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL", *session.connection.first(session.database))

    def _statement(self):
        """One statement that lets the server run the scripts.

        psql reads nothing of them. Neither COMMIT, which would break the transaction apart, nor COPY from the client can be in them: PL/pgSQL knows neither.
        """
        return "DO " + quote_literal("BEGIN %s END" % " ".join(
            "EXECUTE convert_from(decode('%s', 'base64'), '%s');" % (script, self.encoding) for script in self.scripts))


def _scripts(script):
    """(the settings and the rest of a script of pg_restore, in base64, their encoding). How texts of the rest are read is one of the settings."""
    head, settings_end, rest = script.partition(_ENDS_SETTINGS)
    settings = [line for line in head.splitlines() if _SETTING.match(line) and not _NOT_OURS.match(line)]
    encoding = _ENCODING.search(head)
    if not encoding:
        raise SlipwayError("pg_restore does not say in which encoding the archive is.")
    parts = (b"\n".join(settings), settings_end + _LAST_LINE.sub(b"", rest))
    return [base64.b64encode(part).decode("ascii") for part in parts], encoding.group(1).decode("ascii")
