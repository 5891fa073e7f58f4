# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a long series of tests runs every time: the rest of it is marked "long"."""

from __future__ import annotations

import pytest


def long_but(values, *kept):
    """The values of a parametrization, all marked long but those that are kept."""
    missing = [value for value in kept if value not in values]
    assert not missing, missing
    return [value if value in kept else pytest.param(*(value if isinstance(value, tuple) else [value]), marks=pytest.mark.long) for value in values]
