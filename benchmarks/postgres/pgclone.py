# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump and restore against django-pgclone's way; going back with :pre against its way, and against restoring the dump again.

    .venv/bin/python benchmarks/postgres/pgclone.py --megabytes 1000 --runs 3

Its way, by the commands of its release 3.8.0: pg_dump in the custom format, one pg_restore job that reads a pipe, a swap by two renames, each by
a psql of its own; :pre is copied by TEMPLATE to go back to it. It runs no ANALYZE, ours does. What is compared takes turns.
"""

from __future__ import annotations

import shlex
import statistics
import subprocess

import world
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'"


class Pgclone:
    """What django-pgclone runs, as the role of the application."""

    def __init__(self, server, file):
        self._bin = server.bin_dir
        self._environment = dict(server.environment(), PGUSER="shop", PGPASSWORD="shop", PGOPTIONS="-c client_min_messages=warning")
        self._file = file

    def dump(self):
        self._shell("%s/pg_dump -Fc --no-acl --no-owner shop > %s" % (self._bin, shlex.quote(self._file)))

    def restore(self):
        """With reversible: :pre and :post are kept, the latter by another copy."""
        self._fresh("shop__temp")
        self._shell("cat %s | %s/pg_restore --verbose --no-acl --no-owner -d shop__temp 2>%s.log" % (
            shlex.quote(self._file), self._bin, shlex.quote(self._file)))
        self._fresh("shop__post", "shop__temp")
        self._swap()
        self._sql("DROP DATABASE IF EXISTS shop__pre")
        self._sql("ALTER DATABASE shop__swap RENAME TO shop__pre")

    def back(self):
        """restore :pre"""
        self._fresh("shop__temp", "shop__pre")
        self._swap()
        self._sql("DROP DATABASE shop__swap")

    def _fresh(self, name, template="template1"):
        self._sql("DROP DATABASE IF EXISTS " + name)
        self._sql("CREATE DATABASE %s TEMPLATE %s" % (name, template))

    def _swap(self):
        for name, other in (("shop", "shop__swap"), ("shop__temp", "shop")):
            self._sql(KILL % name)
            self._sql("ALTER DATABASE %s RENAME TO %s" % (name, other))

    def _sql(self, statement):
        self._shell("%s/psql -XqAt -v ON_ERROR_STOP=1 -c %s" % (self._bin, shlex.quote(statement)))

    def _shell(self, text):
        subprocess.run(["bash", "-o", "pipefail", "-ec", text], env=self._environment, stdout=subprocess.DEVNULL, check=True)


class Ours:
    """The same by the library that the modules call."""

    def __init__(self, connection, store, jobs):
        self._connection, self._store, self._jobs = connection, store, jobs
        self._made = None

    def dump(self):
        self._made = dump(self._connection, self._store, Wish("bench", jobs=self._jobs))

    def restore(self):
        source = DumpSource(self._store.open(Key.parse(self._made["key"])))
        Restore(self._connection, Wishes(reversible=True, jobs=self._jobs)).run(source)

    def back(self):
        Restore(self._connection, Wishes()).go(":pre")


def main():
    options = world.options(__doc__)
    with world.world(options.megabytes) as (folder, server, connection):
        ways = {"pgclone": Pgclone(server, folder + "/dump"), "ours": Ours(connection, open_store(folder + "/dumps"), options.jobs)}
        ways["pgclone"].dump()  # the server reads its tables into memory
        runs = []
        for number in range(1, options.runs + 1):
            figures = {}
            for name, way in world.in_turns(ways, number):
                server.sql("CHECKPOINT")
                for what in ("dump", "restore", "back"):
                    figures["%s %s" % (what, name)] = world.measured(server, getattr(way, what))[0]
                both = [figures["%s %s" % (what, name)] for what in ("dump", "restore")]
                figures[name] = {part: sum(cost[part] for cost in both) for part in ("wall", "cpu")}
                # Each begins with the live database alone.
                server.sql("".join("DROP DATABASE IF EXISTS shop__%s WITH (FORCE);" % left for left in ("pre", "post", "temp", "swap")))
            runs.append(figures)
            world.keep(options, figures)
        world.compare(runs, "pgclone", "ours", "dump and restore")
        world.compare(runs, "dump pgclone", "dump ours", "dump alone")
        world.compare(runs, "restore pgclone", "restore ours", "restore alone")
        world.compare(runs, "back pgclone", "back ours", "going back")
        print("going back took %.4f of restoring the dump again" % statistics.median(
            figures["back ours"]["wall"] / figures["restore ours"]["wall"] for figures in runs))


if __name__ == "__main__":
    main()
