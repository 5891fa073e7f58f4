# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import resource
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.progress import Progress, duration, line, size


def test_the_file_is_there_while_the_work_goes_on(tmp_path):
    path = tmp_path / "progress"
    with Progress(str(path)) as progress:
        progress("restore", table="orders", bytes=5, total_bytes=10)
        first = json.loads(path.read_text())
        assert first.pop("begun") <= time.time()
        assert first == {"phase": "restore", "table": "orders", "bytes": 5, "total_bytes": 10}
        assert path.stat().st_mode & 0o777 == 0o600
        progress("restore", table="more")  # so soon after
        assert json.loads(path.read_text())["table"] == "orders"
        progress("analyze")
        assert json.loads(path.read_text())["phase"] == "analyze"
    assert list(tmp_path.iterdir()) == []


def test_a_moment_of_a_full_disk_does_not_end_the_watching(tmp_path):
    path = tmp_path / "progress"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Progress(str(path)) as progress:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # what a full disk is, for a file
        try:
            progress("restore")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list(tmp_path.iterdir()) == []
        progress("analyze")
        assert json.loads(path.read_text())["phase"] == "analyze"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, "/nowhere/at/all"])
def test_work_goes_on_when_nobody_can_watch(path):
    with Progress(path) as progress:
        progress("restore")


@pytest.mark.parametrize("state, seconds, text", [
    ({"phase": "analyze"}, 75, "analyze, for 1:15 min"),
    ({"phase": "restore", "table": "orders", "bytes": 250 * 10 ** 6, "total_bytes": 10 ** 9}, 10,
     "restore, orders, 25 %, 250.0 MB of 1.0 GB, 25.0 MB/s, 30 s left"),
    ({"phase": "indexes and keys", "table": "public.orders_pkey", "item": 3, "items": 12}, 5, "indexes and keys, public.orders_pkey, 3 of 12, for 5 s"),
    ({"phase": "dump", "total_bytes": 2000, "rows": 5}, 10, "dump, 0 %, 0 B of 2.0 kB"),
    ({"phase": "dump", "bytes": 3, "total_bytes": 2}, 0, "dump, 100 %, 3 B of 2 B"),
])
def test_a_line_for_people(state, seconds, text):
    assert line(state, seconds) == text


def test_sizes_and_times():
    assert [size(999), size(1500), size(10 ** 12)] == ["999 B", "1.5 kB", "1000.0 GB"]
    assert [duration(59.4), duration(3599), duration(7260)] == ["59 s", "59:59 min", "2:01 h"]
