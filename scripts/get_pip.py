# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip.py that ansible-test would download: takes the pip every Python carries.

ansible-test runs it with pip's own arguments: `get-pip.py --no-setuptools --no-wheel pip==24.2`.
"""

from __future__ import annotations

import ensurepip
import os
import runpy
import sys

before = dict(os.environ)
ensurepip.bootstrap()  # drops PIP_* and points PIP_CONFIG_FILE at the null device: a private index would be lost
os.environ.clear()
os.environ.update(before)
for name in [name for name in sys.modules if name == "pip" or name.startswith("pip.")]:
    del sys.modules[name]
sys.argv = ["pip", "install"] + [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
