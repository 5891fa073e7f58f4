# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The content store of a host: what was fetched once is not fetched again.

    <folder>/<hex>         a blob (manifest, config or layer) by its digest, whole and durable from the moment it has this name
    <folder>/.part-<hex>   one on its way, locked by whoever fetches it; without a holder it is what a crash left
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, fsync_dir, make_dirs
from ansible_collections.slipway.app.plugins.module_utils._package.artifact import digest_of
from ansible_collections.slipway.app.plugins.module_utils._package.blob import CHUNK, VerifiedReader
from ansible_collections.slipway.app.plugins.module_utils._package.interface import DOCUMENT_LIMIT, PackageReader
from ansible_collections.slipway.app.plugins.module_utils._package.name import DIGEST

PART = ".part-"


def folder_of(root):
    """The content store of an application on its host."""
    return os.path.join(root, "state", "blobs")


class ContentStore(PackageReader):
    """The packages of another store, read through a folder that keeps their blobs.

    Nothing is written before a layer is opened, so that to look at a package changes nothing. What is in the folder is
    verified before it is used, and fetched again where it is damaged. Safe for several threads and processes at once.
    """

    def __init__(self, store, folder):
        self.location = store.location
        self._store = store
        self._folder = folder
        self._documents = {}  # {digest: bytes} that were read and are still to be kept
        self._lock = threading.Lock()

    def tag_digest(self, name):
        return self._store.tag_digest(name)

    def list(self, repository=None):
        return self._store.list(repository)

    def listed(self, name, digest):
        return self._store.listed(name, digest)

    def has_manifest(self, digest):
        return self._store.has_manifest(digest)

    def resolve(self, name):
        return self._store.resolve(name)

    def read_manifest(self, digest):
        return self._document(digest, lambda: self._store.read_manifest(digest))

    def read_document(self, digest, size=None):
        return self._document(digest, lambda: self._store.read_document(digest, size))

    def open_blob(self, descriptor):
        return VerifiedReader(open(self.fetched(descriptor), "rb"), descriptor, self.location)

    def fetched(self, descriptor):
        """The path of a blob in the folder, fetched unless it is there and whole."""
        self._keep_documents()
        path = self._path(descriptor["digest"])
        if not _is_whole(path, descriptor):
            self._fetch(descriptor, path)
        os.utime(path)  # for forget()
        return path

    def missing(self, digest, quick=False):
        """The descriptors of a package's layers that are not here or, unless it is to be quick, not whole."""
        here = (lambda path, layer: os.path.exists(path)) if quick else _is_whole
        return [{"digest": layer["digest"], "size": layer["size"]} for layer in self.manifest(digest)["layers"]
                if not here(self._path(layer["digest"]), layer)]

    def _document(self, digest, read):
        data = self._documents.get(digest)
        if data is None:
            with contextlib.suppress(FileNotFoundError):
                with open(self._path(digest), "rb") as stream:
                    data = stream.read(DOCUMENT_LIMIT)
        if data is None or digest_of(data) != digest:
            data = self._documents[digest] = read()
        return data

    def _keep_documents(self):
        """Write what was read of manifests and configs: it says later which layers are still needed."""
        with self._lock:
            make_dirs(self._folder, 0o700)
            while self._documents:
                digest, data = self._documents.popitem()
                atomic_write(self._path(digest), data)

    def _path(self, digest):
        if not DIGEST.match(digest):
            raise SlipwayError("'%s' is not a digest (sha256: and 64 hex digits)." % digest)
        return os.path.join(self._folder, digest.partition(":")[2])

    def _fetch(self, descriptor, path):
        """Fetch a blob, verified, whole and durable before it has its name."""
        with _part(path) as (part, name):
            if _is_whole(path, descriptor):  # somebody else has fetched it meanwhile
                return
            try:
                self._receive(descriptor, part)
                os.rename(name, path)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise SlipwayError("Cannot keep blob %s in %s: %s." % (
                        descriptor["digest"], self._folder, error)) from error
                raise SlipwayError("The disk of %s is too small for blob %s of %d bytes." % (
                    self._folder, descriptor["digest"], descriptor["size"]),
                    hint="Remove old releases (slipway.app.release with state absent) or enlarge the disk.") from error
        fsync_dir(self._folder)

    def _receive(self, descriptor, part):
        part.truncate(0)
        if descriptor["size"]:
            os.posix_fallocate(part.fileno(), 0, descriptor["size"])  # a full disk is found before anything is fetched
        with self._store.open_blob(descriptor) as reader:
            for chunk in iter(lambda: reader.read(CHUNK), b""):
                part.write(chunk)
        part.flush()
        os.fsync(part.fileno())


def tidy(folder, digests):
    """Keep the blobs of the packages with these digests, remove all others; return how many bytes that freed.

    Only what is in the folder is asked, not where it came from.
    """
    needed = set()
    for digest in digests:
        needed.add(digest.partition(":")[2])
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # not from here, or damaged: nothing to keep
            with open(os.path.join(folder, digest.partition(":")[2]), encoding="utf-8") as stream:
                manifest = json.load(stream)
            needed.update(one["digest"].partition(":")[2] for one in [manifest["config"]] + manifest["layers"])
    return _remove(folder, lambda entry: entry.name not in needed)


def forget(folder, seconds):
    """Remove the blobs that have not been used for so many seconds; return how many bytes that freed."""
    oldest = time.time() - seconds
    return _remove(folder, lambda entry: entry.stat().st_mtime < oldest)


def _remove(folder, superfluous):
    freed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:  # there may be no such folder
        for entry in entries:
            with contextlib.suppress(OSError):  # somebody else removes as well, or has to
                if superfluous(entry) and not (entry.name.startswith(PART) and _in_use(entry.path)):
                    size = entry.stat().st_size
                    os.unlink(entry.path)
                    freed += size
    return freed


@contextlib.contextmanager
def _part(path):
    """The file that a blob is fetched into, for one at a time; what of it is not renamed is removed."""
    name = os.path.join(os.path.dirname(path), PART + os.path.basename(path))
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(name)):
                break
        os.close(descriptor)  # who had the lock before has renamed or removed it
    with open(descriptor, "wb") as stream:
        try:
            yield stream, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _in_use(path):
    """Whether somebody fetches into this file; the moment after, nobody can begin to with one that is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _is_whole(path, descriptor):
    """Whether the file at path holds every byte of the blob."""
    try:
        with VerifiedReader(open(path, "rb"), descriptor, path):
            return True
    except (FileNotFoundError, SlipwayError):
        return False
