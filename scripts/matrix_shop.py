# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop that the recovery matrix breaks again and again: its versions, and what is seen of it from outside."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from pathlib import Path

import check
import lab_engine
import repository
from client import request
from lab import SHOP
from lab_shop import Shop, rows

SOURCES = SHOP + "/recovery"
STOPPED = ("jobs1", "shop-consumer@2.service")  # by hand, before everything
RUNNING = {
    "app1": ["shop-cron.service", "shop-web.service"],
    "app2": ["shop-web.service"],
    "jobs1": ["shop-consumer@1.service"],
    "jobs2": ["shop-consumer@1.service", "shop-consumer@2.service"],
}
# Seconds and pressure; what the versions do with them is in repository.py.
WEATHERS = {"fair": (0, 1), "failing": (0, 0), "hanging": (3600, 1)}

# Run on a host: everything about it that a look from outside is to see, as JSON.
PROBE = r"""
import glob, json, os, re, subprocess
root = "/srv/shop/"
def text(path):
    with open(path, errors="replace") as stream:
        return stream.read()
current = os.path.basename(os.readlink(root + "current")) if os.path.islink(root + "current") else ""
journals = []
for path in sorted(glob.glob(root + "state/journal/*.jsonl")):
    whole = [line for line in text(path).splitlines(True) if line.endswith("\n")]  # a full disk may leave a piece of one
    last = json.loads(whole[-1]) if whole else {"step": "operation", "event": "never begun"}
    if last["step"] != "operation" or last["event"] == "begin":
        journals.append("%s: %s %s" % (last["operation"], last["step"], last["event"]))
listed = subprocess.run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active,activating,deactivating",
                         "shop-*.service"], stdout=subprocess.PIPE, universal_newlines=True).stdout
# As the application: root of a container may not look into processes of others.
inside = subprocess.run(["runuser", "-u", "shop", "--", "find", "/proc", "-maxdepth", "2", "-name", "cwd", "-lname",
                         root + "releases/*", "-printf", r"%h\n"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                        universal_newlines=True).stdout.split()
strays = []
for path in inside:
    try:
        if not re.search(r"shop-[^/]*\.service", text(path + "/cgroup")):
            strays.append(text(path + "/cmdline").replace("\0", " ").strip())
    except OSError:
        pass  # it has ended
print(json.dumps({
    "version": current.rpartition("-")[0], "open": journals, "running": sorted(line.split()[0] for line in listed.splitlines()),
    "strays": strays, "lock": os.path.exists(root + "state/lock.json"),
    "kept_out": [name for name in ("on", "drain") if os.path.lexists(root + "maintenance/" + name)]}))
"""

# Run on a host: end when a journal that is not there yet has this record, or when nobody waits any more.
WATCH = r"""
import glob, json, select, sys
step, pattern = sys.argv[1], "/srv/shop/state/journal/*.jsonl"
known, seen = set(glob.glob(pattern)), {}
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for path in set(glob.glob(pattern)) - known:
        with open(path) as stream:
            stream.seek(seen.get(path, 0))
            for line in stream:
                if line.endswith("\n"):
                    seen[path] = seen.get(path, 0) + len(line.encode())
                    record = json.loads(line)
                    if (record["step"], record["event"]) == (step, "begin"):
                        print("now", flush=True)
                        sys.exit()
"""


class MatrixShop(Shop):
    """A Shop that is always at a version called recovery-NUMBER, or its twin; versions is how many are still to come."""

    def __init__(self, lab, versions):
        super().__init__(lab)
        self.versions = versions
        self.built = lab.folder / "recovery-built"

    # To a known state

    def ready(self):
        """Bring the hosts up and the shop to a state that cells can begin with, from whatever is there."""
        self.lab.up()
        if self.live().startswith("recovery-") and not self._mended():
            self.lab.down()
            self.lab.up()
        self.sources()
        if not self.live():
            self._must("provision")
        if not self.live().startswith("recovery-"):
            self._must("upgrade" if self.live() else "deploy", package=self.package("recovery-0"))
        self.weather("fair")
        for host, units in RUNNING.items():
            self.lab.inside(host, ["systemctl", "start", *units])
        host, unit = STOPPED
        self.lab.inside(host, ["systemctl", "stop", unit])

    def _mended(self):
        """Whether all is well; a run that was interrupted, or a cell that failed, may have left anything."""
        for host in self.lab.hosts:
            self.lab.heal(host)
        for host in self.apps:
            self.lab.empty(host)
        if self.left_over():
            self.playbook("recover", takeover=True)
        version, wrong = self.wrong([])
        if wrong:
            print("slipway: the shop was left broken, and is made anew: %s" % "; ".join(wrong), flush=True)
            return False
        self.forget_after(version)
        return True

    def sources(self):
        """Put the repository with the matrix's versions on the build host, where it is not there yet."""
        build, live = self.lab.groups["build"][0], self.live()
        count = self.versions + (_number(live) if live.startswith("recovery-") else 0)
        last = ["git", "-C", SOURCES, "rev-parse", "--quiet", "--verify", "recovery-%d-twin" % count]
        if self.lab.inside(build, last, check=False).returncode:
            self.lab.inside(build, ["rm", "-rf", SOURCES])
            with tempfile.TemporaryDirectory(prefix="slipway-recovery-") as folder:
                made = repository.make(Path(folder) / Path(SOURCES).name)
                repository.recovery_versions(made, count)
                self.lab.copy(made, build, str(Path(SOURCES).parent))
            self.lab.inside(build, ["chown", "-R", "root:root", SOURCES])

    def package(self, version):
        """Name the package of a version; it is built when it is not there yet."""
        known = self.built.read_text(encoding="utf-8").split() if self.built.exists() else []
        if version not in known:
            self._must("package_build", reference=version, slipway_repository=SOURCES)
            self.built.write_text("\n".join([*known, version]), encoding="utf-8")
        return "shop:" + version

    def _must(self, playbook, **variables):
        done = self.playbook(playbook, **variables)
        if done.rc:
            raise RuntimeError("The playbook %s failed:\n%s" % (playbook, done.output))

    def live(self):
        """The version that is live on the leader; nothing where none is."""
        return self.probe(self.apps[0])["version"]

    @staticmethod
    def after(version, mode):
        """What one upgrades to from a version: to one that brings a migration, or to one that brings none."""
        number, twin = _number(version), version.endswith("-twin")
        if mode == "source":
            return "recovery-%d%s" % (number, "" if twin else "-twin")
        return "recovery-%d" % (number + 1)

    def weather(self, name, red=""):
        """Let migrations go well, fail or hang, and one version be unwell on app2."""
        self.execute("CREATE TABLE IF NOT EXISTS barometer (seconds float, pressure int); ALTER TABLE barometer OWNER TO shop;"
                     " TRUNCATE barometer; INSERT INTO barometer VALUES (%s, %s)" % WEATHERS[name])
        self.lab.inside(self.apps[1], ["sh", "-c", 'printf %s "$0" > /run/barometer', red])

    def forget_after(self, version):
        """Take away what a migration has left that was given up where users are served all the time."""
        number = _number(version) + 1
        self.execute("ALTER TABLE shop_order DROP COLUMN IF EXISTS recovery_%d;"
                     " DELETE FROM django_migrations WHERE name LIKE '%%\\_recovery\\_%d'" % (number, number))

    # What one does

    def execute(self, statements):
        """Change something in the shop's database, as the superuser."""
        self.lab.inside("db1", ["runuser", "-u", "postgres", "--", "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "shop",
                                "-c", "SET lock_timeout = '20s'", "-c", statements])

    @contextlib.contextmanager
    def watch(self, host, step):
        """wait(running, seconds) returns whether a new operation has begun a step on a host before running ended."""
        watching = self.lab.start_inside(host, ["python3", "-c", WATCH, step])
        watching.stdout.readline()
        try:
            yield lambda running, seconds: self._noticed(watching, running, seconds)
        finally:
            watching.stdin.close()
            watching.wait(30)
            watching.stdout.close()

    @staticmethod
    def _noticed(watching, running, seconds):
        deadline = time.monotonic() + seconds
        while watching.poll() is None and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return watching.poll() is not None and watching.stdout.readline().strip() == "now"

    # What is seen from outside

    def probe(self, host):
        """What PROBE sees of a host, past the network."""
        return json.loads(self.lab.inside(host, ["python3", "-c", PROBE]).stdout)

    def journal(self, host):
        """The records of a host's newest journal that are whole."""
        text = self.lab.inside(host, ["sh", "-c", "cat \"$(ls -t /srv/shop/state/journal/*.jsonl | head -n 1)\""]).stdout
        return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]

    def left_over(self):
        """Whether an operation is open anywhere."""
        return any(found["open"] or found["lock"] for found in map(self.probe, self.hosts))

    def restore_points(self):
        """The databases that are restore points; asked from another one, for who died while it was copied has left the shop's closed."""
        asked = "SELECT datname AS name FROM pg_database WHERE datname LIKE 'shop\\_\\_slipway\\_%%'"
        return [row["name"] for row in rows(self.lab, "postgres", asked)]

    def wrong(self, accepted, again=False):
        """(the version that is live, everything that is not as it should be when nothing is at work); again: see check.py."""
        seen = {host: self.probe(host) for host in self.hosts}
        versions = {found["version"] for found in seen.values()}
        version = seen[self.apps[0]]["version"]
        wrong = ["versions differ: %s" % {host: found["version"] for host, found in seen.items()}] * (len(versions) > 1)
        for host, found in seen.items():
            wrong += ["%s: %s" % (host, one) for one in found["open"] + found["strays"]]
            wrong += ["%s holds the lock" % host] * found["lock"]
            wrong += ["%s keeps users out (%s)" % (host, name) for name in found["kept_out"]]
            if found["running"] != RUNNING[host]:
                wrong.append("%s runs %s" % (host, ", ".join(found["running"])))
        wrong += self._rotation() + check.serves(self, version) + check.orders_are_there(self, accepted)
        return version, wrong + check.jobs_done_once(self, accepted, again=again) + check.databases_are(self, ["shop"]) + self._sessions()

    def _rotation(self):
        """Whether the balancer sends users to every app host."""
        def missing():
            return set(self.apps) - self.in_rotation()

        try:
            lab_engine.until(lambda: not missing(), 20, "")
        except RuntimeError:
            return ["the balancer sends nobody to %s" % ", ".join(sorted(missing()))]
        return []

    def _sessions(self):
        """Whether a statement of a migration that was given up is still at work on the server."""
        found = self.sql("SELECT query FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%%' AND state = 'active'")
        return ["still at work in the database: %s" % row["query"] for row in found]

    def schema(self):
        """(the numbers of the columns that the matrix's versions have brought, those of the migrations that are noted)."""
        columns = self.sql("SELECT substr(column_name, 10)::int AS number FROM information_schema.columns"
                           " WHERE table_name = 'shop_order' AND column_name LIKE 'recovery_%%' ORDER BY 1")
        noted = self.sql("SELECT substr(name, position('recovery_' IN name) + 9)::int AS number FROM django_migrations"
                         " WHERE app = 'shop' AND name LIKE '%%_recovery_%%' ORDER BY 1")
        return [row["number"] for row in columns], [row["number"] for row in noted]

    def schema_is(self, version, more):
        """What is wrong with the schema for a version; more: whether the next one may have begun with its own."""
        wanted, (columns, noted) = list(range(1, _number(version) + 1)), self.schema()
        allowed = [wanted, wanted + [len(wanted) + 1]] if more else [wanted]
        return [] if columns in allowed and noted in allowed else ["columns %s, migrations %s" % (columns, noted)]

    def answers(self, host):
        """What an app host tells the balancer: (status, version or nothing)."""
        try:
            status, _headers, body = request(self.address(host), "GET", "/healthz")
            return status, json.loads(body).get("version", "")
        except (OSError, ValueError):
            return 0, ""


def _number(version):
    return int(version.split("-")[1])
