# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump, rows counted and files hashed, against pg_dump -Fd with the same jobs and compression.

    .venv/bin/python benchmarks/postgres/dump.py --megabytes 1000 --runs 5

The two take turns, and which is first alternates. CPU seconds are those of the clients and of the server's ended backends.
"""

from __future__ import annotations

import subprocess

import world
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store


def main():
    options = world.options(__doc__, runs=5, compression="zstd:3")
    with world.world(options.megabytes) as (folder, server, connection):
        store = open_store(folder + "/dumps")
        by_hand = [server.bin_dir + "/pg_dump", "--format=directory", "--jobs=%d" % options.jobs, "--compress=" + options.compression]

        def pg_dump(number):
            subprocess.run(by_hand + ["--file=%s/hand-%d" % (folder, number)], env=server.environment("shop"), check=True)

        def ours(_number):
            dump(connection, store, Wish("bench", jobs=options.jobs, compression=options.compression))

        pg_dump(0)  # the server reads its tables into memory
        runs = []
        for number in range(1, options.runs + 1):
            ways = world.in_turns({"pg_dump": pg_dump, "ours": ours}, number)
            runs.append({name: world.measured(server, lambda way=way: way(number))[0] for name, way in ways})
            world.keep(options, runs[-1])
        print("%d MB in the database, %d jobs, %s" % (
            store.open(store.newest()).manifest["size"] // 10 ** 6, options.jobs, options.compression))
        world.compare(runs, "pg_dump", "ours", "dump")


if __name__ == "__main__":
    main()
