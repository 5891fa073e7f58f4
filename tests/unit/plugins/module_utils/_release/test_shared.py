# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the application writes to: given away without being led astray, made once although several hosts make it."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.account import Account
from ansible_collections.slipway.app.plugins.module_utils._release import shared


@pytest.fixture
def release(tmp_path):
    """The folder of a release, with two folders below each other in what the application writes to."""
    folder = tmp_path / "releases" / "1"
    (folder / "var" / "cache" / "deep").mkdir(parents=True)
    (folder / "var" / "cache" / "shadow").write_text("ours", encoding="utf-8")
    (folder / "var" / "cache" / "deep" / "shadow").write_text("ours", encoding="utf-8")
    (folder / "var" / "link").symlink_to("cache")
    return folder


def test_who_gets_a_folder_leads_root_nowhere_else(release, tmp_path, monkeypatch):
    """Whoever was given a folder puts links in the place of all folders in it at once."""
    (tmp_path / "etc").mkdir()
    given = []

    def give_away(path, uid, gid):
        assert (uid, gid) == (1234, 1235)
        given.append(os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)).rstrip("/"))
        if os.path.isdir(path) and not os.path.islink(path):
            for entry in list(os.scandir(path)):
                if entry.is_dir(follow_symlinks=False) and not entry.name.endswith(".mine"):
                    os.rename(entry.path, entry.path + ".mine")
                    os.symlink(str(tmp_path / "etc"), entry.path)

    monkeypatch.setattr(os, "lchown", give_away)
    shared.make_writable(str(release), "var", Account("app", 1234, 1235, []))
    wanted = ("var", "var/link", "var/cache", "var/cache/shadow", "var/cache/deep", "var/cache/deep/shadow")
    assert set(given) == {str(release / path) for path in wanted}


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


def test_another_host_that_makes_the_same_shared_path_is_left_alone(release, storage, monkeypatch):
    other = storage / ".part-shared-other"
    other.mkdir()
    flush = shared.flush

    def other_is_first(folder):
        flush(folder)
        (storage / "var").mkdir()
        (storage / "var" / "upload").write_text("theirs", encoding="utf-8")

    monkeypatch.setattr(shared, "flush", other_is_first)
    shared.link(str(release), str(storage), "var")
    assert os.readlink(str(release / "var")) == "../../shared/var"
    assert [path.name for path in (storage / "var").iterdir()] == ["upload"]
    assert sorted(path.name for path in storage.iterdir()) == [other.name, "var"]


def test_what_killed_runs_left_goes_when_it_is_old(release, storage):
    for name, age in ((".part-shared", 2), (".part-shared-old", 2), (".part-shared-young", 0)):
        (storage / name).mkdir()
        os.utime(str(storage / name), (time.time() - age * 24 * 3600,) * 2)
    shared.link(str(release), str(storage), "var")
    assert sorted(path.name for path in storage.iterdir()) == [".part-shared-young", "var"]
    assert (storage / "var" / "cache" / "deep" / "shadow").read_text(encoding="utf-8") == "ours"
