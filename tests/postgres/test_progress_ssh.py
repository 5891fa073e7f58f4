# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a host that is reached over SSH, as a log gets it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from ansible_collections.slipway.app.tests.postgres import ssh_host
from ansible_collections.slipway.app.tests.postgres.conftest import PASSWORD, REPOSITORY
from ansible_collections.slipway.app.tests.postgres.dumps import dumped


@pytest.fixture
def host(tmp_path_factory):
    try:
        with ssh_host.running(str(REPOSITORY / ".cache"), str(tmp_path_factory.mktemp("ssh"))) as variables:
            yield variables
    except ssh_host.registry_server.ServerError as error:
        pytest.skip(str(error))


@pytest.mark.long
def test_it_is_shown_while_the_module_is_at_work(postgres, host, tmp_path):
    """A hook goes on until the line about it was seen."""
    dumped(postgres, tmp_path / "dumps")
    hook = ["sh", "-c", "for i in $(seq 600); do test -e %s/seen && exit; sleep 0.1; done; exit 1" % tmp_path]
    task = {"slipway.app.postgres_restore": {
        "login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": PASSWORD, "login_db": "shop",
        "store": str(tmp_path / "dumps"), "source": "here", "environment": "dev", "bin_dir": postgres.bin_dir, "pre_swap_hooks": [hook]}}
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"db1": host}}}), encoding="utf-8")
    lines = []
    with subprocess.Popen([sys.executable, "-m", "ansible", "playbook", "-i", "hosts.json", "play.json"], cwd=tmp_path, text=True,
                          env=dict(os.environ, ANSIBLE_SSH_ARGS="-o ControlMaster=auto -o ControlPersist=5s"),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as play:
        for line in play.stdout:
            lines.append(line)
            if re.match(r"  db1 +hook, sh, for \d+ s$", line):
                (tmp_path / "seen").touch()
    assert play.returncode == 0 and (tmp_path / "seen").exists(), "".join(lines)
    assert PASSWORD not in "".join(lines)
