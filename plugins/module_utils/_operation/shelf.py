# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The library, left on the host by an operation's first step for the steps after it.

A module brings the library along in a zip file, with Ansible's own library, and Python compiles both anew: that is most
of what a step costs. What lies on the shelf is compiled once. It lies where only the user can write that the steps run
as, and where nothing outlives a reboot, so that what was written is what is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
import zipfile

KEPT = 24 * 3600  # seconds that a library of another version stays after its last use
PACKAGE = "ansible_collections/"


def leave(base=None, archive=None):
    """Put the library on the shelf if it is not there: {folder, python} for those who come after; None where that cannot be."""
    base = base or ("/run" if os.geteuid() == 0 else "/run/user/%d" % os.geteuid())
    archive = archive or getattr(__loader__, "archive", None)  # only a module that came in a zip file brings all it needs
    if not archive or not sys.executable or not os.path.isdir(base):
        return None
    try:
        return {"folder": _filled(_shelf(base), archive), "python": sys.executable}
    except OSError:
        return None  # no room, or another's: every step brings the library itself then


def _shelf(base):
    """The folder that only this user can write to."""
    folder = os.path.join(base, "slipway")
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError("%s is not this user's alone." % folder)
    return folder


def _filled(shelf, archive):
    """The folder with the library of the archive, whole; those of other versions that nobody uses any more go."""
    with zipfile.ZipFile(archive) as source:
        names = sorted(name for name in source.namelist() if name.startswith(PACKAGE))
        digest = hashlib.sha256()
        for name in names:
            digest.update(b"%s %d\n" % (name.encode("utf-8"), source.getinfo(name).file_size))
            digest.update(source.read(name))
        folder = os.path.join(shelf, digest.hexdigest()[:32])
        if not os.path.isdir(folder):
            part = tempfile.mkdtemp(prefix=".part-", dir=shelf)
            source.extractall(part, names)
            try:
                os.rename(part, folder)
            except OSError:
                shutil.rmtree(part, ignore_errors=True)
                if not os.path.isdir(folder):  # otherwise another was faster, with the same
                    raise
    os.utime(folder)
    for entry in os.scandir(shelf):
        if entry.stat(follow_symlinks=False).st_mtime < time.time() - KEPT:
            shutil.rmtree(entry.path, ignore_errors=True)
    return folder
