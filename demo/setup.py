# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring what the lab needs into .cache, once: PostgreSQL's programs and the wheels of the shop.

Afterwards building the shop asks nobody on the network, which makes it quick and always the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache"

sys.path.insert(0, str(HERE.parent / "scripts"))
import postgres_server  # noqa: E402  (scripts is no package)


def wheels(cache=CACHE, python=sys.version_info[:2]):
    """The folder with the shop's wheels for this Python, or one of that version; filled when it is not there yet."""
    requirements = HERE / "shop" / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = Path(cache) / ("wheels-%s-%d.%d" % (digest, *python))
    with _only_one(cache):
        if not folder.is_dir():
            part = folder.with_name(".part-" + folder.name)
            shutil.rmtree(part, ignore_errors=True)
            argv = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version", "%d.%d" % python,
                    "--dest", part, "--requirement", requirements]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError("pip cannot fetch the shop's requirements:\n%s" % done.stderr)
            part.rename(folder)
    return folder


def postgres(cache=CACHE):
    """The folder with PostgreSQL's programs."""
    with _only_one(cache):
        return postgres_server.binaries(str(cache))


@contextlib.contextmanager
def _only_one(cache):
    os.makedirs(cache, exist_ok=True)
    with open(Path(cache) / "demo.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        wheels()
        postgres()
    except (RuntimeError, postgres_server.ServerError) as problem:
        sys.exit("slipway: %s" % problem)
