# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Paths that outlive releases: they are in <root>/shared, and each release has a relative link in their place."""

from __future__ import annotations

import os
import shutil
import stat

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import fsync_dir, make_dirs
from ansible_collections.slipway.app.plugins.module_utils._release.disk import flush, remove_tree

PART = ".part-shared"


def link(release, shared, path):
    """Let path in the unpacked folder release be a link to path in the folder shared.

    Both folders are real paths, and release has the depth that it will have when it is live. A shared path that does
    not exist yet is made; it starts with what the package has under that path, if anything.
    """
    parts = _parts(path)
    parent = release
    for part in parts[:-1]:
        parent = os.path.join(parent, part)
        if not os.path.lexists(parent):
            os.mkdir(parent)
            os.chmod(parent, 0o755)
        elif not stat.S_ISDIR(os.lstat(parent).st_mode):
            raise SlipwayError("The shared path %s cannot be linked into the release: %s is no folder there."
                               % (path, os.path.relpath(parent, release)))
    place = os.path.join(parent, parts[-1])
    target = os.path.join(shared, *parts)
    _make(target, place)
    remove_tree(place)
    os.symlink(os.path.relpath(target, parent), place)


def _parts(path):
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or path.startswith("/") or ".." in parts:
        raise SlipwayError("The shared path %r is not a path inside the release." % path)
    return parts


def _make(target, content):
    """Make the shared path, complete or not at all."""
    if os.path.lexists(target):
        return
    folder = os.path.dirname(target)
    make_dirs(folder)
    part = os.path.join(folder, PART)
    remove_tree(part)  # of a run that was killed here
    if os.path.isdir(content) and not os.path.islink(content):
        shutil.copytree(content, part, symlinks=True)
    elif os.path.lexists(content):
        shutil.copy2(content, part, follow_symlinks=False)
    else:
        make_dirs(part)
    flush(folder)
    os.rename(part, target)
    fsync_dir(folder)
