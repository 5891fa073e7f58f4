# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""From the name of a step to the function that does it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._operation import back, forward, rolling
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.table import BACK, MODES

_STEPS = {
    "stage": forward.stage, "drain": forward.drain, "close": forward.close, "protect": forward.protect,
    "migrate": forward.migrate, "activate": forward.activate, "open": forward.open_, "finish": forward.finish,
    "quiesce": back.quiesce, "reinstate": back.reinstate, "reopen": back.reopen,
}
# The same purpose by other means, where users are served all the time.
_AMONG_USERS = dict(_STEPS, **{
    "record": rolling.record, "advise": rolling.advise, "protect": rolling.protect, "close": rolling.close,
    "open": rolling.open_, "renew": rolling.renew, "quiesce": rolling.quiesce, "reopen": rolling.reopen,
})
_DECIDED = {"restore": back.restore, "undo": back.undo}


def run_step(site, step, params, outcomes, check=False):
    """Run one step on this host and return what it adds to the result; outcomes collects what each step did."""
    if step == "preflight":
        found = forward.preflight(site, params["plan"])
        return {"found": found, "findings": found.pop("findings")}
    if step == "survey":
        return {"survey": back.survey(site)}
    if step == "start":
        return {"operation": forward.start(site, params["plan"]), "changed": True}
    if step == "assess":
        assessed = back.assess(site, params["plan"], check)
        return dict({"decision": assessed.pop("decision")}, **({"operation": assessed, "changed": True} if assessed else {}))
    given = params["operation"]
    operation = Operation(site, given["id"], given["fence"], given["plan"])
    known = operation.summary()
    if step in BACK and not known:
        operation.check_fence()  # this host had not begun: nothing to take back, but it must know who is in charge
        return {}
    if known and known["outcome"] != "open":
        return {}  # this host had closed its journal already
    if step in _DECIDED:
        outcomes[step] = _DECIDED[step](site, operation, params["decision"])
    else:
        outcomes[step] = (_AMONG_USERS if MODES[operation.mode].by_batch else _STEPS)[step](site, operation)
    return {"changed": True}
