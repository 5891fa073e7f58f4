# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytecode: all of a checkout is removed before its own is made, and nothing outside of it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._package.bytecode import remove


def test_all_that_has_the_name_of_bytecode_is_removed_and_no_link_is_followed(tmp_path):
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    for path in ("outside/__pycache__/x.tag.pyc", "tree/__pycache__/x.tag.pyc.1234", "tree/pkg/__pycache__/deep/x", "tree/pkg/x.pyc", "tree/pkg/x.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    for link, target in (("linked", outside), ("more/__pycache__", outside / "__pycache__"), ("more/gone.pyc", "nowhere")):
        (tree / link).parent.mkdir(exist_ok=True)
        (tree / link).symlink_to(target)
    remove(str(tree))
    assert sorted(str(path.relative_to(tree)) for path in tree.rglob("*")) == ["linked", "more", "pkg", "pkg/x.py"]
    assert (outside / "__pycache__" / "x.tag.pyc").exists()
