# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages in a real registry: the same bytes as in a folder, for us, for skopeo and for oras; and who may not, is told so."""

from __future__ import annotations

import json
import os
import subprocess
import threading

import oras.client
import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package import http_client, registry as registry_module
from ansible_collections.slipway.app.plugins.module_utils._package.build import build as build_package
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.tests.registry.conftest import PASSWORD, registry_server, without_secret
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.test_layout import publish, sha256

UNKNOWABLE = ("digest", "size", "layers", "seconds")


def test_a_package_is_pushed_once_and_is_the_one_of_a_folder(build, repository, store, tmp_path):
    checked = build(check=True)
    assert store.tag_digest(parse("shop:1.0.0")) is None
    pushed = build()
    assert {key: pushed[key] for key in pushed if key not in UNKNOWABLE} == {
        key: checked[key] for key in checked if key not in UNKNOWABLE}
    assert pushed["changed"] and not build()["changed"]
    assert not build(force=True)["changed"]
    folder = build_package(repository.path, "1.0.0", parse("shop:1.0.0"), open_store(str(tmp_path / "folder")))
    assert pushed["digest"] == folder["digest"] == store.resolve("shop:1.0.0")
    assert pushed["layers"] == folder["layers"]
    store.of(parse("shop")).verify(pushed["digest"])


def test_a_tag_moves_only_by_force_and_what_it_left_is_found_by_digest(build, run_module, options):
    first = build("1.0.0", tag="live")
    refused = build("1.1.0", tag="live")
    assert refused["failed"] and "The tag of shop:live is taken by commit %s" % first["commit"] in refused["msg"]
    moved = build("1.1.0", tag="live", force=True)
    assert moved["changed"]
    found = run_module("package_info", dict(options, name="shop@" + first["digest"]))
    assert found["package"]["package"] == "shop@" + first["digest"]
    assert run_module("package_info", dict(options, name="shop:live"))["package"]["digest"] == moved["digest"]


def test_a_tag_that_somebody_else_took_meanwhile_is_not_overwritten(store):
    first = publish(store, "shop:1.0.0", b"one")
    with pytest.raises(SlipwayError, match="somebody else changed its tag"):
        publish(store, "shop:1.0.0", b"two")
    assert store.resolve("shop:1.0.0") == first


def test_packages_are_listed_and_looked_into(build, store, run_module, options, location, monkeypatch):
    build("1.0.0")
    build("1.1.0")
    build("1.0.0", name="group/blog")
    found = without_secret(run_module("package_info", options))
    assert [entry["package"] for entry in found["packages"]] == ["shop:1.1.0", "shop:1.0.0", "group/blog:1.0.0"]
    assert found["packages"][1]["pushed_at"] == "2023-11-14T22:14:20Z"  # of the commit
    monkeypatch.setattr(registry_module, "PAGE", 1)
    assert store.list() == found["packages"]
    assert [entry["package"] for entry in store.list("shop")] == ["shop:1.1.0", "shop:1.0.0"]
    one = run_module("package_info", dict(options, name="shop:1.1.0", environment="prod", verify=True))
    assert one["package"]["verified"] and one["package"]["config"]["profile"] == "generic"
    missing = run_module("package_info", dict(options, name="shop:9"))
    assert "There is no package shop:9 in the package store %s. It has shop:1.1.0, shop:1.0.0." % location in missing["msg"]


def test_a_blob_in_several_parts_arrives_whole(store, monkeypatch):
    monkeypatch.setattr(registry_module, "PART", 70000)
    for size in (0, 70000, 200001):
        content = os.urandom(size)
        digest = publish(store, "shop:%d" % size, content)
        with store.of(parse("shop")).open_blob(store.of(parse("shop")).manifest(digest)["layers"][0]) as reader:
            assert reader.read() == content


def test_an_upload_is_taken_up_when_its_connection_breaks(registry, location, store, tap, monkeypatch):
    for module in (http_client, registry_module):
        monkeypatch.setattr(module, "DELAYS", (0, 0, 0))
    broken = tap("up", 400000, cut=True)
    digest = publish(open_store(location.replace(registry.url, broken.url), registry.auth), "shop:1.0.0", os.urandom(1000000))
    assert broken.reached.is_set()
    store.of(parse("shop")).verify(digest)


def test_the_first_of_two_builds_of_one_tag_wins(store):
    """Both have looked before the other has pushed; the one that comes later is told."""
    said, both = [], threading.Barrier(2)
    first_is_done = threading.Event()

    def push(content, later):
        both.wait()
        try:
            if later:
                first_is_done.wait(20)
            said.append(publish(store, "shop:1.0.0", content))
        except SlipwayError as error:
            said.append(str(error))
        first_is_done.set()

    threads = [threading.Thread(target=push, args=(b"one", False)), threading.Thread(target=push, args=(b"two", True))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said[0] == store.resolve("shop:1.0.0")
    assert "somebody else changed its tag" in said[1]


# Who may not, and what is not there


@pytest.mark.parametrize("auth, words", [
    ({"password": "wrong-as-can-be"}, "refuses the user name or the password. Look at store_auth."),
    ({"username": None, "password": None}, "wants a user name and a password. Set them in store_auth."),
    ({"ca_path": None}, "is not trusted: self-signed certificate"),
])
def test_who_may_not_is_told_why(run_module, registry, location, auth, words):
    params = {"store": location, "store_auth": dict(registry.auth, **auth), "name": "shop:1.0.0"}
    result = run_module("package_info", params)
    assert result["failed"] and words in result["msg"].replace("self signed", "self-signed")
    assert PASSWORD not in json.dumps(result) and "wrong-as-can-be" not in json.dumps(result)


def test_a_registry_that_is_down_is_said_and_leaves_the_host_as_it_is(run_module, registry, build, options, tmp_path):
    build()
    registry.stop()
    try:
        result = run_module("release", dict(options, root=str(tmp_path / "root"), package="shop:1.0.0"))
    finally:
        registry.start()
    assert result["failed"] and "The registry %s cannot be reached: Connection refused" % registry.url in result["msg"]
    assert not (tmp_path / "root").exists()
    assert not build()["changed"]


# Other tools


@pytest.fixture
def skopeo_here(program):
    """Where it is; it needs libraries that a bare system lacks, and only root can install them."""
    try:
        return program("skopeo", "skopeo")
    except registry_server.ServerError as error:
        if os.geteuid() == 0:
            raise
        pytest.skip(str(error))


@pytest.fixture
def skopeo(skopeo_here, registry):
    """skopeo(*arguments): copies with the registry's certificate and password."""
    certificates = os.path.join(registry.folder, "skopeo")
    os.makedirs(certificates, exist_ok=True)
    with open(registry.ca_path, "rb") as source, open(os.path.join(certificates, "ca.crt"), "wb") as copy:
        copy.write(source.read())

    def run(*arguments):
        secret = "%s:%s" % (registry.auth["username"], PASSWORD)
        argv = [skopeo_here, "--insecure-policy", "copy"]
        for side in ("src", "dest"):
            argv += ["--%s-cert-dir" % side, certificates, "--%s-creds" % side, secret]
        subprocess.run([*argv, *arguments], check=True, capture_output=True)

    return run


def test_skopeo_copies_between_registry_and_folder_and_all_digests_stay(build, store, location, skopeo, tmp_path):
    digest = build()["digest"]
    registry_side = location.replace("https:", "docker:") + "/shop"
    skopeo(registry_side + ":1.0.0", "oci:%s:shop:1.0.0" % (tmp_path / "folder"))
    folder = open_store(str(tmp_path / "folder"))
    assert folder.resolve("shop:1.0.0") == digest
    folder.verify(digest)
    skopeo("oci:%s:shop:1.0.0" % (tmp_path / "folder"), registry_side + "-copy:again")
    assert store.resolve("shop-copy:again") == digest
    store.of(parse("shop-copy")).verify(digest)


def test_skopeo_reads_and_copies_what_we_put_into_a_folder(skopeo_here, tmp_path):
    folder = open_store(str(tmp_path / "folder"))
    digest = publish(folder, "shop:1.0.0")
    subprocess.run([skopeo_here, "--insecure-policy", "copy", "oci:%s:shop:1.0.0" % folder.location,
                    "oci:%s:shop:1.0.0" % (tmp_path / "copy")], check=True, capture_output=True)
    copied = open_store(str(tmp_path / "copy"))
    assert copied.resolve("shop:1.0.0") == digest
    assert [entry["package"] for entry in copied.list()] == ["shop:1.0.0"]
    copied.verify(digest)


@pytest.fixture
def oras_client(registry):
    client = oras.client.OrasClient(hostname=registry.url[8:], tls_verify=registry.ca_path, auth_backend="basic")
    client.auth.set_basic_auth(registry.auth["username"], PASSWORD)
    return client


def test_oras_reads_what_we_push(build, store, location, oras_client, tmp_path):
    pushed = build()
    target = location[8:] + "/shop:1.0.0"
    manifest = oras_client.get_manifest(oras_client.get_container(target))
    assert manifest == store.of(parse("shop")).manifest(pushed["digest"])
    for layer in manifest["layers"]:
        path = oras_client.download_blob(target, layer["digest"], str(tmp_path / layer["digest"][7:]))
        with open(path, "rb") as stream:
            assert sha256(stream.read()) == layer["digest"]


def test_we_read_what_oras_pushes(repository, store, location, oras_client, tmp_path):
    """oras writes the JSON of a manifest in its own way, so that the package has another digest with the same blobs."""
    folder = open_store(str(tmp_path / "folder"))
    digest = build_package(repository.path, "1.0.0", parse("shop:1.0.0"), folder)["digest"]
    manifest, container = folder.manifest(digest), oras_client.get_container(location[8:] + "/shop:by-oras")
    for blob in [manifest["config"], *manifest["layers"]]:
        path = tmp_path / "folder" / "blobs" / "sha256" / blob["digest"][7:]
        assert oras_client.upload_blob(str(path), container, blob).ok
    assert oras_client.upload_manifest(manifest, container).ok
    found = store.resolve("shop:by-oras")
    ours = store.of(parse("shop"))
    assert ours.manifest(found) == manifest and ours.config(found) == folder.config(digest)
    ours.verify(found)
    assert [entry["package"] for entry in store.list("shop")] == ["shop:by-oras"]
