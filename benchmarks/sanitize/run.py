# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sanitized dump against pg_dump, against the classic way and against others, on the same shop; its masks, its proof, its memory.

    .venv/bin/python benchmarks/sanitize/run.py --megabytes 1000 --runs 3 --classic 1 --peers pg_anon,pganonymize
    .venv/bin/python benchmarks/sanitize/run.py --megabytes 100 --runs 1

What is compared takes turns, and which is first alternates. CPU seconds are those of client programs and of the server's ended backends.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "postgres"))

import others  # noqa: E402
import watch  # noqa: E402
import world  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumps  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize import residue, writer  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.masks import SETTING, Within  # noqa: E402
from ansible_collections.slipway.app.plugins.module_utils._postgres.selection import Selection  # noqa: E402

CUSTOMERS_A_MEGABYTE = 417
SECRET = "a key of the benchmark of 40 characters."
RULES = {"tables": {
    "app.customers": {"columns": {
        "email": "email", "first_name": "first_name", "last_name": "last_name", "phone": "phone", "birth": "date",
        "ssn": {"rule": "digits_mask", "mask": "XXX-XX-XXXX"}, "notes": "text",
        "address": {"rule": "json", "paths": {"street": "street", "city": "city", "zip": "postal_code"}}, "*": "keep"}},
    "app.addresses": {"columns": {"street": "street", "zip": "postal_code", "city": "keep", "*": "keep"}},
    "app.orders": {"columns": {"customer_email": "email", "ip": "inet", "*": "keep"}},
    "app.messages": {"columns": {"subject": "text", "body": "text", "*": "keep"}},
    "app.order_items": "keep", "app.products": "keep"}}


def fill(server, megabytes):
    subprocess.run([server.psql, "-Xq", "-v", "customers=%d" % (megabytes * CUSTOMERS_A_MEGABYTE), "-d", "shop", "-f",
                    str(Path(__file__).with_name("shop.sql"))], env=server.environment("shop"), check=True)


def plan_of(session, sanitizing):
    """The Plan of the masks, in a transaction of a session."""
    return sanitizing.plan(session, Selection(session, (), ()), session.query(dumps.LOOK)[0])


class Masks:
    """What the masks cost the server: all tables with and without them, COPY to nowhere."""

    def __init__(self, server, connection, sanitizing):
        keyed = sanitizing.keyed(connection)
        with keyed.session() as session:
            session.execute(*writer.SETTINGS, dumps.BEGIN)
            self.tables = [table for table in plan_of(session, sanitizing).tables if table.masked()]
            self.rows = sum(session.query("SELECT count(*) AS n FROM %s" % table.sql)[0]["n"] for table in self.tables)
        self._server = server
        self._key = sanitizing.key

    def expressions(self):
        """{table: {column: SQL}} for others."""
        return {table.sql.replace('"', ""): {column.name: table.decisions[column.name].rule.sql(column, Within) for column in table.masked()}
                for table in self.tables}

    def copied(self, masked):
        """COPY all masked tables to nowhere."""
        queries = [table.copied() if masked else "SELECT %s FROM ONLY %s" % (", ".join('"%s"' % column.name for column in table.columns), table.sql)
                   for table in self.tables]
        text = "".join("%s;\n" % statement for statement in (*writer.SETTINGS, *("COPY (%s) TO '/dev/null'" % query for query in queries)))
        environment = dict(self._server.environment("shop"), PGOPTIONS="-c %s=%s" % (SETTING, self._key.setting))
        subprocess.run([self._server.psql, "-Xq", "-v", "ON_ERROR_STOP=1"], input=text, text=True, env=environment, check=True)


def scanned(store, sanitizing, connection):
    """(MB, CPU seconds) of the proof over all rows of the newest dump, on one core; the rows are as they are restored."""
    whole = store.open(store.newest("none"))
    with sanitizing.keyed(connection).session() as session:
        session.execute(*writer.SETTINGS, dumps.BEGIN)
        plan = plan_of(session, sanitizing)
        sources, _left_out, constants = residue.sources(session, plan.tables)
        looked_for = residue.Residue(sources, "utf-8", constants=constants)
        looked_for.learn(session)
    tables = {table.relation["name"]: table for table in plan.tables}
    seconds = 0.0
    listed = subprocess.run([shutil.which("pg_restore"), "--list", whole.archive], check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        if " TABLE DATA " not in line:
            continue
        number, name = int(line.split(";")[0]), line.split()[6]
        columns = [(column.name, residue.form(column)) for column in tables[name].columns]
        with open("%s/%d.dat" % (whole.archive, number), "rb") as stream:
            rest = b""
            for chunk in iter(lambda: stream.read(writer.AT_ONCE), b""):
                chunk = rest + chunk
                cut = chunk.rfind(b"\n") + 1
                begun = time.process_time()
                looked_for.look(chunk[:cut].replace(writer.END, b""), columns)
                seconds += time.process_time() - begun
                rest = chunk[cut:]
    if looked_for.found:
        raise RuntimeError("Raw values were found: %r" % (looked_for.found,))
    return looked_for.bytes / 1e6, seconds


def measured(server, way):
    """What a way costs, less what looking at it took of the CPU of this process."""
    figures, watching = world.measured(server, way)
    return dict(figures, **{part: figures[part] - (watching or 0) for part in ("client", "cpu")})


def main():
    options = world.options(__doc__, peers="", classic=0)
    sanitizing = Sanitizing(RULES, SECRET)
    with world.world(options.megabytes, fill) as (folder, server, connection):
        masks = Masks(server, connection, sanitizing)
        rivals = others.Others(server, folder, options.jobs, masks.expressions(), others.programs(world.ROOT / ".cache") if options.peers else None)
        store = open_store(folder + "/dumps")
        watched = {}

        def ours(compression):
            with watch.Watch() as seen:
                dump(connection, store, Wish(compression.partition(":")[0], config="sanitized", jobs=options.jobs, compression=compression,
                                             sanitizing=sanitizing))
            watched.setdefault(compression, []).append({"cpu": seen.cpu, "memory": seen.memory})
            return seen.cost

        ways = {"raw %s" % text: lambda text=text: rivals.pg_dump(text) for text in ("gzip:6", "zstd:3", "none")}
        ways.update(("ours %s" % text, lambda text=text: ours(text)) for text in ("gzip:6", "zstd:3", "none"))
        ways.update({"copy": lambda: masks.copied(False), "copy masked": lambda: masks.copied(True)})
        rivals.pg_dump("none")  # the server reads its tables into memory
        runs = []
        for number in range(1, options.runs + 1):
            runs.append({name: measured(server, way) for name, way in world.in_turns(ways, number)})
            world.keep(options, runs[-1])
        server.sql("ALTER ROLE postgres SET %s = '%s'" % (SETTING, sanitizing.key.setting))  # for those who have no other way to have it
        seldom = dict([("classic", rivals.classic)] if options.classic else [])
        if options.peers:
            server.sql("CREATE DATABASE copy TEMPLATE shop")
            seldom.update((name, getattr(rivals, name)) for name in options.peers.split(","))
        once = {}
        for name, way in seldom.items():
            try:
                once[name] = world.measured(server, way)[0]
            except RuntimeError as error:  # a peer that cannot is no reason to say nothing of the others
                print("%s failed: %s" % (name, error))
        world.keep(options, once)
        megabytes, seconds = scanned(store, sanitizing, connection)
        tell(runs, once, watched, masks.rows, megabytes, seconds)


def tell(runs, once, watched, rows, megabytes, seconds):
    def ratio(ours, part, *theirs):
        ratios = [run[ours][part] / sum(run[name][part] for name in theirs) for run in runs]
        return "%.2f (%.2f to %.2f)" % (statistics.median(ratios), min(ratios), max(ratios))

    def median(name, part):
        return statistics.median(run[name][part] for run in runs)

    print("%.0f MB of rows as text, %d masked rows" % (megabytes, rows))
    for name in runs[0]:
        print("%-12s wall %6.2f client CPU %6.2f server CPU %6.2f" % (name, median(name, "wall"), median(name, "client"), median(name, "server")))
    for text in ("gzip:6", "zstd:3"):
        ratios = [run["ours " + text]["cpu"] / (run["raw " + text]["cpu"] + run["copy masked"]["server"] - run["copy"]["server"]) for run in runs]
        print("CPU of raw %s and the masks': %.2f" % (text, statistics.median(ratios)))
    print("wall, gzip:6 of raw gzip:6: %s" % ratio("ours gzip:6", "wall", "raw gzip:6"))
    print("wall, zstd:3 of raw gzip:6: %s" % ratio("ours zstd:3", "wall", "raw gzip:6"))
    print("wall, zstd:3 of raw zstd:3: %s" % ratio("ours zstd:3", "wall", "raw zstd:3"))
    for name, cost in once.items():
        print("%-12s wall %6.2f client CPU %6.2f server CPU %6.2f; ours zstd:3 %.2f of it, gzip:6 %.2f" % (
            name, cost["wall"], cost["client"], cost["server"], median("ours zstd:3", "wall") / cost["wall"], median("ours gzip:6", "wall") / cost["wall"]))
    print("masks: %.2f us a masked row" % ((median("copy masked", "server") - median("copy", "server")) / rows * 1e6))
    for text, seen in watched.items():
        writers, psql = (statistics.median(one["cpu"].get(kind, 0) for one in seen) for kind in ("writer", "psql"))
        print("ours %s: CPU of our program %.2f s, of psql %.2f s, of raw none's pg_dump %.2f s; most memory of a process %.0f MB" % (
            text, writers, psql, median("raw none", "client"), max(one["memory"].get("writer", 0) for one in seen)))
    print("proof: %.0f MB/s on one core (%.2f s)" % (megabytes / seconds, seconds))
    print(json.dumps({"runs": runs, "once": once, "watched": watched, "proof": megabytes / seconds}))


if __name__ == "__main__":
    main()
