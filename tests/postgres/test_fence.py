# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore point is made and put in place while clients do their best to get in between."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import restore_point
from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import SWAPPING, take_turn
from ansible_collections.slipway.app.plugins.module_utils._postgres.preflight import findings
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint


@pytest.fixture
def point(postgres):
    return RestorePoint(postgres.connection(), "shop", "op1")


class Writers:
    """Clients that insert rows one by one and connect again at once whenever they are thrown out."""

    def __init__(self, connection, count=4):
        self._connection = connection
        self._stopped = threading.Event()
        self.notes = []  # of the rows the server has accepted; one may be noted some time later
        self._begun = {}
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.write_some()
        return self

    def __exit__(self, *exc):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def write_some(self):
        """Wait until more rows have been accepted; return the notes of all of them."""
        enough = len(self.notes) + 40
        deadline = time.monotonic() + 30
        while len(self.notes) < enough:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return set(self.notes)

    def begun_since(self, moment):
        """The notes of accepted rows that clients have begun with after this moment (time.monotonic())."""
        return {note for note in list(self.notes) if self._begun[note] > moment}

    def _write(self, number):
        serial = 0
        while not self._stopped.is_set():
            try:
                with self._connection.session() as session:
                    while not self._stopped.is_set():
                        serial += 1
                        note = "late %d %d" % (number, serial)
                        self._begun[note] = time.monotonic()
                        session.execute("INSERT INTO public.orders (note) VALUES ('%s')" % note)
                        self.notes.append(note)
            except SlipwayError:
                pass


def notes(postgres, database):
    rows = postgres.connection(postgres.superuser, database).query(
        "SELECT note FROM public.orders WHERE note LIKE 'late%'")
    return {row["note"] for row in rows}


def count(postgres):
    return postgres.connection(postgres.superuser).query("SELECT count(*) AS n FROM public.orders")[0]["n"]


def test_clients_that_come_back_at_once_neither_get_in_between_nor_hold_it_up(postgres, point):
    with Writers(postgres.connection()) as writers:
        before_copy = writers.write_some()
        made = point.present()
        copied = time.monotonic()
        before_swap = writers.write_some()
        after_copy = writers.begun_since(copied)
        swapped = point.restored()
        restored = time.monotonic()
        writers.write_some()
        after_swap = writers.begun_since(restored)
    assert made["seconds"] < 15 and swapped["seconds"] < 15
    postgres.sql('ALTER DATABASE "%s" ALLOW_CONNECTIONS true' % point.failed)
    live, failed = notes(postgres, "shop"), notes(postgres, point.failed)
    assert before_copy <= live & failed
    assert after_copy and not after_copy & live
    assert before_swap <= failed
    assert after_swap and after_swap <= live and not after_swap & failed
    assert set(writers.notes) <= live | failed


def test_an_open_transaction_is_ended_not_copied(postgres, point):
    with postgres.connection().session() as session:
        session.execute("BEGIN", "DELETE FROM public.orders")
        point.present()
        with pytest.raises(SlipwayError):
            session.execute("COMMIT")
    point.restored()
    assert count(postgres) == 1000


def test_a_prepared_transaction_is_found_before(postgres, point):
    postgres.connection().execute("BEGIN; DELETE FROM public.orders; PREPARE TRANSACTION 'p1'")
    with pytest.raises(SlipwayError, match="1 prepared transactions"):
        point.present()
    assert postgres.databases() == {"shop"}
    assert len(findings(postgres.connection(), "shop")) == 1
    postgres.connection().execute("ROLLBACK PREPARED 'p1'")
    assert findings(postgres.connection(), "shop") == []


def test_sessions_that_cannot_be_ended_are_found_before(postgres, point):
    with postgres.connection("guest").session():
        with postgres.connection(postgres.superuser).session():
            with pytest.raises(SlipwayError) as caught:
                point.present()
            assert 'Role "guest" is connected' in str(caught.value) and "pg_signal_backend" in str(caught.value)
            assert 'Role "postgres" is connected' in str(caught.value)
            assert postgres.databases() == {"shop"}
            assert count(postgres) == 1000
        postgres.sql("GRANT pg_signal_backend TO shop")
        try:
            assert point.present()["changed"]
        finally:
            postgres.sql("REVOKE pg_signal_backend FROM shop")


def test_findings_name_what_is_missing(postgres):
    assert findings(postgres.connection(), "shop") == []
    assert "no database" in findings(postgres.connection(), "nowhere")[0]
    guest = " ".join(findings(postgres.connection("guest"), "shop"))
    assert 'ALTER ROLE "guest" CREATEDB' in guest and 'does not own database "shop"' in guest
    assert "maintenance database" in " ".join(findings(postgres.connection(postgres.superuser), "postgres"))
    postgres.sql("ALTER DATABASE shop ALLOW_CONNECTIONS false")
    assert "not currently accepting connections" in findings(postgres.connection(), "shop")[0]
    unreachable = postgres.connection()
    unreachable.login_port = 1
    assert "Cannot reach" in findings(unreachable, "shop")[0]


def test_a_copy_that_fails_leaves_the_database_open(postgres, point, monkeypatch):
    monkeypatch.setattr(restore_point, "copying", lambda *_facts: "CREATE DATABASE nonsense TEMPLATE no_such_template")
    with pytest.raises(SlipwayError, match="is as it was and accepts connections"):
        point.present()
    assert count(postgres) == 1000
    assert postgres.databases() == {"shop"}


def test_psql_left_behind_by_a_killed_call_is_ended(postgres, point):
    with postgres.connection().session("postgres") as orphan:
        assert take_turn(orphan, "shop", SWAPPING) is None
        assert point.present()["changed"]
        with pytest.raises(SlipwayError, match="administrator command"):
            orphan.query("SELECT 1")
