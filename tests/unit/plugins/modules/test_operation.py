# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock alone, as who patches several hosts holds it."""

from __future__ import annotations

import base64
import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock

DIFF = "--- /dev/null\n+++ b/news.txt\n@@ -0,0 +1 @@\n+open on Sunday\n"
UPGRADE = {"user": "bob", "controller": "another.example", "pid": 1, "ticks": 1}


@pytest.fixture
def root(application):
    application.release({})
    return application.root


def begin(run_module, root, **more):
    return run_module("operation", dict({"root": root, "state": "started", "kind": "patch", "journal": False, "by": "ann"}, **more))


def patch(run_module, root, **more):
    content = base64.b64encode(DIFF.encode("utf-8")).decode("ascii")
    return run_module("patch", dict({"root": root, "content": content, "name": "news.patch"}, **more))


def test_an_upgrade_does_not_begin_while_patches_are_applied(run_module, root):
    begun = begin(run_module, root)
    assert begun["changed"] and "-patch-" in begun["operation"]["id"]
    assert not os.path.exists(os.path.join(root, "state", "journal"))
    with pytest.raises(SlipwayError, match="-patch-1 holds the lock: started by ann"):
        Lock(root).acquire("upgrade-1", UPGRADE)
    assert not begin(run_module, root, id=begun["operation"]["id"])["changed"]
    assert "holds the lock" in begin(run_module, root)["msg"] and "holds the lock" in patch(run_module, root)["msg"]
    assert patch(run_module, root, operation=begun["operation"]["id"])["changed"]
    end = {"root": root, "state": "finished", "journal": False, "id": begun["operation"]["id"]}
    assert run_module("operation", end)["changed"] and not run_module("operation", end)["changed"]
    Lock(root).acquire("upgrade-1", UPGRADE)


def test_nothing_is_patched_while_an_upgrade_holds_the_lock(run_module, root):
    Lock(root).acquire("upgrade-1", UPGRADE)
    end = {"root": root, "state": "finished", "journal": False, "id": "another"}
    assert not run_module("operation", end)["changed"]
    for refused in (begin(run_module, root), patch(run_module, root), patch(run_module, root, operation="another"),
                    patch(run_module, root, state="reverted")):
        assert refused["failed"]
        assert "Operation upgrade-1 holds the lock: started by bob on another.example" in refused["msg"]
        assert "Nothing was changed. Wait until it ends" in refused["msg"]
    assert not os.path.exists(os.path.join(root, "current", "news.txt"))
