# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is it so? Questions asked from outside, over HTTP, SQL and of supervisor and the kernel; never of the collection.

Every question answers with a list of what is wrong; an empty list is a yes.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import processes
from client import request

COLUMNS = {
    "1.0.0": {"id", "customer", "email", "placed_at", "packed_at"},
    "1.1.0": {"id", "number", "customer", "email", "total", "placed_at", "packed_at"},
}
MIGRATIONS = {
    "1.0.0": ["0001_initial"],
    "1.1.0": ["0001_initial", "0002_number_and_total", "0003_fill_number_and_total", "0004_require_number_and_total"],
}
PER_ORDER = """
SELECT o.id::text AS id, (SELECT count(*) FROM shop_execution e WHERE e.order_id = o.id) AS runs,
       (SELECT count(*) FROM shop_fulfilment f WHERE f.order_id = o.id) AS parcels,
       (SELECT count(*) FROM procrastinate_jobs j
         WHERE j.args ->> 'order_id' = o.id::text AND j.status = 'succeeded') AS jobs
  FROM shop_order o WHERE o.id::text = ANY(%s)
"""


def orders_are_there(lab, accepted):
    """Every order that a client got a yes for."""
    found = {row["id"] for row in lab.sql("SELECT id::text FROM shop_order")}
    lost = [order for order in accepted if order not in found]
    return ["%d of %d accepted orders are lost, such as %s" % (len(lost), len(accepted), lost[0])] if lost else []


def jobs_done_once(lab, accepted, patience=120, again=False):
    """Every order's job once: not lost, not twice. Waits while the consumers make progress.

    again: a job may have run twice, since its consumer was cut off in the midst of its work, or before saying that it is done.
    """
    waiting, since = None, time.monotonic()
    while waiting != 0 and time.monotonic() - since < patience:
        before, waiting = waiting, _waiting(lab, accepted)
        if waiting != before:
            since = time.monotonic()
        time.sleep(0.2)
    wrong = ["order %(id)s: %(jobs)d jobs done, %(runs)d runs, %(parcels)d parcels" % row
             for row in lab.sql(PER_ORDER, accepted) if (row["jobs"], row["runs"], row["parcels"]) != (1, 1, 1)
             and not (again and row["jobs"] == 1 and row["runs"] >= row["parcels"] >= 1)]
    return wrong[:3] + (["and %d orders more" % (len(wrong) - 3)] if len(wrong) > 3 else [])


def _waiting(lab, accepted):
    return lab.sql("SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
                   " AND args ->> 'order_id' = ANY(%s)", accepted)[0]["jobs"]


def serves(lab, version):
    """Every app host shows the window to a browser, its maintenance is off, and it is of this version and well."""
    wrong = []
    for host in lab.apps:
        status, _headers, body = request(lab.address(host), "GET", "/", headers={"Accept": "text/html"})
        if status != 200 or b"The Chandlery" not in body:
            wrong.append("%s does not serve its window (status %d)" % (host, status))
            continue
        status, _headers, body = request(lab.address(host), "GET", "/healthz")
        answer = json.loads(body)
        if (status, answer) != (200, {"status": "ok", "version": version}):
            wrong.append("%s says %s" % (host, answer))
    return wrong


def schema_is(lab, version):
    """The order table has the columns of this version, and the database the migrations of it."""
    columns = {row["column_name"] for row in lab.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'shop_order'")}
    applied = [row["name"] for row in lab.sql("SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY name")]
    wrong = []
    if columns != COLUMNS[version]:
        wrong.append("columns that differ from %s: %s" % (version, ", ".join(sorted(columns ^ COLUMNS[version]))))
    if applied != MIGRATIONS[version]:
        wrong.append("migrations applied: %s" % ", ".join(applied))
    return wrong


def totals_are_right(lab):
    """From 1.1.0 on: every order has a number of its own, and a total that is the sum of its lines."""
    row = lab.sql("""
        SELECT count(*) FILTER (WHERE o.total IS DISTINCT FROM s.total) AS totals,
               count(*) - count(DISTINCT number) AS numbers
          FROM shop_order o
          LEFT JOIN (SELECT order_id, sum(quantity * unit_price) AS total
                       FROM shop_orderline GROUP BY 1) s ON s.order_id = o.id
    """)[0]
    return ["%(totals)d wrong totals, %(numbers)d numbers missing or given twice" % row] if any(row.values()) else []


def services_are(lab, expected):
    """expected: {host: {"web": True, "consumer@2": False, ...}}, True for running. By supervisor and by the kernel."""
    wrong = []
    for host, services in expected.items():
        states = service_states(lab, host)
        if set(states) != set(services):
            wrong.append("%s has the services %s" % (host, ", ".join(sorted(states))))
        for name, should_run in services.items():
            state, pid = states.get(name, ("UNKNOWN", 0))
            runs = state == "RUNNING" and processes.identity(pid) is not None
            if runs != should_run:
                wrong.append("%s on %s is %s" % (name, host, state))
        wrong += _strays(lab, host, {pid for _state, pid in states.values() if pid})
    return wrong


def service_states(lab, host):
    """{service: (state, pid)}; supervisor's programs are called <application...>-<service>."""
    return {info["name"].rpartition("-")[2]: (info["statename"], info["pid"])
            for info in lab.supervisor(host).getAllProcessInfo()}


def _strays(lab, host, known):
    """Processes that run in the host's releases and do not belong to a running service."""
    releases, wrong = str(lab.root(host) / "releases"), []
    belonging = {pid for parent in known for pid, _ticks in processes.tree(processes.identity(parent) or [0, 0])}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            cwd = str((folder / "cwd").readlink())
        except OSError:
            continue
        if cwd.startswith(releases + "/") and int(folder.name) not in belonging:
            wrong.append("process %s on %s runs in %s without being a service" % (folder.name, host, cwd))
    return wrong


def pictures_are_there(lab, pictures):
    """pictures: {address path: bytes} as uploaded; every app host serves the same."""
    wrong = []
    for host in lab.apps:
        for path, content in pictures.items():
            status, _headers, body = request(lab.address(host), "GET", path)
            if status != 200 or body != content:
                wrong.append("%s does not serve %s (status %d)" % (host, path, status))
    return wrong


def databases_are(lab, names):
    """No copy or half-made database is left behind."""
    found = [row["datname"] for row in lab.sql(
        "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1")]
    return [] if found == sorted(names) else ["databases: %s" % ", ".join(found)]
