# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""From the name of a step to the function that does it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._operation import forward
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import TakenOver
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.table import BACK, LAST, MODES

_AMONG_USERS = ("record", "advise", "watch", "protect", "close", "open", "renew", "quiesce", "reopen")
_ALONE = ("stage", "activate", "open", "finish")
_DECIDED = ("restore", "undo")


def _function(step, by_batch, follows=False):
    """What a step does. Where users are served all the time, some steps serve their purpose by other means, as on a host that follows.

    The ways that only some operations go are imported by those alone: see site.py.
    """
    if follows and step in _ALONE:
        from ansible_collections.slipway.app.plugins.module_utils._operation import rejoin as way
    elif by_batch and step in _AMONG_USERS:
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
        return {"found": found, "findings": found.pop("findings"), "warnings": found.pop("warnings")}
    if step == "survey":
        return {"survey": _function(step, False)(site)}
    if step == "start":
        return {"operation": forward.start(site, params["plan"]), "changed": True}
    if step == "assess":
        assessed = _function(step, False)(site, params["plan"], check, params["operation"])
        told = {key: assessed.pop(key) for key in ("decision", "survey") if key in assessed}
        told["changed"] = assessed.pop("changed", bool(assessed))
        return dict(told, **({"operation": assessed} if assessed else {}))
    given = params["operation"]
    operation = Operation(site, given["id"], given["fence"], given["plan"])
    known = operation.summary()
    follows = (params["decision"] or {}).get("direction") == "follow"
    if follows and step == "finish":  # also of who has only kept a lock meanwhile
        outcomes[step] = _function(step, False, follows)(site, operation, params["decision"])
        return {"changed": True}
    if step in BACK and not known:
        operation.check_fence()  # this host had not begun: nothing to take back, but it must know who is in charge
    closed = known and known["outcome"] != "open"
    if closed:
        _refuse_overtaken(operation, step, known["outcome"])
    if not known and step in BACK or closed:
        if step in LAST and site.leads:
            site.lock.release(operation.id)
        return {}
    if step == "watch":
        _function(step, True)(site, operation)
        return {}
    decided = (params["decision"],) if step in _DECIDED else ()
    outcomes[step] = _function(step, MODES[operation.mode].by_batch, follows)(site, operation, *decided)
    return {"changed": True}


def _refuse_overtaken(operation, step, outcome):
    """Raise where another run has closed the journal of this host, or has come after it.

    What recover finds closed in its own direction has only nothing more to do, and so has a step that is said twice.
    """
    if outcome != ("undone" if step in BACK else "done"):
        raise TakenOver("Operation %s has ended (%s): another run has taken over." % (operation.id, outcome), untouched="This step changed nothing.")
    operation.site.lock.pass_fence(operation.fence)
