# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import stat

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import guard
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import (
    OPERATION, Journal, open_operation, operations, prune, seconds_between, summary)


def _journal(root, name="20260101T000000Z-upgrade-1"):
    journal = Journal(str(root), name)
    journal.append(OPERATION, "begin", 1, "app1", {"kind": "upgrade", "owner": {"user": "ann", "controller": "here"}})
    journal.append("stage", "begin", 1, "app1")
    return journal


def test_records_are_chained_and_private(tmp_path):
    journal = _journal(tmp_path)
    journal.append("stage", "done", 1, "app1", {"release": "x"})
    records = journal.records()
    assert [record["seq"] for record in records] == [1, 2, 3]
    assert stat.S_IMODE((tmp_path / "state" / "journal" / (journal.operation + ".jsonl")).stat().st_mode) == 0o600
    found = summary(records)
    assert found["outcome"] == "open" and found["steps"][0]["outcome"] == "done" and found["steps"][0]["seconds"] >= 0


@pytest.mark.parametrize("torn", [b"{\"seq\": 3, \"at", b"{\"seq\": 3}garbage\n", b"\x00\x00\x00"])
def test_a_torn_last_line_is_ignored_and_written_over(tmp_path, torn):
    journal = _journal(tmp_path)
    with open(journal.path, "ab") as stream:
        stream.write(torn)
    assert len(journal.records()) == 2
    journal.append("stage", "done", 1, "app1")
    assert [(record["step"], record["event"]) for record in journal.records()][-1] == ("stage", "done")
    with open(journal.path, "rb") as stream:
        assert all(json.loads(line) for line in stream)


def test_a_changed_journal_is_noticed(tmp_path):
    journal = _journal(tmp_path)
    journal.append("stage", "done", 1, "app1")
    with open(journal.path, encoding="utf-8") as stream:
        changed = stream.read().replace("ann", "bob", 1)
    with open(journal.path, "w", encoding="utf-8") as stream:
        stream.write(changed)
    with pytest.raises(SlipwayError, match="changed by hand before record 2"):
        journal.records()


def test_an_old_journal_that_is_damaged_is_in_nobodys_way_and_an_open_one_is_named(tmp_path):
    old, new = _journal(tmp_path), _journal(tmp_path, "20260102T000000Z-upgrade-2")
    old.append(OPERATION, "done", 1, "app1", {"outcome": "done"})
    for journal in (old, new):
        with open(journal.path, "r+b") as stream:
            stream.write(b"\0" * 20)
        if journal is old:
            assert open_operation(str(tmp_path))["id"] == new.operation
            with pytest.raises(SlipwayError, match="upgrade-1.jsonl is damaged"):
                old.records()
    with pytest.raises(SlipwayError, match="upgrade-2.jsonl is damaged"):
        open_operation(str(tmp_path))


def test_what_ended_long_ago_is_removed_and_what_is_open_never(tmp_path):
    root = str(tmp_path)
    names = ["20260101T00000%dZ-upgrade-%d" % (number, number) for number in range(1, 6)]
    for name in names:
        journal = _journal(tmp_path, name)
        if name != names[1]:
            journal.append(OPERATION, "done", 1, "app1", {"outcome": "done"})
        (tmp_path / "state" / "detached" / (name + "-migrate-1")).mkdir(parents=True)
    prune(root, journals=3, outputs=1)
    assert operations(root) == [names[4], names[3], names[2], names[1]]
    assert sorted(path.name for path in (tmp_path / "state" / "detached").iterdir()) == [names[1] + "-migrate-1", names[4] + "-migrate-1"]


def test_the_guard_names_who_is_at_work(tmp_path):
    guard.refuse_if_open(str(tmp_path))
    journal = _journal(tmp_path)
    assert open_operation(str(tmp_path))["id"] == journal.operation
    with pytest.raises(SlipwayError, match="started by ann on here"):
        guard.refuse_if_open(str(tmp_path))
    journal.append(OPERATION, "done", 1, "app1", {"outcome": "done", "message": "good"})
    guard.refuse_if_open(str(tmp_path))
    assert operations(str(tmp_path)) == [journal.operation]


def test_ids_are_no_paths(tmp_path):
    with pytest.raises(SlipwayError, match="is not the id of an operation"):
        Journal(str(tmp_path), "../../etc/passwd")


def test_the_open_operation_is_found_without_reading_all_that_ever_was(tmp_path, monkeypatch):
    for number in range(3):
        journal = Journal(str(tmp_path), "2026010%dT000000Z-upgrade-1" % number)
        journal.append("operation", "begin", data={"kind": "upgrade"})
        journal.append("stage", "begin")
        if number != 1:
            journal.append("operation", "done", data={"outcome": "done"})
    read = []
    records = Journal.records
    monkeypatch.setattr(Journal, "records", lambda journal: read.append(journal.operation) or records(journal))
    assert open_operation(str(tmp_path))["id"] == "20260101T000000Z-upgrade-1"
    assert read == ["20260101T000000Z-upgrade-1"]


def test_seconds_are_those_between_two_moments():
    assert seconds_between("2026-02-28T23:59:59.750Z", "2026-03-01T00:00:00.000Z") == 0.25
