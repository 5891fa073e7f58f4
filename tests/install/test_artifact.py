# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact, as users get it: built, looked into, installed elsewhere. Deployed and upgraded by it is in tests/integration."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile

import pytest

from ansible_collections.slipway.app.tests.artifact import DEPENDENCIES, ROOT, built, environment, installed
from ansible_collections.slipway.app.tests.selection import long_but

PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
WANTED = {
    "CHANGELOG.md", "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "COPYING", "FILES.json", "LICENSES",
    "MANIFEST.json", "README.md", "REUSE.toml", "changelogs", "docs", "meta", "playbooks", "plugins", "roles",
}
# What a playbook must be told before it looks at the inventory.
PACKAGE, REFERENCE, PATCH = ["-e", "package=shop:1.0.0"], ["-e", "reference=1.0.0"], ["-e", "patch=fix.patch"]
OPTIONS = {"database_copy": ["-e", "target=other"],
           "database_restore": ["-e", "source=:pre"], "environment_refresh": ["-e", "server=prod"],
           "sanitized_delete": ["-e", "key=prod/shop/sanitized"], "sanitized_restore": ["-e", "source=prod/shop/sanitized"],
           "deploy": PACKAGE, "package_build": REFERENCE, "patch_apply": PATCH,
           "patch_revert": PATCH, "upgrade": PACKAGE}


@pytest.fixture(scope="session")
def artifact(tmp_path_factory):
    return built(tmp_path_factory.mktemp("artifact"))


@pytest.fixture(scope="session")
def collections(artifact, tmp_path_factory):
    return installed(artifact, tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture
def playbook(collections, tmp_path):
    """playbook(names, *options) -> the finished ansible-playbook of the installed collection, of one name or several."""

    def runner(names, *options):
        named = ["slipway.app." + name for name in ([names] if isinstance(names, str) else names)]
        return subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", *named, *options], cwd=tmp_path, text=True,
            env=environment(ANSIBLE_COLLECTIONS_PATH=os.pathsep.join([str(collections), str(DEPENDENCIES)]),
                            ANSIBLE_HOME=str(tmp_path / "home")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    return runner


def test_the_artifact_holds_what_users_need_and_nothing_else(artifact):
    with tarfile.open(artifact) as archive:
        names = {member.name for member in archive if member.isfile()}
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout
    sources = {name for name in listed.split("\0")
               if name.startswith(("LICENSES/", "docs/", "meta/", "playbooks/", "plugins/", "roles/"))}
    assert sorted(sources - names) == []
    assert sorted(name for name in names if name.split("/")[0] not in WANTED) == []
    assert sorted(name for name in names if name.startswith("changelogs/fragments/") or "__pycache__" in name) == []


def test_the_artifact_is_small(artifact):
    assert artifact.stat().st_size < 1_000_000


def test_every_playbook_is_found_and_parses(playbook):
    done = playbook(PLAYBOOKS, "--syntax-check", "-i", "localhost,")
    assert done.returncode == 0, done.stdout
    assert [name for name in PLAYBOOKS if "/playbooks/%s.yml\n" % name not in done.stdout] == [], done.stdout


@pytest.mark.parametrize("name", long_but(PLAYBOOKS, "upgrade", "database_restore"))
def test_an_inventory_without_hosts_is_an_error(playbook, name):
    """Ansible alone would find no host, do nothing and call it a success."""
    done = playbook(name, "-i", "elsewhere,", *OPTIONS.get(name, ()))
    assert done.returncode != 0, done.stdout
    assert "no host in the group app" in done.stdout
