# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's inventory: what a user of the collection would write for hosts of their own."""

from __future__ import annotations

import os
import sys

import setup
import yaml

CONFIG = """\
[defaults]
inventory = inventories/demo/hosts.yml
forks = 25
internal_poll_interval = 0.005
retry_files_enabled = false
localhost_warning = false

[connection]
pipelining = true
"""


def write(lab):
    """Write ansible.cfg and the inventory; secrets are in a file of their own that only its owner may read."""
    folder = lab.directory / "inventories" / "demo"
    (folder / "group_vars" / "all").mkdir(parents=True)
    (lab.directory / "ansible.cfg").write_text(CONFIG, encoding="utf-8")
    _write(folder / "hosts.yml", {"all": {"children": {
        "app": {"hosts": {host: _host(lab, host) for host in lab.apps}},
        "consumer": {"hosts": {host: _host(lab, host) for host in lab.consumers}},
    }}})
    variables, secrets = lab.variables()
    _write(folder / "group_vars" / "all" / "main.yml", dict(_common(lab), **variables))
    _write(folder / "group_vars" / "all" / "secrets.yml", secrets, mode=0o600)


def _host(lab, host):
    return {
        "slipway_root": str(lab.root(host)),
        "slipway_supervisor_socket": lab.supervisor_socket(host),
        "slipway_supervisor_conf_dir": str(lab.home(host) / "supervisor" / "conf.d"),
        "slipway_variables": lab.placeholders(host),
    }


def _common(lab):
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "slipway_application": lab.application,
        "slipway_environment": lab.environment,
        "slipway_service_driver": "supervisor",
        "slipway_store": str(lab.store),
        "slipway_repository": str(lab.repository),
        "slipway_python": sys.executable,
        "slipway_database": {
            "login_host": "127.0.0.1",
            "login_port": lab.postgres.port,
            "login_user": lab.application,
            "login_password": "{{ %s_database_password }}" % lab.application,
            "login_db": lab.application,
        },
    }


def shop(lab):
    """The shop's variables and secrets."""
    return {
        "slipway_environment_variables": {
            "DATABASE_URL": "{{ shop_database_url }}",
            "SECRET_KEY": "{{ shop_secret_key }}",
            "UPLOAD_TOKEN": "{{ shop_upload_token }}",
        },
        # A file:// address: pip would split a path at its spaces.
        "slipway_build_environment_variables": {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": setup.wheels().as_uri(),
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_INDEX": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        },
    }, {
        "shop_database_password": lab.secrets["database"],
        "shop_database_url": lab.database_url(),
        "shop_secret_key": lab.secrets["secret_key"],
        "shop_upload_token": lab.secrets["upload_token"],
    }


def _write(path, value, mode=0o644):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        stream.write("---\n")
        yaml.safe_dump(value, stream, sort_keys=False, width=120)
