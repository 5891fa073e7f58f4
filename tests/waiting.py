# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tests wait for what happens elsewhere."""

from __future__ import annotations

import time

import pytest

PATIENCE = 60  # seconds until something that must come is missed


def until(condition, patience=PATIENCE):
    """Wait for something that must come within some seconds; its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail("it did not happen within %d seconds" % patience)
        time.sleep(0.02)
