# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person gets who asks for something that cannot be: what is wrong, what was left as it was, what to do next."""

from __future__ import annotations

import contextlib
import hashlib
import json

import pytest
import repository

from ansible_collections.slipway.app.plugins.module_utils._package.artifact import REF_NAME
from ansible_collections.slipway.app.tests.integration.aftermath import came_back, everything_is, told
from ansible_collections.slipway.app.tests.integration.packages import blob, commit, derive, manifest
from ansible_collections.slipway.app.tests.selection import long_but

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def shop(two_hosts):
    """The shop with 1.0.0 live."""
    return two_hosts


@pytest.fixture(scope="module")
def package(shop):
    """shop:1.1.0, in the store and live nowhere."""
    (package,) = derive(shop, "shop:1.0.0", "1.1.0")
    return package


@pytest.fixture
def refused(shop, run, state, changes):
    """Run a playbook that must fail, say certain words, and change nothing, not even what processes run."""

    def runner(playbook, *options, says, may_change=(), **variables):
        before = state(shop)
        result = run(shop, playbook, *options, **variables)
        said = told(result.output)
        assert result.rc != 0, result.output
        assert [words for words in says if words.lower() not in said.lower()] == [], said
        assert set(changes(before, state(shop))) == set(may_change), changes(before, state(shop))
        return said

    return runner


def database(lab, **other):
    """slipway_database as the inventory has it, but for some values."""
    return dict({"login_host": "127.0.0.1", "login_port": lab.postgres.port, "login_user": "shop", "login_db": "shop",
                 "login_password": "{{ shop_database_password }}"}, **other)


# What is asked for


@pytest.mark.parametrize(("variables", "says"), [
    ({}, ["reference=", "package="]),
    pytest.param({"reference": "1.1.0", "package": "shop:1.1.0"}, ["reference=", "package="], marks=pytest.mark.long),
    pytest.param({"package": "shop:1.0.0", "mode": "roling"}, ["There is no mode roling", "maintenance", "rolling", "source"], marks=pytest.mark.long),
    ({"package": "shop:1.0.0", "slipway_database": {}}, ["No database is named", "slipway_database", "login_db"]),
], ids=["neither", "both", "mode", "no-database"])
def test_an_upgrade_that_cannot_be_meant(refused, variables, says):
    refused("upgrade", says=["Nothing was changed", *says], **variables)


def test_an_inventory_without_app_hosts(refused, tmp_path):
    (tmp_path / "hosts.yml").write_text("consumer: {hosts: {consumer1: {}}}\n", encoding="utf-8")
    refused("upgrade", "--inventory", str(tmp_path / "hosts.yml"), package="shop:1.0.0",
            says=["Nothing was changed", "no host in the group app"])


@pytest.mark.parametrize("limit", long_but(["app1", "app1,localhost"], "app1,localhost"))
def test_only_a_part_of_the_hosts(refused, package, limit):
    refused("upgrade", "--limit", limit, package=package, says=["Nothing was changed", "app2", "--limit"])


# What is built


@pytest.mark.parametrize(("variables", "says"), [
    ({}, ["Say what to build", "-e reference=1.1.0"]),
    pytest.param({"reference": "1.1.0", "slipway_repository": ""}, ["Say where to build from", "slipway_repository: https://"], marks=pytest.mark.long),
], ids=["no-reference", "no-repository"])
def test_a_build_that_cannot_be_meant(refused, variables, says):
    refused("package_build", says=["Nothing was changed", *says], **variables)


# What a module says of a build, the unit tests of modules see; that a playbook passes it on and changes nothing, one here.


@pytest.mark.long
def test_an_unknown_reference(refused):
    refused("upgrade", reference="1.1.9",
            says=["no tag, branch or commit '1.1.9'", "Did you mean", "No package was written"])


@pytest.mark.long
def test_a_repository_out_of_reach(refused, tmp_path):
    refused("upgrade", reference="1.1.0", slipway_repository=str(tmp_path / "nowhere"),
            says=["nowhere cannot be read", "Check the address", "No package was written"])


def test_a_build_command_that_fails(shop, refused):
    said = refused("upgrade", reference=repository.broken_version(shop.repository, "broken-build"),
                   says=["pip install", "failed with exit status 1", "No package was written"])
    assert "No matching distribution found for barometer==4.2" in said


@pytest.mark.long
def test_a_tag_that_is_taken_by_another_commit(refused):
    refused("upgrade", reference="1.1.0", tag="1.0.0",
            says=["shop:1.0.0 is taken by commit", "left untouched", "Choose another tag", "force"])


@pytest.mark.parametrize(("tag", "old", "new", "says"), [
    ("unknown-key", "migrate: 600", "migrade: 600", ["timeouts", "migrade", "migrate"]),
    pytest.param("wrong-type", "migrate: 600", "migrate: ten minutes", ["timeouts.migrate", "ten minutes"], marks=pytest.mark.long),
])
def test_a_configuration_that_is_wrong(shop, refused, tag, old, new, says):
    refused("upgrade", reference=commit(shop, tag, "1.1.0", "slipway.yml", old, new),
            says=["slipway.yml", "No package was written", *says])


# What is found on the hosts before anything begins: all of it is said at once


def test_no_such_package_and_no_database_server(shop, refused):
    said = refused("upgrade", package="shop:9.9.9", slipway_database=database(shop, login_port=1),
                   says=["nothing was changed", "no package shop:9.9.9", "127.0.0.1:1", "Connection refused"])
    for host in shop.hosts:
        assert "- %s: There is no package" % host in said


def test_a_disk_that_is_too_small_and_a_role_that_may_not_copy(shop, refused, package):
    shop.sql("ALTER ROLE shop NOCREATEDB")
    try:
        with stating(shop, package, 2**60) as huge:
            refused("upgrade", package=huge, says=["nothing was changed", "disk", "too small", "Remove old releases",
                                                   "may not create databases", 'ALTER ROLE "shop" CREATEDB'])
    finally:
        shop.sql("ALTER ROLE shop CREATEDB")


@pytest.mark.long
def test_a_configuration_blob_with_a_flipped_bit(shop, refused, package):
    digest = manifest(shop, package)["config"]["digest"]
    with flipped(blob(shop, digest)):
        refused("upgrade", package=package, says=["nothing was changed", digest, "damaged", "Build the package again"])


@pytest.mark.long
def test_a_tag_that_somebody_else_has_moved_since_it_was_built(shop, refused):
    built = "sha256:" + "0" * 64
    said = refused("upgrade", reference="1.0.0", package_built={"package": "shop:1.0.0", "digest": built, "changed": True},
                   says=["nothing was changed", "- app1: shop:1.0.0 is another package by now", "say -e package=shop@%s." % built])
    assert said.count("moved the tag") == len(shop.hosts)


def test_a_second_installation(refused):
    """Nothing is built for it either."""
    refused("deploy", reference="1.2.0", says=["nothing was changed", "already installed on app1",
                                               "would empty its database", "slipway.app.upgrade"])


def test_an_upgrade_of_nothing(shop, refused, tmp_path):
    for host in shop.hosts:
        (tmp_path / host).mkdir()
    refused("upgrade", reference="1.2.0", slipway_root=str(tmp_path / "{{ inventory_hostname }}"),
            says=["nothing was changed", "not installed on app1", "slipway.app.deploy"])
    assert [path for host in shop.hosts for path in (tmp_path / host).iterdir()] == []


@pytest.mark.long
def test_a_root_that_is_not_there(shop, refused, package, tmp_path):
    root = str(tmp_path / "missing" / "{{ inventory_hostname }}")
    refused("deploy", package=package, slipway_root=root,
            says=["nothing was changed", str(tmp_path / "missing" / "app1")])
    assert not (tmp_path / "missing").exists()


@pytest.mark.long
def test_no_service_is_stopped_for_a_way_back_that_is_not_there(shop, run, state, changes):
    before = state(shop)
    done = run(shop, "database_reverse")
    assert done.rc != 0 and "There is no database" in done.output and "Nothing was changed" in done.output, done.output
    assert changes(before, state(shop)) == {}


# What fails once it has begun, and is undone


def test_a_layer_with_a_flipped_bit(shop, refused, package):
    """No checksum but that of the blob can tell: the operation begins, unpacks nothing, and ends."""
    layer = max(manifest(shop, package)["layers"], key=lambda one: one["size"])
    with flipped(blob(shop, layer["digest"])):
        said = refused("upgrade", package=package, may_change=["journals"],
                       says=["was undone", layer["digest"], "live release 1.0.0-", "is untouched"])
    for host in shop.hosts:
        assert "stage on %s: " % host in said


def test_a_health_check_that_never_turns_green(shop, package, run, state, changes):
    repository.broken_version(shop.repository, "unhealthy")
    commit(shop, "patient", "unhealthy", "slipway.yml", "timeout: 5", "timeout: 15")  # for a busy machine
    (patient,) = derive(shop, package, "patient")
    before = state(shop)
    result = run(shop, "upgrade", package=patient)
    says = ["was undone", "never turned green in 15 seconds", "the barometer is falling", "The step activate failed",
            "The database was changed", "The old release is live again, with its data"]
    came_back(shop, result, before, state(shop), changes, says, restored=True)
    everything_is(shop, "1.0.0", shop.services)


# How it is looked at


@contextlib.contextmanager
def flipped(path):
    """One bit in the middle of a file is another."""
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:])
    try:
        yield
    finally:
        path.write_bytes(content)


@contextlib.contextmanager
def stating(lab, package, size):
    """The name of a copy of a package whose configuration states this size for a layer."""
    index, made = lab.store / "index.json", []
    before = index.read_bytes()

    def put(document):
        data = json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        made.append(blob(lab, digest))
        made[-1].write_bytes(data)
        return {"digest": digest, "size": len(data)}

    changed = manifest(lab, package)
    config = json.loads(blob(lab, changed["config"]["digest"]).read_bytes())
    config["layers"][0]["unpacked_size"] = size
    changed["config"].update(put(config))
    listed = json.loads(before)
    listed["manifests"].append(dict(listed["manifests"][0], annotations={REF_NAME: "shop:huge"}, **put(changed)))
    try:
        index.write_text(json.dumps(listed), encoding="utf-8")
        yield "shop:huge"
    finally:
        index.write_bytes(before)
        for path in made:
            path.unlink()


# In which mode: the last one, since the package stays on the hosts


def test_a_mode_that_the_migrations_do_not_suit(refused, package):
    """Nor where another reason is accepted than theirs. The package stays on the hosts, for an upgrade in another mode."""
    refused("upgrade", package=package, mode="rolling", slipway_accept_unsafe_mode=["rename"], may_change=["journals", "releases"],
            says=["The mode rolling is not safe", "shop.0004_require_number_and_total", "SET NOT NULL", "slipway_accept_unsafe_mode"])


@pytest.mark.long
def test_a_mode_without_migrations_where_there_are_some(refused, package):
    refused("upgrade", package=package, mode="source", may_change=["journals"],
            says=["The mode source is not safe", "shop.0002_number_and_total", "shop.0003", "shop.0004"])
