# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Private folders to build in, and what becomes of those whose builds were killed.

    <folder>/lock            held while the folder is looked through
    <folder>/work-*/lock     held by a build at work; without a holder it is what a crash left
    <folder>/work-*/inside   what it builds in
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile

from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive, make_dirs


def private_folder(name):
    """A folder for what this user keeps between runs and could do without, below the user's cache; made when missing."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = os.path.join(cache, "slipway", name)
    make_dirs(path, 0o700)
    return path


@contextlib.contextmanager
def workspace(folder, tidy=lambda: None):
    """A new folder in folder for as long as the block runs; first, what crashed builds left is removed.

    tidy is called under the folder's lock, for what else has to be removed then.
    """
    with exclusive(os.path.join(folder, "lock")):
        tidy()
        _sweep(folder)
        path = tempfile.mkdtemp(prefix="work-", dir=folder)
        holder = _flocked(os.path.join(path, "lock"))
    inside = os.path.join(path, "inside")
    try:
        os.mkdir(inside)
        yield inside
    finally:
        _remove_tree(inside)  # before the lock: until that is gone, no other build takes this for what a crash left
        _remove_tree(path)
        os.close(holder)


def _sweep(folder):
    for name in os.listdir(folder):
        work = os.path.join(folder, name)
        if name.startswith("work-"):
            try:
                os.close(_flocked(os.path.join(work, "lock")))
            except (BlockingIOError, FileNotFoundError):
                continue  # its build is running, or has ended this moment
            _remove_tree(work)


def _flocked(path):
    """A descriptor that holds the lock on the file at path; BlockingIOError where somebody else does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_tree(path):
    """Remove a folder, also where a build made folders read-only; what cannot go now is left for the next sweep."""
    for folder, names, unused in os.walk(path):
        for name in names:
            inner = os.path.join(folder, name)
            if not os.path.islink(inner):
                with contextlib.suppress(OSError):  # somebody else removes as well
                    os.chmod(inner, 0o700)
    shutil.rmtree(path, ignore_errors=True)
