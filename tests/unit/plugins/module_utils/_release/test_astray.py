# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root works for an application whose user owns the folder above releases: he can put anything in its place, at any moment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import apart
from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore
from ansible_collections.slipway.app.plugins.module_utils._release import layers, shared
from ansible_collections.slipway.app.plugins.module_utils._release import store as library
from ansible_collections.slipway.app.plugins.module_utils._release.patches import open_patches, patched
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import Runtime
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, put_package
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")

USER = 65534
LIVE = "1.0-000000000001"
DIFF = b"--- a/app.txt\n+++ b/app.txt\n@@ -1 +1 @@\n-one\n+two\n"
WRITES = {"shared": ["media"], "writable": ["var/cache"]}


@pytest.fixture
def place():
    """A folder that everybody reaches, with the applications shop and bank and a file of root's."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    for name in ("shop", "bank"):
        release = Path(Application(folder / name).release({}, **WRITES))
        (release / "app.txt").write_text("one\n")
        (release / "var" / "cache").mkdir(parents=True)
        os.chown(folder / name, USER, USER)
    (folder / "bank" / "shared" / "media").mkdir(parents=True)
    (folder / "bank" / "shared" / "media" / "upload").write_text("bank's")
    (folder / "etc" / "var" / "cache").mkdir(parents=True)
    (folder / "etc" / "passwd").write_text("root's")
    yield folder
    shutil.rmtree(folder)


def seen(*folders):
    """{path: (owner, content)} of all that is in the folders."""
    return {path: (path.lstat().st_uid, path.read_bytes() if path.is_file() else None) for folder in folders for path in folder.rglob("*")}


def put(place, what):
    """What the user of the shop puts in the place of its releases."""
    releases = place / "shop" / "releases"
    releases.rename(place / "shop" / "old")
    if what == "link":
        releases.symlink_to("../bank/releases")
    else:
        shutil.copytree(place / "shop" / "old", releases)
        own = releases / LIVE / ".slipway" / "patches"
        (own / "work" / "old").mkdir(parents=True)
        victim = os.path.relpath(place / "etc" / "passwd", releases / LIVE)
        (own / "intent.json").write_text(json.dumps({"files": [victim], "after": [1]}))
        forged = Path(os.path.normpath(own / "work" / "old" / victim))
        forged.parent.mkdir(parents=True, exist_ok=True)
        forged.write_text("his")
    os.lchown(releases, *((0, 0) if what == "writable" else (USER, USER)))
    if what == "writable":
        releases.chmod(0o777)


def package(place):
    store = LayoutStore(str(place / "packages"))
    return store, put_package(place / "packages", "shop:2.0", {"source": [entry("app.txt", b"two\n")]}, ["media"], base={"writable": ["var/cache"]})


def unpack(root):
    store, digest = package(Path(root).parent)
    ReleaseStore(root).present(store, digest, "shop:2.0")


def copy(root):
    with ReleaseStore(root).apart():
        pass


@pytest.mark.parametrize("what", ["folder", "link", "writable"])
@pytest.mark.parametrize("work", [
    lambda root: ReleaseStore(root).list(), lambda root: ReleaseStore(root).current(), lambda root: ReleaseStore(root).activate(LIVE),
    lambda root: ReleaseStore(root).absent(LIVE), unpack, copy, patched, lambda root: open_patches(root).apply(DIFF, "fix.patch"),
], ids=["list", "current", "activate", "absent", "present", "apart", "patched", "patch"])
def test_releases_that_are_not_roots_alone_are_neither_believed_nor_changed(place, work, what):
    put(place, what)
    (place / "shop" / "current").unlink()  # it is his as well: what is live is what he says
    os.symlink("releases/" + ("7.0-000000000007" if what == "link" else LIVE), place / "shop" / "current")
    before = seen(place / "bank", place / "etc")
    with pytest.raises(SlipwayError, match="shop/releases is not root's alone") as refused:
        work(str(place / "shop"))
    assert "-R" not in str(refused.value), "what is writable stays the application's"
    if what == "link":
        said = "a link to %s/bank/releases. Where you have not put it there, remove it" % place
        assert said in str(refused.value) and "-h" not in str(refused.value), "it is not blessed by who believes that it leads to his own"
    else:
        assert "chown -h root: " in str(refused.value)
    assert seen(place / "bank", place / "etc") == before


def test_no_name_of_a_folder_is_a_command_for_who_does_as_the_hint_says(place):
    disk, releases = place / "disk;touch pwned", place / "shop" / "releases"
    releases.rename(disk)
    releases.symlink_to(disk)
    os.lchown(releases, USER, USER)
    with pytest.raises(SlipwayError) as refused:
        ReleaseStore(str(place / "shop")).list()
    assert "chown root: '%s'," % disk in refused.value.hint


@pytest.mark.parametrize("owner", [0, USER])
def test_a_link_of_ones_own_is_good_when_done_as_the_hint_says(place, owner):
    disk, releases = place / "disk", place / "shop" / "releases"
    releases.rename(disk)
    releases.symlink_to(disk)
    os.lchown(releases, owner, owner)
    os.chown(disk, USER, USER)
    disk.chmod(0o775)
    with pytest.raises(SlipwayError, match="a link to %s" % disk) as refused:
        ReleaseStore(str(place / "shop")).list()
    for command in re.findall(r"(?:ln -sfn \S+|chown root:|chmod go-w) [^\s,;]+", refused.value.hint):
        subprocess.run(command.split(), check=True)
    assert [one.id for one in ReleaseStore(str(place / "shop")).list()] == [LIVE]


@pytest.mark.parametrize("module, moment, elsewhere", [(layers, "unpack_layers", "etc"), (shared, "_sweep", "bank/shared")])
def test_what_is_put_there_while_root_unpacks_is_not_touched(place, monkeypatch, module, moment, elsewhere):
    real = getattr(module, moment)
    releases, old = place / "shop" / "releases", place / "shop" / "old"

    def swap(*arguments):
        result = real(*arguments)
        part = next(path.name for path in releases.iterdir() if path.name.startswith(".part-"))
        releases.rename(old)
        releases.mkdir()
        (releases / part).symlink_to(place / elsewhere)
        return result

    monkeypatch.setattr(module, moment, swap)
    before = seen(place / "bank", place / "etc")
    unpack(str(place / "shop"))
    assert seen(place / "bank", place / "etc") == before
    new = next(path for path in old.iterdir() if path.name.startswith("2.0-"))
    assert os.readlink(new / "media") == "../../shared/media" and (new / "var" / "cache").stat().st_uid == USER
    assert len(os.listdir(old)) == 2 and len(os.listdir(releases)) == 1


def test_what_is_put_there_while_root_copies_a_release_is_not_touched(place, monkeypatch):
    releases, old = place / "shop" / "releases", place / "shop" / "old"

    def swap(runtime):
        releases.rename(old)
        shutil.copytree(place / "etc", releases / LIVE)
        (releases / ".apart").symlink_to(place / "etc")

    store = ReleaseStore(str(place / "shop"))
    runtime = Runtime(store.root, store.current(), effective(store.current().documents))
    monkeypatch.setattr(apart, "_require_room", swap)
    before = seen(place / "etc")
    with apart.apart(runtime):
        assert seen(place / "etc") == before
        assert (old / ".apart" / "app.txt").read_text() == "one\n" and (old / ".apart" / "var" / "cache").stat().st_uid == USER
    assert seen(place / "etc") == before and not (old / ".apart").exists()


@pytest.mark.parametrize("his", ["var/cache", "var/cache/file.txt"])
def test_a_patch_does_not_go_where_the_user_writes(place, his):
    """Between the look at a folder and the move into it, he could put a link in its place."""
    release = place / "shop" / "releases" / LIVE
    (release / "var" / "cache" / "file.txt").write_text("one\n")
    os.chown(release / his, USER, USER)
    with pytest.raises(SlipwayError, match="changes var/cache/file.txt, and %s is the application's to write to" % his):
        open_patches(str(place / "shop")).apply(DIFF.replace(b"app.txt", b"var/cache/file.txt"), "fix.patch")
    assert (release / "var" / "cache" / "file.txt").read_text() == "one\n"


def test_messages_name_the_folder_and_not_its_descriptor(place, monkeypatch):
    def full(unused_store, unused_layers, folder):
        raise OSError(28, "No space left on device", os.path.join(folder, "app.txt"))

    monkeypatch.setattr(layers, "unpack_layers", full)
    with pytest.raises(SlipwayError, match="%s/shop/releases/.part-2.0-.*/app.txt" % place) as caught:
        unpack(str(place / "shop"))
    assert "/proc/" not in str(caught.value)

    def fail(unused_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(library, "remove_tree", fail)
    with pytest.raises(SlipwayError, match="Remove %s/shop/releases/.part-%s-.*-old as a user" % (place, LIVE)) as caught:
        ReleaseStore(str(place / "shop"))._discard(LIVE)
    assert "/proc/" not in str(caught.value)
