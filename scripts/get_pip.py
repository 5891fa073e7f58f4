# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip.py that ansible-test would download: takes the pip every Python carries.

ansible-test runs it with pip's own arguments, `get-pip.py --no-setuptools --no-wheel pip==24.2`, once for each of its
environments. What was installed in the first one of a Python is kept beside this file, compiled, for the others.
"""

from __future__ import annotations

import ensurepip
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile


def install(arguments):
    before = dict(os.environ)
    ensurepip.bootstrap()  # drops PIP_* and points PIP_CONFIG_FILE at the null device: a private index would be lost
    subprocess.run([sys.executable, "-m", "pip", "install", *arguments], env=before, check=True)


def keep(packages, kept):
    """Put a copy of pip there, whole or not at all; another process may be about the same."""
    part = tempfile.mkdtemp(prefix=".part-", dir=os.path.dirname(kept))
    for name in os.listdir(packages):
        if name == "pip" or name.startswith("pip-"):
            shutil.copytree(os.path.join(packages, name), os.path.join(part, name))
    try:
        os.rename(part, kept)
    except OSError:
        shutil.rmtree(part)


def main(arguments):
    packages = sysconfig.get_path("purelib")
    kept = "%s-%s" % (os.path.splitext(os.path.abspath(__file__))[0], sys.implementation.cache_tag)
    if os.path.isdir(kept):
        shutil.copytree(kept, packages, dirs_exist_ok=True)
    else:
        install([word for word in arguments if word not in ("--no-setuptools", "--no-wheel")])
        keep(packages, kept)


if __name__ == "__main__":
    main(sys.argv[1:])
