# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lock of the application is: by the version of the platform alone, and with the profile."""

from __future__ import annotations

import pytest
from oro_lab import make_repository  # found by conftest.py
from repository import git

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand_text, read_documents


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("versions") / "oro")


@pytest.fixture(params=["5.1.0", "6.0.0"])
def version(request):
    return request.param


@pytest.fixture
def lock(provisioned, version):
    """lock(**environment) locks in a new checkout of the version on the build host, and says which lock files are there."""
    lab, folder = provisioned, "/tmp/checkout-" + version
    lab.ssh("build1", ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--branch", version, lab.repository, folder])
    composer = ["COMPOSER_ALLOW_SUPERUSER=1", "COMPOSER_DISABLE_NETWORK=1", "composer", "install", "--quiet", "--no-interaction",
                "--working-dir=" + folder]
    lab.ssh("build1", ["env", *composer])

    def run(**environment):
        words = ["%s=%s" % item for item in environment.items()]
        lab.ssh("build1", ["env", *words, "php", folder + "/bin/console", "--no-interaction", "oro:maintenance:lock"])
        found = lab.ssh("build1", ["find", folder, "/tmp/shared", "-name", "maintenance_lock", "-printf", "%P\\n"], check=False)
        return found.stdout.split()

    yield run
    lab.ssh("build1", ["rm", "-rf", folder, "/tmp/shared"])


def test_by_itself_a_version_has_a_place_of_its_own_in_the_release(lock, version):
    """The trap: a flag elsewhere than the web server looks is none, and in 5.1 it goes with the cache."""
    assert lock() == [{"5.1.0": "var/cache/maintenance_lock", "6.0.0": "var/maintenance/maintenance_lock"}[version]]


def test_with_the_profile_it_is_one_file_for_all_releases_that_no_cache_takes_away(lock, version, repository):
    git(repository, "checkout", "--quiet", version)
    config = effective(read_documents(str(repository)), "prod")
    variables = {"shared": "/tmp/shared", "websocket_port": 1, "namespace": "x"}
    environment = {name: expand_text(value, variables) for name, value in config["environment"].items()}
    assert lock(**environment) == ["var/maintenance/maintenance_lock"]
    assert environment["ORO_MAINTENANCE_LOCK_FILE_PATH"] == "/tmp/shared/var/maintenance/maintenance_lock"
