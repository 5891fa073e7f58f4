# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps for the tests of restoring."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import quote_ident
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key


def dumped(server, folder, database="shop", **changes):
    """A Dump of a database made by its owner, whose manifest says something else where asked to."""
    store = FolderStore(str(folder))
    made = dump(server.connection(database=database), store, Wish("here", jobs=2, bin_dir=server.bin_dir))
    result = store.open(Key.parse(made["key"]))
    result.manifest.update(changes)
    return result


def restored(postgres, whole, name="copy"):
    """A connection to a fresh database that stock pg_restore made of a dump, stopping at the first error."""
    postgres.sql("CREATE DATABASE %s OWNER shop TEMPLATE template0 ENCODING '%s' LOCALE 'C'" % (quote_ident(name), whole.manifest["encoding"]))
    connection = postgres.connection(database=name)
    subprocess.run([os.path.join(postgres.bin_dir, "pg_restore"), "--exit-on-error", "--jobs=2", "--dbname=" + connection.conninfo(name),
                    whole.archive], env=connection.environment(), check=True)
    return connection
