# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What is done in a thread of its own while a program is at work; above all, to look how far it is with the tables it copies."""

from __future__ import annotations

import contextlib
import threading

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import PostgresError, quote_literal

BEAT = 1  # seconds between two looks

COPYING = """
SELECT c.oid::bigint, n.nspname AS schema, c.relname AS name, p.tuples_processed AS rows, p.bytes_processed AS bytes
FROM pg_stat_progress_copy p JOIN pg_stat_activity a USING (pid) JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.application_name = %s"""


class Beside:
    """Something that is done in a thread of its own for as long as a block runs."""

    def __init__(self):
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_error):
        self._ended.set()
        self._thread.join()


class Watching(Beside):
    """Call seen() about every second with the tables of a database that sessions of this name are copying: [{oid, schema, name, rows, bytes}]."""

    def __init__(self, connection, database, name, seen):
        super().__init__()
        self._connection = connection
        self._database = database
        self._name = name
        self._seen = seen

    def _work(self):
        with contextlib.suppress(PostgresError, OSError):  # work does not fail for want of being watched
            if not self._ended.wait(BEAT):
                with self._connection.session(self._database) as session:
                    while not self._ended.is_set():
                        self._seen(session.query(COPYING % quote_literal(self._name)))
                        self._ended.wait(BEAT)


def share(copy, rows, size):
    """How much of a table of so many rows and bytes was copied, as Watching tells it; by its bytes where nobody knows the rows (0, None)."""
    return min(1.0, copy["rows"] / rows if rows else copy["bytes"] / max(size, 1))
