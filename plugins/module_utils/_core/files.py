# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Files that are either the old or the new ones, whatever moment the machine stops at."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shlex
import stat
import tempfile
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


def make_dirs(path, mode=0o755):
    """Make a folder and its parents; only the folders made get the mode. Return whether it was made."""
    if os.path.isdir(path):
        return False
    make_dirs(os.path.dirname(os.path.abspath(path)), mode)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return False
    os.chmod(path, mode)
    fsync_dir(os.path.dirname(os.path.abspath(path)))
    return True


TO_ROOT = "Look at what is in it, then let it be root's: chown -R root: and chmod go-w."


def make_own_dir(path, mode=0o755, hint=TO_ROOT):
    """Make a folder for the work of this user alone, as own_dir() has it."""
    make_dirs(path, mode)
    os.close(own_dir(path, hint))


# Made anew, and not given to root: whoever may write beside it can put another one there at any moment.
LINKED = ("It is a link to {there}. Where you have not put it there, remove it; where it is your own, look at what is in it, then chown root: {there},"
          " chmod go-w {there} and make the link anew as root: ln -sfn {there} {path}")


def own_dir(path, hint):
    """The descriptor of a folder for the work of this user alone. Root refuses one that somebody else has put there, or may write to.
    hint says how it is made root's, where it is no link.

    It stands in the application's folder, whose owner can put a folder or a link of his own in the place of any other, at any
    moment: root would then write and remove where that leads. What is reached by /proc/self/fd/<descriptor> is in what was looked at.
    """
    with contextlib.ExitStack() as opened:
        def look_at(path, flags):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
            opened.callback(os.close, descriptor)
            return descriptor, os.fstat(descriptor)

        place, facts = look_at(path, os.O_NOFOLLOW)
        owners = {facts.st_uid}
        if stat.S_ISLNK(facts.st_mode):  # one of root's own may lead to another disk
            there = os.path.join(os.path.dirname(path), os.readlink("", dir_fd=place))
            place, facts = look_at(there, 0)
            owners.add(facts.st_uid)
            hint = LINKED.format(there=shlex.quote(os.path.realpath(there)), path=shlex.quote(path))
        if not stat.S_ISDIR(facts.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if os.geteuid() == 0 and (owners != {0} or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise SlipwayError("%s is not root's alone: who can write there could lead root astray." % path, untouched="Nothing was changed.",
                               hint=hint)
        return os.dup(place)


def fsync_dir(path):
    """Make renames and new names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems cannot
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def fsync_file(path):
    """Make what another program has written to a file durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path, data, mode=0o600, owner=None):
    """Write data (bytes or text) to path: temporary name, fsync, rename. The mode is set before the content, and the owner, an Account."""
    if isinstance(data, str):
        data = data.encode("utf-8")
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(prefix=".part-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            if owner:
                os.fchown(stream.fileno(), owner.uid, owner.gid)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    fsync_dir(folder)


def holds(path, text):
    """Whether a file holds just this text; with None, whether there is no file."""
    try:
        with open(path, "rb") as stream:
            return text is not None and stream.read() == text.encode("utf-8")
    except FileNotFoundError:
        return text is None


def atomic_symlink(target, path):
    """Let the symbolic link at path point to target, replacing an older link in one step."""
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, ".part-%s-%d" % (os.path.basename(path), os.getpid()))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.rename(temporary, path)
    fsync_dir(folder)


def read_within(folder, path, limit):
    """The bytes of a file below a folder, by its path in it: of a plain file, of at most so many bytes, past no link.

    For paths and files that somebody else has named and put there. What is not so is an OSError.
    """
    *parents, name = path.split("/")
    if ".." in parents + [name]:
        raise OSError(errno.EPERM, "leads out of its folder")
    with contextlib.ExitStack() as opened:
        def descend(name, flags, place=None):
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=place)
            opened.callback(os.close, descriptor)
            return descriptor

        place = descend(folder, os.O_DIRECTORY)
        for parent in parents:
            place = descend(parent, os.O_DIRECTORY | os.O_NOFOLLOW, place)
        file = descend(name, os.O_NOFOLLOW | os.O_NONBLOCK, place)  # a pipe must not be waited for
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "is no file")
        with open(file, "rb", closefd=False) as stream:
            data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, "is larger than %d bytes" % limit)
    return data


def write_json(path, value, mode=0o600):
    """Write a value as JSON, readable by people, keys sorted."""
    atomic_write(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode)


def read_json(path, default=None):
    """The value in a JSON file, or the default where there is no such file; broken JSON is an error."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise SlipwayError("%s is not valid JSON: %s." % (path, error)) from error


def exclusive(path, patience=None):
    """Hold an exclusive lock on the file at path (made when missing) for as long as the block runs.

    The kernel drops the lock when the process ends, however it ends. With patience, a number of seconds, BlockingIOError
    is raised when somebody else has it for longer than that.
    """
    return _locked(path, fcntl.LOCK_EX, patience)


def shared(path, patience=None):
    """As exclusive(), but others may hold it shared as well."""
    return _locked(path, fcntl.LOCK_SH, patience)


@contextlib.contextmanager
def _locked(path, how, patience):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = None if patience is None else time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, how | (fcntl.LOCK_NB if deadline else 0))
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)
