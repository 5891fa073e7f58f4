# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Commands of the live release that must not reach what users are served from: they are run in a copy of it.

An application that writes to folders of its release (writable of slipway.yml) keeps there, and by the namespace of its release in
caches that all releases share, what it knows of its database. In another database it would learn something else.
"""

from __future__ import annotations

import contextlib
import os
import shutil

from ansible_collections.slipway.app.plugins.module_utils._core.account import acting_as, owner_of
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.disk import require_room
from ansible_collections.slipway.app.plugins.module_utils._release.shared import make_writable
from ansible_collections.slipway.app.plugins.module_utils._release.store import APART, ReleaseStore
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import DIGITS


def require_apart(runtime, check=False):
    """Refuse where there could be no copy, before anything is done; with check, what a killed run left stays there."""
    if not runtime.config["writable"]:
        return
    releases = os.path.dirname(runtime.release.path)
    if not os.access(releases, os.W_OK | os.X_OK):
        raise SlipwayError("Its migration runs in a copy of the release, and whoever does this may not write to %s." % releases)
    for folder in _written(runtime, runtime.release.path):
        if os.path.realpath(folder) != folder or os.path.exists(folder) and not os.path.isdir(folder):
            raise SlipwayError("Its migration runs in a copy of the release, and %s, to which it writes, is no folder there." % folder)
    if not check:
        with ReleaseStore(runtime.root).apart():
            pass
    if not os.path.lexists(os.path.join(releases, APART)):  # else it has the room that the next copy will have
        _require_room(runtime)


@contextlib.contextmanager
def apart(runtime):
    """The runtime of a copy of the release, without the files that were written to it, for as long as the block runs.

    It is the same runtime where the application writes to nothing of its release.
    """
    if not runtime.config["writable"]:
        yield runtime
        return
    releases = ReleaseStore(runtime.root)
    with releases.apart() as path:
        _copy(runtime, releases)
        # Another one each time: what the last one has left in a cache is of a database that is gone.
        yield runtime.elsewhere(path, os.urandom(DIGITS // 2).hex())


def _require_room(runtime):
    """Refuse where the disk cannot hold a copy. What is written to the release counts as well: the migration will write the like."""
    size = files = 0
    for folder, folders, names in os.walk(runtime.release.path):
        files += len(folders) + len(names)
        for name in names:
            with contextlib.suppress(OSError):  # the live application is at work there; what cannot be read is told when it is copied
                size += os.lstat(os.path.join(folder, name)).st_size
    require_room(os.path.dirname(runtime.release.path), size, files)


def _copy(runtime, releases):
    _require_room(runtime)  # hours may have gone by
    release, path = releases.within(runtime.release.id), releases.within(APART)
    written, owner = _written(runtime, release), owner_of(runtime.root)
    try:
        shutil.copytree(release, path, symlinks=True, ignore=lambda folder, names: names if folder in written else ())
        for folder in runtime.config["writable"]:
            make_writable(path, folder, owner)
        with acting_as(owner):  # whoever may write there can put a link in the place of any folder
            for folder in written:
                _copy_outline(folder, os.path.join(path, os.path.relpath(folder, release)), os.path.join(releases.shared, ""))
    except OSError as error:
        raise SlipwayError("The release %s could not be copied for its migration: %s." % (runtime.release.id, error)) from error


def _copy_outline(top, copy, shared):
    """Copy what a folder that is written to has besides files: its folders, since a package may bring some, and links into the folder shared.

    What the migration writes for good is behind such links: it would be lost with the copy. Others may lead back to the live release.
    """
    for folder, folders, names in os.walk(top):
        copied = os.path.join(copy, os.path.relpath(folder, top))
        os.makedirs(copied, exist_ok=True)
        for name in folders + names:
            try:
                target = os.readlink(os.path.join(folder, name))
            except OSError:
                continue  # no link
            if os.path.realpath(os.path.join(folder, target)).startswith(shared):
                os.symlink(target, os.path.join(copied, name))


def _written(runtime, release):
    """The folders that the application writes to, of the release in this folder."""
    return {os.path.normpath(os.path.join(release, folder)) for folder in runtime.config["writable"]}
