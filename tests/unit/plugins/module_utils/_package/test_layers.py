# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers: what is in them, in which one it is, and that nothing of the machine gets in."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import tarfile
import tracemalloc

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.layers import EPOCH, SPAN, scan, split, write

ALL = {"exclude": [], "compile": []}


def make(folder, files):
    for name, text in files.items():
        path = os.path.join(str(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    return str(folder)


def members(path):
    with tarfile.open(path) as archive:
        return archive.getmembers()


def test_version_control_caches_shared_paths_and_patterns_are_left_out(tmp_path):
    tree = make(tmp_path, {
        ".git/config": "", "sub/.git": "gitdir: elsewhere", ".gitignore": "", "app.py": "", "app.pyc": "",
        "pkg/__pycache__/x.pyc": "", "pkg/x.py": "", ".pytest_cache/v": "", "web/.cache/y": "",
        "media/photo": "", "web/media/logo": "", "docs/a.md": "", "docs/a.txt": "", "docs/deep/b.md": "",
        "tests/x": "", "web/tests/x": "", "notes.tmp": "", "web/notes.tmp": ""})
    paths = scan(tree, {"exclude": ["docs/*.md", "/tests/", "*.tmp"], "compile": []}, {"media"})
    assert paths == [".gitignore", "app.py", "docs", "docs/a.txt", "docs/deep", "docs/deep/b.md", "pkg", "pkg/x.py",
                     "sub", "web", "web/media", "web/media/logo", "web/tests", "web/tests/x"]


@pytest.mark.parametrize("sources, excluded, made, kept", [
    ("x.py", [], "__pycache__/x.tag.pyc", True),
    ("pkg/x.py", [], "pkg/__pycache__/x.tag.opt-2.pyc", True),
    ("pkg/x.y.py", [], "pkg/__pycache__/x.y.tag.pyc", True),
    ("pkg/x.opt-1.py", [], "pkg/__pycache__/x.opt-1.tag.pyc", True),
    ("pkg/x.py", ["*.opt-?.pyc"], "pkg/__pycache__/x.tag.opt-2.pyc", False),
    ("pkg/x.py pkg/x.y.py", ["x.y.py"], "pkg/__pycache__/x.y.tag.pyc", False),
    ("pkg/x.py pkg/x.y.py", ["x.y.py"], "pkg/__pycache__/x.y.tag.opt-1.pyc", False),
    ("pkg/x.py", ["pkg/x.py"], "pkg/__pycache__/x.tag.pyc", False),
    ("pkg/x.py", ["pkg"], "pkg/__pycache__/x.tag.pyc", False),
    ("x.py", [], "pkg/__pycache__/x.tag.pyc", False),
    ("x.py pkg/x.py", [], "pkg/x.pyc", False),
    ("x.py pkg/x.py", [], "pkg/x.tag.pyc", False),
    ("x.py", [], "__pycache__/x.pyc", False),
    ("x.py", [], "__pycache__/x.tag.pyc.140000", False),
    ("x.py", [], "__pycache__/x.f-1.tag.nbi", False),
    ("x.py", [], "__pycache__/deep/x.tag.pyc", False),
    ("x.py __pycache__/x.py", [], "__pycache__/__pycache__/x.tag.pyc", False),
    ("x.py", [], "old.pyc/x.txt", False),
])
def test_of_what_was_compiled_a_package_has_what_its_sources_are_in(tmp_path, sources, excluded, made, kept):
    """No other tells what is to stay out; and where nothing compiles there is none."""
    tree = make(tmp_path, dict.fromkeys([made, *sources.split()], ""))
    plain = scan(tree, {"exclude": excluded, "compile": []}, set())
    assert [path for path in plain if "pyc" in path] == []
    more = [os.path.dirname(made), made] if kept else []
    assert sorted(scan(tree, {"exclude": excluded, "compile": ["true"]}, set())) == sorted(plain + more)


def test_bytecode_of_a_link_stays_out(tmp_path):
    """What it leads to may have to."""
    tree = make(tmp_path, {"__pycache__/x.tag.pyc": "", "secret.py": ""})
    os.symlink("secret.py", os.path.join(tree, "x.py"))
    assert scan(tree, {"exclude": ["secret.py"], "compile": ["true"]}, set()) == ["x.py"]


def test_every_path_has_one_layer_and_the_longest_prefix_wins():
    paths = ["app.py", "vendor", "vendor/a", "vendor/web", "vendor/web/b.js", "vendors", "static", "static/c"]
    assert split(paths, {"dependencies": ["vendor"], "assets": ["static", "vendor/web"]}) == {
        "source": ["app.py", "vendors"],
        "dependencies": ["vendor", "vendor/a"],
        "assets": ["vendor/web", "vendor/web/b.js", "static", "static/c"]}


def test_times_modes_umask_and_order_on_disk_do_not_matter(tmp_path):
    files = {"b/two": "2", "a/one": "1", "run.sh": "#!/bin/sh", "B": "", "é": ""}
    one = make(tmp_path / "one", files)
    previous = os.umask(0o077)
    try:
        two = make(tmp_path / "two", dict(reversed(list(files.items()))))
    finally:
        os.umask(previous)
    for tree, mode in ((one, 0o755), (two, 0o700)):
        os.chmod(os.path.join(tree, "run.sh"), mode)
        os.symlink("a/one", os.path.join(tree, "link"))
    os.utime(os.path.join(two, "a/one"), (1, 1))
    results = [write(tree, scan(tree, ALL, set()), tree + ".tar.gz") for tree in (one, two)]
    assert results[0] == results[1]
    assert results[0]["files"] == 8
    with open(one + ".tar.gz", "rb") as stream:
        data = stream.read()
    assert results[0]["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert results[0]["size"] == len(data)
    assert results[0]["unpacked_size"] == 11
    assert data[4:8] == b"\0\0\0\0"  # gzip's time


def test_members_have_normal_modes_no_owner_and_no_clock(tmp_path):
    tree = make(tmp_path / "tree", {"x": "", "d/run": ""})
    os.chmod(os.path.join(tree, "x"), 0o6666)
    os.chmod(os.path.join(tree, "d/run"), 0o4711)
    os.symlink("run", os.path.join(tree, "d/link"))
    target = str(tmp_path / "layer")
    write(tree, scan(tree, ALL, set()), target)
    found = {member.name: member for member in members(target)}
    assert {name: oct(member.mode) for name, member in found.items()} == {
        "d": "0o755", "d/link": "0o777", "d/run": "0o755", "x": "0o644"}
    assert {(member.uid, member.gid, member.uname, member.gname) for member in found.values()} == {(0, 0, "", "")}
    assert found["d"].mtime == found["d/link"].mtime == EPOCH
    assert found["d/link"].linkname == "run"


def times(tmp_path, files):
    target = str(tmp_path / "layer")
    tree = make(tmp_path / os.urandom(4).hex(), files)
    write(tree, scan(tree, ALL, set()), target)
    return {member.name: member.mtime for member in members(target)}


def test_the_time_of_a_file_follows_its_content_and_nothing_else(tmp_path):
    first = times(tmp_path, {"a": "one", "b": "one", "c": "two"})
    assert first["a"] == first["b"] != first["c"]
    second = times(tmp_path, {"a": "one", "c": "owt", "d": "two"})
    assert (second["a"], second["d"]) == (first["a"], first["c"])
    assert second["c"] != first["c"]
    assert all(EPOCH <= time < EPOCH + SPAN for time in [*first.values(), *second.values()])


@pytest.mark.skipif(sys.version_info < (3, 9), reason="Python 3.8 fills in two fields that are empty since")
def test_the_bytes_are_those_of_all_versions(tmp_path):
    """Whoever changes them gives every package of every commit a new digest. (Of the archive, as zlibs differ.)"""
    tree = make(tmp_path / "tree", {"d/x": "hello", "n" * 120: "long"})
    os.symlink("d/x", os.path.join(tree, "l"))
    target = str(tmp_path / "layer")
    write(tree, scan(tree, ALL, set()), target)
    with gzip.open(target) as stream:
        assert hashlib.sha256(stream.read()).hexdigest() == (
            "ac0461233c3672b901f8452df4f68fbd69bcfe6162c8970ecf0b916f368dd2d5")


def test_long_and_odd_names_come_through(tmp_path):
    names = ["n" * 120 + "/" + "m" * 200, "line\nbreak", "ünï/çödé"]
    tree = make(tmp_path / "tree", {name: name for name in names})
    os.makedirs(os.path.join(tree.encode(), b"raw-\xff"))
    target = str(tmp_path / "layer")
    write(tree, scan(tree, ALL, set()), target)
    with tarfile.open(target, errors="surrogateescape") as archive:
        found = archive.getnames()
    assert set(names) < set(found)
    assert os.fsdecode(b"raw-\xff") in found


@pytest.mark.parametrize("links, refused", [
    ({"l": "a/file"}, None),
    ({"a/l": "../b"}, None),
    ({"l": "media/later"}, None),
    ({"l": "."}, None),
    ({"l": "/etc/passwd"}, "l points to /etc/passwd"),
    ({"a/l": "../../x"}, r"a/l points to ../../x"),
    ({"l": ".."}, "l points to .."),
    ({"a/b": "../b/c", "l": "a/b/../../../x"}, "l points to"),
])
def test_links_stay_inside(tmp_path, links, refused):
    tree = make(tmp_path / "tree", {"a/file": "", "b/c/file": ""})
    for name, target in links.items():
        os.symlink(target, os.path.join(tree, name))
    paths = scan(tree, ALL, set())
    if not refused:
        write(tree, paths, str(tmp_path / "layer"))
        return
    with pytest.raises(SlipwayError, match=refused + ".*, outside of the package"):
        write(tree, paths, str(tmp_path / "layer"))


def test_an_absolute_link_is_refused_even_when_it_points_inside(tmp_path):
    tree = make(tmp_path / "tree", {"file": ""})
    os.symlink(os.path.join(tree, "file"), os.path.join(tree, "link"))
    with pytest.raises(SlipwayError, match="outside of the package"):
        write(tree, ["link"], str(tmp_path / "layer"))


def test_pipes_and_the_reserved_name_are_refused(tmp_path):
    tree = make(tmp_path / "tree", {"file": ""})
    os.mkfifo(os.path.join(tree, "pipe"))
    with pytest.raises(SlipwayError, match="pipe is neither a file"):
        write(tree, scan(tree, ALL, set()), str(tmp_path / "layer"))
    os.mkdir(os.path.join(tree, ".slipway"))
    with pytest.raises(SlipwayError, match="name is reserved"):
        scan(tree, ALL, set())


def test_a_large_file_is_streamed(tmp_path):
    tree = make(tmp_path / "tree", {"large": ""})
    os.truncate(os.path.join(tree, "large"), 48 * 1024 * 1024)
    tracemalloc.start()
    try:
        result = write(tree, ["large"], str(tmp_path / "layer"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result["unpacked_size"] == 48 * 1024 * 1024
    assert peak < 4 * 1024 * 1024
    with gzip.open(str(tmp_path / "layer")) as stream:
        assert stream.read(512)[:5] == b"large"
