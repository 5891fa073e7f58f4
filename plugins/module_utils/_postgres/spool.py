# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Folders of this host for files on their way: each belongs to one process, for as long as it lives.

It holds a lock in its folder, which the kernel drops when it ends, however it ends: a folder that nobody holds is a leftover.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write
from ansible_collections.slipway.app.plugins.module_utils._release.disk import remove_tree

PART = ".part-"
LOCK = "lock"
OF = "of"  # the file that says what a folder is of, where another call may go on with it
OLD = 24 * 3600  # seconds without a write after which nobody is likely to go on with a folder, which may have all rows of a database
USUAL = "/var/tmp"  # for large files, where /tmp may be memory


class Spool:
    """Such folders of this user, in a folder of his own below a directory that others may write to."""

    def __init__(self, directory=None):
        self._directory = os.path.abspath(directory or USUAL)
        self.location = os.path.join(self._directory, "slipway-%d" % os.geteuid())

    @contextlib.contextmanager
    def new(self):
        """A new folder, which is removed when the block ends."""
        folder, lock = self.make()
        try:
            yield folder
        finally:
            self.remove(folder, lock)

    def make(self):
        """A new folder, and what holds it; both are for remove()."""
        self.require_own()
        while True:
            with self.told():
                folder = tempfile.mkdtemp(prefix=PART, dir=self.location)
            lock = hold(folder)
            if lock is not None and os.path.exists(os.path.join(folder, LOCK)):
                return folder, lock
            if lock is not None:  # somebody took it for a leftover before it was held
                os.close(lock)

    def take_up(self, of):
        """As make(), but the folder of this text that another call has left, where there is one.

        What is in it was on its way when that call ended, or the machine with it: whoever goes on has to look at every byte.
        """
        self.require_own()
        for folder in self._folders():
            lock = hold(folder, make=False)
            if lock is not None and _text(os.path.join(folder, OF)) == of and os.path.exists(os.path.join(folder, LOCK)):
                with self.told():
                    os.utime(lock)
                return folder, lock
            _let_go(lock)
        folder, lock = self.make()
        with self.told():
            atomic_write(os.path.join(folder, OF), of)
        return folder, lock

    @staticmethod
    def leave(_folder, lock):
        """Let another call take it up, or remove it."""
        with contextlib.suppress(OSError):  # it counts from when it was written, then
            os.utime(lock)
        os.close(lock)

    @staticmethod
    def remove(folder, lock):
        os.close(lock)
        remove_tree(folder)

    def leftovers(self, only=lambda folder: True):
        """The folders that processes left behind which were killed, or only those that only(folder) is true of."""
        return [folder for folder in self._folders() if _let_go(hold(folder, make=False)) and only(folder)]

    def remove_leftovers(self, only=lambda folder: True):
        """Remove them, and return their paths. What cannot be removed stays, and keeps nobody from his work."""
        removed = []
        for folder in self._folders():
            lock = hold(folder, make=False)
            with contextlib.suppress(OSError):
                if lock is not None and only(folder):
                    remove_tree(folder)
                    removed.append(folder)
            _let_go(lock)
        return removed

    def free(self):
        """How many bytes there is room for."""
        self.require_own()
        found = os.statvfs(self.location)
        return found.f_bavail * found.f_frsize

    def require_own(self):
        """Rows of databases are to be here: it has to be a folder that nobody else can look into or put another in the place of."""
        with self.told(), contextlib.suppress(FileExistsError):
            os.mkdir(self.location, 0o700)
        if not self._own():
            raise SlipwayError("%s is not a folder of this user alone." % self.location, untouched="Nothing was changed.",
                               hint="Name another directory as spool_dir.")

    @contextlib.contextmanager
    def told(self):
        """Let an error of the disk say which option names the place where files cannot be kept."""
        try:
            yield
        except OSError as error:
            raise SlipwayError("Files on their way cannot be kept in %s: %s." % (self._directory, error.strerror), untouched="Nothing was changed.",
                               hint="Name a directory that is there, and has room for them, as spool_dir.") from error

    def _own(self):
        there = os.lstat(self.location)
        return stat.S_ISDIR(there.st_mode) and there.st_uid == os.geteuid() and not there.st_mode & 0o077

    def _folders(self):
        """What is there of this user; nothing where another may have put it there, or where it cannot be looked at."""
        with contextlib.suppress(OSError):
            return sorted(os.path.join(self.location, name) for name in os.listdir(self.location) if name.startswith(PART)) if self._own() else []
        return []


def hold(folder, make=True):
    """The descriptor that holds the lock of a folder, or None where another holds it."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0)
    try:
        descriptor = os.open(os.path.join(folder, LOCK), flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except OSError:
        os.close(descriptor)
        return None


def old(folder):
    """Whether nothing was written in a folder, nor its lock let go of, for a day."""
    with contextlib.suppress(OSError):  # somebody removes it
        written = [os.lstat(os.path.join(place, name)).st_mtime for place, _folders, files in os.walk(folder) for name in files]
        return bool(written) and time.time() - max(written) > OLD
    return False


def _text(path):
    """What a file says, or None where there is none."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8") as stream:
        return stream.read()
    return None


def _let_go(lock):
    if lock is not None:
        os.close(lock)
    return lock is not None
