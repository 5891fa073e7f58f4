# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of dumps that is a folder."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "dumps"))
