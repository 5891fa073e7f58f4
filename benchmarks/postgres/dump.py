# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump, rows counted and files hashed, against pg_dump -Fd with the same jobs and compression.

    .venv/bin/python benchmarks/postgres/dump.py --megabytes 1000 --runs 5

The two take turns, and which is first alternates. CPU seconds are those of the clients and of the server's ended backends.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / ".build" / "collections")]

import postgres_server  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store  # noqa: E402

# Four tables of some 350 bytes a row with its indexes, half of it text that compresses as text does.
TABLE = """
CREATE TABLE t%(number)d (id bigint PRIMARY KEY, customer int, created timestamptz, name text, body text);
INSERT INTO t%(number)d SELECT g, g %% 5000, timestamptz '2026-01-01' + g * interval '1 s', md5(g::text), repeat(md5((g * 7)::text), 4)
    FROM generate_series(1, %(rows)d) g;
CREATE INDEX ON t%(number)d (customer); CREATE INDEX ON t%(number)d (name)
"""


def cpu(server):
    """CPU seconds of this process and its ended children, and of the server's ended backends."""
    with open("/proc/%d/stat" % server.pid, encoding="utf-8") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return sum(os.times()[:4]) + sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


def measured(server, work):
    wall, used = time.monotonic(), cpu(server)
    work()
    wall = time.monotonic() - wall
    time.sleep(0.5)  # a backend ends a moment after its client
    return {"wall": wall, "cpu": cpu(server) - used}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--compression", default="zstd:3")
    options = parser.parse_args()
    programs = postgres_server.binaries(str(ROOT / ".cache"))
    os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        server = postgres_server.Server(folder + "/server", programs, settings={
            "autovacuum": "off", "shared_buffers": "1GB", "max_wal_size": "4GB"}).start()
        try:
            run(server, folder, options)
        finally:
            server.remove()


def run(server, folder, options):
    for number in range(4):
        server.sql(TABLE % {"number": number, "rows": options.megabytes * 1000 * 1000 // 4 // 350})
    server.sql("VACUUM ANALYZE")
    connection = Connection("127.0.0.1", server.port, server.superuser, server.password, "postgres")
    store = open_store(folder + "/dumps")
    by_hand = [os.path.join(server.bin_dir, "pg_dump"), "--format=directory", "--jobs=%d" % options.jobs, "--compress=" + options.compression]

    def hand(number):
        subprocess.run(by_hand + ["--file=%s/hand-%d" % (folder, number)], env=dict(os.environ, **server.variables()), check=True)

    def ours(_number):
        dump(connection, store, Wish("bench", jobs=options.jobs, compression=options.compression))

    hand(0)  # the server reads its tables into memory
    runs = []
    for number in range(1, options.runs + 1):
        pair = [("hand", hand), ("ours", ours)][::1 if number % 2 else -1]
        runs.append({name: measured(server, lambda work=work: work(number)) for name, work in pair})
        print(json.dumps(dict(runs[-1], load=round(os.getloadavg()[0], 1))), flush=True)
    size = store.open(store.newest()).manifest["size"]
    print("%d MB in the database, %d jobs, %s" % (size // 10 ** 6, options.jobs, options.compression))
    for part in ("wall", "cpu"):
        theirs, mine = (statistics.median(figures[name][part] for figures in runs) for name in ("hand", "ours"))
        ratios = [figures["ours"][part] / figures["hand"][part] for figures in runs]
        print("%s: pg_dump %.2f s, ours %.2f s, ratio of pairs %.3f (%.3f to %.3f)" % (
            part, theirs, mine, statistics.median(ratios), min(ratios), max(ratios)))


if __name__ == "__main__":
    main()
