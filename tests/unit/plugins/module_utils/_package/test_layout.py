# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package store in a folder: what is read is verified, what is written is whole, and crashes leave no harm."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package import artifact
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def publish(store, package, content=b"layer", expected=None, blob=None, **said):
    """Publish a package with one layer; return the digest of its manifest. said is what its configuration says otherwise, blob all of it."""
    name = parse(package)
    layer = {"name": "source", "digest": sha256(content), "size": len(content), "unpacked_size": 1, "files": 1}
    config = {"format": 1, "application": "shop", "profile": "generic", "reference": name.tag, "commit": "c" * 40,
              "label": "Reference: %s" % name.tag, "assets": True, "documents": {}, "layers": [layer]}
    commit = type("Commit", (), {"sha": "c" * 40, "time": 1700000000})
    blob = artifact.encode(dict(config, **said)) if blob is None else blob
    manifest = artifact.manifest_document(name, commit, config)
    manifest["config"].update(digest=sha256(blob), size=len(blob))
    manifest = artifact.encode(manifest)
    with store.workspace() as work:
        path = os.path.join(work, "source")
        with open(path, "wb") as stream:
            stream.write(content)
        store.publish(name, [(path, sha256(content))], [blob], manifest, expected)
    return sha256(manifest)


def flip_a_byte(store, digest):
    path = os.path.join(store.location, "blobs", "sha256", digest[7:])
    with open(path, "r+b") as stream:
        first = stream.read(1)
        stream.seek(0)
        stream.write(bytes([first[0] ^ 1]))


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


def test_a_published_package_is_found_by_tag_and_by_digest(store):
    digest = publish(store, "shop:1.0.0")
    assert store.resolve("shop:1.0.0") == store.resolve("shop@" + digest) == store.resolve(digest) == digest
    assert store.config(digest)["label"] == "Reference: 1.0.0"
    layer = store.manifest(digest)["layers"][0]
    with store.open_blob(layer) as reader:
        assert reader.read() == b"layer"
    store.verify(digest)
    assert sorted(os.listdir(os.path.join(store.location, ".slipway"))) == ["lock"]


def test_the_list_is_newest_first_and_by_repository(store):
    for package in ("shop:1.0.0", "blog:1.0.0", "shop:1.1.0"):
        publish(store, package)
    assert [entry["package"] for entry in store.list()] == ["shop:1.1.0", "blog:1.0.0", "shop:1.0.0"]
    assert [entry["package"] for entry in store.list("shop")] == ["shop:1.1.0", "shop:1.0.0"]
    assert store.list()[0]["size"] == 5
    assert store.list()[0]["pushed_at"].startswith("20")


def test_what_is_damaged_or_not_ours_hides_no_other_package(store):
    publish(store, "shop:1.0.0")
    damaged = publish(store, "blog:1.0.0")
    publish(store, "blog:1.1.0")
    flip_a_byte(store, damaged)
    for content in ({}, {"annotations": {}}, {"annotations": [], "layers": 1}):
        foreign = json.dumps(dict(content, artifactType=artifact.ARTIFACT)).encode("utf-8")
        with open(os.path.join(store.location, "blobs", "sha256", sha256(foreign)[7:]), "wb") as stream:
            stream.write(foreign)
        index = os.path.join(store.location, "index.json")
        with open(index, encoding="utf-8") as stream:
            document = json.load(stream)
        document["manifests"].append({"mediaType": artifact.MANIFEST, "digest": sha256(foreign), "size": len(foreign)})
        with open(index, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
    listed = store.list()
    assert sorted(entry["package"] for entry in listed) == ["blog:1.0.0", "blog:1.1.0", "shop:1.0.0"]
    assert [entry["label"] for entry in listed if entry["digest"] == damaged] == ["(damaged)"]
    assert {frozenset(entry) for entry in listed} == {frozenset(listed[0])}
    assert [entry["package"] for entry in store.list("shop")] == ["shop:1.0.0"]
    with pytest.raises(SlipwayError, match="no package shop:9 in .* It has shop:1.0.0.$"):
        store.resolve("shop:9")


def test_a_configuration_made_by_hand_says_all_that_is_read_of_it(store):
    digest = publish(store, "shop:1.0.0", blob=artifact.encode({
        "format": 1, "application": "shop", "profile": "generic", "reference": "1", "commit": "c", "label": "l", "documents": {}, "layers": []}))
    with pytest.raises(SlipwayError, match="assets"):
        store.config(digest)


def blobs(store):
    return set(os.listdir(os.path.join(store.location, "blobs", "sha256")))


def publish_and_die(store, package, content):
    """Publish in a process that is killed when all blobs are there and the index does not name them yet."""
    program = (
        "import os, signal, sys\n"
        "from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore\n"
        "from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.test_layout import publish\n"
        "class Dying(LayoutStore):\n"
        "    def _write_index(self, entries):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "publish(Dying(sys.argv[1]), sys.argv[2], sys.argv[3].encode())\n")
    done = subprocess.run([sys.executable, "-c", program, store.location, package, content], check=False)
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_publisher_left_is_removed_and_nothing_else(store):
    publish(store, "shop:1.0.0", b"shared")
    whole = blobs(store)
    foreign = os.path.join(store.location, "blobs", "sha256", "f" * 64)
    with open(foreign, "wb") as stream:  # of a tool that copies a package right now, without our lock
        stream.write(b"of somebody else")
    for content in ("shared", "new"):
        publish_and_die(store, "shop:1.1.0", content)
        assert len(blobs(store)) > len(whole) + 1
        with store.workspace():
            assert blobs(store) == whole | {"f" * 64}
    publish_and_die(store, "shop:1.1.0", "new")
    flip_a_byte(store, store.resolve("shop:1.0.0"))  # so that what is needed cannot be told
    with store.workspace():
        assert len(blobs(store)) > len(whole) + 1
    assert sorted(os.listdir(os.path.join(store.location, ".slipway"))) == ["lock"]


def test_a_moved_tag_keeps_the_old_package_reachable_by_digest(store):
    first = publish(store, "shop:1.0.0", b"one")
    second = publish(store, "shop:1.0.0", b"two", expected=first)
    assert store.resolve("shop:1.0.0") == second
    assert store.resolve("shop@" + first) == first
    assert [entry["package"] for entry in store.list()] == ["shop:1.0.0", "shop@" + first]
    publish(store, "shop:1.0.0", b"one", expected=second)
    assert [entry["package"] for entry in store.list()] == ["shop:1.0.0", "shop@" + second]


def test_a_tag_that_somebody_else_took_meanwhile_is_not_overwritten(store):
    first = publish(store, "shop:1.0.0", b"one")
    with pytest.raises(SlipwayError, match="somebody else changed its tag"):
        publish(store, "shop:1.0.0", b"two")
    assert store.resolve("shop:1.0.0") == first


@pytest.mark.parametrize("name, words", [
    ("shop:2.0.0", "It has shop:1.1.0, shop:1.0.0."),
    ("blog:1.0.0", "no package of this name at all"),
    ("shop@sha256:" + "0" * 64, "It has shop:1.1.0"),
    ("shop", "names no single package"),
])
def test_what_is_not_there_is_said_with_what_is(store, name, words):
    publish(store, "shop:1.0.0")
    publish(store, "shop:1.1.0")
    with pytest.raises(SlipwayError, match=words):
        store.resolve(name)


def test_a_store_that_is_none_is_said(store, tmp_path):
    with pytest.raises(SlipwayError, match="There is no package store at"):
        store.resolve("shop:1.0.0")
    assert store.tag_digest(parse("shop:1.0.0")) is None
    assert not os.path.exists(store.location)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.txt").write_text("years of work")
    with pytest.raises(SlipwayError, match="holds other things, such as thesis.txt"):
        publish(store, "shop:1.0.0")
    assert os.listdir(store.location) == ["thesis.txt"]
    with pytest.raises(SlipwayError, match="neither a folder nor the URL of a registry"):
        open_store("registry://localhost/shop")


def test_a_flipped_byte_is_found_in_every_blob(store):
    digest = publish(store, "shop:1.0.0")
    manifest = store.manifest(digest)
    for damaged in (digest, manifest["config"]["digest"], manifest["layers"][0]["digest"]):
        flip_a_byte(store, damaged)
        with pytest.raises(SlipwayError, match="Blob %s in the package store .* is damaged" % damaged):
            store.verify(digest)
        flip_a_byte(store, damaged)
    store.verify(digest)


@pytest.mark.parametrize("content", [b"laye", b"layer and more", b""])
def test_a_blob_of_another_size_is_damaged(store, content):
    layer = store.manifest(publish(store, "shop:1.0.0"))["layers"][0]
    with open(os.path.join(store.location, "blobs", "sha256", layer["digest"][7:]), "wb") as stream:
        stream.write(content)
    with pytest.raises(SlipwayError, match="is damaged"):
        with store.open_blob(layer) as reader:
            reader.read(3)


def test_a_missing_blob_and_a_digest_that_is_a_path_are_refused(store):
    publish(store, "shop:1.0.0")
    with pytest.raises(SlipwayError, match="is missing"):
        store.open_blob({"digest": "sha256:" + "0" * 64, "size": 1})
    with pytest.raises(SlipwayError, match="is not a digest"):
        store.open_blob({"digest": "sha256:../../index.json", "size": 1})


def test_what_a_killed_build_left_goes_with_the_next_one_and_a_living_one_stays(store):
    publish(store, "shop:1.0.0")
    script = (
        "import sys, time, os\n"
        "from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store\n"
        "with open_store(sys.argv[1]).workspace() as work:\n"
        "    os.makedirs(work + '/read-only/inner'); os.chmod(work + '/read-only', 0o500)\n"
        "    print(work, flush=True); time.sleep(60)\n")
    builds = [subprocess.Popen([sys.executable, "-c", script, store.location], stdout=subprocess.PIPE, text=True)
              for unused in range(2)]
    try:
        killed, living = [build.stdout.readline().strip() for build in builds]
        builds[0].send_signal(signal.SIGKILL)
        builds[0].wait()
        half = os.path.join(store.location, "blobs", "sha256", ".part-abc")
        with open(half, "wb") as stream:
            stream.write(b"half a document")
        publish(store, "shop:1.1.0")
        assert not os.path.exists(killed)
        assert not os.path.exists(half)
        assert os.path.isdir(living)
    finally:
        for build in builds:
            build.kill()
            build.wait()
            build.stdout.close()


def test_a_build_that_tidies_up_after_itself_keeps_its_lock_until_all_else_is_gone(store, monkeypatch):
    with store.workspace() as work:
        os.makedirs(os.path.join(work, "checkout", "src"))
        there = []
        rmtree = shutil.rmtree

        def removed(path, **options):
            rmtree(path, **options)
            there.append(sorted(os.listdir(os.path.dirname(work))) if os.path.exists(os.path.dirname(work)) else None)

        monkeypatch.setattr(shutil, "rmtree", removed)
    assert there == [["lock"], None]


def test_a_build_is_not_disturbed_by_one_that_ends_while_it_looks(store, monkeypatch):
    """Another one's folder is gone since it was listed; and one that nobody holds is removed by somebody else at the same time."""
    publish(store, "shop:1.0.0")
    private = os.path.join(store.location, ".slipway")
    os.makedirs(os.path.join(private, "work-left", "inside", "checkout"))
    listdir, chmod = os.listdir, os.chmod
    monkeypatch.setattr(os, "listdir", lambda path: listdir(path) + (["work-gone"] if path == private else []))

    def too_late(path, mode, **options):
        if "work-left" in str(path):
            shutil.rmtree(path)
        chmod(path, mode, **options)

    monkeypatch.setattr(os, "chmod", too_late)
    publish(store, "shop:1.1.0")
    assert listdir(private) == ["lock"]


def test_builds_at_once_all_end_up_in_the_index(store):
    script = (
        "import sys\n"
        "from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store\n"
        "from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.test_layout import publish\n"
        "publish(open_store(sys.argv[1]), sys.argv[2], sys.argv[2].encode())\n")
    names = ["shop:%d" % number for number in range(4)]
    builds = [subprocess.Popen([sys.executable, "-c", script, store.location, name]) for name in names]
    assert [build.wait(timeout=30) for build in builds] == [0] * len(names)
    assert sorted(entry["package"] for entry in store.list()) == names
    for name in names:
        store.verify(store.resolve(name))


def test_a_layout_made_by_another_tool_is_taken_over(store):
    os.makedirs(os.path.join(store.location, "blobs"))
    with open(os.path.join(store.location, "oci-layout"), "w", encoding="utf-8") as stream:
        json.dump({"imageLayoutVersion": "1.0.0"}, stream)
    with open(os.path.join(store.location, "index.json"), "w", encoding="utf-8") as stream:
        json.dump({"schemaVersion": 2, "manifests": [{
            "mediaType": artifact.INDEX, "digest": "sha256:" + "0" * 64, "size": 2}]}, stream)
    publish(store, "shop:1.0.0")
    assert [entry["package"] for entry in store.list()] == ["shop:1.0.0"]
    with open(os.path.join(store.location, "index.json"), encoding="utf-8") as stream:
        assert len(json.load(stream)["manifests"]) == 2


def test_a_store_that_is_half_copied_keeps_its_index(store):
    digest = publish(store, "shop:1.0.0")
    layout = os.path.join(store.location, "oci-layout")
    os.unlink(layout)
    for attempt in (lambda: store.tag_digest(parse("shop:1.1.0")), lambda: publish(store, "shop:1.1.0")):
        with pytest.raises(SlipwayError, match="no oci-layout. It was left as it is") as caught:
            attempt()
    with open(layout, "w", encoding="utf-8") as stream:
        stream.write(caught.value.hint.partition("all that is in it is ")[2])
    assert store.resolve("shop:1.0.0") == digest
    publish(store, "shop:1.1.0")


def test_a_new_store_whose_maker_was_killed_is_made(store):
    os.makedirs(store.location)
    with open(os.path.join(store.location, "index.json"), "w", encoding="utf-8") as stream:
        json.dump({"schemaVersion": 2, "manifests": []}, stream)
    publish(store, "shop:1.0.0")


def test_the_lock_is_not_held_while_somebody_builds(store):
    publish(store, "shop:1.0.0")
    begun = time.monotonic()
    with store.workspace():
        publish(store, "shop:1.1.0")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("said, words", [
    ({"label": 5}, "of package sha256:[0-9a-f]+: label must be a text"),
    ({"documents": []}, "documents must be a mapping, but is a list"),
    ({"layers": {}}, "layers must be a list"),
    ({"layers": [{"name": "source"}]}, r"layers\[0\].digest is missing"),
    ({"layers": [{"name": "source", "digest": "sha256:0", "size": 1, "unpacked_size": "1", "files": 1}]},
     r"layers\[0\].unpacked_size must be a whole number"),
    ({"blob": b'{"format":1}'}, "application is missing"),
    ({"blob": b"[]"}, "is not a JSON document: it has no keys"),
    ({"blob": b"[" * 100000}, "is not a JSON document"),
])
def test_a_configuration_made_by_hand_is_refused_by_name(store, said, words):
    digest = publish(store, "shop:1.0.0", **said)
    with pytest.raises(SlipwayError, match=words):
        store.config(digest)


def test_a_configuration_may_have_what_a_newer_version_knows(store):
    layer = {"name": "source", "digest": sha256(b"layer"), "size": 5, "unpacked_size": 1, "files": 1, "mood": 1}
    assert store.config(publish(store, "shop:1.0.0", layers=[layer], mood="good"))["mood"] == "good"
