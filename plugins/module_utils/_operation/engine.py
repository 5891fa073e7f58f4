# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""From the name of a step to the function that does it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._operation import forward
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.table import BACK, MODES

_AMONG_USERS = ("record", "advise", "watch", "protect", "close", "open", "renew", "quiesce", "reopen")
_DECIDED = ("restore", "undo")


def _function(step, by_batch):
    """What a step does. Where users are served all the time, some steps serve their purpose by other means.

    The ways that only some operations go are imported by those alone: see site.py.
    """
    if by_batch and step in _AMONG_USERS:
        from ansible_collections.slipway.app.plugins.module_utils._operation import rolling as way
    elif step in BACK:
        from ansible_collections.slipway.app.plugins.module_utils._operation import back as way
    else:
        way = forward
    return getattr(way, "open_" if step == "open" else step)


def run_step(site, step, params, outcomes, check=False):
    """Run one step on this host and return what it adds to the result; outcomes collects what each step did."""
    if step == "preflight":
        found = forward.preflight(site, params["plan"])
        return {"found": found, "findings": found.pop("findings")}
    if step == "survey":
        return {"survey": _function(step, False)(site)}
    if step == "start":
        return {"operation": forward.start(site, params["plan"]), "changed": True}
    if step == "assess":
        assessed = _function(step, False)(site, params["plan"], check)
        told = {"decision": assessed.pop("decision"), "changed": assessed.pop("changed", bool(assessed))}
        return dict(told, **({"operation": assessed} if assessed else {}))
    given = params["operation"]
    operation = Operation(site, given["id"], given["fence"], given["plan"])
    known = operation.summary()
    if step in BACK and not known:
        operation.check_fence()  # this host had not begun: nothing to take back, but it must know who is in charge
        return {}
    if known and known["outcome"] != "open":
        return {}  # this host had closed its journal already
    if step == "watch":
        _function(step, True)(site, operation)
        return {}
    decided = (params["decision"],) if step in _DECIDED else ()
    outcomes[step] = _function(step, MODES[operation.mode].by_batch)(site, operation, *decided)
    return {"changed": True}
