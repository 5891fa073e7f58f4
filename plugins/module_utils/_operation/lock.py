# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The lock of an application: a lease with owner, expiry and fencing number, kept on the leader.

<root>/state/lock.json says who holds it; <root>/state/fence holds the highest number ever given or seen. Every host
refuses a step that carries a lower number than it has seen: a controller that was given up can do no more harm.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive, make_own_dir, read_json, write_json
from ansible_collections.slipway.app.plugins.module_utils._core.process import boot_id, start_ticks

LEASE = 900  # seconds a lease lasts without a heartbeat
BEAT = 60  # seconds between two heartbeats of a step that is at work on the leader


class TakenOver(SlipwayError):
    """Another run has taken over the operation, or has ended it: this one has nothing more to do."""


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

    def acquire(self, operation, owner, lease=LEASE, seen=0):
        """Take the lock for an operation and return its fencing number; refused while anybody has it.

        seen: the highest number that another host has seen. Each sees those of its own operations only, and leaders change.
        """
        with self._mutex():
            holder = self.holder()
            if holder and holder["operation"] != operation:
                raise SlipwayError(held(holder), untouched="Nothing was changed.",
                                   hint=advice(holder), operation=holder["operation"])
            return self._give(operation, owner, lease, seen)

    def take_over(self, operation, owner, lease=LEASE, force=False, seen=0, busy=(), gone=None):
        """Take the lock of an operation whose owner is gone: dead on this machine, or its lease has run out.

        busy: the hosts on which a step is at work, which nobody here can hear of. gone: the fencing number of a holder that
        somebody else could see to be dead; who has taken over from it meanwhile is another one. seen is as for acquire.
        """
        with self._mutex():
            holder = self.holder()
            if holder and holder["operation"] != operation:
                raise SlipwayError(held(holder), untouched="Nothing was changed.", hint=advice(holder))
            if holder and not force and holder["fence"] != gone and not same(holder["owner"], owner) and (busy or alive(holder)):
                what = "is at work on %s. Wait until that has ended" % ", ".join(busy) if busy else "may still be at work. Wait for it"
                if not busy and _seen(holder["owner"]) is None:
                    what += ", or until its lease runs out at %s" % stamp(holder["expires"])
                raise SlipwayError(held(holder), untouched="Nothing was changed.",
                                   hint="It %s, or take over now with -e takeover=true when you know that it is gone." % what)
            return self._give(operation, owner, lease, seen)

    def _give(self, operation, owner, lease, seen):
        # The fence first: a number that was given and not used is harmless, one given twice is not.
        fence = max(self.fence(), seen) + 1
        write_json(self.fence_path, fence)
        moment = time.time()
        write_json(self.path, {"operation": operation, "fence": fence, "owner": owner, "acquired": moment,
                               "expires": moment + lease, "lease": lease})
        return fence

    def beat(self, operation, fence=None, lease=None):
        """Extend the lease; an error when somebody else has taken over.

        Who works for an operation without knowing its fence gives none. lease: how many seconds it lasts from now on, if others.
        """
        with self._mutex():
            holder = self.holder()
            if not holder or holder["operation"] != operation or fence not in (None, holder["fence"]):
                raise TakenOver("Operation %s no longer holds the lock. %s" % (
                    operation, held(holder) if holder else "It was freed, as the playbook slipway.app.recover does it."))
            lease = holder["lease"] if lease is None else lease
            write_json(self.path, dict(holder, expires=time.time() + lease, lease=lease))

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
                raise TakenOver("This operation (fencing number %d) was taken over by a later one (%d)." % (fence, seen),
                                untouched="This step changed nothing.")
            if fence > seen:
                write_json(self.fence_path, fence)


def owner(user, controller, pid):
    """Who runs an operation: the user and process on the controller (a pid alone can come back after a reboot)."""
    return dict({"user": user, "controller": controller, "pid": pid, "ticks": start_ticks(pid)}, **_processes())


def _processes():
    """Whose processes can be seen from here: two machines, and two containers of one, may have the same name."""
    seen = {"boot": boot_id(), "pids": None}
    with contextlib.suppress(OSError):
        seen["pids"] = os.readlink("/proc/self/ns/pid")
    return seen


def same(one, other):
    return all(one.get(key) == other.get(key) for key in ("controller", "boot", "pids", "pid", "ticks"))


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
    if "boot" in who and any(who[key] != value for key, value in _processes().items()):  # what an earlier version has written lacks them
        return None
    try:
        if start_ticks(1) is None:  # /proc hides the processes of others (its option hidepid), the living ones as well
            return None
        return start_ticks(who["pid"]) == who["ticks"]
    except PermissionError:
        return None


def held(holder):
    """Who holds the lock, where and since when, as a sentence."""
    who = holder["owner"]
    return "Operation %s holds the lock: started by %s on %s (process %s) at %s." % (
        holder["operation"], who.get("user"), who.get("controller"), who.get("pid"), stamp(holder["acquired"]))


def advice(holder):
    if alive(holder):
        return "Wait until it ends; operation_log shows whether it is still at work."
    known = "It is no longer at work" if gone(holder) else "Nothing was heard of it since its lease ran out at %s" % stamp(holder["expires"])
    return "%s: run the playbook slipway.app.recover to finish or undo it." % known


def stamp(moment):
    """A time in seconds since 1970 as people read it, UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
