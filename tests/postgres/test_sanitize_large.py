# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sanitized dump beside an ordinary one of the same shop, while others work on the shop: what no rule masks is the same in both."""

from __future__ import annotations

import pathlib
import subprocess
import threading
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, Cluster
from ansible_collections.slipway.app.tests.postgres.dumps import restored
from ansible_collections.slipway.app.tests.postgres.sanitizing import KEPT, newest, sanitized, schema_of, standby_of

PATIENCE = 120  # seconds
RAW = ("app.customer", 'app."Bestellung Ü"', "app.visit")  # where each row has something of a person in it


def fill(server, people):
    """Make the shop in a server's database "shop", for a role that may do nothing but read, too; (its owner's connection, the reader's)."""
    connection = server.connection()
    subprocess.run([server.psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", "people=%d" % people, "-d", "shop",
                    "-f", str(pathlib.Path(__file__).with_name("personal.sql"))], env=connection.environment(), check=True, stdout=subprocess.DEVNULL)
    connection.execute("GRANT USAGE ON SCHEMA app TO guest; GRANT SELECT ON ALL TABLES IN SCHEMA app TO guest; "
                       "GRANT SELECT ON ALL SEQUENCES IN SCHEMA app TO guest; ANALYZE")
    return connection, server.connection("guest")


def counted(connection):
    """{table: (its rows, a checksum of what is kept in them)}."""
    found = {table: connection.query("SELECT count(*) AS n, sum(hashtextextended(ROW(%s)::text, 0)) AS sum FROM %s" % (columns, table))[0]
             for table, columns in KEPT.items()}
    return dict(found, columnless=connection.query("SELECT count(*) AS n FROM app.columnless")[0])


class Meanwhile:
    """Adds a table and renames a column as soon as rows are dumped. Where the dump holds a lock, the renaming waits for its end."""

    def __init__(self, owner, waits):
        self.owner, self.waits = owner, waits
        self.thread = None

    def __call__(self, _phase, **_state):
        if self.thread is None:
            self.owner.execute("CREATE TABLE app.added (email text); INSERT INTO app.added VALUES ('raw@mail.example')")
            self.thread = threading.Thread(target=self._rename)
            self.thread.start()
            deadline = time.monotonic() + PATIENCE
            while not (self._waiting() if self.waits else self._renamed()):
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def _rename(self):
        with self.owner.session() as session:
            session.execute("SET lock_timeout = 0", "ALTER TABLE app.customer RENAME phone TO mobile")

    def _waiting(self):
        return self.owner.query("SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = 'app.customer'::regclass")[0]["n"] == 1

    def _renamed(self):
        return self.owner.query("SELECT count(*) AS n FROM pg_attribute WHERE attrelid = 'app.customer'::regclass AND attname = 'mobile'")[0]["n"] == 1

    def end(self):
        self.thread.join(PATIENCE)
        assert self._renamed()


def compare(postgres, owner, reader, store, people, waits):
    """Dump both ways, restore both; postgres is where to."""
    before = schema_of(postgres, owner), counted(owner)
    dump(owner, store, Wish("raw", jobs=2))
    meanwhile = Meanwhile(owner, waits)
    sanitized(reader, store, jobs=2, report=meanwhile)
    meanwhile.end()
    whole = newest(store)
    raw = restored(postgres, store.open(store.newest("raw")), "raw")
    masked = restored(postgres, whole, "masked")
    assert before == (schema_of(postgres, raw), counted(raw)) == (schema_of(postgres, masked), counted(masked))
    rows = {"%(schema)s.%(name)s" % table: table["rows"] for table in whole.manifest["tables"]}
    assert rows["app.customer"] == people and rows["app.Bestellung Ü"] == people * 4 // 3 and rows["app.visit_1"] + rows["app.visit_2"] == people
    assert sum(rows.values()) == 10 * people // 3 + 2 + 7 and "app.added" not in rows
    for table in RAW:
        query = "SELECT count(*) AS n FROM %s AS one WHERE one::text ~* 'raw'" % table
        assert masked.query(query) == [{"n": 0}] and raw.query(query)[0]["n"] >= people
    # Who dumps the next time hears of both.
    with pytest.raises(SlipwayError) as error:
        sanitized(owner, store, check=True)
    assert "app.customer has no column phone" in str(error.value) and "app.customer.mobile" in str(error.value) and "app.added.email" not in str(error.value)


def test_what_is_not_masked_is_as_in_an_ordinary_dump(postgres, tmp_path):
    postgres.drop_all()
    postgres.sql("CREATE DATABASE shop OWNER shop")
    owner, reader = fill(postgres, 6000)
    compare(postgres, owner, reader, open_store(str(tmp_path / "dumps")), 6000, waits=True)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_million_rows_from_a_standby(tmp_path, bin_dir, postgres):
    """The shop is at its primary, the dump is of the standby, for which a renamed column has to wait until it has ended."""
    primary = Cluster(str(tmp_path / "primary"), bin_dir, settings={
        "fsync": "off", "autovacuum": "off", "hot_standby": "on", "max_wal_senders": 3, "max_wal_size": "8GB"}).start()
    standby = None
    try:
        primary.sql("CREATE ROLE shop LOGIN PASSWORD '%s'; CREATE ROLE guest LOGIN PASSWORD '%s'" % (PASSWORD, PASSWORD))
        primary.sql("CREATE DATABASE shop OWNER shop")
        owner, _reader = fill(primary, 600000)
        standby = standby_of(primary, tmp_path / "standby", bin_dir)
        standby.sql("ALTER SYSTEM SET max_standby_streaming_delay = -1")
        standby.sql("SELECT pg_reload_conf()")
        postgres.drop_all()
        compare(postgres, owner, standby.connection("guest"), open_store(str(tmp_path / "dumps")), 600000, waits=False)
    finally:
        if standby:
            standby.remove()
        primary.remove()
