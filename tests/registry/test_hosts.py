# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that unpacks packages of a registry: what it fetches, what it keeps, and what kills and flipped bytes do to it."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.content import ContentStore, forget, tidy
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.tests.registry.conftest import PASSWORD, VENDOR, without_secret
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.test_layout import publish


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def unpack(run_module, options, root):
    """unpack(package) -> result of the module release on the host."""

    def runner(package, **more):
        return without_secret(run_module("release", dict(options, root=str(root), package=package, **more)))

    return runner


def blobs(root):
    folder = root / "state" / "blobs"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def hexes(*digests):
    return sorted(digest.partition(":")[2] for digest in digests)


def flip_a_byte(path, place=1000):
    with open(path, "r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1]))


def test_a_host_fetches_only_what_it_has_not_and_keeps_only_what_it_needs(build, unpack, run_module, store, root, fetched):
    first, second = build("1.0.0"), build("1.1.0")
    layers = [{layer["name"]: layer["digest"] for layer in one["layers"]} for one in (first, second)]
    assert layers[0]["dependencies"] == layers[1]["dependencies"]
    configs = [store.of(parse("shop")).manifest(one["digest"])["config"]["digest"] for one in (first, second)]
    fetched()
    old = unpack("shop:1.0.0")["release"]
    assert (root / "releases" / old["id"] / "app.txt").read_text() == "one\n"
    assert (root / "releases" / old["id"] / "vendor" / "library").stat().st_size == VENDOR
    assert fetched() == sorted([configs[0], *layers[0].values()])
    new = unpack("shop:1.1.0")["release"]
    assert fetched() == sorted([configs[1], layers[1]["source"]])
    assert blobs(root) == hexes(first["digest"], second["digest"], *configs, *layers[0].values(), layers[1]["source"])
    run_module("release", {"root": str(root), "state": "absent", "id": old["id"]})
    assert blobs(root) == hexes(second["digest"], configs[1], *layers[1].values())
    run_module("release", {"root": str(root), "state": "absent", "id": new["id"]})
    assert blobs(root) == []


def test_the_password_is_in_no_file_of_the_host(build, unpack, root):
    build()
    unpack("shop:1.0.0", environment_variables={"DEBUG": "1"})
    for path in root.rglob("*"):
        assert path.is_dir() or PASSWORD.encode() not in path.read_bytes(), path
    assert (root / "state" / "blobs").stat().st_mode & 0o777 == 0o700


def test_check_mode_reads_and_writes_nothing(build, run_module, options, root):
    build()
    checked = run_module("release", dict(options, root=str(root), package="shop:1.0.0"), check=True)
    assert checked["changed"] and list(root.iterdir()) == []


def test_a_flipped_byte_on_the_host_is_found_and_fetched_again(build, unpack, run_module, root, fetched):
    built = build()
    release = unpack("shop:1.0.0")["release"]
    run_module("release", {"root": str(root), "state": "active", "id": release["id"]})
    layer = next(one["digest"] for one in built["layers"] if one["name"] == "dependencies")
    flip_a_byte(root / "state" / "blobs" / layer[7:])
    build("1.1.0")
    fetched()
    unpacked = unpack("shop:1.1.0")["release"]
    assert layer in fetched()
    assert (root / "releases" / unpacked["id"] / "vendor" / "library").stat().st_size == VENDOR


def test_a_flipped_byte_in_the_registry_reaches_no_release(build, unpack, registry, root):
    layer = next(one["digest"] for one in build()["layers"] if one["name"] == "dependencies")
    flip_a_byte(registry.blob(layer))
    try:
        result = unpack("shop:1.0.0")
    finally:
        flip_a_byte(registry.blob(layer))
    assert result["failed"] and "Blob %s" % layer in result["msg"] and "is damaged" in result["msg"]
    assert layer[7:] not in blobs(root) and list((root / "releases").iterdir()) == []
    assert unpack("shop:1.0.0")["changed"]


def test_a_manifest_that_is_damaged_in_the_registry_is_not_believed(build, run_module, options, registry):
    digest = build()["digest"]
    path = Path(registry.blob(digest))
    place = path.read_bytes().index(b"Reference: ")  # else it is not what the registry takes for a manifest
    flip_a_byte(path, place)
    try:
        result = run_module("package_info", dict(options, name="shop@" + digest))
    finally:
        flip_a_byte(path, place)
    assert result["failed"] and "is damaged" in result["msg"] and "let whoever keeps it remove the blob" in result["msg"], result


def test_a_pull_goes_on_where_its_connection_broke(build, run_module, registry, location, root, tap):
    build()
    broken = tap("down", VENDOR // 2, cut=True)
    result = run_module("release", {"store": location.replace(registry.url, broken.url), "store_auth": registry.auth,
                                    "root": str(root), "package": "shop:1.0.0"})
    assert result["changed"] and broken.reached.is_set()
    assert '"http.response.status":206' in registry.log()


def test_a_pull_that_is_killed_leaves_nothing_that_counts(build, unpack, start_module, registry, location, root, tap):
    layer = next(one["digest"] for one in build()["layers"] if one["name"] == "dependencies")
    slow = tap("down", VENDOR // 2)
    pull = start_module("release", {"store": location.replace(registry.url, slow.url), "store_auth": registry.auth,
                                    "root": str(root), "package": "shop:1.0.0"})
    slow.wait()
    pull.send_signal(signal.SIGKILL)
    pull.wait()
    assert ".part-" + layer[7:] in blobs(root) and layer[7:] not in blobs(root)
    assert all(path.name.startswith(".part-") for path in (root / "releases").iterdir())
    assert unpack("shop:1.0.0")["changed"]
    assert [name for name in blobs(root) if name.startswith(".part-")] == []


def test_a_push_that_is_killed_shows_no_package_and_the_next_one_finishes_it(
        build, store, repository, start_module, registry, location, cache, tap):
    slow = tap("up", VENDOR // 2)
    push = start_module("package_build", {
        "store": location.replace(registry.url, slow.url), "store_auth": registry.auth, "name": "shop",
        "repository": repository.path, "reference": "1.0.0"})
    slow.wait()
    push.send_signal(signal.SIGKILL)
    push.wait()
    assert store.list() == [] and store.tag_digest(parse("shop:1.0.0")) is None
    assert [path.name[:5] for path in (cache / "builds").iterdir() if path.name != "lock"] == ["work-"]
    built = build()
    store.of(parse("shop")).verify(built["digest"])
    assert [path.name for path in (cache / "builds").iterdir()] == ["lock"]


# The folder


@pytest.fixture
def content(store, tmp_path):
    """A content store, the digest of a package, and the descriptor of its layer."""
    digest = publish(store, "shop:1.0.0", os.urandom(100000))
    inner = store.of(parse("shop"))
    return ContentStore(inner, str(tmp_path / "blobs")), digest, inner.manifest(digest)["layers"][0]


def test_many_at_once_fetch_a_blob_once(content, fetched, tmp_path):
    reader, digest, layer = content
    fetched()
    found = []

    def read():
        with reader.open_blob(layer) as stream:
            found.append(len(stream.read()))

    threads = [threading.Thread(target=read) for unused in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [100000] * 8 and fetched() == [layer["digest"]]
    assert reader.missing(digest) == [] and os.listdir(str(tmp_path / "blobs")) == [layer["digest"][7:]]


def test_what_is_on_its_way_is_left_alone_and_what_nobody_uses_goes(content, tmp_path, tap, registry, location):
    reader, digest, layer = content
    reader.config(digest)
    reader.open_blob(layer).close()
    folder = tmp_path / "blobs"
    (folder / (".part-" + "0" * 64)).write_bytes(b"of a crash")
    (folder / ("1" * 64)).write_bytes(b"of no release")
    assert tidy(str(folder), [digest]) == 23
    assert len(os.listdir(folder)) == 3
    os.utime(folder / layer["digest"][7:], (1, 1))
    assert forget(str(folder), 3600) == 100000
    assert tidy(str(folder), []) > 0 and os.listdir(folder) == []
    assert tidy(str(tmp_path / "nowhere"), []) == 0


def test_a_digest_that_is_a_path_is_refused(content):
    reader, dummy, layer = content
    with pytest.raises(SlipwayError, match="is not a digest"):
        reader.open_blob(dict(layer, digest="sha256:../../etc/passwd"))


def test_a_full_disk_is_said_and_nothing_is_left(content, tmp_path, monkeypatch):
    reader, dummy, layer = content
    with pytest.raises(SlipwayError, match="is too small for blob"):
        reader.open_blob(dict(layer, size=10 ** 15))
    assert json.dumps(os.listdir(str(tmp_path / "blobs"))) == "[]"
