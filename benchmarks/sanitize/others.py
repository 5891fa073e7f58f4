# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others do to have a dump without people in it, on the same data, with our masks where they take any."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = {"pg_anon": "1.12.0", "pganonymize": "0.13.0"}
# Values of the columns that pganonymize can write: it knows no char(n), no jsonb and no inet, and dates only as they are.
CHOICES = {"first_name": ["Ada", "Ben", "Cleo", "Dan", "Emma", "Finn"], "last_name": ["Adams", "Baker", "Clark", "Davis", "Evans"]}
FIELDS = {
    "customers": {"email": "md5", "first_name": "choice", "last_name": "choice", "phone": "mask", "notes": "mask"},
    "addresses": {"street": "mask", "zip": "mask"}, "orders": {"customer_email": "md5"}, "messages": {"subject": "mask", "body": "mask"}}


def programs(cache):
    """The folder of the peers' programs, in an environment of their own; raises what pip says when they cannot be had."""
    home = Path(cache, "sanitize-peers")
    if not (home / "bin" / "pg_anon").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(home / "bin" / "pip"), "install", "--quiet", *("%s==%s" % peer for peer in PEERS.items())], check=True)
    return home / "bin"


class Others:
    """One way each, as a method; masks are {table: {column: SQL}}, and sessions of the superuser have the key by a setting of theirs."""

    def __init__(self, server, folder, jobs, masks, bin_dir):
        self._server = server
        self._folder = Path(folder)
        self._jobs = jobs
        self._masks = masks
        self._bin = bin_dir

    def _run(self, *argv, database="shop"):
        done = subprocess.run(argv, cwd=self._folder, env=self._server.environment(database), capture_output=True, text=True,
                              check=False)  # pg_anon writes its logs where it is
        if done.returncode:
            raise RuntimeError("%s: %s" % (argv[0], (done.stdout + done.stderr)[-2000:]))

    def _dump(self, name, database="shop", compress="gzip:6"):
        target = self._folder / name
        shutil.rmtree(target, ignore_errors=True)
        self._run(self._server.bin_dir + "/pg_dump", "-Fd", "--jobs=%d" % self._jobs, "--compress=" + compress, "--file=%s" % target, database=database)
        return target

    def pg_dump(self, compress):
        self._dump("raw", compress=compress)

    def classic(self):
        """Dump, restore into a database beside, UPDATE, dump."""
        raw = self._dump("classic-raw")
        self._server.sql("CREATE DATABASE scratch TEMPLATE template0 OWNER shop")
        self._run(self._server.bin_dir + "/pg_restore", "--jobs=%d" % self._jobs, "--exit-on-error", "--dbname=scratch", str(raw), database="scratch")
        for table, columns in self._masks.items():
            sql = "UPDATE %s SET %s" % (table, ", ".join("%s = %s" % pair for pair in columns.items()))
            self._run(self._server.psql, "-XqAtc", sql, database="scratch")
        self._dump("classic", database="scratch")
        self._server.sql("DROP DATABASE scratch")

    def pg_anon(self):
        where = ["--db-host=127.0.0.1", "--db-port=%d" % self._server.port, "--db-user=postgres", "--db-user-password=" + self._server.password,
                 "--db-name=shop"]
        rules = [{"schema": table.split(".")[0], "table": table.split(".")[1], "fields": columns} for table, columns in self._masks.items()]
        (self._folder / "dictionary.py").write_text(json.dumps({"dictionary": rules}), encoding="utf-8")
        if "anon_funcs" not in self._server.sql("SELECT string_agg(nspname, ' ') FROM pg_namespace", "shop"):
            self._run(str(self._bin / "pg_anon"), "init", *where)
        target = self._folder / "pg_anon"
        shutil.rmtree(target, ignore_errors=True)
        self._run(str(self._bin / "pg_anon"), "dump", *where, "--prepared-sens-dict-file=%s" % (self._folder / "dictionary.py"),
                  "--output-dir=%s" % target, "--pg-dump=%s/pg_dump" % self._server.bin_dir, "--db-connections=%d" % self._jobs)

    def pganonymize(self):
        """In place, in a copy that is there before: what it writes of the columns that it can, and a dump."""
        def provider(column, how):
            return {column: {"provider": dict({"name": how}, **({"values": CHOICES[column]} if how == "choice" else {}))}}

        schema = {"tables": [{table: {"fields": [provider(*field) for field in fields.items()]}} for table, fields in FIELDS.items()]}
        (self._folder / "schema.yml").write_text(json.dumps(schema), encoding="utf-8")
        self._run(str(self._bin / "pganonymize"), "--schema=%s" % (self._folder / "schema.yml"), "--dbname=copy", "--user=postgres",
                  "--password=" + self._server.password, "--host=127.0.0.1", "--port=%d" % self._server.port, "--init-sql=SET search_path TO app",
                  "--parallel")
        self._dump("pganonymize", database="copy")
