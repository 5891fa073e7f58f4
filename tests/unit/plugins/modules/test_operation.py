# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock alone, as who patches several hosts holds it."""

from __future__ import annotations

import base64
import os
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import guard
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.modules import operation

DIFF = "--- /dev/null\n+++ b/news.txt\n@@ -0,0 +1 @@\n+open on Sunday\n"
UPGRADE = {"user": "bob", "controller": "another.example", "pid": 1, "ticks": 1}


@pytest.fixture
def root(application):
    application.release({})
    return application.root


def begin(run_module, root, check=False, **more):
    return run_module("operation", dict({"root": root, "state": "started", "kind": "patch", "journal": False, "by": "ann"}, **more), check=check)


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


def test_who_works_long_says_that_it_is_still_there_or_learns_that_it_was_given_up(run_module, root):
    begun = begin(run_module, root, lease=60)["operation"]["id"]
    go_on = {"root": root, "state": "continued", "id": begun, "lease": 600}
    went_on = run_module("operation", go_on)
    assert not went_on["changed"] and went_on["operation"]["outcome"] == "open"
    assert Lock(root).holder()["expires"] > time.time() + 500 and Lock(root).holder()["lease"] == 600
    Lock(root).release(begun)
    assert "Operation %s no longer holds the lock. It was freed" % begun in run_module("operation", go_on)["msg"]
    assert Lock(root).holder() is None and not run_module("operation", go_on, check=True).get("failed")


def test_whoever_works_on_other_hosts_asks_the_leader_whether_it_is_free(run_module, root):
    look = {"root": root, "state": "free"}
    assert run_module("operation", look) == dict(run_module("operation", look, check=True), changed=False)
    begun = begin(run_module, root)["operation"]["id"]
    for check in (False, True):
        assert "Operation %s holds the lock: started by ann" % begun in run_module("operation", look, check=check)["msg"]
    assert not run_module("operation", dict(look, id=begun)).get("failed")


def test_a_playbook_that_begins_and_ends_an_operation_can_be_checked(run_module, root):
    begun = begin(run_module, root, check=True, journal=True)
    end = {"root": root, "state": "finished", "id": begun["operation"]["id"], "kind": "patch"}
    ended = run_module("operation", end, check=True)
    assert ended["changed"] and ended["operation"] == dict(begun["operation"], outcome="done")
    assert "There is no operation %s" % begun["operation"]["id"] in run_module("operation", end)["msg"]


@pytest.mark.parametrize("about", [{"kind": "search index"}, {"id": "2026-11-28 reindex"}])
def test_what_cannot_be_the_name_of_a_journal_takes_no_lock(run_module, root, about):
    for check in (True, False):
        refused = begin(run_module, root, check=check, journal=True, **about)
        assert "is not the id of an operation. Nothing was changed." in refused["msg"]
        assert Lock(root).holder() is None


def test_an_operation_whose_journal_cannot_be_written_keeps_no_lock(run_module, root, monkeypatch):
    def full(*_about):
        raise OSError("No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    about = {"root": root, "kind": "reindex", "id": None, "journal": True, "by": "ann", "lease": 60}
    with pytest.raises(OSError, match="No space left on device"):
        operation.start(about, False)
    assert Lock(root).holder() is None
    held = begin(run_module, root)["operation"]["id"]
    with pytest.raises(OSError, match="No space left on device"):
        operation.start(dict(about, id=held), False)
    assert Lock(root).holder()["operation"] == held, "it was its own before"


def test_what_the_disk_does_not_let_happen_is_told(run_module, root):
    os.makedirs(os.path.join(root, "state", "fence"))
    assert "Is a directory" in begin(run_module, root)["msg"]


@pytest.mark.parametrize("module, path", [("operation_info", "journal"), ("migration_info", "environments/1.0-000000000001.json")])
def test_a_file_that_cannot_be_read_is_told_and_no_traceback(run_module, root, module, path):
    path = os.path.join(root, "state", path)
    os.makedirs(os.path.dirname(path))
    if module == "operation_info":
        with open(path, "wb"):
            pass  # where a folder is to be
    else:
        os.mkdir(path)  # where a file is to be
    answer = run_module(module, {"root": root})
    assert answer["failed"] and path in answer["msg"] and "cannot be read: " in answer["msg"]


def test_an_operation_that_was_closed_and_then_cut_off_gives_its_lock_back_when_it_is_said_again(run_module, root):
    begun = begin(run_module, root, journal=True)["operation"]["id"]
    Journal(root, begun).append("operation", "done", 1, "", {"outcome": "done"})
    end = {"root": root, "state": "finished", "id": begun}
    assert run_module("operation", end, check=True)["changed"] and Lock(root).holder()
    again = run_module("operation", end)
    assert again["changed"] and again["operation"]["outcome"] == "done" and Lock(root).holder() is None
    assert not run_module("operation", end)["changed"]


def test_a_part_of_an_operation_keeps_its_lock_and_notices_when_it_is_lost(tmp_path, monkeypatch):
    lock = Lock(str(tmp_path))
    lock.acquire("restore-1", UPGRADE, lease=0.5)
    monkeypatch.setattr(guard, "BEAT", 0.02)
    operation = {"root": str(tmp_path), "id": "restore-1"}
    with guard.part_of(operation) as objections:
        until = time.monotonic() + 10
        expires = lock.holder()["expires"]
        while lock.holder()["expires"] == expires and time.monotonic() < until:
            time.sleep(0.01)
        assert lock.holder()["expires"] > expires and objections() == []
        lock.release("restore-1")
        assert "no longer holds the lock" in objections()[0]
        lock.acquire("upgrade-2", UPGRADE)
        assert "restore-1 no longer holds the lock. Operation upgrade-2 holds the lock: started by bob" in objections()[0]
    with pytest.raises(SlipwayError, match="no longer holds the lock.*Nothing was changed"), guard.part_of(operation):
        pytest.fail("It has begun.")
    with guard.part_of(None) as objections:
        assert objections() == []
