# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's disk gets full while a database is restored."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_tables import TablesRestore, TablesSource
from ansible_collections.slipway.app.tests.postgres.dumps import dumped


@pytest.fixture
def resize(server):
    """The tablespace "small" on a disk of its own; resize(megabytes) changes the size of that."""
    folder = os.path.join(server.home, "small")
    os.mkdir(folder)
    options = "mode=0700,uid=%d,size=%%dm" % os.stat(server.data_dir).st_uid
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options % 64, "tmpfs", folder], capture_output=True, check=False).returncode:
        pytest.skip("needs a user who may mount a file system")
    server.sql("CREATE TABLESPACE small LOCATION '%s'" % folder)
    server.sql("GRANT CREATE ON TABLESPACE small TO shop")
    yield lambda megabytes: subprocess.run(["mount", "-o", "remount," + options % megabytes, folder], check=True)
    server.drop_all()
    server.sql("DROP TABLESPACE small")
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_of_the_server(server, resize, tmp_path):
    server.drop_all()
    server.sql("CREATE DATABASE shop OWNER shop TABLESPACE small")
    connection = server.connection()
    connection.execute("CREATE TABLE public.orders (id int PRIMARY KEY, note text)")
    connection.execute("INSERT INTO public.orders SELECT g, repeat('x', 500) FROM generate_series(1, 25000) g")
    dump = dumped(server, tmp_path)
    connection.execute("TRUNCATE public.orders")
    connection.execute("INSERT INTO public.orders VALUES (1, 'live')")
    server.sql("CHECKPOINT")  # until then its files have holes
    resize(18)  # for the live database and less than the rows of the dump
    full = 'No space left on device.*Database "shop" was not touched'
    for restore in (lambda **wishes: Restore(connection, Wishes(**wishes)).run(DumpSource(dump)),
                    lambda **wishes: TablesRestore(connection, Wishes(**wishes)).run(TablesSource(dump, None, ["orders"], []))):
        with pytest.raises(SlipwayError, match=full + ".*The disk of the server is full"):
            restore()
        assert server.databases() == {"shop"}
        assert connection.query("SELECT id, note FROM public.orders") == [{"id": 1, "note": "live"}]
    with pytest.raises(SlipwayError, match=full + ".*remove_leftovers"):
        restore(keep_failed=True)
    resize(64)
    with pytest.raises(SlipwayError, match='"shop__new" is left of an earlier restore'):
        restore()
    assert restore(remove_leftovers=True)["leftovers"][0]["database"] == "shop__new"
    assert connection.query("SELECT count(*) AS n FROM public.orders") == [{"n": 25000}]
    assert server.databases() == {"shop"}
