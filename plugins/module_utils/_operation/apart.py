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

from ansible_collections.slipway.app.plugins.module_utils._core.account import owner_of
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.disk import remove_tree, require_room
from ansible_collections.slipway.app.plugins.module_utils._release.shared import make_writable
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import DIGITS

NAME = ".apart"  # beside the releases, since links into the folder shared are relative; whoever restores is alone at work there


def require_apart(runtime):
    """Refuse where there could be no copy, before anything is done."""
    if not runtime.config["writable"]:
        return
    releases = os.path.dirname(runtime.release.path)
    if not os.access(releases, os.W_OK | os.X_OK):
        raise SlipwayError("Its migration runs in a copy of the release, and whoever does this may not write to %s." % releases,
                           untouched="Nothing was changed.")
    size = files = 0
    written = _written(runtime)
    for folder, folders, names in os.walk(runtime.release.path):
        if folder in written:
            folders.clear()
            continue
        files += len(names)
        size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)
    require_room(releases, size, files)


@contextlib.contextmanager
def apart(runtime):
    """The runtime of a copy of the release, without what was written to it, for as long as the block runs.

    It is the same runtime where the application writes to nothing of its release.
    """
    if not runtime.config["writable"]:
        yield runtime
        return
    path = os.path.join(os.path.dirname(runtime.release.path), NAME)
    try:
        _copy(runtime, path)
        # Another one each time: what the last one has left in a cache is of a database that is gone.
        yield runtime.elsewhere(path, os.urandom(DIGITS // 2).hex())
    finally:
        with contextlib.suppress(OSError):
            remove_tree(path)


def _copy(runtime, path):
    written = _written(runtime)
    try:
        remove_tree(path)  # a killed run may have left it
        shutil.copytree(runtime.release.path, path, symlinks=True, ignore=lambda folder, names: names if folder in written else ())
        for folder in runtime.config["writable"]:
            make_writable(path, folder, owner_of(runtime.root))
    except OSError as error:
        raise SlipwayError("The release %s could not be copied for its migration: %s." % (runtime.release.id, error)) from error


def _written(runtime):
    """The folders of the release that the application writes to."""
    return {os.path.normpath(os.path.join(runtime.release.path, folder)) for folder in runtime.config["writable"]}
