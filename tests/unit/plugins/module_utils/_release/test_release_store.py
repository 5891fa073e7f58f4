# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases on a host: whole or not there, never in the way of the live one, however the run ends."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.content import ContentStore
from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore
from ansible_collections.slipway.app.plugins.module_utils._release import environment, layers
from ansible_collections.slipway.app.plugins.module_utils._release import store as library
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import (
    entry, flip_byte, folder, link, put_package)

SOURCE = [entry("manage.py", b"print('shop')", mode=0o755), entry("media/logo.png", b"logo"), entry("VERSION", b"1.0.0")]
LAYERS = {"source": SOURCE, "dependencies": [folder("lib"), entry("lib/django.py", b"django" * 100)]}


class Host:
    """A root for the application and a package store beside it."""

    def __init__(self, tmp_path):
        self.layout = tmp_path / "packages"
        self.packages = LayoutStore(str(self.layout))
        self.root = tmp_path / "a root"
        self.store = ReleaseStore(str(self.root))

    def package(self, name, layers=None, **more):
        return put_package(self.layout, name, layers or dict(LAYERS, version=[entry("NAME", name.encode())]), **more)

    def present(self, name, link_shared=(), **more):
        return self.store.present(self.packages, self.packages.resolve(name), name, link_shared, **more)

    def live(self, name):
        self.package(name)
        release, unused_changed = self.present(name)
        self.store.activate(release.id)
        return release

    def tree(self):
        """Every path below the root with its content, to see whether anything changed."""
        return {path.relative_to(self.root): os.readlink(path) if path.is_symlink() else path.is_dir() or path.read_bytes()
                for path in self.root.rglob("*")} if self.root.exists() else {}


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_present_unpacks_once(host):
    digest = host.package("shop:1.0.0")
    release, changed = host.present("shop:1.0.0")
    assert changed
    assert release.id == "1.0.0-" + digest[7:19]
    assert release.path == str(host.root / "releases" / release.id)
    assert (host.root / "releases" / release.id / "lib" / "django.py").read_bytes() == b"django" * 100
    assert release.documents["base"]["application"] == "shop"
    assert "documents" not in release.as_dict() and release.as_dict()["label"] == "Reference: 1.0.0"
    assert host.store.list() == [release] and host.store.find(digest) == release and host.store.current() is None
    for blob in (host.layout / "blobs" / "sha256").iterdir():
        blob.unlink()  # nothing is read a second time
    assert host.store.present(host.packages, digest, "shop:1.0.0") == (release, False)


def test_check_tells_the_same_and_writes_nothing(host):
    host.package("shop:1.0.0")
    planned, changed = host.present("shop:1.0.0", check=True)
    assert changed and host.tree() == {}
    assert planned.as_dict().keys() == host.present("shop:1.0.0")[0].as_dict().keys()
    before = host.tree()
    assert host.present("shop:1.0.0", check=True)[1] is False
    assert host.store.activate(planned.id, check=True) == (None, True)
    assert host.store.absent(planned.id, check=True) is True
    assert host.tree() == before


def test_newest_first(host):
    for version in ("1.0.0", "1.1.0", "0.9.0"):
        host.package("shop:" + version)
        host.present("shop:" + version)
    assert [release.reference for release in host.store.list()] == ["0.9.0", "1.1.0", "1.0.0"]


def test_activate_and_back(host):
    first = host.live("shop:1.0.0")
    assert os.readlink(host.root / "current") == "releases/" + first.id
    second = host.live("shop:1.1.0")
    assert host.store.current() == second and host.store.previous() == first
    assert host.store.activate(second.id) == (first, False)
    assert host.store.activate(first.id) == (second, True)
    assert host.store.current() == first
    with pytest.raises(SlipwayError, match="There is no release 9-0123456789ab .*Releases here: 1.1.0-"):
        host.store.activate("9-0123456789ab")
    assert host.store.deactivate() is True
    assert host.store.current() is None and host.store.previous() is None
    assert host.store.deactivate() is False


def test_whoever_looks_while_it_is_switched_sees_one_release_or_the_other(host):
    """Somebody looks after each instruction. (A process that looks without a pause meets a gap between two calls in one run of three.)"""
    releases = [host.live("shop:" + version) for version in ("1.0.0", "1.1.0")]
    link, seen, before = str(host.root / "current"), [], sys.gettrace()

    def look(frame, _event, _argument):
        frame.f_trace_opcodes = True
        seen.append(os.readlink(link) if os.path.lexists(link) else "nothing")
        return look

    sys.settrace(look)
    try:
        for release in releases + releases:
            host.store.activate(release.id)
    finally:
        sys.settrace(before)
    assert set(seen) == {"releases/" + release.id for release in releases}


def test_current_made_by_something_else_is_refused(host):
    release = host.live("shop:1.0.0")
    os.unlink(host.root / "current")
    (host.root / "current").mkdir()
    with pytest.raises(SlipwayError, match="current is not a link"):
        host.store.activate(release.id)
    (host.root / "current").rmdir()
    os.symlink("/var/www", host.root / "current")
    with pytest.raises(SlipwayError, match="points to /var/www"):
        host.store.activate(release.id)


def test_absent(host):
    first, second = host.live("shop:1.0.0"), host.live("shop:1.1.0")
    environment.write(str(host.root), first.id, {"SECRET": "s3cret"})
    with pytest.raises(SlipwayError, match="Release 1.1.0-.* is live and is not removed. Nothing was changed."):
        host.store.absent(second.id)
    assert host.store.absent(first.id) is True
    assert host.store.absent(first.id) is False
    assert host.store.list() == [second] and environment.read(str(host.root), first.id) == {}
    assert host.store.previous() is None
    for odd in ("../current", "", ".", second.id + "/..", "x" * 300):
        with pytest.raises(SlipwayError, match="is not the id of a release"):
            host.store.absent(odd)


def test_absent_follows_no_link_and_copes_with_read_only_folders(host):
    host.package("shop:1.0.0")
    release, unused = host.present("shop:1.0.0", ["media"])
    os.symlink("../../shared", os.path.join(release.path, "all"))
    os.chmod(os.path.join(release.path, "lib"), 0o500)
    os.chmod(host.root / "shared" / "media", 0o500)
    host.store.absent(release.id)
    assert [path.name for path in (host.root / "releases").iterdir()] == []
    assert (host.root / "shared" / "media" / "logo.png").read_bytes() == b"logo"
    assert (host.root / "shared" / "media").stat().st_mode & 0o777 == 0o500


def test_shared_paths(host):
    host.package("shop:1.0.0")
    first, unused = host.present("shop:1.0.0", ["media", "var/cache/files", "VERSION"])
    shared = host.root / "shared"
    assert os.readlink(os.path.join(first.path, "media")) == "../../shared/media"
    assert os.readlink(os.path.join(first.path, "var/cache/files")) == "../../../../shared/var/cache/files"
    assert (shared / "media" / "logo.png").read_bytes() == b"logo"
    assert (shared / "var" / "cache" / "files").is_dir()
    assert (shared / "VERSION").read_bytes() == b"1.0.0"
    (shared / "media" / "upload.png").write_bytes(b"upload")
    (shared / "media" / "logo.png").write_bytes(b"changed")
    host.package("shop:1.1.0")
    second, unused = host.present("shop:1.1.0", ["media", "VERSION"])
    with open(os.path.join(second.path, "media", "upload.png"), "rb") as stream:
        assert stream.read() == b"upload"
    assert (shared / "media" / "logo.png").read_bytes() == b"changed"
    assert sorted(path.name for path in shared.iterdir()) == ["VERSION", "media", "var"]


def test_shared_and_releases_may_be_elsewhere(host, tmp_path):
    for name in ("releases", "shared"):
        (tmp_path / "disk" / name / "deep").mkdir(parents=True)
        host.root.mkdir(exist_ok=True)
        os.symlink(tmp_path / "disk" / name / "deep", host.root / name)
    host.store = ReleaseStore(str(host.root))
    host.package("shop:1.0.0")
    release, unused = host.present("shop:1.0.0", ["media"])
    host.store.activate(release.id)
    assert os.path.samefile(host.root / "current", release.path)
    assert os.path.samefile(os.path.join(release.path, "media"), host.root / "shared" / "media")


@pytest.mark.parametrize("path, words", [
    ("../x", "is not a path inside"), ("/etc", "is not a path inside"), ("", "is not a path inside"),
    ("lib/django.py/x", "lib/django.py is no folder")])
def test_a_shared_path_that_cannot_be(host, path, words):
    host.package("shop:1.0.0")
    with pytest.raises(SlipwayError, match=words):
        host.present("shop:1.0.0", [path])
    assert list((host.root / "releases").iterdir()) == []


def test_writable_paths_inside_each_other_are_refused_before_anything_is_unpacked(host):
    host.package("shop:1.0.0", base={"writable": ["lib/cache", "lib"]})
    for check in (True, False):
        with pytest.raises(SlipwayError, match="slipway.yml: in writable, lib/cache lies inside lib"):
            host.present("shop:1.0.0", check=check)
    assert not list((host.root / "releases").glob("*"))


def test_a_package_whose_documents_are_refused_is_not_unpacked(host):
    host.package("shop:1.0.0", base={"shared": "media"})
    for check in (True, False):
        with pytest.raises(SlipwayError, match="slipway.yml: shared must be a list.* Nothing of it is left"):
            host.present("shop:1.0.0", check=check)
    assert not list((host.root / "releases").glob("*"))


def test_a_flipped_byte_in_any_blob(host):
    live = host.live("shop:1.0.0")
    before = host.tree()
    digest = host.package("shop:1.1.0")
    manifest = host.packages.manifest(digest)
    for blob in [digest, manifest["config"]["digest"]] + [layer["digest"] for layer in manifest["layers"]]:
        for position in (-5, 20):
            flip_byte(host.layout, blob, position)
            with pytest.raises(SlipwayError) as error:
                host.present("shop:1.1.0")
            flip_byte(host.layout, blob, position)
            assert blob in str(error.value)
            assert "the live release %s is untouched" % live.id in str(error.value)
            assert host.tree() == before
    assert host.present("shop:1.1.0")[1]


def test_a_hostile_layer_leaves_nothing(host):
    live = host.live("shop:1.0.0")
    before = host.tree()
    host.package("shop:6.6.6", dict(LAYERS, assets=[link("static", "../../shared")]))
    with pytest.raises(SlipwayError, match="Layer assets .sha256:[0-9a-f]{64}. is refused: its entry 'static' links to") as error:
        host.present("shop:6.6.6")
    assert live.id in str(error.value)
    assert host.tree() == before


@pytest.mark.parametrize("stated", [-1, 1])
def test_layers_hold_what_the_package_says(host, stated):
    host.package("shop:1.0.0", {"source": SOURCE}, unpacked_size=22 + stated)
    with pytest.raises(SlipwayError, match="Layer source .* is refused: it holds"):
        host.present("shop:1.0.0")


def test_a_disk_too_small_is_seen_before_anything_is_unpacked(host):
    live = host.live("shop:1.0.0")
    before = host.tree()
    host.package("shop:1.1.0", {"source": SOURCE}, unpacked_size=10 ** 18)
    for check in (True, False):
        with pytest.raises(SlipwayError) as error:
            host.present("shop:1.1.0", check=check)
        assert error.value.facts["needed"] >= 10 ** 18 > error.value.facts["free"]
        for words in (str(error.value.facts["free"]), str(host.root / "releases"), live.id + " is untouched"):
            assert words in str(error.value)
    assert host.tree() == before


def test_what_is_fetched_counts_and_goes_again_where_the_disk_is_full(host, monkeypatch):
    """It stays beside the release, on the disk that the live one needs."""
    blobs, asked = host.root / "state" / "blobs", []
    real = library.require_room
    monkeypatch.setattr(library, "require_room", lambda *arguments: asked.append(arguments[1:]) or real(*arguments))
    digest = host.package("shop:1.0.0")
    remote = ContentStore(host.packages, str(blobs))
    config = host.packages.config(digest)["layers"]
    counted = tuple(sum(layer[key] for layer in config) for key in ("unpacked_size", "size", "files"))
    host.store.present(remote, digest, "shop:1.0.0", check=True)
    host.store.present(remote, digest, "shop:1.0.0")
    assert asked == [(counted[0] + counted[1], counted[2] + len(config))] * 2
    kept = set(os.listdir(blobs))

    def failing(number):
        def unpack(blob, *unused):
            blob.finish()
            try:
                raise OSError(number, os.strerror(number))
            except OSError as error:
                raise SlipwayError("Cannot unpack it: %s." % error) from error

        monkeypatch.setattr(layers, "unpack", unpack)
        with pytest.raises(SlipwayError, match="Nothing of it is left in releases"):
            host.store.present(remote, other, "shop:1.1.0")
        return set(os.listdir(blobs))

    other = host.package("shop:1.1.0")
    assert failing(errno.EIO) > kept  # for the next attempt
    assert failing(errno.ENOSPC) == kept


def test_a_folder_that_is_no_whole_release(host):
    digest = host.package("shop:1.0.0")
    release, unused = host.present("shop:1.0.0")
    facts = os.path.join(release.path, ".slipway", "release.json")
    for damage in ("{", "{}", "[]", json.dumps(dict(json.load(open(facts, encoding="utf-8")), digest="sha256:other"))):
        with open(facts, "w", encoding="utf-8") as stream:
            stream.write(damage)
        open(os.path.join(release.path, "stray"), "w", encoding="utf-8").close()
        anew, changed = host.present("shop:1.0.0")
        assert changed and anew.id == release.id and host.store.find(digest) == anew
        assert not os.path.exists(os.path.join(release.path, "stray"))
    shutil.copytree(release.path, release.path.replace("1.0.0-", "copy-"))
    assert host.store.list() == [anew]  # a copy by hand is no release
    host.store.activate(release.id)
    os.unlink(facts)
    with pytest.raises(SlipwayError, match="is live, but its .slipway/release.json is missing, damaged or of another"):
        host.present("shop:1.0.0")
    assert os.path.exists(os.path.join(release.path, "manage.py"))


UNPACK = """
import sys
from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
packages = LayoutStore(sys.argv[1])
ReleaseStore(sys.argv[2]).present(packages, packages.resolve("shop:1.1.0"), "shop:1.1.0", ["media"])
"""


def start(host):
    return subprocess.Popen([sys.executable, "-c", UNPACK, str(host.layout), str(host.root)], stderr=subprocess.PIPE)


def test_a_killed_run_leaves_parts_that_the_next_one_removes(host):
    live = host.live("shop:1.0.0")
    host.package("shop:1.1.0", {"source": SOURCE, "many": [entry("f/%d" % number, b"x" * 100) for number in range(3000)]})
    killed = 0
    for delay in (0.02, 0.05, 0.1, 0.2):
        process = start(host)
        while process.poll() is None and not any(path.name.startswith(".part-")
                                                 for path in (host.root / "releases").iterdir()):
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left = [path.name for path in (host.root / "releases").iterdir() if path.name != live.id]
        if [name for name in left if name.startswith(".part-1.1.0-")]:
            killed += 1
            assert len(left) == 1 and host.store.list() == [live]
    assert killed
    release, unused = host.present("shop:1.1.0", ["media"])
    assert {path.name for path in (host.root / "releases").iterdir()} == {live.id, release.id}
    assert len(os.listdir(os.path.join(release.path, "f"))) == 3000
    assert (host.root / "shared" / "media" / "logo.png").read_bytes() == b"logo"
    assert host.store.current() == live


def test_whoever_changes_releases_removes_the_copy_that_a_killed_run_left(host):
    copy = host.root / "releases" / ".apart"
    (copy / "var").mkdir(parents=True)
    host.store.absent("1.0.0-0123456789ab", check=True)
    with host.store.apart() as path:
        assert path == str(copy) and not copy.exists()
        copy.mkdir()
        host.store.absent("1.0.0-0123456789ab")
        assert copy.exists()  # whoever makes one has it alone
    (copy / "var").mkdir(parents=True)
    host.store.absent("1.0.0-0123456789ab")
    assert not copy.exists()


def test_two_at_once_wait_for_each_other(host):
    host.package("shop:1.1.0", {"source": SOURCE})
    processes = [start(host) for unused in range(3)]
    for process in processes:
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 0, errors.decode()
    assert [release.reference for release in host.store.list()] == ["1.1.0"]


def test_environment(host):
    host.root.mkdir()
    root = str(host.root)
    assert environment.read(root, "1-0123456789ab") == {}
    assert environment.write(root, "1-0123456789ab", {"SECRET": "s3cret"}) is True
    assert environment.write(root, "1-0123456789ab", {"SECRET": "s3cret"}) is False
    assert environment.read(root, "1-0123456789ab") == {"SECRET": "s3cret"}
    path = host.root / "state" / "environments" / "1-0123456789ab.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    environment.remove(root, "1-0123456789ab")
    environment.remove(root, "1-0123456789ab")
    assert environment.read(root, "1-0123456789ab") == {}
