# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of databases run, so that they can be run when somebody wants to know. What they measure of so few rows says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name, says", [
    ("sanitize/run.py", "MB/s on one core"),  # which knows most of the library
    pytest.param("postgres/dump.py", "dump, wall: pg_dump", marks=pytest.mark.long),
    pytest.param("postgres/restore.py", "going back took", marks=pytest.mark.long)])
def test_it_runs(name, says):
    more = ["--clients", "3"] if "restore" in name else []
    done = subprocess.run([sys.executable, str(ROOT / "benchmarks" / name), "--megabytes", "2", "--runs", "1", *more],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and says in done.stdout, done.stdout + done.stderr
