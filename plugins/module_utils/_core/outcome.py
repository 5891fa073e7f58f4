# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How a module ends: with a result, or with an error that a person has to read."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


def finish(module, run):
    """Let run(module) do the work and end the module with what it returns; its "warnings", if any, are given as such."""
    try:
        result = run(module)
    except SlipwayError as error:
        module.fail_json(msg=str(error), **error.facts)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**result)
