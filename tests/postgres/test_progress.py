# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress as a log gets it: of a host that is reached over SSH, and of work that another user does."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

from ansible_collections.slipway.app.tests.postgres import ssh_host
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY
from ansible_collections.slipway.app.tests.postgres.dumps import dumped

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
# The one user that every machine has and that is neither root nor anybody; it has no shell, and need not reach what root has installed.
OTHER = {"ansible_become": True, "ansible_become_method": "su", "ansible_become_user": "nobody", "ansible_become_flags": "-s /bin/sh",
         "ansible_python_interpreter": "/usr/bin/python3"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user without a password")


@pytest.fixture
def over_ssh(tmp_path_factory):
    try:
        with ssh_host.running(str(REPOSITORY / ".cache"), str(tmp_path_factory.mktemp("ssh"))) as variables:
            yield variables
    except ssh_host.registry_server.ServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def folder():
    """A folder that any user reaches."""
    with tempfile.TemporaryDirectory(prefix="slipway-test-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


@pytest.mark.long
def test_it_is_shown_of_a_host_over_ssh(postgres, over_ssh, folder):
    shown(postgres, over_ssh, folder)


@needs_root
def test_it_is_shown_of_what_another_user_does(postgres, folder):
    shown(postgres, dict(HERE, **OTHER), folder)


@needs_root
@pytest.mark.long
def test_it_is_shown_of_what_another_user_does_on_a_host_over_ssh(postgres, over_ssh, folder):
    shown(postgres, dict(over_ssh, **OTHER), folder)


def shown(postgres, host, folder):
    """A restore whose hook goes on until the line about it was seen."""
    dumped(postgres, folder / "dumps")
    user = host.get("ansible_become_user")
    if user:
        subprocess.run(["chown", "-R", user, str(folder / "dumps")], check=True)
    hook = ["sh", "-c", "for i in $(seq 600); do test -e %s/seen && exit; sleep 0.1; done; exit 1" % folder]
    task = {"slipway.app.postgres_restore": {
        "login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD, "login_db": "shop",
        "store": str(folder / "dumps"), "source": "here", "environment": "dev", "bin_dir": postgres.bin_dir, "pre_swap_hooks": [hook]}}
    (folder / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"db1": host}}}), encoding="utf-8")
    lines = []
    with subprocess.Popen([sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "play.json"], cwd=folder, text=True,
                          env=dict(os.environ, ANSIBLE_SSH_ARGS="-o ControlMaster=auto -o ControlPersist=5s"),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as play:
        for line in play.stdout:
            lines.append(line)
            if re.match(r"  db1 +hook, sh, for \d+ s$", line):
                (folder / "seen").touch()
    assert play.returncode == 0 and (folder / "seen").exists(), "".join(lines)
    assert PASSWORD not in "".join(lines)
