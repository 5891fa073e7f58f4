# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where dumps are kept: <store>/<instance>/<database>/<config>/<timestamp>/ with archive/ and manifest.json.

A store is a folder or a bucket of S3, which have the same names in them. In a folder, a dump is written beside its
place, in a folder whose name begins with .part-, and gets there by one rename when all of it is on the disk. Whoever
writes holds a lock in that folder, which the kernel drops when he ends, however he ends: a folder that nobody holds is
a leftover.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import os
import tempfile
import uuid

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, exclusive, fsync_dir, fsync_file, make_dirs
from ansible_collections.slipway.app.plugins.module_utils._postgres import manifest as manifests
from ansible_collections.slipway.app.plugins.module_utils._postgres.archive import check_names, contents
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store_base import ARCHIVE, Store, key_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store_s3 import SCHEME, S3Store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key, Prefix
from ansible_collections.slipway.app.plugins.module_utils._postgres.spool import LOCK, PART, hold
from ansible_collections.slipway.app.plugins.module_utils._release.disk import remove_tree

SYNCED_AT_ONCE = 4  # files


def open_store(location, options=None, spool_dir=None):
    """The store at a location: a folder, or s3://bucket or s3://bucket/prefix.

    options are those of a Bucket, and spool_dir is where on this host files are on their way to or from it; both are for S3.
    """
    if location.startswith(SCHEME):
        return S3Store(location, options, spool_dir)
    if "://" in location:
        raise SlipwayError("%s is no store of dumps: it has to be a folder, or %sbucket/prefix." % (location, SCHEME),
                           untouched="Nothing was changed.")
    return FolderStore(location)


class Dump:
    """A whole dump: key, folder, archive (the folder that pg_dump wrote) and manifest."""

    at_hand = True  # all of it can be read without being fetched

    def __init__(self, key, folder, manifest):
        self.key = key
        self.folder = folder
        self.archive = os.path.join(folder, ARCHIVE)
        self.manifest = manifest

    def verify(self):
        """Read all of the archive and compare it with the manifest; a difference is an error."""
        manifests.verify(self.archive, self.manifest)

    def bring(self, _watch, contents_only=False):
        """It is on this host already: only compare it with the manifest; return that nothing was removed for it."""
        manifests.verify(self.archive, self.manifest, contents(self.manifest) if contents_only else None)
        check_names(self.archive, self.manifest)
        return []

    def used(self):
        """No other call needs what was brought."""

    def stays(self):
        """What was brought and stays here, as a sentence: nothing."""

    def close(self):
        """What was brought is no longer needed."""


class FolderStore(Store):
    """Dumps in a folder of this host."""

    def __init__(self, location):
        self.location = os.path.abspath(location)

    def path(self, key):
        return os.path.join(self.location, *key.parts)

    def list(self, prefix=""):
        """The keys of the dumps below a prefix, newest first."""
        wanted = Prefix(prefix)
        keys = (key_of(parts) for parts in self.places())
        return sorted((key for key in keys if key and wanted.matches(key) and os.path.lexists(os.path.join(self.path(key), manifests.NAME))),
                      key=lambda key: key.order, reverse=True)

    def open(self, key):
        """The Dump of a key, its manifest looked at; its files are verified by verify()."""
        folder = self.path(key)
        if not os.path.isdir(folder):
            raise SlipwayError("There is no dump %s in %s." % (key, self.location), untouched="Nothing was changed.")
        return Dump(key, folder, manifests.read(folder, key))

    # Removing

    def has(self, key):
        """Whether there is a dump of this key, however its manifest is."""
        return os.path.lexists(os.path.join(self.path(key), manifests.NAME))

    def remove(self, key):
        """Remove a dump; return whether there was one. After one rename it is none to anybody, and a leftover if we are killed."""
        folder = self.path(key)
        if not self.has(key):
            return False
        if os.path.islink(folder):
            raise SlipwayError("%s is a link, and what it leads to is not ours to remove." % folder, untouched="It was not removed.")
        lock = hold(folder)
        if lock is None:
            raise SlipwayError("The dump %s may not be written to, or somebody else is at it." % folder, untouched="It was not removed.")
        part = os.path.join(os.path.dirname(folder), PART + uuid.uuid4().hex)
        try:
            os.rename(folder, part)
            fsync_dir(os.path.dirname(folder))
            remove_tree(part)
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:  # it is a dump no more, and who looks for leftovers has begun to remove what is left of it
                return True
            raise SlipwayError("The dump %s cannot be removed: %s." % (folder, error.strerror)) from error
        finally:
            os.close(lock)
        return True

    # Writing

    @contextlib.contextmanager
    def new(self, instance, database, config):
        """A Part to write a dump of this moment into; it is removed unless it was finished within the block."""
        key = Key.now(instance, database, config)
        place = os.path.dirname(self.path(key))
        make_dirs(place, 0o700)
        with self._alone():  # between a folder and its lock nobody is to take it for a leftover
            folder = tempfile.mkdtemp(prefix=PART, dir=place)
            lock = hold(folder)
        try:
            yield Part(self, key, folder, lock)
        finally:
            os.close(lock)
            remove_tree(folder)

    def leftovers(self):
        """Paths in the store of what dumps left behind that were killed."""
        found = []
        for folder in self._parts():
            lock = hold(folder, make=False)
            if lock is not None:
                os.close(lock)
            if lock is not None or not os.path.exists(os.path.join(folder, LOCK)):
                found.append(os.path.relpath(folder, self.location))
        return found

    def remove_leftovers(self, asked=False):
        """Remove them, asked or not, and return their paths. One that this user may not remove stays, and is named again next time."""
        if not os.path.isdir(self.location):
            return []
        with self._alone():
            left = {folder: hold(folder) for folder in self._parts()}
        left = {folder: lock for folder, lock in left.items() if lock is not None}
        for folder, lock in left.items():
            with contextlib.suppress(OSError):
                remove_tree(folder)
            os.close(lock)
        return [os.path.relpath(folder, self.location) for folder in left]

    def _alone(self):
        return exclusive(os.path.join(self.location, ".lock"))

    # Looking

    def places(self):
        """The names, four at a time, of all folders that are as deep as dumps are."""
        return self._folders(4)

    def _folders(self, depth):
        found = [()]
        for _level in range(depth):
            found = [parts + (name,) for parts in found for name in _names(os.path.join(self.location, *parts)) if not name.startswith(".")]
        return found

    def _parts(self):
        return sorted(os.path.join(self.location, *parts, name) for parts in self._folders(3)
                      for name in _names(os.path.join(self.location, *parts)) if name.startswith(PART))


class Part:
    """A dump that is being written: key, archive, the folder that pg_dump is to make, and arguments that it is to have beside others.

    last_phase is what files() does, for who watches.
    """

    arguments = ("--no-sync",)  # files() does it, while it reads them
    last_phase = "digests"

    def __init__(self, store, key, folder, lock):
        self.key = key
        self.archive = os.path.join(folder, ARCHIVE)
        self._lock = lock
        self._store = store
        self._folder = folder

    @contextlib.contextmanager
    def written(self, _jobs):
        """For as long as pg_dump writes it; what is yielded is for follow()."""
        yield None

    def files(self):
        """What the manifest says of the files, when all are written; then they are on the disk, too."""
        with concurrent.futures.ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
            syncing = pool.map(lambda name: fsync_file(os.path.join(self.archive, name)), manifests.sizes(self.archive))
            described = manifests.describe_files(self.archive)
            list(syncing)  # to have their errors
        fsync_dir(self.archive)
        return described

    def finish(self, manifest):
        """Put the dump in its place with its manifest, which gets its key here; return the key."""
        os.chmod(self.archive, 0o700)
        for name in os.listdir(self.archive):
            os.chmod(os.path.join(self.archive, name), 0o600)
        self._require_whole(self._folder, manifest)
        while True:
            atomic_write(os.path.join(self._folder, manifests.NAME), manifests.written(manifest, self.key))
            place = self._store.path(self.key)
            try:
                os.rename(self._folder, place)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # there is a dump of that very moment
                    raise
                self.key = Key.now(self.key.instance, self.key.database, self.key.config, after=self.key)
        try:
            self._require_whole(place, manifest)  # who was at removing it goes on under its new name
        except BaseException:
            remove_tree(place)
            raise
        try:
            fsync_dir(os.path.dirname(place))
            os.unlink(os.path.join(place, LOCK))
        except OSError as error:  # who is told that there is none makes another one, or removes this one
            raise SlipwayError("The dump %s is in %s and whole, but may not survive a failure of the machine: %s." % (
                self.key, self._store.location, error.strerror)) from error
        return self.key

    def _require_whole(self, folder, manifest):
        """Refuse what another host has begun to remove: on some network file systems it cannot see our lock."""
        ours, there = os.fstat(self._lock), None
        with contextlib.suppress(FileNotFoundError):
            there = os.stat(os.path.join(folder, LOCK), follow_symlinks=False)
        if not there or not os.path.samestat(ours, there):
            raise SlipwayError("Somebody has removed %s while it was written, as if it was left over." % folder, hint="Dump again.")
        archive = os.path.join(folder, ARCHIVE)
        manifests.compare_sizes(archive, manifest, manifests.sizes(archive))


def _names(folder):
    """The names of the folders in a folder; nothing where there is none."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SlipwayError("Cannot read %s: %s." % (folder, error.strerror)) from error
