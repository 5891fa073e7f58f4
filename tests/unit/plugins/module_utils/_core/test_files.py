# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core import files
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock


def test_atomic_write_sets_mode_and_leaves_no_part(tmp_path):
    path = tmp_path / "f"
    files.atomic_write(str(path), "one")
    files.atomic_write(str(path), b"two", mode=0o644)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(str(tmp_path)) == ["f"]


def test_atomic_symlink_replaces(tmp_path):
    files.atomic_symlink("a", str(tmp_path / "l"))
    files.atomic_symlink("b", str(tmp_path / "l"))
    assert os.readlink(str(tmp_path / "l")) == "b"
    assert os.listdir(str(tmp_path)) == ["l"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be led astray")
@pytest.mark.parametrize("put", ["folder", "link", "writable", "link of root's to somebody's"])
def test_root_does_not_work_in_a_folder_that_somebody_else_has_put_there(tmp_path, put):
    """The application's user owns the folder above, and so can take state away and put something else there."""
    precious, place = tmp_path / "precious", str(tmp_path / "state")
    precious.mkdir()
    files.make_own_dir(place, 0o700)
    files.make_own_dir(place, 0o700)
    os.rename(place, str(tmp_path / "taken away"))
    if put in ("folder", "writable"):
        os.mkdir(place)
    else:
        os.symlink("precious", place)
    if put == "writable":
        os.chmod(place, 0o777)
    else:
        os.chown(str(precious) if put == "link of root's to somebody's" else place, 65534, 65534, follow_symlinks=False)
    with pytest.raises(SlipwayError, match="state is not root's alone"):
        files.make_own_dir(place)
    with pytest.raises(SlipwayError, match="state is not root's alone"):
        Lock(str(tmp_path)).acquire("upgrade-1", {"user": "ann"})
    assert os.listdir(str(precious)) == []


def test_a_link_in_the_place_of_a_lock_leads_nowhere(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), files.exclusive(str(tmp_path / "lock")):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_json(tmp_path):
    path = str(tmp_path / "j")
    assert files.read_json(path, {"d": 1}) == {"d": 1}
    files.write_json(path, {"b": 1, "a": [2]})
    assert files.read_json(path) == {"a": [2], "b": 1}
    (tmp_path / "j").write_text("{")
    with pytest.raises(SlipwayError, match="not valid JSON"):
        files.read_json(path)


def test_make_dirs(tmp_path):
    assert files.make_dirs(str(tmp_path / "a" / "b"), 0o700)
    assert not files.make_dirs(str(tmp_path / "a" / "b"))
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
