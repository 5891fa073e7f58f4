# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users get it: its artifact, built, and installed elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEPENDENCIES = ROOT / ".build" / "dependencies"


def environment(**extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
    return {**kept, "LC_ALL": "C.UTF-8", **extra}


def built(folder):
    """The path of the artifact, built into a folder."""
    subprocess.run([sys.executable, ROOT / "scripts" / "build.py", folder], check=True, env=environment(), cwd=folder)
    (path,) = folder.glob("slipway-app-*.tar.gz")
    return path


def installed(artifact, folder):
    """The folder, with nothing but the installed artifact in it; what it depends on is found elsewhere, as Galaxy is not asked."""
    subprocess.run([sys.executable, "-m", "ansible", "galaxy", "collection", "install", artifact, "--offline",
                    "--collections-path", folder], check=True, cwd=folder,
                   env=environment(ANSIBLE_HOME=str(folder / "home"), ANSIBLE_COLLECTIONS_PATH=str(DEPENDENCIES)))
    return folder
