# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Paths of a release that the application writes to.

Those that outlive releases are in <root>/shared, and each release has a relative link in their place. Those that go with
a release, such as its cache, are in it. Where root unpacks releases, nothing else in them belongs to the application's user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import time

from ansible_collections.slipway.app.plugins.module_utils._core.account import acting_as
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import fsync_dir, make_dirs
from ansible_collections.slipway.app.plugins.module_utils._release.disk import flush, remove_tree

PART = ".part-shared"
OLD = 24 * 3600  # seconds after which nobody is at work in a part any more


def link(release, shared, path, owner=None, home=None):
    """Let path in the unpacked folder release be a link to path in the folder shared.

    home is the real path that the release will have when it is live, by default its own; shared is a real path. A shared path that
    does not exist yet is made, by the Account owner; it starts with what the package has under that path, if anything.
    """
    parts = _parts(path)
    parent = _folder(release, parts[:-1], "The shared path %s cannot be linked into the release" % path)
    place = os.path.join(parent, parts[-1])
    target = os.path.join(shared, *parts)
    with acting_as(owner):
        _make(target, place)
    remove_tree(place)
    os.symlink(os.path.relpath(target, os.path.join(home or release, *parts[:-1])), place)


def make_writable(release, path, owner=None):
    """Let path in the unpacked folder release be a folder that belongs, with all in it, to the Account owner.

    A folder is given away when all below it has been: its new owner may put a link in the place of anything in it at once, and
    nothing that is done as root must go through that. So no other such path lies inside this one.
    """
    top = _folder(release, _parts(path), "The application cannot be let write to %s" % path)
    if owner:
        for folder, folders, files in os.walk(top, topdown=False):
            for name in folders + files + [""]:
                os.lchown(os.path.join(folder, name), owner.uid, owner.gid)


def _folder(release, parts, what):
    """The folder with these parts in a release, made where it is missing, never beyond a link."""
    folder = release
    for part in parts:
        folder = os.path.join(folder, part)
        if not os.path.lexists(folder):
            os.mkdir(folder)
            os.chmod(folder, 0o755)
        elif not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise SlipwayError("%s: %s is no folder there." % (what, os.path.relpath(folder, release)))
    return folder


def _parts(path):
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or path.startswith("/") or ".." in parts:
        raise SlipwayError("The path %r is not a path inside the release." % path)
    return parts


def _make(target, content):
    """Make the shared path, complete or not at all.

    Hosts may have the folder it is in from one place, and make it at the same time: the first one's stays.
    """
    folder = os.path.dirname(target)
    make_dirs(folder)
    _sweep(folder)
    if os.path.lexists(target):
        return
    work = tempfile.mkdtemp(prefix=PART + "-", dir=folder)
    part = os.path.join(work, "part")
    try:
        if os.path.isdir(content) and not os.path.islink(content):
            shutil.copytree(content, part, symlinks=True)
        elif os.path.lexists(content):
            shutil.copy2(content, part, follow_symlinks=False)
        else:
            make_dirs(part)
        flush(folder)
        _rename_unless_there(part, target)
        fsync_dir(folder)
    finally:
        remove_tree(work)


def _rename_unless_there(part, target):
    """Let a complete shared path be there. Of a file the last one stays, of the same package and before anybody reads it."""
    try:
        os.rename(part, target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def _sweep(folder):
    """Remove what killed runs left here. What is young may be another host's, which is at work."""
    with contextlib.suppress(OSError):  # gone meanwhile, or in nobody's way
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.startswith(PART) and os.lstat(path).st_mtime < time.time() - OLD:
                remove_tree(path)
