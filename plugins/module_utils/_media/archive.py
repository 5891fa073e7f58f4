# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""An archive (tar, by gzip) of what stands for the files of a folder: the same files give the same bytes, whoever has made it.

Files are looked at by several threads while the archive is written in their order, so that some of them are in memory, however
many there are. No link is followed: what a user of the application can put into its folder leads nowhere else.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import errno
import fcntl
import gzip
import hashlib
import io
import os
import stat
import tarfile

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import fsync_dir
from ansible_collections.slipway.app.plugins.module_utils._media.placeholders import Placeholders

OTHERS = ("omit", "empty")
DEEPEST = 100  # folders in one another
MOST_JOBS = 4  # that are taken unasked: each may have placeholders.LARGEST in memory, some of it twice
TOLD = 20  # paths that are named
CHUNK = 1024 * 1024
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # neither a link nor a pipe that nobody writes to


class MediaArchive:
    """The archive of a folder (src) at a path (dest). others says what becomes of files that are no images: "omit" or "empty"."""

    def __init__(self, src, dest, others="omit", jobs=None):
        self._src = os.path.realpath(src)  # this one link, if it is one, is the caller's
        self._dest = os.path.abspath(dest)
        self._others = others
        self._jobs = max(1, jobs or min(MOST_JOBS, os.cpu_count() or 1))
        self.count = {"images": 0, "emptied": 0, "left_out": 0}
        self.unread = []  # paths of what could not be looked at

    def write(self, check=False):
        """Write it, or with check only find out what it would be; return whether it is another one than was there, and its bytes."""
        self._require()
        placeholders = Placeholders()
        with _Sink(None if check else self._dest) as sink:
            with gzip.GzipFile(filename="", fileobj=sink, mode="wb", compresslevel=6, mtime=0) as packed, \
                    tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for path, made in self._made(placeholders):
                    self._add(archive, path, made)
            changed = sink.digest.hexdigest() != _digest(self._dest)
            if changed and not check:
                sink.keep()
        return changed, sink.size

    def look(self, check=False):
        """Refuse what write() would refuse, but look at none of the media; with check, not at whether a file can be written there either."""
        self._require()
        Placeholders()
        with _Sink(None if check else self._dest):
            pass

    def _require(self):
        """Refuse what cannot be meant; nothing is changed yet."""
        if not os.path.isdir(self._src):
            raise SlipwayError("There is no folder %s of media." % self._src, untouched="Nothing was changed.")
        where = os.path.realpath(os.path.dirname(self._dest))
        if os.path.isdir(self._dest) or not os.path.isdir(where):
            raise SlipwayError("%s cannot be the file of an archive: it is a folder, or in none." % self._dest, untouched="Nothing was changed.")
        if (where + "/").startswith(os.path.realpath(self._src) + "/"):
            raise SlipwayError("The archive %s would be among the media in %s." % (self._dest, self._src), untouched="Nothing was changed.")

    def _made(self, placeholders):
        """(path, bytes or None) of each file, in order, some of them ahead."""
        waiting = collections.deque()
        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            for path, descriptor in self._files():
                waiting.append((path, pool.submit(_of, placeholders, descriptor, path)))
                if len(waiting) > 4 * self._jobs:
                    path, made = waiting.popleft()
                    yield path, made.result()
            for path, made in waiting:
                yield path, made.result()

    def _files(self):
        """(path below the folder, open descriptor) of each ordinary file."""
        for folder, folders, names, place in os.fwalk(self._src, onerror=self._cannot, follow_symlinks=False):
            below = os.path.relpath(folder, self._src)
            folders.sort()
            if folders and below.count(os.sep) >= DEEPEST:
                self.unread.append(below)
                folders.clear()
            # Those that are links are not gone into, but are among the folders.
            self.count["left_out"] += sum(_is(stat.S_ISLNK, name, place) for name in folders)
            for name in sorted(names):
                path = name if below == "." else os.path.join(below, name)
                try:
                    descriptor = os.open(name, FLAGS, dir_fd=place)
                except OSError:
                    self.count["left_out"] += 1
                    self.unread += [path] * _is(stat.S_ISREG, name, place)
                    continue
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    yield path, descriptor
                else:
                    os.close(descriptor)
                    self.count["left_out"] += 1

    def _cannot(self, error):
        self.unread.append(os.path.basename(str(error.filename)))

    def _add(self, archive, path, made):
        if made is None and self._others == "omit":
            self.count["left_out"] += 1
            return
        self.count["emptied" if made is None else "images"] += 1
        entry = tarfile.TarInfo(path)  # of nobody, of no time
        entry.size, entry.mode = len(made or b""), 0o644
        archive.addfile(entry, io.BytesIO(made or b""))


class _Sink:
    """Where the archive is written to: a file beside its place, which keep() puts there, or without a path nowhere.

    That file has one name for each place, and whoever writes holds a lock in it: what a killed call has left is written over by the next.
    """

    def __init__(self, path):
        self._path = path
        self._stream, self._beside = None, None
        self.digest, self.size = hashlib.sha256(), 0

    def __enter__(self):
        if self._path:
            self._stream = os.fdopen(self._begin(), "wb")
        return self

    def _begin(self):
        """The open file beside, empty and ours alone."""
        name = hashlib.sha256(os.fsencode(os.path.basename(self._path))).hexdigest()[:16]
        beside = os.path.join(os.path.dirname(self._path), ".part-" + name)
        descriptor = None
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            there, ours = os.stat(beside, follow_symlinks=False), os.fstat(descriptor)
            # What else has put there, maybe as another name of a file of somebody's, is not written over.
            if not (os.path.samestat(there, ours) and stat.S_ISREG(ours.st_mode) and ours.st_uid == os.geteuid() and ours.st_nlink == 1):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.ftruncate(descriptor, 0)
        except OSError as error:
            if descriptor is not None:
                os.close(descriptor)
            raise SlipwayError("The archive %s cannot be begun as %s: %s." % (
                self._path, beside, "somebody else is writing it" if isinstance(error, BlockingIOError) else error.strerror),
                untouched="Nothing was changed.") from error
        self._beside = beside
        return descriptor

    def write(self, data):
        self.digest.update(data)
        self.size += len(data)
        if self._stream:
            self._stream.write(data)
        return len(data)

    def flush(self):
        """GzipFile asks for it."""

    def keep(self):
        self._stream.flush()
        os.fsync(self._stream.fileno())
        os.rename(self._beside, self._path)
        self._beside = None
        fsync_dir(os.path.dirname(self._path))

    def __exit__(self, *_error):
        if self._beside:
            os.unlink(self._beside)
        if self._stream:
            self._stream.close()
        return False


def _is(kind, name, place):
    """Whether what stands under a name in an open folder is of a kind (stat.S_ISREG, ...)."""
    with contextlib.suppress(OSError):
        return kind(os.stat(name, dir_fd=place, follow_symlinks=False).st_mode)
    return False


def _of(placeholders, descriptor, path):
    with os.fdopen(descriptor, "rb") as stream:
        return placeholders.of(stream, path)


def _digest(path):
    """Of the file that is there; None where there is none."""
    digest = hashlib.sha256()
    try:
        with os.fdopen(os.open(path, FLAGS), "rb") as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
