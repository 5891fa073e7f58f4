# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The library, left on the host by the first step that had to bring it, for those after it.

A module brings the library along in a zip file, with Ansible's own library, and Python compiles both anew: that is most
of what a step costs. What lies on the shelf is compiled once. It lies where only the user can write that the steps run
as, and where nothing outlives a reboot, so that what was written is what is read.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
import zipfile

KEPT = 24 * 3600  # seconds that a library of another version stays after its last use
PACKAGE = "ansible_collections/"


def leave(name, base=None, archive=None, check=False):
    """Put the library on the shelf under a name that stands for its content; only pretend to with check.

    Returns the Python that can run it; None where there is no shelf.
    """
    base = base or ("/run" if os.geteuid() == 0 else "/run/user/%d" % os.geteuid())
    archive = archive or getattr(__loader__, "archive", None)  # only a module that came in a zip file brings all it needs
    if not archive or not sys.executable or not os.path.isdir(base):
        return None
    try:
        if not check:
            _fill(_shelf(base), name, archive)
    except OSError:
        return None  # no room, or another's: every step brings the library itself then
    return sys.executable


def _shelf(base):
    """The folder that only this user can write to."""
    folder = os.path.join(base, "slipway")
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError("%s is not this user's alone." % folder)
    return folder


def _fill(shelf, name, archive):
    """Unpack the library of the archive, whole or not at all; those of other versions that nobody uses any more go."""
    folder = os.path.join(shelf, name)
    if not os.path.isdir(folder):
        part = tempfile.mkdtemp(prefix=".part-", dir=shelf)
        try:
            with zipfile.ZipFile(archive) as source:
                source.extractall(part, [entry for entry in source.namelist() if entry.startswith(PACKAGE)])
            os.rename(part, folder)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            if not os.path.isdir(folder):  # otherwise another was faster, with the same
                raise
    os.utime(folder)
    for entry in os.scandir(shelf):
        if entry.stat(follow_symlinks=False).st_mtime < time.time() - KEPT:
            shutil.rmtree(entry.path, ignore_errors=True)
