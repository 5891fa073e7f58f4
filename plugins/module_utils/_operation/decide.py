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

Where users are served all the time (modes rolling and source), the database never goes back, only the code does:

| where it stopped                              | what is right                                            |
| finish begun anywhere                         | go on: some hosts have closed the operation              |
| migration (or the first turn) never begun     | go back; no host was switched                            |
| migration ended well, nothing failed since    | go on                                                    |
| anything failed, or the migration is unknown  | go back; the database stays as it is                     |
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES


class Decision:
    """direction (forward or back), restore (whether the database goes back too), reason (a sentence)."""

    def __init__(self, direction, restore, reason):
        self.direction = direction
        self.restore = restore
        self.reason = reason

    def as_dict(self):
        return {"direction": self.direction, "restore": self.restore, "reason": self.reason}


def decide(begun, failed, migration, changes, wish="auto", mode="maintenance"):
    """What to do with an operation that stopped.

    begun: steps begun on any host. failed: steps that failed on any host. migration: {state, rc} of the detached
    migration. changes: reasons to believe that the database differs from the restore point (empty: provably the same),
    or that its schema differs from before where there is none. wish: auto, forward or back. A decision to go back that
    was acted upon is kept and not made again.
    """
    migrated = migration.get("state") == "exited" and migration.get("rc") == 0
    if MODES[mode].by_batch:
        return _decide_among_users(begun, failed, migration, changes, wish, "migrate" in MODES[mode].forward)
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


def _decide_among_users(begun, failed, migration, changes, wish, migrates):
    """The decision where users were served, and may have written, all the time."""
    migrated = not migrates or migration.get("state") == "exited" and migration.get("rc") == 0
    if "finish" in begun:
        return _only("forward", wish, Decision("forward", False, "Every host runs the new release."))
    if migrates and "migrate" not in begun:
        return _only("back", wish, Decision("back", False, "The migration had not begun; no host was switched."))
    if not migrates and "close" not in begun:
        return _only("back", wish, Decision("back", False, "No host was switched."))
    later = sorted(set(failed) - {"migrate"})
    if migrated and wish != "back" and not later:
        return Decision("forward", False, "Nothing had failed%s." % (" since the migration ended well" if migrates else ""))
    if migrated:
        reason = "The step %s failed." % later[0] if later else "Going back was asked for."
    else:
        reason = _why(migrated, migration, failed)
    if migrates:
        reason += " The code goes back, the database does not: users went on writing. "
        reason += "What the migration changed stays: " + " ".join(changes[:3]) if changes else "Its schema is as it was."
    return _only("back", wish, Decision("back", False, reason))


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


def refuse_restore(surveys, hosts, crashed):
    """Why the restore point must not be put back by itself, or None: a write accepted after it would be lost.

    surveys: {host: survey}; hosts: {host: roles} of the operation; crashed: whether another run was at work, so that only
    the hosts can say how far it came. The restore point was taken when every host had noted that it keeps users out; each
    is asked by its own clock whether that is what it still does.
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
        if not maintenance["held_by"]:
            return "the bypass of maintenance is open on %s" % host
        closed = surveys[host].get("closed_since")
        if maintenance["since"] != closed:
            return "maintenance on %s was turned on at %s, and the upgrade had found it on since %s" % (host, maintenance["since"], closed or "never")
    return None
