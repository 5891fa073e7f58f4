# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where the rules of a sanitized dump come from: with the call or its config, from a file, from slipway.yml of the live release."""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# Options of modules. What is in sanitize_file is read on the controller, and comes as sanitize_content.
SOURCE_ARGUMENTS = {
    "sanitize": {"type": "dict"},
    "sanitize_file": {"type": "path"},
    "sanitize_content": {"type": "dict"},
    "sanitize_root": {"type": "path"},
}


def rules_from(params, said):
    """(the document that comes with the call, [(what it is called, document)] of those below it), or None where there is no word of rules.

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
        below.append((os.path.basename(params["sanitize_file"] or "sanitize_content"), params["sanitize_content"]))
    return said or {}, below


def _of_release(root, environment):
    """The rules that the live release has in slipway.yml with the overlay of the environment; none before the first release."""
    # Not compiled and loaded by each dump that is not sanitized.
    from ansible_collections.slipway.app.plugins.module_utils._config.load import BASE, effective
    from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore

    release = ReleaseStore(root).current()
    rules = effective(release.documents, environment)["sanitize"] if release else {}
    return [(BASE, rules)] if rules else []
