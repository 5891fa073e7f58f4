# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module patch, as a process, on a real folder."""

from __future__ import annotations

import base64
import os

import pytest

DIFF = b"--- /dev/null\n+++ b/news.txt\n@@ -0,0 +1 @@\n+open on Sunday\n"


@pytest.fixture
def patch(run_module, application):
    """patch(state, ...) -> result; a check comes first each time and has to tell what the real run then does."""
    application.release({})
    os.mkdir(os.path.join(application.root, "state"))

    def runner(state, **params):
        params = dict({"name": "news.patch"}, root=application.root, state=state, **params)
        if state == "applied":
            params["content"] = base64.b64encode(DIFF).decode("ascii")
        checked, result = run_module("patch", params, check=True), run_module("patch", params)
        assert [checked[key] for key in ("changed", "restart_needed", "diff")] == [result[key] for key in ("changed", "restart_needed", "diff")]
        return result["changed"], result["restart_needed"]

    return runner


def test_what_was_killed_before_it_restarted_is_told_to_do_so_again(patch):
    """Whether services were restarted since the patch came, or went, nobody knows here: they are as old as they are."""
    assert patch("reverted") == (False, False)  # there never was one
    for keep, changed in ((False, True), (False, False), (True, True)):
        assert patch("applied", keep=keep) == (changed, True)
    assert patch("reverted") == (True, True)
    assert patch("reverted") == patch("reverted", name="news.patch") == (False, True)
    assert patch("reverted", name="other.patch") == (False, False)
    assert patch("applied") == (True, True)
