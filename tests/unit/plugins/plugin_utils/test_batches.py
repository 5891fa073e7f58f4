# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes turns together."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.plugin_utils._batches import batches

HOSTS = {"a": ["app", "leader"], "b": ["app"], "c": ["app"], "d": ["app"], "w": ["consumer"]}


def _hosts(*names):
    return {name: HOSTS[name] for name in names}


@pytest.mark.parametrize(("hosts", "batch", "expected"), [
    ("abcdw", 1, ["a", "b", "c", "d", "w"]),
    ("abcdw", "2", ["ab", "cd", "w"]),
    ("abcd", "50%", ["ab", "cd"]),
    ("abcd", "10%", ["a", "b", "c", "d"]),
    ("abcd", [1, "50%"], ["a", "bc", "d"]),
    ("abcd", [1, 9], ["a", "bcd"]),
    ("aw", 1, ["a", "w"]),
    ("a", "100%", ["a"]),
])
def test_batches(hosts, batch, expected):
    assert batches(_hosts(*hosts), batch) == [list(names) for names in expected]


@pytest.mark.parametrize("batch", [4, "100%", [9, 1]])
def test_nobody_left_to_serve_is_refused(batch):
    with pytest.raises(SlipwayError, match="takes all app hosts at once"):
        batches(_hosts(*"abcdw"), batch)


@pytest.mark.parametrize("batch", [0, -1, "0%", "half", "", [], True, None, [1, "x"], 1.5])
def test_what_is_no_batch_is_refused(batch):
    with pytest.raises(SlipwayError, match="slipway_batch"):
        batches(_hosts(*"ab"), batch)
