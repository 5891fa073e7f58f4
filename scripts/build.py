# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make build: the artifact that users install, made from what git knows of; `build.py FOLDER` puts it elsewhere."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import sanity
import workspace


def build(folder, python):
    """ansible-galaxy packs all it finds: give it a tree without the caches and editor files of this clone."""
    with tempfile.TemporaryDirectory(prefix="slipway-build-") as tree:
        sanity.copy_tree(Path(tree))
        subprocess.run([python, "-m", "ansible", "galaxy", "collection", "build", "--force", "--output-path", folder],
                       cwd=tree, env=workspace.environment(python), check=True)


if __name__ == "__main__":
    destination = Path(sys.argv[1] if len(sys.argv) > 1 else workspace.ROOT / "dist").resolve()
    destination.mkdir(parents=True, exist_ok=True)
    build(destination, workspace.install("run"))
