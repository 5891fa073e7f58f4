# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""From a folder to layers: what goes into the package, into which layer, and always the same bytes for the same files.

Nothing of the machine or the commit gets into a layer: no owner, no clock, no modes but 644 and 755, and an order that is
that of the names' bytes. So a layer whose files are as before has the digest that it had before: it is not pushed,
fetched or stored again, whatever else a commit changes.

That is why a file's modification time is made from its bytes: the time of the commit would give all layers new digests with
every commit, and one time for all would hide a change of equal size from whoever looks at time and size only (the ETags of
web servers, PHP's opcache, rsync). This one changes exactly when the content does. It does not say which of two files
is newer; every web server that sends an ETag is right about its caches, and one that sends Last-Modified alone is when it
compares for equality, as nginx does. It costs 8 bytes a file in a layer (measured).
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import posixpath
import stat
import tarfile
import zlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package import bytecode

# Left out everywhere, in the notation of build.exclude: version control, and what tools make again by themselves.
EXCLUDED = (
    ".git", ".hg", ".svn",
    "*.pyo", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox",
    ".cache", ".npm", ".parcel-cache", ".sass-cache", ".DS_Store",
)
RESERVED = ".slipway"  # at the top of a release it is Slipway's own
SOURCE = "source"  # the layer of everything that is in no other
LEVEL = 6  # of gzip: higher costs much time for few bytes
EPOCH = 1000000000  # September 2001: the time of folders and links, and the earliest one of files
SPAN = 2 ** 28  # seconds, 8.5 years: old enough for every clock, young enough for zip, which begins in 1980
CHUNK = 1024 * 1024


def scan(directory, build, shared):
    """The relative paths of everything that belongs into the package, folders before what is in them.

    build is that group of slipway.yml. Its exclude are patterns: without a slash for a name at any depth, with one for a path
    from the top. shared are paths.
    """
    excluded = [*EXCLUDED, *build["exclude"], *(() if build["compile"] else bytecode.PATTERNS)]
    patterns = [pattern.strip("/").split("/") if "/" in pattern.rstrip("/") else ["**", pattern.rstrip("/")]
                for pattern in excluded]
    found = []

    def visit(folder):
        with os.scandir(os.path.join(directory, folder)) as entries:
            ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in ordered:
            path = posixpath.join(folder, entry.name)
            if path in shared or any(_matches(path, pattern) for pattern in patterns):
                continue
            if path == RESERVED:
                raise SlipwayError("The repository has '%s' at its top; this name is reserved for releases." % path)
            found.append(path)
            if entry.is_dir(follow_symlinks=False):
                visit(path)

    visit("")
    return bytecode.with_sources(directory, found)


def split(paths, prefixes):
    """{layer: paths} with layers that own disjoint paths. prefixes is {layer: [path, ...]}; the longest one wins."""
    owners = {prefix: layer for layer, owned in prefixes.items() for prefix in owned}
    layers = {}
    for path in paths:
        prefix = path
        while prefix and prefix not in owners:
            prefix = posixpath.dirname(prefix)
        layers.setdefault(owners.get(prefix, SOURCE), []).append(path)
    return layers


def write(directory, paths, target):
    """Write the paths as a tar.gz file to target; return its digest, size, unpacked_size (bytes) and files."""
    unpacked = 0
    with open(target, "wb") as stream:
        sink = _Sink(stream)
        with tarfile.open(fileobj=sink, mode="w", format=tarfile.GNU_FORMAT,
                          encoding="utf-8", errors="surrogateescape") as archive:
            for path in paths:
                info = _member(directory, path)
                unpacked += info.size
                if info.isreg():
                    with open(os.path.join(directory, path), "rb") as content:
                        info.mtime = _time_of(content)
                        archive.addfile(info, content)
                else:
                    archive.addfile(info)
        sink.finish()
        stream.flush()
        os.fsync(stream.fileno())
    return {"digest": "sha256:" + sink.hash.hexdigest(), "size": sink.size, "unpacked_size": unpacked,
            "files": len(paths)}


class _Sink:
    """Compresses, counts and hashes what tarfile writes. zlib's own gzip header holds neither name nor time."""

    def __init__(self, stream):
        self._stream = stream
        self._compress = zlib.compressobj(LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        self._offset = 0
        self.hash = hashlib.sha256()
        self.size = 0

    def tell(self):
        return self._offset

    def write(self, data):
        self._offset += len(data)
        self._put(self._compress.compress(data))
        return len(data)

    def finish(self):
        self._put(self._compress.flush())

    def _put(self, data):
        self.hash.update(data)
        self.size += len(data)
        self._stream.write(data)


def _time_of(content):
    """The modification time that goes with the bytes of a file; leaves the file at its beginning.

    The header of an archive stands before the content, so files are read twice, the second time from the machine's memory.
    """
    found = hashlib.sha256()
    for chunk in iter(lambda: content.read(CHUNK), b""):
        found.update(chunk)
    content.seek(0)
    return EPOCH + int.from_bytes(found.digest()[:4], "big") % SPAN


def _member(directory, path):
    status = os.lstat(os.path.join(directory, path))
    info = tarfile.TarInfo(path)
    info.mtime = EPOCH
    info.mode = 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & stat.S_IXUSR else 0o644
    if stat.S_ISREG(status.st_mode):
        info.size = status.st_size
    elif stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(status.st_mode):
        info.type = tarfile.SYMTYPE
        info.mode = 0o777
        info.linkname = _inner_target(directory, path)
    else:
        raise SlipwayError("%s is neither a file, a folder nor a symbolic link; it cannot be packaged." % path,
                           hint="Remove it in a build command or name it in build.exclude.")
    return info


def _inner_target(directory, path):
    """Where a symbolic link points, refused when it leaves the tree by its words or through other links."""
    target = os.readlink(os.path.join(directory, path))
    by_words = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    top = os.path.realpath(directory)
    real = os.path.realpath(os.path.join(directory, path))
    if os.path.isabs(target) or by_words.split("/")[0] == ".." or os.path.commonpath([top, real]) != top:
        raise SlipwayError("The symbolic link %s points to %s, outside of the package." % (path, target),
                           hint="Make it relative and point inside, or name it in build.exclude.")
    return target


def _matches(path, pattern):
    if pattern[0] == "**":
        return fnmatch.fnmatchcase(posixpath.basename(path), pattern[1])
    parts = path.split("/")
    return len(parts) == len(pattern) and all(map(fnmatch.fnmatchcase, parts, pattern))
