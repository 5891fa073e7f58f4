# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The steps of an operation by mode, as data: what each is for and which hosts it runs on.

A step has one purpose in every mode; its means may differ: "close" keeps users out of a host, by the maintenance page or
by leaving the balancer's rotation.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.record import Record

EVERY = ("app", "consumer")  # every host of the application
APP = ("app",)
LEADER = ("leader",)


class Mode(Record):
    """forward and back: {step: (hosts, what it does)} in their order.

    by_batch: the steps that one batch of hosts does before the next batch begins. touching: the steps forward by which
    a host, until then as it was, begins to change.
    """

    forward: dict
    back: dict
    by_batch: tuple = ()
    touching: tuple = ()

    @property
    def prepare(self):
        """The steps forward that recover never takes up: what did not come beyond them goes back."""
        names = list(self.forward)
        return [step for step in names[:names.index("activate")] if step not in self.by_batch]


_BEGIN = {
    "preflight": (EVERY, "check everything that can be checked before anything changes"),
    "start": (LEADER, "take the lock and open the journal"),
    "stage": (EVERY, "fetch, verify and unpack the package beside the live release"),
}
_ACTIVATE = (EVERY, "warm caches, switch to the new release, start web, check its health")
_FINISH = (EVERY, "prune, drop the restore point, close the journal")

# What recover begins with, and what a failure leads to.
_ASK = {
    "survey": (EVERY, "read what this host knows of the operation"),
    "assess": (LEADER, "decide whether to go on or to go back"),
}
_REINSTATE = (EVERY, "switch back to the old release, start web, check its health")
_UNDO = (EVERY, "drop the restore point, close the journal")

_MAINTENANCE = Mode(
    forward=dict(_BEGIN, **{
        "drain": (EVERY, "record what runs, stop cron, then consumers"),
        "close": (APP, "maintenance on, stop websocket and web"),
        "protect": (LEADER, "take the restore point"),
        "migrate": (LEADER, "migrate the database"),
        "activate": _ACTIVATE,
        "open": (EVERY, "maintenance off, start what ran before"),
        "finish": _FINISH,
    }),
    back=dict(_ASK, **{
        "quiesce": (EVERY, "stop what runs of the new release"),
        "restore": (LEADER, "put the restore point in the place of the changed database"),
        "reinstate": _REINSTATE,
        "reopen": (EVERY, "maintenance off, start what ran before"),
        "undo": _UNDO,
    }),
    touching=("drain", "close", "activate", "open"),
)

_RECORD = {"record": (EVERY, "record what runs")}
_ADVISE = {"advise": (LEADER, "see whether the mode suits the migrations to come")}
_SWITCH = {
    "watch": (APP, "see that hosts that had their turn are still well"),
    "close": (APP, "leave the balancer, stop websocket and web when their requests have ended"),
    "activate": _ACTIVATE,
    "open": (APP, "start websocket, be back at the balancer"),
    "renew": (EVERY, "restart consumers and cron that ran before"),
    "finish": _FINISH,
}
_SWITCH_BACK = dict(_ASK, **{
    "quiesce": (EVERY, "leave the balancer, stop websocket and web of the new release when their requests have ended"),
    "reinstate": _REINSTATE,
    "reopen": (EVERY, "be back at the balancer, restart what ran before"),
    "undo": _UNDO,
})
_BY_BATCH = ("watch", "close", "activate", "open", "quiesce", "reinstate", "reopen")
_TOUCHING = ("close", "activate", "open", "renew")

MODES = {
    "maintenance": _MAINTENANCE,
    # Users are served all the time, by the old and the new release side by side, on the migrated database.
    "rolling": Mode(
        dict(_BEGIN, **_RECORD, **_ADVISE, **{
            "protect": (LEADER, "note what the schema of the database looks like"),
            "migrate": (LEADER, "migrate the database while the old release serves"),
        }, **_SWITCH), _SWITCH_BACK, _BY_BATCH, _TOUCHING),
    # As rolling, for a package that brings no migrations.
    "source": Mode(dict(_BEGIN, **_RECORD, **_ADVISE, **_SWITCH), _SWITCH_BACK, _BY_BATCH, _TOUCHING),
}


def mode_of(plan):
    """The name of a plan's mode; plans of the time before there were modes have none."""
    return (plan or {}).get("mode") or "maintenance"


# The names of all modes' steps; close comes earlier in maintenance than where hosts take turns.
FORWARD = ("preflight", "start", "stage", "record", "advise", "watch", "drain", "close", "protect", "migrate", "activate", "open", "renew",
           "finish")
BACK = ("survey", "assess", "quiesce", "restore", "reinstate", "reopen", "undo")
STEPS = FORWARD + BACK
LAST = ("finish", "undo")  # these close the operation

# Steps that run in check mode too: they change nothing there.
READING = ("preflight", "survey", "assess")


def steps_of(mode):
    """{step: (hosts, what it does)} of a mode, both ways."""
    return dict(MODES[mode].forward, **MODES[mode].back)


def runs_on(mode, step, roles):
    """Whether a step of a mode runs on a host with these roles."""
    return any(role in roles for role in steps_of(mode)[step][0])
