# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How a module ends: with a result, or with an error that a person has to read."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, harmless


def finish(module, run, failure="A file cannot be read or written"):
    """Let run(module) do the work and end the module with what it returns; its "warnings", if any, are given as such.

    A full disk, or a file that cannot be read, may meet any module at any line: it is told as an error, too, after the words of failure.
    """
    try:
        result = run(module)
    except SlipwayError as error:
        module.fail_json(msg=str(error), **error.facts)
    except OSError as error:
        module.fail_json(msg=str(SlipwayError("%s: %s." % (failure, error))))
    warn(module, result.pop("warnings", ()))
    module.exit_json(**result)


def warn(module, warnings):
    """Give sentences as warnings of the module."""
    for warning in warnings:
        module.warn(harmless(warning))
