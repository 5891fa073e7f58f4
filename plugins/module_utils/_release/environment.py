# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The environment variables that go with a release: secrets, so outside of it and readable by its owner only."""

from __future__ import annotations

import contextlib
import os
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import make_own_dir, read_json, write_json

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _path(root, release_id):
    return os.path.join(root, "state", "environments", release_id + ".json")


def read(root, release_id):
    """The variables of a release as a mapping; empty where none were written."""
    return read_json(_path(root, release_id), {})


def problems(variables):
    """What keeps a mapping from being the environment variables of a release, as sentences."""
    found = []
    for name, value in variables.items():
        try:
            _text(name, value)
        except SlipwayError as error:
            found.append(str(error))
    return found


def write(root, release_id, variables, check=False):
    """Write the variables of a release; return whether they are others than before. With check, only the latter."""
    variables = texts(variables)
    path = _path(root, release_id)
    if read_json(path) == variables:
        return False
    if not check:
        make_own_dir(os.path.dirname(path), 0o700)
        write_json(path, variables, 0o600)
    return True


def names(root, release_id, variables):
    """The names of the variables before and after they are written, for a diff; those with another value say so."""
    known = read(root, release_id)
    return sorted(known), [name if name not in known or known[name] == value else name + " (another value)"
                           for name, value in sorted(texts(variables).items())]


def texts(variables):
    """The variables as texts, or an error."""
    return {name: _text(name, value) for name, value in variables.items()}


def remove(root, release_id):
    """Forget the variables of a release."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(root, release_id))


def _text(name, value):
    """A value as the text a process gets. No error shows it: values are secrets."""
    if not NAME.fullmatch(name):
        raise SlipwayError("%r cannot be the name of an environment variable." % name)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or "\0" in str(value):
        raise SlipwayError("The environment variable %s is not text." % name,
                           hint="Put its value in quotes: true, lists and mappings have no one way to be text.")
    return str(value)
