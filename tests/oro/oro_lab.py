# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a lab with the stand-in for an Oro application in the place of the shop: PHP-FPM behind nginx, by systemd."""

from __future__ import annotations

import collections
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.hosts.conftest import hosts_lab, load

HERE = Path(__file__).resolve().parent
lab_shop = load("slipway_lab_shop", Path(hosts_lab.__file__).with_name("lab_shop.py"))
from client import request  # noqa: E402  (the demo's; the lab has made its folder known)
from repository import commit, git  # noqa: E402

# version: (of the platform, {file: its content}); each lies on the one before it.
VERSIONS = {
    "5.1.0": ("5.1.8", {}),
    "6.0.0": ("6.0.2", {"migrations/v1_1.sql": """\
ALTER TABLE standin_product ADD COLUMN name text;
UPDATE standin_product SET name = initcap(sku);
"""}),
    "6.0.1": ("6.0.3", {"config/requirements.json": '{"php": "9.9"}\n'}),
    "6.0.2": ("6.0.4", {
        "config/requirements.json": '{"php": "8.1"}\n',
        "migrations/v1_2.sql": "ALTER TABLE standin_product ADD COLUMN note text;\n",
        "fixtures/LoadNotes.sql": "UPDATE standin_product SET note = 'new' WHERE note IS NULL;\n",
        "slipway.yml": (HERE / "application/slipway.yml").read_text(encoding="utf-8") + """\
profile_flow: composer

migrations:
  compatible: ['Oro\\Bundle\\StandInBundle\\Migrations\\Data\\ORM\\LoadNotes']
""",
    }),
    "6.0.3": ("6.0.5", {}),
    "6.1.0": ("6.1.0", {"migrations/v1_3.sql": """\
ALTER TABLE standin_product DROP COLUMN price;
ALTER TABLE standin_product
    ALTER COLUMN name TYPE integer USING name::integer;
""", "fixtures/LoadPrices.sql": "SELECT 1;\n"}),
}

NAME = "oro.test"
ROOT = "/srv/oro"
# On all hosts the same, as a network file system would be.
MOUNTS = ("public/media", "var/data", "var/maintenance")
PORT, WEBSOCKET_PORT = 8001, 8080
DATABASE = "oro"


def play(lab, playbook, *options, **variables):
    """The Result of a playbook that must end well."""
    result = lab.playbook(playbook, *options, **variables)
    assert result.rc == 0, result.output
    return result


@contextlib.contextmanager
def users(lab, host="lb1"):
    """Users who come to the balancer, or to an app host, all the time, and what they get."""
    visits, stop = collections.Counter(), threading.Event()

    def come():
        while not stop.wait(0.2):
            try:
                status, body = lab.get(host=host)
                page = json.loads(body) if status == 200 else {}
                visits[status, page.get("version"), page.get("platform"), page.get("metadata")] += 1
            except OSError as error:
                visits[str(error), None, None, None] += 1

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield visits
    finally:
        stop.set()
        thread.join()


def make_repository(folder):
    """The stand-in's git repository in a new folder, with a tag for each version."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    shutil.copytree(HERE / "application", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("vendor", "var"))
    was = {"platform": "5.1.8", "version": "5.1.0"}
    for version, (platform, files) in VERSIONS.items():
        for name in ("platform/composer.json", "composer.lock"):
            _replace(folder / name, '"version": "%s"' % was["platform"], '"version": "%s"' % platform)
        _replace(folder / "public/index.php", "'%s'" % was["version"], "'%s'" % version)
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        commit(folder, version)
        was = {"platform": platform, "version": version}
    return folder


def _replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError("%s has %r %d times" % (path, old, text.count(old)))
    path.write_text(text.replace(old, new), encoding="utf-8")


class OroLab(hosts_lab.Lab):
    """Two app hosts, so that one can take over from the other, and one consumer host."""

    repository = "/srv/build/oro"
    ansible_playbook = staticmethod(playbook_process.start)

    def __init__(self, name):
        super().__init__(name, apps=2, consumers=1)
        self.apps, self.consumers = self.groups["app"], self.groups["consumer"]

    # What there is to be deployed

    @property
    def _certificate(self):
        return str(self.folder / "registry.pem")

    def _stock(self):
        for host in ["build1"] + self.apps + self.consumers:
            self.inside(host, ["mkdir", "-p", self.folder])
        self.inside("build1", ["mkdir", "-p", Path(self.repository).parent])
        with tempfile.TemporaryDirectory(prefix="slipway-oro-") as folder:
            self.copy(make_repository(Path(folder) / "oro"), "build1", Path(self.repository).parent)
        self.inside("build1", ["chown", "-R", "root:root", self.repository])

    def _application(self):
        password = self.secrets["database"]
        shop = super()._application()
        kept = ("slipway_environment", "slipway_repository")
        return {
            **{name: shop[name] for name in kept},
            # By its address, and trusted by a file in the same place everywhere: so that this machine may relay packages.
            "slipway_store": "https://%s:5000" % self.address("build1"),
            "slipway_store_auth": dict(shop["slipway_store_auth"], ca_path=self._certificate),
            "slipway_maintenance_bypass_addresses": [self.address("jobs1")],
            "slipway_application": "oro",
            "slipway_profile": "oro",
            "slipway_root": ROOT,
            "slipway_server_name": NAME,
            "slipway_packages": ["composer"],
            "slipway_variables": {"port": PORT, "websocket_port": WEBSOCKET_PORT, "php_fpm": "php-fpm8.2", "backend_prefix": ""},
            "slipway_database": {"login_host": "db1", "login_port": 5432, "login_user": "oro", "login_db": DATABASE,
                                 "login_password": password},
            "slipway_environment_variables": {
                "ORO_DB_URL": "postgresql://oro:%s@db1:5432/%s" % (password, DATABASE),
                "ORO_USER_PASSWORD": self.secrets["upload_token"],
            },
            "slipway_build_environment_variables": {
                "COMPOSER_ALLOW_SUPERUSER": "1", "COMPOSER_DISABLE_NETWORK": "1", "COMPOSER_HOME": "/var/cache/composer"},
        }

    def mount(self):
        """Let the hosts have folders in common; provisioned, they know whose they are."""
        for host in self.apps + self.consumers:
            for path in MOUNTS:
                common, place = Path(hosts_lab.SHARE, path), Path(ROOT, "shared", path)
                self.ssh(host, ["install", "-d", "-o", "oro", "-g", "oro", ROOT + "/shared", place.parent, common])
                self.ssh(host, ["ln", "-s", common, place])

    def trust(self):
        """Let this machine trust the registry, as provisioning has let the hosts."""
        Path(self._certificate).write_text(self.ssh("build1", ["cat", self._certificate]).stdout, encoding="utf-8")

    @contextlib.contextmanager
    def without_a_way_to_the_registry(self, host):
        """Meanwhile no packet of the host's finds the registry; the rest of the network is as ever."""
        route = ["unreachable", self.address("build1") + "/32"]
        self.ssh(host, ["ip", "route", "add", *route])
        try:
            yield
        finally:
            self.ssh(host, ["ip", "route", "del", *route])

    @property
    def placeholders(self):
        return self._application()["slipway_variables"]

    def module(self, host, name, **options):
        """The result of a module of the collection on a host."""
        argv = [sys.executable, "-m", "ansible", "adhoc", host, "-m", "slipway.app." + name, "-a", json.dumps(options)]
        done = subprocess.run(argv, cwd=self.folder, env=self.ansible_environment(), capture_output=True, text=True, check=False)
        return json.loads(done.stdout[done.stdout.index("=> {") + 3:])

    # What can be seen of it

    def get(self, path="/", host="lb1"):
        """(status, body) of a request to the balancer, or to the web server of an app host."""
        status, _headers, body = request("http://" + self.address(host), "GET", path, headers={"Host": NAME})
        return status, body.decode()

    def page(self, host="lb1", path="/"):
        """What the application says of itself to whoever asks; nothing when it does not."""
        status, body = self.get(path, host)
        return json.loads(body) if status == 200 else {}

    def in_rotation(self):
        """How many app hosts the balancer believes to be well."""
        shown = self.ssh("lb1", ["sh", "-c", "echo show servers state healthy | socat - /run/haproxy/admin.sock"]).stdout
        return len([server for server in map(str.split, shown.splitlines()) if len(server) > 5 and server[5] == "2"])

    def status_inside(self):
        """The status that the application gives past the maintenance page, as its health check asks it."""
        asked = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:%d/" % PORT]
        return int(self.ssh("app1", asked).stdout)

    def sql(self, query):
        """Rows of the application's database as dictionaries."""
        return lab_shop.rows(self, DATABASE, query)

    def services(self, host):
        """{service: (state, pid)} by systemd; of one with a schedule, its timer's."""
        shown = self.ssh(host, ["sh", "-c", "cd /etc/systemd/system && systemctl show --property Id,ActiveState,MainPID oro-*"])
        units = [dict(line.split("=", 1) for line in unit.splitlines()) for unit in shown.stdout.split("\n\n")]
        timers = {unit["Id"].rpartition(".")[0] for unit in units if unit["Id"].endswith(".timer")}
        return {unit["Id"].rpartition(".")[0][len("oro-"):]: (unit["ActiveState"], int(unit.get("MainPID", 0)))
                for unit in units if unit["Id"].endswith(".timer") or unit["Id"].rpartition(".")[0] not in timers}

    def locks(self):
        """The names of the application's own locks that are there."""
        return self.ssh("app1", ["ls", hosts_lab.SHARE + "/var/maintenance"]).stdout.split()

    def log(self, host, service):
        return self.ssh(host, ["journalctl", "--quiet", "--output=cat", "--unit=oro-%s.service" % service]).stdout

    def live(self, host):
        """The folder of the live release."""
        return self.ssh(host, ["readlink", "-f", ROOT + "/current"]).stdout.strip()

    def journal(self):
        """The leader's records of the last operation."""
        text = self.ssh("app1", ["sh", "-c", "cat $(ls %s/state/journal/*.jsonl | tail -n 1)" % ROOT]).stdout
        return [json.loads(line) for line in text.splitlines()]
