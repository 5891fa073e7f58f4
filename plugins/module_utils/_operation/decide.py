# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Go on or go back: the decision after a failure or a crash, from what all journals say.

Pure: facts in, decision out; the facts file of every case is the unit test. The table behind it:

| where it stopped                              | what is right                                            |
| open begun anywhere: users may have written   | go on; never restore                                     |
| migration ended well, nothing failed since    | go on: nothing is lost either way, and this was wanted   |
| migration never begun                         | go back; the database was not touched                    |
| migration failed, hung, killed or was lost    | go back; restore unless the database is provably the same |
| a step after the migration failed             | go back; restore                                         |
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


class Decision:
    """direction (forward or back), restore (whether the database goes back too), reason (a sentence)."""

    def __init__(self, direction, restore, reason):
        self.direction = direction
        self.restore = restore
        self.reason = reason

    def as_dict(self):
        return {"direction": self.direction, "restore": self.restore, "reason": self.reason}


def decide(begun, failed, migration, changes, wish="auto"):
    """What to do with an operation that stopped.

    begun: steps begun on any host. failed: steps that failed on any host. migration: {state, rc} of the detached
    migration. changes: reasons to believe that the database differs from the restore point (empty: provably the same).
    wish: auto, forward or back. A decision to go back that was acted upon is kept and not made again.
    """
    migrated = migration.get("state") == "exited" and migration.get("rc") == 0
    if "open" in begun:
        return _only("forward", wish, Decision("forward", False, "The new release may have accepted writes already."))
    if "migrate" not in begun:
        return _only("back", wish, Decision("back", False, "The migration had not begun; the database was not touched."))
    if migrated and wish != "back" and not (set(failed) - {"migrate"}):
        return Decision("forward", False, "The migration had ended well; nothing after it failed.")
    reason = _why(migrated, migration, failed)
    if not changes:
        return _only("back", wish, Decision("back", False, reason + " The database is provably unchanged."))
    return _only("back", wish, Decision("back", True, "%s The database was changed. %s" % (reason, " ".join(changes[:3]))))


def _why(migrated, migration, failed):
    later = sorted(set(failed) - {"migrate"})
    if migrated:
        return "The step %s failed after the migration." % later[0] if later else "Going back was asked for."
    if migration.get("state") == "exited":
        return "The migration failed (exit status %s)." % migration.get("rc")
    if migration.get("state") == "absent":
        return "The migration was announced, but nobody knows whether it started."
    return "The migration was killed or lost; nobody knows how far it came."


def _only(direction, wish, decision):
    if wish not in ("auto", direction):
        raise SlipwayError("This operation can only go %s. %s" % (direction, decision.reason), untouched="Nothing was changed.")
    return decision


def refuse_restore(surveys, hosts, since, crashed):
    """Why the restore point must not be put back by itself, or None: a write accepted after it would be lost.

    surveys: {host: survey}; hosts: {host: roles} of the operation; since: when the restore point was taken; crashed:
    whether another run was at work, so that only the hosts can say how far it came.
    """
    missing = sorted(host for host in hosts if host not in surveys)
    if missing and crashed:
        return "%s cannot be asked whether it has accepted writes" % ", ".join(missing)
    for host in sorted(hosts):
        if "app" not in hosts[host] or host in missing:
            continue
        maintenance = surveys[host]["maintenance"]
        if not maintenance["on"]:
            return "maintenance is off on %s" % host
        if maintenance["since"] > since:
            return "maintenance on %s was turned on at %s, after the restore point of %s" % (host, maintenance["since"], since)
    return None
