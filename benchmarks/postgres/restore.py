# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore until swapped against pg_restore and ANALYZE; clients refused at the swap; going back.

    .venv/bin/python benchmarks/postgres/restore.py --megabytes 1000 --runs 3 --clients 50

What is compared takes turns. CPU seconds are those of client programs and of the server's ended backends.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / ".build" / "collections")]

import postgres_server  # noqa: E402
import psycopg  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource  # noqa: E402

# About 250 bytes a row with its index entries; four tables, so that jobs have something to share.
TABLE = """
CREATE TABLE t%(number)d (id bigint PRIMARY KEY, customer int, created timestamptz, name text, body text);
INSERT INTO t%(number)d SELECT g, g %% 5000, timestamptz '2026-01-01' + g * interval '1 s', md5(g::text), repeat(md5((g * 7)::text), 4)
    FROM generate_series(1, %(rows)d) g;
CREATE INDEX ON t%(number)d (customer); CREATE INDEX ON t%(number)d (name);
"""


class Clients:
    """Clients that ask for one row all the time and come back at once when they are thrown out.

    nobody is the longest time in which none of them got an answer, longest that of the one who waited longest: it has
    the time in which all of them log in again.
    """

    def __init__(self, server, number):
        self.longest = self.nobody = 0.0
        self._answered, self._lock = time.monotonic(), threading.Lock()
        self._server = server
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _number in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        time.sleep(1)
        self.longest = self.nobody = 0.0
        return self

    def __exit__(self, *_error):
        time.sleep(0.5)
        self._ended.set()
        for thread in self._threads:
            thread.join()

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


def cpu(server):
    """CPU seconds of this process's ended children and of the server's ended backends."""
    mine = os.times()
    with open("/proc/%d/stat" % server.pid, encoding="utf-8") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return mine.user + mine.system + mine.children_user + mine.children_system + sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def measured(server, work):
    wall, used = time.monotonic(), cpu(server)
    result = work()
    return {"wall": time.monotonic() - wall, "cpu": cpu(server) - used}, result


def by_pg_restore(server, archive, jobs):
    """What people do by hand: a database beside, pg_restore, ANALYZE."""
    server.sql("CREATE DATABASE byhand TEMPLATE template0 OWNER shop")
    environment = dict(os.environ, **server.variables("byhand"))
    subprocess.run([server.bin_dir + "/pg_restore", "--jobs=%d" % jobs, "--no-owner", "--no-acl", "--role=shop", "--exit-on-error",
                    "--dbname=byhand", archive], env=environment, check=True)
    subprocess.run([server.psql, "-XqAtc", "ANALYZE"], env=environment, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--json", help="file to append every figure to")
    options = parser.parse_args()
    programs = postgres_server.binaries(str(ROOT / ".cache"))
    os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        server = postgres_server.Server(folder + "/server", programs, settings={
            "autovacuum": "off", "max_connections": 200, "shared_buffers": "1GB", "max_wal_size": "4GB"}).start()
        try:
            run(server, folder, options)
        finally:
            server.remove()


def run(server, folder, options):
    server.sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD 'shop'; CREATE DATABASE shop OWNER shop")
    rows = options.megabytes * 1000 * 1000 // 4 // 350
    for number in range(4):
        server.sql("SET ROLE shop; " + TABLE % {"number": number, "rows": rows}, "shop")
    connection = Connection("127.0.0.1", server.port, "shop", "shop", "shop")
    store = open_store(folder + "/dumps")
    made = dump(connection, store, Wish("bench", jobs=options.jobs))
    print("%d MB in the database, %d MB in the archive, load %.1f" % (made["size"] // 10 ** 6, made["archive_size"] // 10 ** 6, os.getloadavg()[0]))
    figures = []
    for _run in range(options.runs):
        server.sql("DROP DATABASE IF EXISTS byhand; CHECKPOINT")
        hand, _none = measured(server, lambda: by_pg_restore(server, made["folder"] + "/archive", options.jobs))
        server.sql("DROP DATABASE byhand; CHECKPOINT")
        wishes = Wishes(reversible=True, jobs=options.jobs, swap=False)
        ours, result = measured(server, lambda: Restore(connection, wishes).run(DumpSource(store.open(Key.parse(made["key"])))))
        with Clients(server, options.clients) as clients:
            swap, _result = measured(server, lambda: Restore(connection, wishes).put_in_place())
        refused, nobody = clients.longest, clients.nobody
        with Clients(server, options.clients) as clients:
            back, _result = measured(server, lambda: Restore(connection, wishes).go(":pre"))
        figures.append({"hand": hand, "ours": ours, "swap": swap["wall"], "refused": refused, "nobody": nobody, "back": back["wall"],
                        "refused_back": clients.longest, "nobody_back": clients.nobody, "parts": result["seconds"]})
        print(json.dumps(figures[-1]))
        server.sql("DROP DATABASE IF EXISTS shop__post WITH (FORCE)")

    def median(key, part):
        return statistics.median(figure[key][part] for figure in figures)

    def one(key):
        return statistics.median(figure[key] for figure in figures)

    for part in ("wall", "cpu"):
        print("restore %s: %.1f s by hand, %.1f s ours, ratio %.2f" % (
            part, median("hand", part), median("ours", part), median("ours", part) / median("hand", part)))
    print("nobody answered at the swap %.3f s, going back %.3f s; the last client after %.3f s, %.3f s" % (
        one("nobody"), one("nobody_back"), one("refused"), one("refused_back")))
    print("going back took %.3f s, %.4f of a restore" % (one("back"), one("back") / median("ours", "wall")))
    if options.json:
        with open(options.json, "a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(figure) + "\n" for figure in figures)


if __name__ == "__main__":
    main()
