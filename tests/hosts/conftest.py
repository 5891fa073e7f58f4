# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests on real hosts build on: the lab."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def load(name, path):
    """The module in a file, under a name that no other test has for its own: the demo has a lab.py as well."""
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hosts_lab = load("slipway_hosts_lab", Path(__file__).resolve().parents[2] / "scripts" / "lab.py")
