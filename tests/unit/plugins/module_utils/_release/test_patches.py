# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of releases, made by diff and git and applied by the real patch."""

from __future__ import annotations

import functools
import os
import signal
import stat
import subprocess
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release import patches as library
from ansible_collections.slipway.app.plugins.module_utils._release.patches import Misfit, Patches
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore

FILES = {"app.py": "".join("line %d\n" % number for number in range(1, 31)), "lib/tool.py": "one\ntwo\nthree\n", "lib/gone.py": "old\n"}
DIFF = b"--- a/lib/tool.py\n+++ b/lib/tool.py\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"
MORE = b"--- a/app.py\n+++ b/app.py\n@@ -1,3 +1,3 @@\n line 1\n-line 2\n+LINE 2\n line 3\n"


@pytest.fixture
def release(tmp_path):
    """release(number, files) -> the Patches of an unpacked release."""

    def make(number=1, files=None):
        path = tmp_path / "releases" / ("%d.0" % number)
        lay(path, FILES if files is None else files)
        (path / ".slipway").mkdir()
        (path / "media").symlink_to(tmp_path / "outside")
        return Patches(ReleaseStore(str(tmp_path)), SimpleNamespace(id=path.name, path=str(path)))

    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text("outside\n", encoding="utf-8")
    return make


def lay(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def seen(patches):
    """{path: content} of the release, without what Slipway notes."""
    found = {}
    for folder, folders, names in os.walk(patches.release.path):
        folders[:] = [name for name in folders if name != ".slipway"]
        for name in names:
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as stream:
                found[os.path.relpath(path, patches.release.path)] = stream.read()
    return found


def left(patches):
    """What is in the folder of the patches besides the record and the diffs."""
    if not os.path.isdir(patches.folder):
        return []
    return sorted(name for name in os.listdir(patches.folder) if name != "applied.json" and not name.endswith(".patch"))


def by_git(tmp_path, change):
    """The diff that git makes of a change to FILES."""
    tree = tmp_path / "git"
    lay(tree, FILES)

    def git(*arguments):
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tree, check=True, stdout=subprocess.PIPE).stdout

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "one")
    change(tree)
    git("add", "-A")
    return git("diff", "--cached", "-M", "--binary")


def test_apply_and_revert(release):
    patches = release()
    record, changed, contained = patches.apply(DIFF, "fix.patch", by="ann")
    assert (changed, contained) == (True, False)
    assert seen(patches) == dict(FILES, **{"lib/tool.py": "one\nTWO\nthree\n"})
    assert patches.list() == [record]
    assert {key: record[key] for key in ("name", "strip", "keep", "by", "files")} == {
        "name": "fix.patch", "strip": 1, "keep": False, "by": "ann", "files": ["lib/tool.py"]}
    assert patches.text(record) == DIFF
    assert patches.apply(DIFF, "fix.patch") == (record, False, False)
    assert patches.revert("fix.patch") == (record, True)
    assert (seen(patches), patches.list(), left(patches)) == (FILES, [], [])
    assert patches.revert("fix.patch") == (None, False)


@pytest.mark.parametrize("strip", [None, 0])
def test_paths_without_folders_to_strip(release, strip):
    record = release().apply(DIFF.replace(b" a/", b" ").replace(b" b/", b" "), "p0.patch", strip)[0]
    assert record["strip"] == 0


def test_a_check_changes_nothing_and_says_what_the_run_does(release):
    patches = release()
    foretold = patches.apply(DIFF, "fix.patch", check=True)
    assert seen(patches) == FILES and not os.path.exists(patches.folder)
    assert dict(patches.apply(DIFF, "fix.patch")[0], at=0) == dict(foretold[0], at=0)
    assert patches.revert("fix.patch", check=True)[1] is True
    assert seen(patches) != FILES


def test_what_git_can_say_in_text(release, tmp_path):
    def change(tree):
        (tree / "lib/gone.py").unlink()
        (tree / "new folder").mkdir()
        (tree / "new folder/ü.py").write_text("new\n", encoding="utf-8")
        (tree / "app.py").rename(tree / "main.py")
        (tree / "lib/tool.py").chmod(0o755)

    patches = release()
    patches.apply(by_git(tmp_path, change), "git.patch")
    assert seen(patches) == {"lib/tool.py": FILES["lib/tool.py"], "main.py": FILES["app.py"], "new folder/ü.py": "new\n"}
    assert os.access(os.path.join(patches.release.path, "lib/tool.py"), os.X_OK)
    patches.revert("git.patch")
    assert seen(patches) == FILES
    assert not os.path.exists(os.path.join(patches.release.path, "new folder"))
    assert not os.access(os.path.join(patches.release.path, "lib/tool.py"), os.X_OK)


def test_one_file_that_does_not_fit_and_no_file_is_changed(release):
    patches = release()
    with pytest.raises(Misfit, match="lib/tool.py"):
        patches.apply(MORE + DIFF.replace(b"-two", b"-zwei"), "fix.patch")
    assert (seen(patches), patches.list(), left(patches)) == (FILES, [], [])


def test_lines_may_have_moved_but_must_be_the_same(release):
    moved = release(1, {"app.py": "new\n" + FILES["app.py"]})
    moved.apply(MORE, "fix.patch")
    near = release(2, {"app.py": FILES["app.py"].replace("line 3\n", "line 3 of 30\n")})
    with pytest.raises(Misfit):
        near.apply(MORE, "fix.patch")


def test_a_release_that_has_it_already(release):
    patches = release(1, dict(FILES, **{"lib/tool.py": "one\nTWO\nthree\n"}))
    assert patches.apply(DIFF, "fix.patch") == (None, False, True)
    assert patches.list() == []


def test_patches_upon_each_other_are_reverted_in_their_order(release):
    patches = release()
    patches.apply(DIFF, "first.patch")
    patches.apply(DIFF.replace(b"+TWO", b"+2").replace(b"-two", b"-TWO"), "second.patch")
    with pytest.raises(Misfit, match="Revert later patches first: second.patch"):
        patches.revert("first.patch")
    assert seen(patches)["lib/tool.py"] == "one\n2\nthree\n"
    patches.revert("second.patch")
    patches.revert("first.patch")
    assert seen(patches) == FILES


def test_names_and_contents_are_not_confused(release):
    patches = release()
    patches.apply(DIFF, "fix.patch", by="ann")
    with pytest.raises(SlipwayError, match="a patch of that name with other content already, applied by ann"):
        patches.apply(MORE, "fix.patch")
    with pytest.raises(SlipwayError, match="the same patch as fix.patch"):
        patches.apply(DIFF, "other.patch")
    record, changed, _contained = patches.apply(DIFF, "fix.patch", keep=True)
    assert changed and patches.list() == [record] and record["keep"]
    for name in ("", ".hidden", "a/b", "../x", "a\nb"):
        with pytest.raises(SlipwayError, match="cannot be the name"):
            patches.apply(MORE, name)


def named(old, new=None):
    return DIFF.replace(b"a/lib/tool.py", old).replace(b"b/lib/tool.py", new or old)


@pytest.mark.parametrize("diff, says", [
    (named(b"/etc/passwd"), "not inside the release"),
    (named(b"a/../../outside/a.txt"), "not inside the release"),
    (named(b"a/lib/tool.py", b"../lib/tool.py"), "not inside the release"),
    (named(b'"a/..\\057x"'), "not inside the release"),
    (named(b"a/media/a.txt"), "media is a link"),
    (named(b"a/media"), "media is a link"),
    (named(b"a/.slipway/release.json"), "belongs to Slipway"),
    (named(b"a/app.py/x"), "app.py is not a folder"),
    (named(b"a/lib"), "lib is not a file"),
    (named(b"a/nowhere.py"), "does not fit"),
    (b"--- /dev/null\n+++ b/lib/gone.py\n@@ -0,0 +1 @@\n+new\n", "makes lib/gone.py, which is there"),
    (b"", "no unified diff"),
    (b"hello\n", "no unified diff"),
    (b"2c2\n< two\n---\n> TWO\n", "no unified diff"),
    (b"*** a/lib/tool.py\n--- b/lib/tool.py\n***************\n*** 1,3 ****\n  one\n! two\n  three\n--- 1,3 ----\n  one\n! TWO\n  three\n",
     "fit|folders to take off"),
    (b"--- a/lib/tool.py\n+++ b/lib/tool.py\n1i\nx\n.\n!touch /tmp/slipway-owned\n", "does not fit"),
    (b"Index: ../outside/a.txt\n" + DIFF.split(b"\n", 2)[2], "no unified diff"),
    (b"diff --git a/evil b/evil\nnew file mode 120000\n--- /dev/null\n+++ b/evil\n@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n",
     "evil, which is no file|does not fit"),
    (b"diff --git a/x b/x\nGIT binary patch\nliteral 1\nIcmZQz\n", "not text"),
    (b"Binary files a/x and b/x differ\n", "not text"),
])
def test_what_is_refused(release, tmp_path, diff, says):
    patches = release()
    with pytest.raises(SlipwayError, match=says):
        patches.apply(diff, "bad.patch")
    if b"slipway-owned" not in diff and "no unified diff" not in says:  # what is no diff is passed over, as mail around one is
        with pytest.raises(SlipwayError):
            patches.apply(MORE + diff, "bad.patch")  # and nothing of what comes with it
    assert (seen(patches), patches.list(), left(patches)) == (FILES, [], [])
    assert (tmp_path / "outside" / "a.txt").read_text(encoding="utf-8") == "outside\n"
    assert os.listdir(tmp_path / "outside") == ["a.txt"] and not os.path.exists("/tmp/slipway-owned")


def test_lines_in_hunks_that_look_like_headers(release):
    patches = release(1, {"a.sql": "-- /etc/passwd\nx\n"})
    patches.apply(b"--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1,2 @@\n--- /etc/passwd\n+++ /etc/shadow\n x\n", "sql.patch")
    assert seen(patches) == {"a.sql": "++ /etc/shadow\nx\n"}


def killed(patches, work, after):
    """Run work in a process that is killed at the call number after of rename, unlink or fsync; whether it came so far."""
    child = os.fork()
    if child == 0:
        count = [after]

        def counted(real):
            def call(*arguments, **options):
                count[0] -= 1
                if count[0] <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)
            return call

        try:
            for name in ("rename", "unlink", "fsync", "mkdir"):
                setattr(os, name, counted(getattr(os, name)))
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def said(result):
    """What apply or revert returned, without the time."""
    return [{key: value for key, value in part.items() if key != "at"} if isinstance(part, dict) else part for part in result]


@pytest.mark.parametrize("action", ["apply", "revert"])
def test_killed_at_any_moment_it_is_all_or_nothing(release, tmp_path, action):
    def change(tree):
        (tree / "lib/gone.py").unlink()
        (tree / "more").mkdir()
        (tree / "more/new.py").write_text("new\n", encoding="utf-8")
        (tree / "app.py").write_text("changed\n", encoding="utf-8")

    diff = by_git(tmp_path, change)
    patched = {"lib/tool.py": FILES["lib/tool.py"], "app.py": "changed\n", "more/new.py": "new\n"}
    moments = 0
    while True:
        patches = release(moments + 1)
        if action == "revert":
            patches.apply(diff, "fix.patch")
        work = {"apply": functools.partial(patches.apply, diff, "fix.patch"), "revert": functools.partial(patches.revert, "fix.patch")}[action]
        if not killed(patches, work, moments + 1):
            break
        moments += 1
        checked = work(check=True)
        # Whoever comes next, and does something else, finds a whole release.
        patches.revert("something else")
        assert seen(patches) == (patched if patches.list() else FILES), moments
        assert left(patches) == [] and not patches.interrupted()
        done = work()
        assert said(done) == said(checked), moments  # a check after a killed run says what the run will do
        assert seen(patches) == (patched if action == "apply" else FILES)
    assert moments > 12


def test_replay_on_the_next_release(release):
    old = release(1)
    old.apply(DIFF, "kept.patch", keep=True, by="ann")
    old.apply(MORE, "dropped.patch")
    old.apply(MORE.replace(b"line 1\n", b"line 28\n").replace(b"line 2\n", b"line 29\n").replace(b"LINE 2", b"LINE 29")
              .replace(b"line 3\n", b"line 30\n").replace(b"-1,3 +1,3", b"-28,3 +28,3"), "contained.patch", keep=True)
    old.apply(b"--- a/lib/gone.py\n+++ b/lib/gone.py\n@@ -1 +1 @@\n-old\n+new\n", "unfit.patch", keep=True)
    new = release(2, {"app.py": FILES["app.py"].replace("line 29", "LINE 29"), "lib/tool.py": "zero\n" + FILES["lib/tool.py"]})
    result = new.replay(old)
    assert (result["applied"], result["contained"], list(result["failed"])) == (["kept.patch"], ["contained.patch"], ["unfit.patch"])
    assert seen(new)["lib/tool.py"] == "zero\none\nTWO\nthree\n"
    assert [(one["name"], one["keep"], one["by"]) for one in new.list()] == [("kept.patch", True, "ann")]
    assert new.replay(old) == result


def test_replay_takes_off_as_many_folders_as_were_taken_off(release):
    """Made without git, in a folder called project: a new file fits anywhere, so a level that is found out puts it anywhere."""
    old = release(1)
    old.apply(b"--- /dev/null\n+++ project/lib/new.py\n@@ -0,0 +1 @@\n+x\n", "one.patch", 1, keep=True)
    old.apply(DIFF.replace(b" a/", b" a/project/").replace(b" b/", b" b/project/"), "two.patch", 2, keep=True)
    new = release(2)
    assert new.replay(old) == {"applied": ["one.patch", "two.patch"], "contained": [], "failed": {}}
    assert seen(new) == dict(FILES, **{"lib/new.py": "x\n", "lib/tool.py": "one\nTWO\nthree\n"})


def test_without_patch_on_the_host(release, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlipwayError, match="Install GNU patch"):
        release().apply(DIFF, "fix.patch")


def test_a_diff_that_is_far_too_long(release, monkeypatch):
    monkeypatch.setattr(library, "LARGEST", 10)
    with pytest.raises(SlipwayError, match="10 are the most"):
        release().apply(DIFF, "fix.patch")


def test_files_are_readable_whatever_the_umask_is(release):
    patches = release()
    before = os.umask(0o077)
    try:
        patches.apply(b"--- /dev/null\n+++ b/more/new.py\n@@ -0,0 +1 @@\n+x\n" + DIFF, "new.patch")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(os.path.join(patches.release.path, name)).st_mode) for name in ("more", "more/new.py", "lib/tool.py")]
    assert modes == [0o755, 0o644, 0o644]


def test_a_patch_that_takes_for_ever_is_not_said_to_be_unfit(release, monkeypatch, tmp_path):
    (tmp_path / "patch").write_text("#!/bin/sh\nexec sleep 9\n")
    (tmp_path / "patch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    monkeypatch.setattr(library, "TIMEOUT", 0.1)
    with pytest.raises(SlipwayError, match="GNU patch did not end within 0.1 seconds. Nothing was changed"):
        release().apply(DIFF, "fix.patch")
