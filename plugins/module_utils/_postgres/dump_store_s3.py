# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Dumps in S3: <prefix>/<instance>/<database>/<config>/<timestamp>/ with archive/ and, when all of it is there, manifest.json.

There is no dump without its manifest, which comes last and as a whole. Whoever writes says so every minute in an object
lock: what has no manifest, and a lock that nobody has touched for ten minutes, is a leftover.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import hashlib
import json
import os
import threading
import uuid

from ansible_collections.slipway.app.plugins.module_utils._core import progress
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import manifest as manifests
from ansible_collections.slipway.app.plugins.module_utils._postgres.archive import check_names, contents
from ansible_collections.slipway.app.plugins.module_utils._postgres.bucket import CHUNK, Bucket, StoreError
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store_base import ARCHIVE, Store, key_of
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key, Prefix
from ansible_collections.slipway.app.plugins.module_utils._postgres.outbox import Outbox
from ansible_collections.slipway.app.plugins.module_utils._postgres.spool import LOCK, Spool

SCHEME = "s3://"
HALF = manifests.NAME + ".part"
BEAT = 60  # seconds between two signs of life of whoever writes
DEAD = 600  # seconds without one after which he is taken for dead
AT_ONCE = 4  # files that are read at the same time
UNLISTED = ("AccessDenied", "NotImplemented", "MethodNotAllowed", "403", "405", "501")  # why there is no list of uploads; a status where no more is said
NO_DUMP = "No dump was made; should anything be left of it, the next one names it."
REMOVED_BY = "The next dump to S3, or restore of another one from there, removes it, and after a day any dump, or restore of one."
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MARGIN = 64 * 1024 * 1024  # bytes that a disk is to have left


class S3Store(Store):
    """Dumps in a bucket; options are those of a Bucket, spool_dir the directory where files are while they are on their way."""

    def __init__(self, location, options=None, spool_dir=None, **more):
        name, _slash, prefix = location[len(SCHEME):].partition("/")
        if not name:
            raise SlipwayError("%s names no bucket; it has to be %sbucket or %sbucket/prefix." % (location, SCHEME, SCHEME),
                               untouched="Nothing was changed.")
        self.bucket = Bucket(name, prefix, options, **more)
        self.location = self.bucket.location
        self.spool = Spool(spool_dir)
        self.warnings = []

    def path(self, key):
        return "%s/%s" % (self.location, key)

    def list(self, prefix=""):
        """The keys of the dumps below a prefix, newest first."""
        wanted = Prefix(prefix)
        keys = [key for key in map(key_of, self._folders(wanted.parts)) if key and wanted.matches(key)]
        whole = _side_by_side(lambda key: self.bucket.exists("%s/%s" % (key, manifests.NAME)), keys)
        return sorted((key for key, there in zip(keys, whole) if there), key=lambda key: key.order, reverse=True)

    def open(self, key):
        """The S3Dump of a key, its manifest looked at."""
        data = self.bucket.read("%s/%s" % (key, manifests.NAME), manifests.LARGEST)
        if data is None:
            raise SlipwayError("There is no dump %s in %s." % (key, self.location), untouched="Nothing was changed.")
        return S3Dump(self, key, manifests.parse(data, key, "%s/%s" % (self.path(key), manifests.NAME)))

    def _strange(self, parts):
        objects = self.bucket.objects("/".join(parts) + "/")
        if not objects:  # some servers remember what was there once
            return None
        if key_of(parts) and "/".join(parts + (manifests.NAME,)) not in objects:
            return "/".join(parts), "It has no manifest: it is being written, or whoever wrote it was killed."
        return super()._strange(parts)

    def places(self):
        """The names, four at a time, of all that is as deep as dumps are."""
        return self._folders(())

    def _folders(self, begin):
        found = [()]
        for level in range(4):
            found = [parts + (name,) for parts in found
                     for name in (begin[level:level + 1] or self.bucket.folders("".join(part + "/" for part in parts)))]
        return found

    # Removing

    def has(self, key):
        """Whether there is anything of a dump of this key that nobody is writing."""
        return bool(self._removable(key))

    def remove(self, key):
        """Remove a dump, or what is left of one that was half removed; return whether there was anything.

        The manifest goes first, so that what is left when we are killed is no dump to anybody.
        """
        names = self._removable(key)
        if names:
            manifest = "%s/%s" % (key, manifests.NAME)
            self.bucket.delete(manifest)
            _side_by_side(self.bucket.delete, [name for name in names if name != manifest])
        return bool(names)

    def _removable(self, key):
        """Names of the objects of a dump, or of what is left of one; none while somebody writes it."""
        objects = self.bucket.objects("%s/" % key)
        whole = "%s/%s" % (key, manifests.NAME) in objects
        return sorted(objects) if whole or not _written(objects, key) else []

    # Writing

    def require_usable(self):
        self.spool.require_own()

    @contextlib.contextmanager
    def new(self, instance, database, config):
        """An S3Part to write a dump of this moment into; what is in the bucket of it is removed unless it was finished within the block."""
        key = Key.now(instance, database, config)
        while self.bucket.objects("%s/" % key):  # there is a dump of that very moment
            key = Key.now(instance, database, config, after=key)
        with self.spool.new() as folder, _no_dump_on_error():
            part = S3Part(self, key, os.path.join(folder, ARCHIVE))
            try:
                yield part
            finally:
                part.close()

    def leftovers(self):
        """Names in the bucket, and folders of this host, that dumps and restores left behind which were killed."""
        return self._named(self._unfinished()) + self.spool.leftovers()

    def remove_leftovers(self, asked=False):
        """Name them, and remove those of this host, and with asked those in the bucket, too."""
        unfinished = self._unfinished()
        for place in unfinished if asked else ():
            objects, uploads = unfinished[place]
            _side_by_side(lambda upload: self.bucket.abort(*upload), uploads)
            if not self.bucket.exists("%s/%s" % (place, manifests.NAME)):  # it may have come to its end meanwhile
                _side_by_side(self.bucket.delete, objects)
        return self._named(unfinished) + self.spool.remove_leftovers()

    def _unfinished(self):
        """{place of a dump: (names of objects, [(name, id)] of uploads)} of what belongs to no dump, and nobody writes any more.

        With its manifest a dump is whole: an upload to its place that was not completed then is part of nothing.
        """
        uploads = {}
        for name, upload in self._uploads():
            uploads.setdefault("/".join(name.split("/")[:4]), []).append((name, upload))
        places = sorted({parts for parts in self.places() + [tuple(place.split("/")) for place in uploads] if key_of(parts)})
        places = ["/".join(parts) for parts in places]
        whole = _side_by_side(lambda place: self.bucket.exists("%s/%s" % (place, manifests.NAME)), places)
        found = {place: ([], uploads[place]) for place, there in zip(places, whole) if there and place in uploads}
        for place in (place for place, there in zip(places, whole) if not there):
            objects = self.bucket.objects(place + "/")
            if not _written(objects, place) and (objects or uploads.get(place)):
                found[place] = sorted(objects), uploads.get(place, [])
        return found

    def _uploads(self):
        """Those that were not completed, as far as there is a list of them: no dump needs it."""
        try:
            return self.bucket.uploads("")
        except StoreError as error:
            if error.code not in UNLISTED:
                raise
            self.warnings = ["Uploads that killed dumps have left are not looked for (s3:ListBucketMultipartUploads allows it): %s" % error.message]
            return []

    @staticmethod
    def _named(unfinished):
        return [name for place in sorted(unfinished) for name in
                [place] * bool(unfinished[place][0]) + ["%s (unfinished upload)" % upload[0] for upload in unfinished[place][1]]]


class S3Part:
    """A dump that is being written: key, archive, the folder of this host that pg_dump is to make, and arguments for pg_dump."""

    arguments = ("--no-sync",)  # its files do not stay
    last_phase = "sending"

    def __init__(self, store, key, archive):
        self.key = key
        self.archive = archive
        self._bucket = store.bucket
        self._path = store.path(key)
        self._mark = uuid.uuid4().hex
        self._outbox, self._finished = None, False
        self._closed = threading.Event()
        self._bucket.write(self._name(LOCK), self._mark.encode("ascii"))
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    @contextlib.contextmanager
    def written(self, jobs):
        """For as long as pg_dump writes it; what is yielded is for follow()."""
        self._outbox = Outbox(self._bucket, self._name(ARCHIVE + "/"), self.archive, jobs)
        try:
            yield self._outbox.begun
        finally:
            self._outbox.ended()

    def files(self):
        """What the manifest says of the files, when all are written: they are in the bucket then."""
        return self._outbox.finish()

    def finish(self, manifest):
        """Make it a dump by its manifest, which gets its key here; return the key."""
        ours = {self._name("%s/%s" % (ARCHIVE, item["name"])): item["size"] for item in manifest["files"]}
        there = {name: size for name, (size, _age) in self._bucket.objects(self._name("")).items() if name != self._name(LOCK)}
        if there != ours or self._bucket.read(self._name(LOCK), 64) != self._mark.encode("ascii"):
            raise SlipwayError("Somebody else has changed %s while it was written." % self._path)
        self._bucket.write(self._name(HALF), manifests.written(manifest, self.key))
        # There are servers that keep the beginning of an object whose sender died.
        self._bucket.copy(self._name(HALF), self._name(manifests.NAME))
        self._finished = True
        return self.key

    def close(self):
        """Take back what was written of a dump that was not finished, as far as the bucket can be reached."""
        self._closed.set()
        self._heart.join()  # or it could write its lock once more
        with contextlib.suppress(SlipwayError):  # what stays is named by the next run
            sent = self._outbox.give_up() if self._outbox else []
            if not self._finished:
                self._bucket.delete(self._name(manifests.NAME))  # first of all: its answer may have been lost
                _side_by_side(self._bucket.delete, sent)
            _side_by_side(self._bucket.delete, [self._name(HALF), self._name(LOCK)])

    def _name(self, name):
        return "%s/%s" % (self.key, name)

    def _beat(self):
        while not self._closed.wait(BEAT):
            with contextlib.suppress(SlipwayError):
                self._bucket.write(self._name(LOCK), self._mark.encode("ascii"))


class S3Dump:
    """A whole dump: key, folder (where it is), manifest, and archive, a folder of this host, once it was brought there."""

    at_hand = False

    def __init__(self, store, key, manifest):
        self.key = key
        self.folder = store.path(key)
        self.manifest = manifest
        self.archive = None
        self._store = store
        self._spooled, self._wanted = None, False

    def verify(self):
        """Read all of the archive and compare it with the manifest; a difference is an error."""
        self._read(lambda _name: os.devnull)

    def bring(self, watch, contents_only=False):
        """Have the archive on this host, compared with the manifest, until close(); return the folders of killed calls that were removed.

        What another call has fetched of this very dump, and could not use, is not fetched again. watch is told how far it is, as a
        Progress is. With contents_only only its table of contents is fetched, which tells what there is, and of the others the sizes
        are compared.
        """
        self.close()  # what was brought to look at
        spool = self._store.spool
        self._spooled = spool.make() if contents_only else spool.take_up(self._mark())
        self.archive = os.path.join(self._spooled[0], ARCHIVE)
        with spool.told(), contextlib.suppress(FileExistsError):
            os.mkdir(self.archive, 0o700)
        # Who only looks leaves alone what others have left, which the restore goes on with, or removes.
        there = sum(map(_fetched, spool.leftovers() if contents_only else [self._spooled[0]]))
        removed = [] if contents_only else spool.remove_leftovers()
        self._wanted = there > 0 and not contents_only
        self._require_room(there)
        self._wanted = False  # what is damaged is of no use
        with spool.told():
            self._fetch(watch, contents_only)
        check_names(self.archive, self.manifest)
        self._wanted = not contents_only
        return removed

    def _fetch(self, watch, contents_only):
        try:
            self._read(lambda name: os.path.join(self.archive, name), watch, contents(self.manifest) if contents_only else None)
        except (StoreError, OSError) as error:
            self._wanted = not contents_only and getattr(error, "errno", None) not in FULL  # others need the disk, too
            raise

    def used(self):
        """No other call needs what was brought."""
        self._wanted = False

    def stays(self):
        """What was brought and stays here for another call, as a sentence, or None."""
        if self._wanted:
            folder = self._spooled[0]
            return "What was fetched stays in %s (%s, rows of the dump): restored again from there, it is not fetched again. %s" % (
                folder, progress.size(_fetched(folder)), REMOVED_BY)
        return None

    def close(self):
        """What was brought is no longer needed, unless another call will need it."""
        if self._spooled:
            (self._store.spool.leave if self._wanted else self._store.spool.remove)(*self._spooled)
            self._spooled, self._wanted = None, False

    def _mark(self):
        """What tells this dump from every other one."""
        files = json.dumps(self.manifest["files"], sort_keys=True).encode("ascii")
        return "%s\n%s\n" % (self.folder, hashlib.sha256(files).hexdigest())

    def _require_room(self, there):
        """Refuse an archive of which so many bytes are there, when the others would not fit."""
        size, spool = sum(item["size"] for item in self.manifest["files"]), self._store.spool
        free = spool.free() + there
        if size + MARGIN > free:
            raise SlipwayError("%s has room for %d bytes, and the archive of %s has %d." % (spool.location, max(0, free - MARGIN), self.key, size),
                               untouched="Nothing was changed.", hint="Name a directory with more room as spool_dir.")

    def _read(self, path, watch=None, only=None):
        """Write the files, or only those of these names, to where path(name) says, several at a time, and compare them with the manifest.

        The sizes of all are compared.
        """
        prefix = "%s/%s/" % (self.key, ARCHIVE)
        where = "%s/%s" % (self.folder, ARCHIVE)
        manifests.compare_sizes(where, self.manifest, {
            name[len(prefix):]: size for name, (size, _age) in self._store.bucket.objects(prefix).items()})
        wanted = [item for item in self.manifest["files"] if only is None or item["name"] in only]
        total, done, turn = sum(item["size"] for item in wanted), [0], threading.Lock()

        def passed(size):
            with turn:
                done[0] += size
                if watch:
                    watch("fetch", bytes=done[0], total_bytes=total)

        def read(item):
            with os.fdopen(os.open(path(item["name"]), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as stream:
                taken_up = os.fstat(stream.fileno()).st_size
                digest = self._digest(prefix + item["name"], item["size"], stream, passed)
                if taken_up and digest != item["sha256"]:  # the machine may have failed before it was on the disk
                    passed(-item["size"])
                    stream.truncate(0)
                    digest = self._digest(prefix + item["name"], item["size"], stream, passed)
            manifests.compare_digest(where, item, digest)

        _side_by_side(read, sorted(wanted, key=lambda item: item["size"], reverse=True))

    def _digest(self, name, size, stream, passed):
        """The SHA-256 of a file of so many bytes: of what the stream has of it, and of the rest, which is fetched and written to it."""
        digest = hashlib.sha256()
        stream.seek(0)
        for piece in iter(lambda: stream.read(CHUNK), b""):
            digest.update(piece)
            passed(len(piece))
        if stream.tell() < size:
            for piece in self._store.bucket.chunks(name, stream.tell()):
                digest.update(piece)
                stream.write(piece)
                passed(len(piece))
        return digest.hexdigest()


def _fetched(folder):
    """How many bytes of an archive there are in a folder of a spool, which may be of something else."""
    with contextlib.suppress(SlipwayError):
        return sum(manifests.sizes(os.path.join(folder, ARCHIVE)).values())
    return 0


@contextlib.contextmanager
def _no_dump_on_error():
    """Let an error say that there is no dump, where it does not say more."""
    try:
        yield
    except SlipwayError as error:
        raise SlipwayError(error.message, untouched=error.untouched or NO_DUMP, hint=error.hint, **error.facts) from error


def _written(objects, place):
    """Whether whoever writes a dump has said so lately, by the objects there are in its place."""
    return objects.get("%s/%s" % (place, LOCK), (0, DEAD))[1] < DEAD


def _side_by_side(work, items):
    """[work(item)] for items, some at the same time; after an error no other is begun."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        working = [pool.submit(work, item) for item in items]
        try:
            return [each.result() for each in working]
        finally:
            for each in working:
                each.cancel()
