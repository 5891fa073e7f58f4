# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The lock of an application: a lease with owner, expiry and fencing number, kept on the leader.

<root>/state/lock.json says who holds it; <root>/state/fence holds the highest number ever given or seen. Every host
refuses a step that carries a lower number than it has seen: a controller that was given up can do no more harm.
"""

from __future__ import annotations

import os
import socket
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive, make_own_dir, read_json, write_json
from ansible_collections.slipway.app.plugins.module_utils._core.process import start_ticks

LEASE = 900  # seconds a lease lasts without a heartbeat
BEAT = 60  # seconds between two heartbeats of a step that is at work on the leader


class Lock:
    """The lock of the application at root, on its leader; on other hosts only the fence is used."""

    def __init__(self, root):
        self.state = os.path.join(root, "state")
        self.path = os.path.join(self.state, "lock.json")
        self.fence_path = os.path.join(self.state, "fence")

    def _mutex(self):
        make_own_dir(self.state, 0o700)
        return exclusive(os.path.join(self.state, ".mutex"))

    def holder(self):
        """Who holds the lock: {operation, fence, owner, acquired, expires}, or None."""
        return read_json(self.path)

    def acquire(self, operation, owner, lease=LEASE):
        """Take the lock for an operation and return its fencing number; refused while anybody has it."""
        with self._mutex():
            holder = self.holder()
            if holder and holder["operation"] != operation:
                raise SlipwayError(held(holder), untouched="Nothing was changed.",
                                   hint=advice(holder), operation=holder["operation"])
            return self._give(operation, owner, lease)

    def take_over(self, operation, owner, lease=LEASE, force=False):
        """Take the lock of an operation whose owner is gone: dead on this machine, or its lease has run out."""
        with self._mutex():
            holder = self.holder()
            if holder and holder["operation"] != operation:
                raise SlipwayError(held(holder), untouched="Nothing was changed.", hint=advice(holder))
            if holder and not force and not same(holder["owner"], owner) and alive(holder):
                raise SlipwayError(
                    held(holder), untouched="Nothing was changed.",
                    hint="It may still be at work. Wait for it, or until its lease runs out at %s, or take over now with "
                         "-e takeover=true when you know that it is gone." % stamp(holder["expires"]))
            return self._give(operation, owner, lease)

    def _give(self, operation, owner, lease):
        # The fence first: a number that was given and not used is harmless, one given twice is not.
        fence = self.fence() + 1
        write_json(self.fence_path, fence)
        moment = time.time()
        write_json(self.path, {"operation": operation, "fence": fence, "owner": owner, "acquired": moment,
                               "expires": moment + lease, "lease": lease})
        return fence

    def beat(self, operation, fence):
        """Extend the lease; an error when somebody else has taken over."""
        with self._mutex():
            holder = self.holder()
            if not holder or (holder["operation"], holder["fence"]) != (operation, fence):
                raise SlipwayError("Operation %s no longer holds the lock." % operation,
                                   hint=held(holder) if holder else "It was released.")
            write_json(self.path, dict(holder, expires=time.time() + holder["lease"]))

    def release(self, operation):
        """Give the lock back; nothing happens when the operation does not hold it."""
        with self._mutex():
            holder = self.holder()
            if holder and holder["operation"] == operation:
                os.unlink(self.path)

    def fence(self):
        """The highest fencing number this host has seen."""
        return read_json(self.fence_path, 0)

    def pass_fence(self, fence):
        """Let a step with this number through and remember it, or refuse it."""
        with self._mutex():
            seen = self.fence()
            if fence < seen:
                raise SlipwayError("This operation (fencing number %d) was taken over by a later one (%d)." % (fence, seen),
                                   untouched="This step changed nothing.")
            if fence > seen:
                write_json(self.fence_path, fence)


def owner(user, controller, pid):
    """Who runs an operation: the user and process on the controller (a pid alone can come back after a reboot)."""
    return {"user": user, "controller": controller, "pid": pid, "ticks": start_ticks(pid)}


def same(one, other):
    return all(one.get(key) == other.get(key) for key in ("controller", "pid", "ticks"))


def alive(holder):
    """Whether the holder may still be at work: its process lives or, where that cannot be seen from here, its lease is good."""
    seen = _seen(holder["owner"])
    return holder["expires"] >= time.time() if seen is None else seen


def gone(holder):
    """Whether the holder's process is known to be dead, since it was one of this machine."""
    return _seen(holder["owner"]) is False


def _seen(who):
    """Whether the process of an owner lives; None where that cannot be seen from here."""
    if who.get("controller") != socket.gethostname() or not who.get("ticks"):
        return None
    return start_ticks(who["pid"]) == who["ticks"]


def held(holder):
    """Who holds the lock, where and since when, as a sentence."""
    who = holder["owner"]
    return "Operation %s holds the lock: started by %s on %s (process %s) at %s." % (
        holder["operation"], who.get("user"), who.get("controller"), who.get("pid"), stamp(holder["acquired"]))


def advice(holder):
    if alive(holder):
        return "Wait until it ends; operation_log shows what it does."
    return "It is no longer at work: run the playbook slipway.app.recover to finish or undo it."


def stamp(moment):
    """A time in seconds since 1970 as people read it, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
