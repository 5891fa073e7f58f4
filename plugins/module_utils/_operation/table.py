# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The steps of an operation, as data: what each is for and which hosts it runs on."""

from __future__ import annotations

EVERY = ("app", "consumer")  # every host of the application
APP = ("app",)
LEADER = ("leader",)

# name -> (hosts, what it does). The order is the order of an upgrade in maintenance mode.
FORWARD = {
    "preflight": (EVERY, "check everything that can be checked before anything changes"),
    "start": (LEADER, "take the lock and open the journal"),
    "stage": (EVERY, "fetch, verify and unpack the package beside the live release"),
    "drain": (EVERY, "record what runs, stop cron, then consumers"),
    "close": (APP, "maintenance on, stop websocket and web"),
    "protect": (LEADER, "take the restore point"),
    "migrate": (LEADER, "migrate the database"),
    "activate": (EVERY, "warm caches, switch to the new release, start web, check its health"),
    "open": (EVERY, "maintenance off, start what ran before"),
    "finish": (EVERY, "prune, drop the restore point, close the journal"),
}

# The way back, and what recover begins with.
BACK = {
    "survey": (EVERY, "read what this host knows of the operation"),
    "assess": (LEADER, "decide whether to go on or to go back"),
    "quiesce": (EVERY, "stop what runs of the new release"),
    "restore": (LEADER, "put the restore point in the place of the changed database"),
    "reinstate": (EVERY, "switch back to the old release, start web, check its health"),
    "reopen": (EVERY, "maintenance off, start what ran before"),
    "undo": (EVERY, "drop the restore point, close the journal"),
}

STEPS = dict(FORWARD, **BACK)

# Steps that run in check mode too: they change nothing there.
READING = ("preflight", "survey", "assess")


def runs_on(step, roles):
    """Whether a step runs on a host with these roles."""
    return any(role in roles for role in STEPS[step][0])
