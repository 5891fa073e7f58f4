# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where the rules of a sanitized dump come from: with the call or its config, from a file, from slipway.yml of the live release."""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import Document

# What there is in the folder of an application from the first time on that something was done there.
OURS = ("releases", "shared", "state")
TYPED = "sanitize_root (slipway_root in an inventory) is the folder of the application on the host, and not that of a release. It may be empty, or left out."
# Options of modules. What is in sanitize_file is read on the controller, and comes as sanitize_content.
SOURCE_ARGUMENTS = {
    "sanitize": {"type": "dict"},
    "sanitize_file": {"type": "path"},
    "sanitize_content": {"type": "dict"},
    "sanitize_root": {"type": "path"},
}


def rules_from(params, said):
    """(the document that comes with the call, [Document] of those below it), or None where there is no word of rules.

    params are options of a module as in SOURCE_ARGUMENTS, and environment; said is what it, or its config, says as sanitize.
    """
    if said is None and not any(params[option] is not None for option in SOURCE_ARGUMENTS):
        return None
    below = []
    if params["sanitize_root"]:
        below += _of_release(params["sanitize_root"], params["environment"])
    if params["sanitize_file"] and params["sanitize_content"] is None:
        raise SlipwayError("The file of rules %s was not read, which is done on the controller." % params["sanitize_file"],
                           untouched="Nothing was changed.", hint="Run the module as a task, or give the rules as sanitize_content.")
    if params["sanitize_content"] is not None:
        below.append(Document(os.path.basename(params["sanitize_file"] or "sanitize_content"), params["sanitize_content"]))
    return said or {}, below


def _of_release(root, environment):
    """The rules that the live release has in slipway.yml with the overlay of the environment; none before the first release."""
    # Not compiled and loaded by each dump that is not sanitized.
    from ansible_collections.slipway.app.plugins.module_utils._config.load import BASE, effective
    from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore

    release = ReleaseStore(root).current()
    if not release:
        _require_before_the_first(root)
    rules = effective(release.documents, environment)["sanitize"] if release else {}
    return [Document(BASE, rules, of_package=True)] if rules else []


def _require_before_the_first(root):
    """Where no release is live nobody is to miss the rules of one because of a slip of the pen."""
    try:
        found = os.listdir(root)
    except OSError as error:
        raise SlipwayError("The folder %s, whose live release has rules of sanitized dumps, cannot be read: %s." % (root, error.strerror),
                           untouched="Nothing was changed.", hint=TYPED) from error
    if found and not set(OURS) & set(found):
        raise SlipwayError("No release is live in %s that could have rules of sanitized dumps, and nothing there says that it is the folder of "
                           "an application." % root, untouched="Nothing was changed.", hint=TYPED)
