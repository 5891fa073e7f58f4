# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore until swapped against pg_restore and ANALYZE; clients refused at the swap; going back.

    .venv/bin/python benchmarks/postgres/restore.py --megabytes 1000 --runs 3 --clients 50

What is compared takes turns. CPU seconds are those of client programs and of the server's ended backends.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time

import psycopg
import world
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource


class Clients:
    """Clients that ask for one row all the time and come back at once when they are thrown out.

    refused is the time from the first refusal that any of them met to the last one, nobody the longest time in which none of
    them got an answer, longest that of the one who waited longest: it has the time in which all of them log in again.
    """

    def __init__(self, server, number):
        self.longest = self.nobody = 0.0
        self._answered, self._lock = time.monotonic(), threading.Lock()
        self._refusals = []
        self._server = server
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _number in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        time.sleep(1)
        self.longest = self.nobody = 0.0
        self._refusals.clear()
        return self

    def __exit__(self, *_error):
        time.sleep(0.5)
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def refused(self):
        return max(self._refusals) - min(self._refusals) if self._refusals else 0.0

    def _ask(self):
        answered, refused = time.monotonic(), False
        while not self._ended.is_set():
            try:
                with psycopg.connect(host="127.0.0.1", port=self._server.port, user="shop", password="shop", dbname="shop",
                                     autocommit=True) as connection:
                    while not self._ended.is_set():
                        connection.execute("SELECT 1").fetchone()
                        with self._lock:
                            now = time.monotonic()
                            self.nobody = max(self.nobody, now - self._answered)
                            self._answered = now
                            if refused:
                                self.longest = max(self.longest, now - answered)
                        answered, refused = now, False
                        time.sleep(0.005)
            except psycopg.Error:
                refused = True
                self._refusals.append(time.monotonic())


def by_pg_restore(server, archive, jobs):
    """What people do by hand: a database beside, pg_restore, ANALYZE."""
    server.sql("CREATE DATABASE byhand TEMPLATE template0 OWNER shop")
    environment = server.environment("byhand")
    subprocess.run([server.bin_dir + "/pg_restore", "--jobs=%d" % jobs, "--no-owner", "--no-acl", "--role=shop", "--exit-on-error",
                    "--dbname=byhand", archive], env=environment, check=True)
    subprocess.run([server.psql, "-XqAtc", "ANALYZE"], env=environment, check=True)


def main():
    options = world.options(__doc__, clients=50)
    with world.world(options.megabytes) as (folder, server, connection):
        run(server, connection, folder, options)


def run(server, connection, folder, options):
    store = open_store(folder + "/dumps")
    made = dump(connection, store, Wish("bench", jobs=options.jobs))
    print("%d MB in the database, %d MB in the archive, load %.1f" % (made["size"] // 10 ** 6, made["archive_size"] // 10 ** 6, os.getloadavg()[0]))
    wishes = Wishes(reversible=True, jobs=options.jobs, swap=False)
    ways = {"pg_restore": lambda: by_pg_restore(server, made["folder"] + "/archive", options.jobs),
            "ours": lambda: Restore(connection, wishes).run(DumpSource(store.open(Key.parse(made["key"]))))}
    runs = []
    for number in range(1, options.runs + 1):
        figures = {}
        for name, way in world.in_turns(ways, number):
            server.sql("CHECKPOINT")
            figures[name], result = world.measured(server, way)
            figures["parts"] = result["seconds"] if result else figures.get("parts")
        server.sql("DROP DATABASE byhand")
        for what, go in (("swap", lambda: Restore(connection, wishes).put_in_place()), ("back", lambda: Restore(connection, wishes).go(":pre"))):
            with Clients(server, options.clients) as clients:
                cost, _result = world.measured(server, go)
            figures[what] = {"wall": cost["wall"], "refused": clients.refused, "nobody": clients.nobody, "last": clients.longest}
        runs.append(figures)
        world.keep(options, figures)
        server.sql("DROP DATABASE IF EXISTS shop__post WITH (FORCE)")

    def median(key, part):
        return statistics.median(figures[key][part] for figures in runs)

    world.compare(runs, "pg_restore", "ours", "restore")
    for what, words in (("swap", "the swap"), ("back", "going back")):
        print("%s took %.3f s; clients were refused for %.3f s, nobody was answered for %.3f s, the last client not for %.3f s" % (
            words, median(what, "wall"), median(what, "refused"), median(what, "nobody"), median(what, "last")))
    print("going back took %.4f of restoring the dump again" % (median("back", "wall") / median("ours", "wall")))


if __name__ == "__main__":
    main()
