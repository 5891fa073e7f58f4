# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Unpack a layer of a package that nobody has to trust.

Two rules make it safe, also with several layers unpacked into one folder at the same time: nothing that exists is ever
replaced, and nothing is ever made below anything but a real folder. So a folder stays a folder, and no entry can
turn up as a link under the feet of a later one.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.disk import RESERVED

CHUNK = 256 * 1024
DEEPEST = 200  # folders below each other; removing a tree works with recursion
HEADERS = 64 * 1024  # bytes that may stand before an entry: its names, and more than that; tarfile takes them into memory as a whole
# What the standard library raises over archives that are broken, or made to break it.
BROKEN = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, IndexError, OverflowError, RecursionError)


def unpack(stream, directory, layer, size, files, stopped=lambda: False):
    """Unpack a gzip-compressed tar stream into a folder; return the bytes of the files written.

    stream.read() raises at its end when the bytes are not those of the digest asked for. layer names the layer in
    errors; size and files are what the package says of it, and more is refused. stopped() is asked between entries:
    true ends the work early, because it has become pointless.
    """
    unpacking = _Unpacking(directory, layer, size, files)
    try:
        with gzip.GzipFile(fileobj=stream, mode="rb") as plain:
            limited = _Limited(plain, unpacking.too_long)
            with tarfile.open(fileobj=limited, mode="r|", bufsize=CHUNK, encoding="utf-8") as tar:
                for member in tar:
                    if stopped():
                        return unpacking.written
                    limited.allow(unpacking.expect(member))
                    unpacking.entry(tar, member)
                    tar.members, tar.pax_headers = [], {}  # tarfile would keep what stood before each entry
    except BROKEN as error:
        _drain(stream)  # a damaged blob is the better explanation of a broken or odd archive, so it goes first
        raise SlipwayError("%s is no valid archive: %s." % (layer, error)) from error
    except SlipwayError:
        _drain(stream)
        raise
    except OSError as error:
        raise SlipwayError("Cannot unpack %s: %s." % (layer, error)) from error
    _drain(stream)
    return unpacking.written


class _Unpacking:
    """One layer on its way into a folder."""

    def __init__(self, directory, layer, size, files):
        self.directory = directory
        self.layer = layer
        self.size = size
        self.files = files
        self.written = 0
        self.entries = 0
        self.folders = {""}  # known to be real folders

    def expect(self, member):
        """Count an entry in; the bytes of its content. Refused where there are more of either than the package states."""
        size = member.size if member.isreg() else 0
        self.entries += 1
        self.written += size
        if size < 0 or self.written > self.size or self.entries > self.files:
            raise SlipwayError("%s is refused: it holds more than the %d bytes or the %d entries that its package states."
                               % (self.layer, self.size, self.files))
        return size

    def entry(self, tar, member):
        parts = self._parts(member.name, member)
        if member.isdir():
            self._folder(parts, member)
            return
        if not parts:
            raise self._refused(member, "has no name")
        self._folder(parts[:-1], member)
        path = os.path.join(self.directory, *parts)
        try:
            if member.issym():
                os.symlink(self._target(parts, member), path)
            elif member.islnk():
                self._hard_link(path, member)
            elif member.isreg() and not member.issparse():
                self._file(path, tar, member)
            else:
                raise self._refused(member, "is neither a file, nor a folder, nor a link")
        except FileExistsError as error:
            raise self._refused(member, "is there already") from error

    def _parts(self, name, member):
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/"):
            raise self._refused(member, "has an absolute path")
        if ".." in parts:
            raise self._refused(member, "has '..' in its path")
        if len(parts) > DEEPEST:
            raise self._refused(member, "is more than %d folders deep" % DEEPEST)
        if "\0" in name:
            raise self._refused(member, "has a NUL character in its path")
        if parts[:1] == [RESERVED]:
            raise self._refused(member, "is in %s, which is reserved for Slipway" % RESERVED)
        return parts

    def _folder(self, parts, member):
        """Make a folder and its parents, or refuse the entry where one of them is something else, such as a link."""
        path = "/".join(parts)
        if path in self.folders:
            return
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path in self.folders:
                continue
            full = os.path.join(self.directory, path)
            try:
                os.mkdir(full)
                os.chmod(full, 0o755)  # whatever the umask is
            except FileExistsError as error:
                if not stat.S_ISDIR(os.lstat(full).st_mode):
                    raise self._refused(member, "goes through %r, which is no folder" % path) from error
            self.folders.add(path)

    def _target(self, parts, member):
        """The target of a symbolic link, when it stays inside the release.

        Parents of the link are real folders, so leading '..' climb just as far as they say; a '..' after a name
        could follow another link to anywhere, so that is refused.
        """
        target = member.linkname
        steps = [step for step in target.split("/") if step not in ("", ".")]
        climb = 0
        while climb < len(steps) and steps[climb] == "..":
            climb += 1
        if not target or "\0" in target or target.startswith("/") or climb >= len(parts) or ".." in steps[climb:]:
            raise self._refused(member, "links to %r, which leaves the release or may leave it" % target)
        return target

    def _hard_link(self, path, member):
        source = self._parts(member.linkname, member)
        full = os.path.join(self.directory, *source)
        if "/".join(source[:-1]) not in self.folders or not os.path.lexists(full) \
                or not stat.S_ISREG(os.lstat(full).st_mode):
            raise self._refused(member, "is a hard link to %r, which is no file of this layer" % member.linkname)
        os.link(full, path, follow_symlinks=False)

    def _file(self, path, tar, member):
        content = tar.extractfile(member)
        with open(path, "xb") as file:  # x: never an existing file, and never through a link
            left = member.size
            while left:
                chunk = content.read(min(left, CHUNK))
                if not chunk:
                    raise EOFError("%r ends too early" % member.name)
                file.write(chunk)
                left -= len(chunk)
            file.flush()
            # No set-uid bits, nobody else's write bits: a file is executable or it is not.
            os.fchmod(file.fileno(), 0o755 if member.mode & 0o100 else 0o644)
            os.utime(file.fileno(), (_moment(member.mtime),) * 2)

    def _refused(self, member, why):
        return SlipwayError("%s is refused: its entry %.300r %s." % (self.layer, member.name, why))

    def too_long(self):
        return SlipwayError("%s is refused: it has more than %d bytes of headers before an entry." % (self.layer, HEADERS))


class _Limited:
    """A stream of which no more may be read than the content of one entry, and what may stand before the next."""

    def __init__(self, stream, error):
        self.stream = stream
        self.error = error
        self.allow(0)

    def allow(self, content):
        self.left = content + HEADERS + CHUNK  # tarfile reads a chunk ahead

    def read(self, size):
        chunk = self.stream.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise self.error()
        return chunk


def _drain(stream):
    """Read to the end, where the stream compares size and digest."""
    while stream.read(CHUNK):
        pass


def _moment(mtime):
    """A modification time that every file system can keep."""
    return int(mtime) if 0 <= mtime < 2 ** 33 else 0
