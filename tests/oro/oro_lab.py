# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's lab with the stand-in for an Oro application in the place of the shop: PHP-FPM behind nginx."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "demo")]
import needs  # noqa: E402  (these folders are no packages, their files find each other by this path)
from lab import Lab  # noqa: E402
from repository import commit, git  # noqa: E402

# version: (of the platform, {file: its content}); each lies on the one before it.
VERSIONS = {
    "5.1.0": ("5.1.8", {}),
    "6.0.0": ("6.0.2", {"migrations/v1_1.sql": """\
ALTER TABLE standin_product ADD COLUMN name text;
UPDATE standin_product SET name = initcap(sku);
"""}),
    "6.0.1": ("6.0.3", {"config/requirements.json": '{"php": "9.9"}\n'}),
    "6.1.0": ("6.1.0", {
        "config/requirements.json": '{"php": "8.1"}\n',
        "migrations/v1_2.sql": """\
ALTER TABLE standin_product DROP COLUMN price;
ALTER TABLE standin_product ALTER COLUMN name TYPE integer USING name::integer;
"""}),
}

SERVERS = """\
server {{
        listen 127.0.0.1:{front};
        include "{folder}/maintenance.conf";
        {location}
    }}
    server {{  # for the health check alone, past the maintenance page
        listen 127.0.0.1:{web};
        {location}
    }}"""
LOCATION = """\
root "{root}/current/public";
        location / {{
            fastcgi_pass "unix:{socket}";
            # The real path: another release is another file to the opcache.
            fastcgi_param SCRIPT_FILENAME $realpath_root/index.php;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param QUERY_STRING $query_string;
        }}"""
POOL = """\
[global]
error_log = /proc/self/fd/2
[www]
{user}
listen = {socket}
pm = static
pm.max_children = 2
clear_env = no
catch_workers_output = yes
php_admin_flag[opcache.enable] = on
php_admin_flag[opcache.validate_timestamps] = off
"""


class OroLab(Lab):
    application = "oro"
    mounts = ("public/media", "var/data", "var/maintenance")
    port_names = ("front", "web", "websocket")

    def make_repository(self):
        self.repository.mkdir(parents=True)
        git(self.repository, "init", "--quiet", "--initial-branch", "main")
        shutil.copytree(HERE / "application", self.repository, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("vendor", "var"))
        was = {"platform": "5.1.8", "version": "5.1.0"}
        for version, (platform, files) in VERSIONS.items():
            for name in ("platform/composer.json", "composer.lock"):
                self._replace(name, '"version": "%s"' % was["platform"], '"version": "%s"' % platform)
            self._replace("public/index.php", "'%s'" % was["version"], "'%s'" % version)
            for name, content in files.items():
                (self.repository / name).parent.mkdir(exist_ok=True)
                (self.repository / name).write_text(content, encoding="utf-8")
            commit(self.repository, version)
            was = {"platform": platform, "version": version}

    def _replace(self, name, old, new):
        path = self.repository / name
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError("%s has %r %d times" % (name, old, text.count(old)))
        path.write_text(text.replace(old, new), encoding="utf-8")

    def front_servers(self, host):
        self._write_pool(host)
        location = LOCATION.format(root=self.root(host), socket=self._pool_socket(host))
        return SERVERS.format(folder=self.home(host) / "nginx", location=location, **self.ports[host])

    def _pool_socket(self, host):
        return os.path.join(self.sockets, host + "-php.sock")

    def _write_pool(self, host):
        """The pool of the host, and a program that lets PHP-FPM be root where the lab is."""
        root = os.geteuid() == 0
        user = "user = root\ngroup = root" if root else ""
        pool = POOL.format(user=user, socket=self._pool_socket(host))
        (self.root(host) / "php-fpm.conf").write_text(pool, encoding="utf-8")
        launcher = self.home(host) / "php-fpm"
        launcher.write_text('#!/bin/sh\nexec "%s" %s "$@"\n' % (
            needs.php_fpm(), "--allow-to-run-as-root" if root else ""), encoding="utf-8")
        launcher.chmod(0o755)

    def placeholders(self, host):
        ports = self.ports[host if host in self.ports else self.apps[0]]
        return {"port": ports["web"], "front": ports["front"], "websocket": ports["websocket"],
                "php_fpm": str(self.home(host) / "php-fpm")}

    def variables(self):
        return {
            "slipway_environment_variables": {
                "ORO_DB_URL": "{{ oro_database_url }}",
                "ORO_USER_PASSWORD": "{{ oro_user_password }}",
            },
            "slipway_build_environment": {
                "COMPOSER_ALLOW_SUPERUSER": "1",
                "COMPOSER_DISABLE_NETWORK": "1",
                "COMPOSER_HOME": str(self.directory / "composer"),
            },
        }, {
            "oro_database_password": self.secrets["database"],
            "oro_database_url": self.database_url(),
            "oro_user_password": self.secrets["upload_token"],
        }

    # What can be seen of it

    @property
    def lock(self):
        """The application's own lock, where all hosts have it."""
        return self.mount("var/maintenance") / "maintenance_lock"

    def log(self, host, service):
        path = self.root(host) / "logs" / (service + ".log")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def php(self, code, *arguments):
        return subprocess.run(["php", "-r", code, *arguments], capture_output=True, text=True, check=False)

    def release(self, host):
        return (self.root(host) / "current").resolve()
