# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small world for one scenario: a git repository, packages, an application folder, services, a database. All real."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.repositories import Repository
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import postgres_server  # noqa: E402  (scripts is no package)

# Their action plugins do nothing but what the option relay asks for, which tests/registry tests, show progress, and read files of rules.
COMPLETE = ("release", "postgres_copy", "postgres_dump", "postgres_restore", "postgres_sanitize_info")
SECRET = "swordfish-never-shown"
PENDING = "ALTER TABLE orders DROP COLUMN number;\n-- code: fill numbers\n"
FOREVER = ["sh", "-c", "exec sleep 600"]
SLIPWAY = {
    "application": "shop",
    "profile": "generic",
    "build": {"commands": [["sh", "-c", "echo built > built.txt"]]},
    "shared": ["media"],
    "console": ["sh"],
    "migrations": {"sql": ["cat", "pending.sql"], "code": "^-- code: (?P<what>.*)"},
    "services": {
        "web": {"kind": "web", "command": FOREVER},
        "mailer": {"kind": "consumer", "command": FOREVER, "count": 2},
    },
}


class World:
    """Steps to bring it where a scenario begins use the modules themselves, so each is as a user would have it."""

    def __init__(self, folder, run_module, server):
        self.run_module = run_module
        self._server = server
        self._daemon = None
        self.database = None
        self.registered = {}  # what the host has registered of the steps before
        self.folder = folder
        self.root = str(folder / "shop")
        self.store = str(folder / "packages")
        self.repository = str(folder / "repository")
        os.mkdir(self.root)
        repository = Repository(self.repository)
        repository.commit({"slipway.yml": yaml.safe_dump(SLIPWAY), "app.txt": "one\n", "pending.sql": PENDING}, tag="1.0.0")
        repository.commit({"app.txt": "two\n"}, tag="1.1.0")

    def do(self, module, **params):
        result = self.run_module(module, params)
        assert not result.get("failed"), result
        return result

    def begun(self, options, *steps):
        """Let an operation come through these steps; the options of those to come."""
        for result in by_playbook(self, [("operation_step", dict(options, step=step), False) for step in steps]):
            assert result["outcome"] == "ok", result
            self.registered = result
        return options

    # What scenarios ask for

    def build(self, reference="1.0.0", **more):
        return dict(
            {
                "repository": self.repository,
                "reference": reference,
                "name": "shop",
                "store": self.store,
                "build_environment_variables": {"TOKEN": SECRET},
            },
            **more,
        )

    def unpack(self, tag="1.0.0", **more):
        return dict(
            {
                "root": self.root,
                "store": self.store,
                "package": "shop:" + tag,
                "environment_variables": {"TOKEN": SECRET},
            },
            **more,
        )

    def services(self, state=None, **more):
        daemon = self.supervisor
        params = {
            "root": self.root,
            "roles": ["app", "consumer", "leader"],
            "driver": "supervisor",
            "supervisor_socket": daemon.socket,
            "supervisor_conf_dir": daemon.conf_dir,
        }
        return dict(params, **({"state": state} if state else {}), **more)

    def built(self, *references):
        for reference in references:
            self.do("package_build", **self.build(reference))

    def unpacked(self, tag="1.0.0"):
        """A release that is there and not live; its id."""
        self.built(tag)
        return self.do("release", **self.unpack(tag))["release"]["id"]

    def live(self, tag="1.0.0"):
        """A live release; its id."""
        release = self.unpacked(tag)
        self.do("release", root=self.root, state="active", id=release)
        return release

    def patch(self):
        """The file of a patch that makes app.txt of 1.0.0 that of 1.1.0."""
        path = Path(self.repository).with_name("two.patch")
        path.write_text("--- a/app.txt\n+++ b/app.txt\n@@ -1 +1 @@\n-one\n+two\n", encoding="utf-8")
        return str(path)

    def apply_patch(self):
        content = base64.b64encode(Path(self.patch()).read_bytes()).decode("ascii")
        self.do("patch", root=self.root, name="two.patch", content=content)

    @property
    def supervisor(self):
        if self._daemon is None:
            self._daemon = Daemon()
            self._daemon.start()
        return self._daemon

    def postgres(self):
        """A database of its own; the options to reach it."""
        server = self._server()
        self.database = "shop_%s" % os.urandom(4).hex()
        server.sql("CREATE DATABASE %s OWNER contract" % self.database)
        return {
            "login_host": "127.0.0.1",
            "login_port": server.port,
            "login_user": "contract",
            "login_password": SECRET,
            "login_db": self.database,
        }

    def sql(self, text):
        """Run SQL in the world's database."""
        return self._server().sql(text, self.database)

    def snapshot(self):
        """Everything a module could change: files, processes, databases."""
        folders = [self.root, self.store, self.repository]
        seen = {}
        if self._daemon:
            folders.append(self._daemon.conf_dir)
            seen["processes"] = re.findall(
                r"^((?!somebody)\S+) +(\w+)(?: +pid (\d+))?", self._daemon.ctl("status"), re.MULTILINE
            )
        if self.database:
            seen["databases"] = self._server().sql("SELECT oid, datname, datallowconn FROM pg_database ORDER BY oid")
        for folder in folders:
            for path in [Path(folder), *sorted(Path(folder).rglob("*"))]:
                if os.path.lexists(path) and path.name != ".action":  # says who is at work, and is told of nobody afterwards
                    state = path.lstat()
                    content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
                    seen[str(path)] = (stat.filemode(state.st_mode), content)
        return seen

    def close(self):
        if self._daemon:
            self._daemon.end()
            shutil.rmtree(self._daemon.folder)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """server() is one PostgreSQL server for all; it is started for whoever asks first."""
    started = []

    def get():
        if not started:
            binaries = postgres_server.binaries(str(ROOT / ".cache"))
            os.environ["PATH"] = binaries + os.pathsep + os.environ["PATH"]
            folder = str(tmp_path_factory.mktemp("postgres"))
            started.append(postgres_server.Server(folder, binaries, settings={"fsync": "off"}).start())
            started[0].sql("CREATE ROLE contract LOGIN CREATEDB PASSWORD '%s'" % SECRET)
        return started[0]

    yield get
    for one in started:
        one.remove()


@pytest.fixture
def world(tmp_path, run_module, server):
    world = World(tmp_path, run_module, server)
    yield world
    world.close()


def by_playbook(world, calls):
    """The results of [(module, options, check mode or not)], run by one playbook, on a host that has registered what the world says."""
    (world.folder / "hosts").write_text("[app]\nhost ansible_connection=local\n", encoding="utf-8")
    tasks = []
    for module, params, check in calls:
        tasks += [{"slipway.app." + module: params, "register": "operation_step_result", "ignore_errors": True, "check_mode": check},
                  {"ansible.builtin.debug": {"msg": "result {{ operation_step_result | to_json }}"}}]
    known = {"ansible_python_interpreter": sys.executable, "operation_step_result": world.registered}
    play = {"hosts": "app", "gather_facts": False, "vars": known, "tasks": tasks}
    (world.folder / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    done = playbook_process.run(["-i", "hosts", "--diff", "play.json"], world.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(json.loads('"%s"' % text)) for text in re.findall(r'^    "msg": "result (.*)"$', done.stdout, re.MULTILINE)]


@pytest.fixture
def run(run_module, world):
    """run(module, params, *checks) -> the module's results, in check mode or not; what has an action plugin is run by a playbook, once for all."""

    def runner(module, params, *checks):
        if module not in COMPLETE and (ROOT / "plugins" / "action" / (module + ".py")).exists():
            return by_playbook(world, [(module, params, check) for check in checks])
        return [run_module(module, params, check=check) for check in checks]

    return runner
