# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Send the files that a program writes to a bucket while it writes them, and take off the disk what was sent.

A file is sent as soon as nobody writes it any more, a long one part by part while it grows, and what was sent of it is
punched out of it. So a dump of any size needs room for some parts only. Where the program is faster than the network, it
is stopped until there is room again.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import signal
import threading

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import stop_group
from ansible_collections.slipway.app.plugins.module_utils._postgres.bucket import Section, StoreError

PART = 32 * 1024 * 1024  # bytes; an object has at most 10,000 parts, so that one file has at most 320 GB
MOST_PARTS = 10000
GROWING = 2  # files that a process may write at a time: a large object, and the list of those that it has written (pg_dump from 17 on)
SENDERS = 4  # threads beside one for each file that grows
LOOK = 0.1  # seconds between two looks at the files
BLOCK = 1024 * 1024
PUNCH = 0x03  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
_libc = ctypes.CDLL(None)


class Outbox:
    """Sends the files of a folder that a program writes with so many processes.

    prefix is what stands before the names of their objects.
    """

    def __init__(self, bucket, prefix, folder, jobs):
        self._bucket, self._prefix, self._folder = bucket, prefix, folder
        growing = jobs * GROWING
        self._room = (growing + 2 * SENDERS) * PART  # bytes that may wait; more than a beginning of a part of each file that grows
        self._sent = {}  # name: {name, size, sha256}
        self._pending = {}  # name: future
        self._done = {}  # name: how many bytes of it were sent
        self._uploads = {}  # name: id of an upload that is not complete
        self._error = None
        self._pgid, self._held = None, False
        self._turn = threading.Lock()  # whoever signals the program
        self._ended, self._given_up = threading.Event(), threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(growing + SENDERS)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def begun(self, pgid):
        """Of what process group the program is that writes."""
        with self._turn:
            self._pgid = pgid
            self._end_on_error()

    def ended(self):
        """The program has ended, by itself or not; an error when it was ended because its files cannot be sent."""
        with self._turn:
            self._pgid = None
        if self._error:
            raise self._error

    def finish(self):
        """Send what is left of complete files; return [{name, size, sha256}] of all."""
        self._ended.set()
        self._watcher.join()
        if self._error:
            raise self._error
        return [self._sent[name] for name in sorted(self._sent)]

    def give_up(self):
        """Send nothing more, and let go of what was not sent as a whole; return the names of all objects there may be."""
        self._given_up.set()
        self._watcher.join()
        self._pool.shutdown(wait=True)
        for name, upload in list(self._uploads.items()):
            try:
                self._bucket.abort(self._prefix + name, upload)
            except StoreError as error:
                if error.code is None:  # nobody answers, and each further request would wait for long
                    raise
        return [self._prefix + name for name in self._pending]

    # The program

    def _watch(self):
        try:
            while not self._given_up.wait(LOOK):
                ended = self._ended.is_set()  # before the folder is looked at, so that nothing in it is missed
                waiting = self._look()
                with self._turn:
                    self._end_on_error()
                    self._hold_back(waiting)
                if self._error or ended and all(sending.done() for sending in self._pending.values()):
                    return
        except Exception as error:
            with self._turn:
                self._error = self._error or error
                self._end_on_error()

    def _look(self):
        """Begin to send what is new in the folder, and return how many bytes wait there."""
        waiting = 0
        with os.scandir(self._folder) if os.path.isdir(self._folder) else contextlib.nullcontext(()) as entries:
            for entry in entries:
                if entry.name not in self._pending:
                    self._pending[entry.name] = self._pool.submit(self._try, entry.name)
                with contextlib.suppress(FileNotFoundError):  # it was sent just now
                    waiting += entry.stat(follow_symlinks=False).st_size - self._done.get(entry.name, 0)
        return waiting

    def _end_on_error(self):
        if self._pgid and self._error:
            stop_group(self._pgid, grace=0)
            self._pgid = None

    def _hold_back(self, waiting):
        hold = waiting > self._room
        if self._pgid and hold != self._held:
            with contextlib.suppress(ProcessLookupError):  # it ends just now
                os.killpg(self._pgid, signal.SIGSTOP if hold else signal.SIGCONT)
                self._held = hold

    # The files

    def _try(self, name):
        try:
            if not self._error and not self._given_up.is_set():
                self._send(name)
        except Exception as error:
            self._error = self._error or error

    def _send(self, name):
        path = os.path.join(self._folder, name)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            digest, size, parts = hashlib.sha256(), 0, []
            while True:
                complete = self._ended.is_set() or _is_closed(descriptor)  # before its size is looked at
                there = os.fstat(descriptor).st_size
                length = min(PART, there - size)
                if length == PART or complete:
                    self._send_part(name, descriptor, size, length, digest, parts, complete and size + length == there)
                    size += length
                    if complete and size == there:
                        break
                    self._done[name] = size
                    _punch(path, size)
                elif self._given_up.wait(LOOK) or self._error:
                    return
        finally:
            os.close(descriptor)
        self._sent[name] = {"name": name, "size": size, "sha256": digest.hexdigest()}
        os.unlink(path)

    def _send_part(self, name, descriptor, start, length, digest, parts, last):
        for at in range(start, start + length, BLOCK):
            digest.update(os.pread(descriptor, min(BLOCK, start + length - at), at))
        section = Section(descriptor, start, length)
        if last and not parts:
            self._bucket.write(self._prefix + name, section)
            return
        if length and len(parts) == MOST_PARTS:
            raise SlipwayError("A table takes more than the %d GB that one object in S3 can have." % (MOST_PARTS * PART // 10 ** 9),
                               hint="Dump it to a folder, or compress it more.")
        if name not in self._uploads:
            self._uploads[name] = self._bucket.begin(self._prefix + name)
        if length:
            parts.append(self._bucket.write_part(self._prefix + name, self._uploads[name], len(parts) + 1, section))
        if last:
            self._bucket.finish(self._prefix + name, self._uploads[name], parts, start + length)
            del self._uploads[name]


def _is_closed(descriptor):
    """Whether nobody has the file open for writing: then, and only then, the kernel leases it for reading."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return True
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return False
        raise SlipwayError("The file system of spool_dir cannot tell whether a file is still written: %s." % error.strerror,
                           hint="Name a directory on a disk of this host as spool_dir.") from error


def _punch(path, size):
    """Free the blocks of the first bytes of a file, which whoever writes it does not notice, where the file system can."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        fallocate = getattr(_libc, "fallocate64", None) or _libc.fallocate
        fallocate(ctypes.c_int(descriptor), ctypes.c_int(PUNCH), ctypes.c_int64(0), ctypes.c_int64(size))
    finally:
        os.close(descriptor)
