# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks of dumps and restores have in common: a server of their own, the same data, and how it is measured."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "benchmarks" / "shared"), str(ROOT / ".build" / "collections")]

import postgres_server  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection  # noqa: E402

# Four tables, so that jobs have something to share, of some 350 bytes a row with its indexes, half of it text that compresses as text does.
TABLES = 4
BYTES = 350
TABLE = """
SET ROLE shop;
CREATE TABLE t%(number)d (id bigint PRIMARY KEY, customer int, created timestamptz, name text, body text);
INSERT INTO t%(number)d SELECT g, g %% 5000, timestamptz '2026-01-01' + g * interval '1 s', md5(g::text), repeat(md5((g * 7)::text), 4)
    FROM generate_series(1, %(rows)d) g;
CREATE INDEX ON t%(number)d (customer); CREATE INDEX ON t%(number)d (name);
"""
SETTINGS = {"autovacuum": "off", "max_connections": 200, "shared_buffers": "1GB", "max_wal_size": "4GB"}


def options(description, runs=3, **more):
    """What the command line says; more are further options and their defaults."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name, default in dict({"megabytes": 1000, "runs": runs, "jobs": 2}, **more).items():
        parser.add_argument("--" + name, type=type(default), default=default)
    parser.add_argument("--json", help="file to append every figure to")
    return parser.parse_args()


def fill(server, megabytes):
    for number in range(TABLES):
        server.sql(TABLE % {"number": number, "rows": megabytes * 1000 * 1000 // TABLES // BYTES}, "shop")


@contextlib.contextmanager
def world(megabytes, fill=fill):
    """(folder, server, connection): a database shop of role shop with so many megabytes in it, which fill(server, megabytes) puts there."""
    programs = postgres_server.binaries(str(ROOT / ".cache"))
    os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        server = postgres_server.Server(folder + "/server", programs, settings=SETTINGS).start()
        try:
            server.sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD 'shop'; CREATE DATABASE shop OWNER shop")
            fill(server, megabytes)
            server.sql("VACUUM ANALYZE", "shop")
            yield folder, server, Connection("127.0.0.1", server.port, "shop", "shop", "shop")
        finally:
            server.remove()


def cpu(server):
    """CPU seconds of this process and its ended children, and of the server's ended backends."""
    with open("/proc/%d/stat" % server.pid, encoding="utf-8") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return sum(os.times()[:4]), sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def measured(server, work):
    """({wall, cpu, and of that client and server} in seconds, what work() returns)."""
    wall, (client, backends) = time.monotonic(), cpu(server)
    result = work()
    wall = time.monotonic() - wall
    time.sleep(0.5)  # a backend ends a moment after its client
    client, backends = (after - before for after, before in zip(cpu(server), (client, backends)))
    return {"wall": wall, "cpu": client + backends, "client": client, "server": backends}, result


def in_turns(ways, number):
    """The ways, {name: function}, as [(name, function)]; which is first alternates with the number of the run."""
    return list(ways.items())[::1 if number % 2 else -1]


def keep(options, figures):
    """Print the figures of a run, and append them to the file that the options name."""
    line = json.dumps(dict(figures, load=round(os.getloadavg()[0], 1)))
    print(line, flush=True)
    if options.json:
        with open(options.json, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def compare(runs, theirs, ours, what):
    """Print medians of wall and CPU seconds of two ways, and the ratio within each run."""
    for part in ("wall", "cpu"):
        first, second = (statistics.median(run[name][part] for run in runs) for name in (theirs, ours))
        ratios = [run[ours][part] / run[theirs][part] for run in runs]
        print("%s, %s: %s %.2f s, %s %.2f s, ratio of pairs %.3f (%.3f to %.3f)" % (
            what, part, theirs, first, ours, second, statistics.median(ratios), min(ratios), max(ratios)))
