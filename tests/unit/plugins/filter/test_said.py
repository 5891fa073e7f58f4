# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person has said is taken as it is; a blank is nothing said."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.filter.said import FilterModule

said = FilterModule().filters()["said"]


@pytest.mark.parametrize("blank", ["", None])
@pytest.mark.parametrize("default", [True, -1, ""])
def test_a_blank_is_not_said(blank, default):
    assert said(blank, default) is default


@pytest.mark.parametrize("value", [False, True, "no", 0, "0", [], ["a"], {}, " "])
def test_all_else_is(value):
    assert said(value, "nothing") is value
