# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Several steps on one host, one after the other: for the module operation_step, and without it from the shelf."""

from __future__ import annotations

import json
import sys
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact
from ansible_collections.slipway.app.plugins.module_utils._operation.engine import run_step
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import TakenOver
from ansible_collections.slipway.app.plugins.module_utils._operation.site import Site


def run_steps(params, check=False):
    """Run the steps that params name; the first that fails ends it, and the result says failed, step and msg."""
    site = Site(params)
    result = {"changed": False, "outcomes": {}, "seconds": {}}
    for step in params["steps"]:
        begun = time.monotonic()
        try:
            result.update(run_step(site, step, params, result["outcomes"], check))
        except (SlipwayError, OSError) as error:
            taken_over = {"taken_over": True} if isinstance(error, TakenOver) else {}
            return dict(result, failed=True, step=step, msg=redact(str(error), site.secrets()), **taken_over)
        except Exception as error:  # a mistake of ours is to be told like any failure, or the way back would not know of it
            import traceback  # reads programs: not what a step without a mistake is to wait for

            return dict(result, failed=True, step=step, exception=redact(traceback.format_exc(), site.secrets()),
                        msg=redact("%s: %s" % (type(error).__name__, error), site.secrets()))
        result["seconds"][step] = round(time.monotonic() - begun, 3)
    return result


def main(text, mark):
    """Run the steps of params, given as JSON, and print the result, in a line that begins with the mark."""
    sys.stdout.write(mark + json.dumps(run_steps(json.loads(text))) + "\n")
    sys.stdout.flush()
