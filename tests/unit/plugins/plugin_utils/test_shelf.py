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
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleError

from ansible_collections.slipway.app.plugins.module_utils._operation import shelf
from ansible_collections.slipway.app.plugins.plugin_utils import _shelf
from ansible_collections.slipway.app.plugins.plugin_utils._shelf import ANSWER, GONE, NAME, program, validated

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


def _run(shelf_of, root, name=NAME):
    """The output of the program for the step survey, as if all that a user has to himself were below a folder."""
    params = {"steps": ["survey"], "root": str(root), "host": "app1", "roles": ["app", "leader"], "environment": "prod",
              "environment_variables": {}, "database": {}, "store_auth": None, "plan": None}
    text = program(params, name)
    assert text.count('"/run" if') == 1
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-"], input=text.replace('"/run" if', '%r if True or' % str(shelf_of)), cwd=root,
                          capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_step_runs_from_what_was_left(tmp_path, archive):
    assert shelf.leave(NAME, str(tmp_path), str(archive)) == sys.executable
    folder = tmp_path / "slipway" / NAME
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == ["ansible_collections"], "Ansible's own library stays away"
    result = json.loads(_run(tmp_path, tmp_path)[len(ANSWER):])
    assert result["survey"]["operation"] is None and result["seconds"].keys() == {"survey"}


def test_the_path_of_python_may_have_a_space(tmp_path, monkeypatch):
    python = tmp_path / "a folder" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    asked = []

    def execute(command, in_data):
        asked.append(subprocess.run(command, shell=True, input=b"print('%s{}')" % ANSWER.encode(), capture_output=True, check=False))
        return {"rc": asked[0].returncode, "stdout": asked[0].stdout.decode(), "stderr": asked[0].stderr.decode()}

    action = SimpleNamespace(_task=SimpleNamespace(check_mode=False), _is_pipelining_enabled=lambda style: True,
                             _compute_environment_string=lambda: "A_VALUE=1", _low_level_execute_command=execute)
    monkeypatch.setattr(_shelf, "validated", lambda arguments: {"database": {}, "store_auth": None})
    assert _shelf.run_from_shelf(action, str(python), {}) == {"shelf": str(python)}, asked


def test_what_fails_is_said(tmp_path, archive):
    shelf.leave(NAME, str(tmp_path), str(archive))
    (tmp_path / "state").write_text("where a folder is to be", encoding="utf-8")
    result = json.loads(_run(tmp_path, tmp_path)[len(ANSWER):])
    assert (result["failed"], result["step"]) == (True, "survey") and result["msg"]


def test_what_is_not_there_or_may_be_anothers_is_not_run(tmp_path, archive):
    assert _run(tmp_path, tmp_path) == GONE
    shelf.leave(NAME, str(tmp_path), str(archive))
    assert _run(tmp_path, tmp_path, "another") == GONE
    for folder in (tmp_path / "slipway", tmp_path / "slipway" / NAME):
        folder.chmod(0o770)
        assert _run(tmp_path, tmp_path) == GONE
        folder.chmod(0o700)
    assert _run(tmp_path, tmp_path) != GONE


def test_a_library_is_left_once_and_others_go_in_time(tmp_path, archive):
    base, folders = str(tmp_path), tmp_path / "slipway"
    shelf.leave("one", base, str(archive))
    inode = (folders / "one").stat().st_ino
    assert shelf.leave("one", base, str(archive)) and (folders / "one").stat().st_ino == inode
    assert shelf.leave("two", base, str(archive)) and sorted(os.listdir(folders)) == ["one", "two"]
    old = time.time() - 2 * shelf.KEPT
    os.utime(folders / "one", (old, old))
    assert shelf.leave("two", base, str(archive)) and os.listdir(folders) == ["two"]


def test_nothing_is_left_where_others_could_change_it(tmp_path, archive):
    (tmp_path / "slipway").mkdir(mode=0o755)
    assert shelf.leave("one", str(tmp_path), str(archive)) is None
    (tmp_path / "slipway").rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "slipway").symlink_to("elsewhere")
    assert shelf.leave("one", str(tmp_path), str(archive)) is None
    assert shelf.leave("one", str(tmp_path / "missing"), str(archive)) is None
    assert shelf.leave("one", str(tmp_path), None) is None, "this library did not come in a zip file"


GIVEN = {"application": "shop", "environment": "prod", "root": "/srv/shop", "store": "https://store", "database": {"login_db": "shop", "login_port": "5432"},
         "keep_releases": "2"}


def test_options_are_what_the_module_would_see():
    params = validated(GIVEN)
    assert (params["keep_releases"], params["driver"], params["database"]["login_port"]) == (2, "systemd", 5432)
    with pytest.raises(AnsibleError, match="environment"):
        validated(dict(GIVEN, environment="nowhere"))


@pytest.mark.parametrize("written", [
    {"root": "~/shop"}, {"python": "$HOME/bin/python"}, {"store_auth": {"ca_path": "~/ca.pem"}},
    {"database": {"login_db": "shop", "ca_cert": "~shop/ca.pem"}}])
def test_only_the_host_knows_its_home(written):
    assert validated(dict(GIVEN, **written)) is None
    assert validated(dict(GIVEN, variables={"path": "~/x"}, store_auth={"password": "$x"})) is not None
