# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `reuse lint` on a copy of the project's files.

In the clone itself it looks into .cache as well, and dies of a file that somebody else removes there meanwhile.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import sanity

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="slipway-licences-") as temporary:
        sanity.copy_tree(Path(temporary))
        sys.exit(subprocess.run([sys.executable, "-m", "reuse", "--root", temporary, "lint", "--lines"], check=False).returncode)
