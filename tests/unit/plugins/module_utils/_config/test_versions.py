# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version of a profile an application gets, and what the versions of the profile oro have in common."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand, read_documents
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.forward import migration

HOST = {"shared": "/srv/shop/shared"}


def oro(**more):
    return effective({"base": dict({"application": "shop", "profile": "oro"}, **more), "overlays": {}})


@pytest.fixture
def repository(tmp_path):
    """repository(locked version of oro/platform or None, *lines of slipway.yml) -> its folder."""

    def make(locked, *lines):
        (tmp_path / "slipway.yml").write_text("\n".join(["application: shop", "profile: oro", *lines]))
        if locked:
            packages = [{"name": "oro/crm", "version": "1.0"}, {"name": "oro/platform", "version": locked}]
            (tmp_path / "composer.lock").write_text(json.dumps({"packages": packages}))
        return str(tmp_path)

    return make


@pytest.mark.parametrize("locked, version", [("5.1.8", "5.1"), ("v6.0.2", "6.0"), ("6.1.0-beta1", "6.1"), ("10.0.0", "10.0")])
def test_the_version_is_read_from_the_lock_file_and_travels_in_the_document(repository, locked, version):
    assert read_documents(repository(locked))["base"]["profile_version"] == version


@pytest.mark.parametrize("locked", [None, "dev-master"])
def test_a_version_that_is_not_locked_has_to_be_said(repository, locked):
    with pytest.raises(SlipwayError, match="profile_version is missing, and composer.lock does not say the version of oro/platform"):
        read_documents(repository(locked))
    assert read_documents(repository(locked, 'profile_version: "6.0"'))["base"]["profile_version"] == "6.0"


def test_a_version_that_is_not_the_locked_one_is_refused(repository):
    with pytest.raises(SlipwayError, match="profile_version is 5.1, but composer.lock has version 6.0 of oro/platform"):
        read_documents(repository("6.0.2", 'profile_version: "5.1"'))


def test_a_lock_file_that_is_none_is_refused(repository, tmp_path):
    folder = repository(None)
    (tmp_path / "composer.lock").write_text('["oro/platform"]')
    with pytest.raises(SlipwayError, match="composer.lock is not what composer writes"):
        read_documents(folder)


def test_versions_before_the_lock_could_be_moved_are_refused():
    with pytest.raises(SlipwayError, match="The profile oro is for oro/platform 5.1 and later, not for 5.0"):
        oro(profile_version="5.0")


def test_a_profile_without_versions_takes_none():
    with pytest.raises(SlipwayError, match="the profile django is the same for all versions"):
        effective({"base": {"application": "shop", "profile": "django", "profile_version": "5.1"}, "overlays": {}})


def test_what_a_version_brings_stays_in_the_versions_after_it():
    def currency(version):
        return "--default-currency={default_currency}" in oro(profile_version=version)["commands"]["install"][0]

    assert [currency(version) for version in ("5.1", "6.0", "6.1", "10.0")] == [False, True, True, True]


@pytest.mark.parametrize("version", ["5.1", "6.0", "7.0"])
def test_the_lock_of_every_version_is_shared_and_outside_of_the_cache(version):
    config = oro(profile_version=version)
    path = expand(config["environment"]["ORO_MAINTENANCE_LOCK_FILE_PATH"], HOST)
    assert path == ["/srv/shop/shared/var/maintenance/maintenance_lock"]
    assert "var/maintenance" in config["shared"]  # what the web server would look for in a release is the same file


def test_the_gate_changes_nothing_and_the_migration_does():
    commands = oro(profile_version="6.0")["commands"]
    assert not [command for command in commands["check"] + commands["check_upgrade"] if "--force" in command]
    assert all("--force" in command for command in commands["migrate"])


def test_the_password_is_no_word_of_the_command():
    words = oro(profile_version="6.0")["commands"]["install"][0]
    assert not [word for word in words if word.startswith("--user-password")]


def test_a_flow_of_the_applications_own_is_run_by_mode_and_leaves_no_lock():
    """What migrates outside of an upgrade stays the platform's update: a flow locks, and clears caches of what is live."""
    own, flow = oro(profile_version="6.0"), oro(profile_version="6.0", profile_flow="composer")
    for mode, script in (("maintenance", "upgrade:full"), ("rolling", "upgrade:rolling")):
        assert migration(flow, {"kind": "upgrade", "mode": mode})[0].endswith(" " + script)
        assert migration(own, {"kind": "upgrade", "mode": mode}) == own["commands"]["migrate"] == flow["commands"]["migrate"]
    assert flow["commands"]["upgrade_source"][0].endswith(" upgrade:source") and own["commands"]["upgrade_source"] == []
    assert migration(flow, {"kind": "deploy"}) == own["commands"]["install"]
    assert flow["commands"]["check_upgrade"][:-1] == own["commands"]["check_upgrade"]
    last = expand(flow["maintenance"]["off"][-1], HOST)
    assert last == ["rm", "-f", expand(flow["environment"]["ORO_GLOBAL_LOCK_FILE_PATH"], HOST)[0]]


def test_hooks_follow_the_flow():
    config = oro(profile_version="6.0", profile_flow="composer", hooks={"after_migrate": ["true"]})
    assert migration(config, {"kind": "upgrade"})[1:] == ["true"]


@pytest.mark.parametrize("document, words", [
    ({"profile": "oro", "profile_version": "5.1", "profile_flow": "composer"}, "composer, which there is from 6.0 on, not in 5.1"),
    ({"profile": "oro", "profile_version": "6.0", "profile_flow": "deployer"}, "has no such flow beside its own. Known: composer"),
    ({"profile": "django", "profile_flow": "composer"}, "Leave profile_flow out")])
def test_a_flow_that_is_not_there_is_refused(document, words):
    with pytest.raises(SlipwayError, match=words):
        effective({"base": dict(document, application="shop"), "overlays": {}})


@pytest.mark.parametrize("environment, config, mixed", [
    ({}, "", False),
    ({"ORO_SESSION_DSN": "redis://r/0"}, "", False),
    ({"ORO_REDIS_URL": "redis://r"}, "", True),
    ({"ORO_REDIS_CACHE_DSN": "rediss://user:swordfish@r/1"}, "prefix: 'shop:'", True),
    ({"ORO_REDIS_CACHE_DSN": "redis://r/1"}, "prefix: '%env(SLIPWAY_CACHE_NAMESPACE)%:'", False),
    ({"ORO_REDIS_CACHE_DSN": "redis://r/1?prefix=abc123"}, "", False)])
def test_caches_in_a_redis_that_releases_would_share_are_refused(tmp_path, environment, config, mixed):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yml").write_text(config)
    command = oro(profile_version="6.0")["commands"]["check"][0]
    done = subprocess.run(expand(command, {}), cwd=tmp_path, env={"SLIPWAY_CACHE_NAMESPACE": "abc123", "PATH": os.defpath, **environment},
                          capture_output=True, text=True, check=False)
    assert (done.returncode, "SLIPWAY_CACHE_NAMESPACE" in done.stderr) == (int(mixed), mixed)
    assert "swordfish" not in done.stdout + done.stderr


@pytest.mark.parametrize("listed, lacks", [
    ("upgrade:full\nupgrade:rolling\nupgrade:source", None), ("upgrade:full\nupgrade:source", "upgrade:rolling"), ("", "upgrade:full")])
def test_a_flow_that_composer_does_not_know_is_found_before_anything_changes(tmp_path, listed, lacks):
    composer = tmp_path / "composer"
    composer.write_text("#!/bin/sh\ntest \"$*\" = '--no-interaction run-script --list' && echo 'scripts:\n%s'\n" % listed)
    composer.chmod(0o755)
    command = oro(profile_version="6.0", profile_flow="composer")["commands"]["check_upgrade"][-1]
    done = subprocess.run(expand(command, {"composer": str(composer)}), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == ((1, "composer.json has no script %s.\n" % lacks) if lacks else (0, ""))


@pytest.mark.parametrize("said", ["", 'Soon: "{gone}" $(id)'])
def test_users_are_told_where_there_is_a_text_and_consumers_have_time_for_it(tmp_path, said):
    for program in ("php", "sleep"):
        (tmp_path / program).write_text('#!/bin/sh\necho "${0##*/} $*" >> ran\n')
        (tmp_path / program).chmod(0o755)
    (tmp_path / "ran").touch()
    config = oro(profile_version="5.1", variables={"announcement": said})
    (command,) = config["maintenance"]["announce"]
    subprocess.run(expand(command, dict(config["variables"], php=str(tmp_path / "php"))), cwd=tmp_path, check=True,
                   env={"PATH": "%s:%s" % (tmp_path, os.defpath)})
    assert (tmp_path / "ran").read_text().splitlines() == ([
        "php bin/console --env=prod --no-interaction oro:maintenance-notification --subject=Maintenance --message=" + said, "sleep 20"] if said else [])
