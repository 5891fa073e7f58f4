# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library that an operation's first step leaves on a host, and the program that runs later steps from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from ansible.errors import AnsibleError

from ansible_collections.slipway.app.plugins.module_utils._operation import shelf
from ansible_collections.slipway.app.plugins.plugin_utils._shelf import ANSWER, GONE, program, validated

LIBRARY = Path(shelf.__file__).resolve().parents[1]
WITHIN = "ansible_collections/slipway/app/plugins/module_utils/"


@pytest.fixture
def archive(tmp_path):
    """What a module brings along: our library, and Ansible's own."""
    path = tmp_path / "payload.zip"
    with zipfile.ZipFile(path, "w") as payload:
        payload.writestr("ansible/module_utils/basic.py", "")
        for file in sorted(LIBRARY.rglob("*.py")):
            payload.write(file, WITHIN + str(file.relative_to(LIBRARY)))
    return path


def _run(left, root, **changes):
    """The output of the program for the step survey."""
    params = {"steps": ["survey"], "root": str(root), "host": "app1", "roles": ["app", "leader"], "environment": "prod",
              "environment_variables": {}, "database": {}, "store_auth": None, "plan": None}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([left["python"], "-"], input=program(dict(left, **changes), params), capture_output=True, text=True,
                          env=environment, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_step_runs_from_what_was_left(tmp_path, archive):
    left = shelf.leave(str(tmp_path), str(archive))
    assert left["python"] == sys.executable and os.stat(left["folder"]).st_mode & 0o777 == 0o700
    assert os.listdir(left["folder"]) == ["ansible_collections"], "Ansible's own library stays away"
    result = json.loads(_run(left, tmp_path)[len(ANSWER):])
    assert result["survey"]["operation"] is None and result["seconds"].keys() == {"survey"}


def test_what_fails_is_said(tmp_path, archive):
    (tmp_path / "state").write_text("where a folder is to be", encoding="utf-8")
    result = json.loads(_run(shelf.leave(str(tmp_path), str(archive)), tmp_path)[len(ANSWER):])
    assert (result["failed"], result["step"]) == (True, "survey") and result["msg"]


def test_what_is_gone_or_may_be_anothers_is_not_run(tmp_path, archive):
    left = shelf.leave(str(tmp_path), str(archive))
    assert _run(left, tmp_path, folder=left["folder"] + "x") == GONE
    os.chmod(left["folder"], 0o770)
    assert _run(left, tmp_path) == GONE


def test_the_same_library_is_left_once_and_another_beside_it(tmp_path, archive):
    first = shelf.leave(str(tmp_path), str(archive))
    inode = os.stat(first["folder"]).st_ino
    assert shelf.leave(str(tmp_path), str(archive)) == first and os.stat(first["folder"]).st_ino == inode
    with zipfile.ZipFile(archive, "a") as payload:
        payload.writestr(WITHIN + "_core/more.py", "")
    second = shelf.leave(str(tmp_path), str(archive))
    assert second["folder"] != first["folder"] and os.path.isdir(first["folder"])
    old = time.time() - 2 * shelf.KEPT
    os.utime(first["folder"], (old, old))
    assert shelf.leave(str(tmp_path), str(archive)) == second
    assert os.listdir(tmp_path / "slipway") == [os.path.basename(second["folder"])]


def test_nothing_is_left_where_others_could_change_it(tmp_path, archive):
    (tmp_path / "slipway").mkdir(mode=0o755)
    assert shelf.leave(str(tmp_path), str(archive)) is None
    (tmp_path / "slipway").rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "slipway").symlink_to("elsewhere")
    assert shelf.leave(str(tmp_path), str(archive)) is None
    assert shelf.leave(str(tmp_path / "missing"), str(archive)) is None
    assert shelf.leave(str(tmp_path), None) is None, "this library did not come in a zip file"


GIVEN = {"application": "shop", "environment": "prod", "root": "/srv/shop", "store": "https://store", "database": {"login_db": "shop"},
         "keep_releases": "2"}


def test_options_are_what_the_module_would_see():
    params = validated(GIVEN)
    assert (params["keep_releases"], params["driver"], params["database"]["login_port"]) == (2, "supervisor", 5432)
    with pytest.raises(AnsibleError, match="environment"):
        validated(dict(GIVEN, environment="nowhere"))


@pytest.mark.parametrize("written", [
    {"root": "~/shop"}, {"python": "$HOME/bin/python"}, {"store_auth": {"ca_path": "~/ca.pem"}},
    {"database": {"login_db": "shop", "ca_cert": "~shop/ca.pem"}}])
def test_only_the_host_knows_its_home(written):
    assert validated(dict(GIVEN, **written)) is None
    assert validated(dict(GIVEN, variables={"path": "~/x"}, store_auth={"password": "$x"})) is not None
