# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core import files
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


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
