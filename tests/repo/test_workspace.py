# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every make target stands on, on machines that are not as those who wrote it have them."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import workspace  # noqa: E402  (scripts is no package)


def test_what_tests_run_gets_nothing_of_the_callers_servers(monkeypatch):
    monkeypatch.setenv("PGSERVICE", "prod")
    assert "PGSERVICE" not in workspace.environment(sys.executable)
