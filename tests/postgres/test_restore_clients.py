# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The swap among clients that are always in the middle of something and come back at once, straight and through pgbouncer."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg
import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.databases import allow, alone, close
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.tests.postgres import bouncer, test_restore
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY
from ansible_collections.slipway.app.tests.selection import long_but

CLIENTS = 12
LOOK = "SELECT (SELECT oid::int FROM pg_database WHERE datname = current_database()), (SELECT count(*) FROM public.orders)"
dump = test_restore.dump


class Client(threading.Thread):
    """One connection of a busy pool: transactions that read and write without a pause, a new connection as soon as one is lost."""

    def __init__(self, port, ended):
        super().__init__(daemon=True)
        self.seen = []  # (oid of the database, rows), each time they differ from the last time
        self.lost = 0
        self._port = port
        self._ended = ended

    def run(self):
        while not self._ended.is_set():
            # The latter where pgbouncer passes the server's last word on when the client has begun to say something else.
            with contextlib.suppress(psycopg.OperationalError, psycopg.InternalError), psycopg.connect(
                    host="127.0.0.1", port=self._port, user="shop", password=PASSWORD, dbname="shop", prepare_threshold=None) as connection:
                while not self._ended.is_set():
                    with connection.transaction():
                        seen = connection.execute(LOOK).fetchone()
                        connection.execute("UPDATE public.orders SET note = note WHERE id = 1")
                    if self.seen[-1:] != [seen]:
                        self.seen.append(seen)
            self.lost += 1


@pytest.fixture(params=long_but(["straight", "pgbouncer"], "straight"))
def port(request, postgres, tmp_path):
    """Where the clients connect to: the server, or a pgbouncer with fewer connections than there are clients."""
    if request.param == "straight":
        yield postgres.port
        return
    try:
        with bouncer.running(str(REPOSITORY / ".cache"), tmp_path, postgres, "shop", PASSWORD, CLIENTS // 3) as port:
            yield port
    except bouncer.registry_server.ServerError as error:
        pytest.skip(str(error))


def test_each_client_sees_one_whole_database_after_the_other(postgres, dump, port):
    ended = threading.Event()
    clients = [Client(port, ended) for _number in range(CLIENTS)]
    try:
        for client in clients:
            client.start()
        reach(clients, 1)
        restorer = Restore(postgres.connection(), Wishes(reversible=True))
        restorer.run(DumpSource(dump))
        reach(clients, 2)
        restorer.go(":pre")
        reach(clients, 3)
    finally:
        ended.set()
        for client in clients:
            client.join()
    old, new = clients[0].seen[:2]
    assert (old[1], new[1]) == (10, 1000) and old[0] != new[0]
    assert [client.seen for client in clients] == [[old, new, old]] * CLIENTS
    assert postgres.databases() == {"shop", "shop__post"}


def test_that_sessions_end_is_seen_at_once(postgres):
    """pg_terminate_backend() itself would wait at least 100 ms. Other work may hold us up as well, but not each time."""
    seconds = []
    with postgres.connection().session("postgres") as session:
        for _number in range(10):
            with contextlib.ExitStack() as others:
                for _other in range(3):
                    others.enter_context(postgres.connection().session())
                close(session, "shop")
                begun = time.monotonic()
                alone(session, [allow("shop", True)], "shop")
                seconds.append(time.monotonic() - begun)
    assert min(seconds) < 0.08, seconds


def reach(clients, number):
    """Wait until every client has seen so many databases, one after the other."""
    deadline = time.monotonic() + 60
    while any(len(client.seen) < number for client in clients):
        assert time.monotonic() < deadline, [client.seen for client in clients]
        time.sleep(0.01)
