# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lock of the application is: by the version of the platform alone, and with the profile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from oro_lab import OroLab  # noqa: E402  (this folder is no package, its files find each other by this path)
from repository import git  # noqa: E402

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand_text, read_documents  # noqa: E402


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    lab = OroLab(tmp_path_factory.mktemp("versions"))
    lab.make_repository()
    return lab.repository


@pytest.fixture(params=["5.1.0", "6.0.0"])
def version(request):
    return request.param


@pytest.fixture
def release(repository, version, tmp_path):
    """A checkout of the version, its dependencies installed as the profile says."""
    git(repository, "worktree", "add", "--quiet", "--force", "--detach", str(tmp_path / "release"), version)
    subprocess.run(["composer", "install", "--quiet", "--no-interaction"], cwd=tmp_path / "release", check=True, env=dict(
        os.environ, COMPOSER_ALLOW_SUPERUSER="1", COMPOSER_DISABLE_NETWORK="1", COMPOSER_HOME=str(tmp_path / "composer")))
    return tmp_path / "release"


def lock(release, **environment):
    subprocess.run(["php", "bin/console", "--no-interaction", "oro:maintenance:lock"], cwd=release, check=True,
                   stdout=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], **environment})


def test_by_itself_a_version_has_a_place_of_its_own_in_the_release(release, version):
    """The trap: a flag elsewhere than the web server looks is none, and in 5.1 it goes with the cache."""
    lock(release)
    in_cache, outside = release / "var/cache/maintenance_lock", release / "var/maintenance/maintenance_lock"
    assert (in_cache.exists(), outside.exists()) == {"5.1.0": (True, False), "6.0.0": (False, True)}[version]


def test_with_the_profile_it_is_one_file_for_all_releases_that_no_cache_takes_away(release, tmp_path):
    config = effective(read_documents(str(release)), "prod")
    variables = {"shared": str(tmp_path / "shared"), "websocket": 1, "front": 1}
    lock(release, **{name: expand_text(value, variables) for name, value in config["environment"].items()})
    shutil.rmtree(release / "var", ignore_errors=True)
    assert (tmp_path / "shared/var/maintenance/maintenance_lock").exists()
