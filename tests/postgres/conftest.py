# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL server for the session, and in it for each test a database of a role that is no superuser."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pathlib
import signal
import sys
import unittest.mock

import pytest
from xdist.scheduler import LoadScopeScheduling

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection
from ansible_collections.slipway.app.tests import playbook_process

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import postgres_server  # noqa: E402  (scripts is no package)

PASSWORD = "no secret"
SERVERS_OWN = "('postgres', 'template0', 'template1')"
DROP_ALL = "SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname NOT IN " + SERVERS_OWN + " \\gexec\n"


# Files whose tests share more servers than the one that every worker has, or a process that has imported Ansible, and so a worker.
SHARING = {"test_connection_options": "options", "test_dump_s3": "s3", "test_majors": "majors",
           **dict.fromkeys(("test_database_playbooks", "test_role", "test_sanitized_playbooks"), "playbooks")}


class _ByServers(LoadScopeScheduling):
    """All tests of such files on one worker, in their order, and each of the others wherever there is room."""

    def _split_scope(self, nodeid):
        return SHARING.get(pathlib.Path(nodeid.partition("::")[0]).stem, nodeid)


def pytest_xdist_make_scheduler(config, log):
    """For --dist loadgroup. (Marks of a group would do, but with pytest 9.2 they reach no scheduler of pytest-xdist 3.8.)"""
    return _ByServers(config, log) if config.getvalue("dist") == "loadgroup" else None


class Cluster(postgres_server.Server):
    """A server whose files need not survive a failing machine, with short cuts for tests."""

    def connection(self, user="shop", database="shop", **more):
        password = self.password if user == self.superuser else PASSWORD
        return Connection("127.0.0.1", self.port, user, password, database, **more)

    def databases(self):
        """Names of the databases that are not the server's own."""
        rows = self.connection(self.superuser, "postgres").query(
            "SELECT datname AS name FROM pg_database WHERE datname NOT IN " + SERVERS_OWN)
        return {row["name"] for row in rows}

    def kill_backend(self, pid):
        """SIGKILL one backend of this server, which makes the server restart all of them."""
        os.kill(pid, signal.SIGKILL)

    def drop_all(self):
        self.sql(DROP_ALL)

    def start_over(self, script=""):
        """Leave nothing but an empty database "shop" of role "shop", and run a script in it as that role; one psql does it all."""
        self.sql(DROP_ALL + "CREATE DATABASE shop OWNER shop;\n\\connect shop\nSET SESSION AUTHORIZATION shop;\n" + script)


def cluster(directory, bin_dir):
    """A Cluster that runs. Each psql works the proof of its password out anew, thousands of rounds of it: here one will do."""
    settings = {"fsync": "off", "max_prepared_transactions": 5, "autovacuum": "off", "max_connections": 60, "max_locks_per_transaction": 128}
    if postgres_server.major(bin_dir) >= 16:
        settings["scram_iterations"] = 1
    made = Cluster(str(directory), bin_dir, settings=settings).start()
    made.sql("ALTER ROLE %s PASSWORD '%s'" % (made.superuser, made.password))
    return made


@pytest.fixture(scope="session", autouse=True)
def keys_derived_once():
    """The key of a sanitized dump takes a tenth of a second to derive, on purpose; the same one need not take it again."""
    with unittest.mock.patch.object(hashlib, "scrypt", functools.lru_cache(hashlib.scrypt)):
        yield


@pytest.fixture(scope="session")
def bin_dir():
    return postgres_server.binaries(str(REPOSITORY / ".cache"))


@pytest.fixture(scope="session")
def server(tmp_path_factory, bin_dir):
    """The server itself; psql of the same version comes first on PATH."""
    server = cluster(tmp_path_factory.mktemp("postgres"), bin_dir)
    before = os.environ["PATH"]
    os.environ["PATH"] = bin_dir + os.pathsep + before
    server.sql("CREATE ROLE shop LOGIN CREATEDB PASSWORD '%s'" % PASSWORD)
    server.sql("CREATE ROLE guest LOGIN PASSWORD '%s'" % PASSWORD)
    yield server
    os.environ["PATH"] = before
    server.remove()


@pytest.fixture
def postgres(server):
    """The server with a fresh database "shop" of role "shop": 1000 orders, and migrations recorded in a table."""
    server.start_over("""
        CREATE TABLE public.orders (id serial PRIMARY KEY, note text);
        CREATE TABLE public.django_migrations (id int PRIMARY KEY, name text);
        INSERT INTO public.orders (note) SELECT 'order ' || g FROM generate_series(1, 1000) g;
        INSERT INTO public.django_migrations VALUES (1, '0001_initial')""")
    return server


@pytest.fixture
def playbooks(postgres, tmp_path):
    """playbooks(names, *options, **variables) -> the CompletedProcess of a run of these playbooks, one after the other, on one host."""
    def run(names, *options, **more):
        variables = dict({
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "slipway_environment": "uat",
            "slipway_root": str(tmp_path / "shop"), "slipway_dump_store": str(tmp_path / "dumps"), "slipway_postgres_bin_dir": postgres.bin_dir,
            "slipway_database": {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD,
                                 "login_db": "shop"}}, **more)
        (tmp_path / "hosts").write_text("[app]\nhost\n", encoding="utf-8")
        (tmp_path / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        done = playbook_process.run(["-v", "-i", "hosts", *["slipway.app." + name for name in names], *options, "-e", "@variables.json"], tmp_path)
        assert PASSWORD not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def rich(server):
    """The server with a database that has one of everything."""
    server.start_over(pathlib.Path(__file__).with_name("rich.sql").read_text(encoding="utf-8"))
    return server
