# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a person reads while an operation runs, one line per host and step."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES


def outcome_line(host, step, seconds, mode, outcome):
    """One line that says what a step did on a host; empty where it did nothing worth a line."""
    texts = dict(_TEXTS, **_AMONG_USERS) if MODES[mode].by_batch else _TEXTS
    text = texts.get(step, lambda data: "")(outcome)
    return "  %-12s %s (%.1f s)" % (host, text, seconds) if text else ""


def failure_lines(host, step, done):
    """The lines that say what failed on a host."""
    what = "cannot be reached" if done.get("unreachable") else "failed"
    return ["  %-12s %s %s" % (host, step, what)] + ["    " + line for line in (done.get("msg") or "").splitlines()]


def _names(stopped):
    return ", ".join(sorted(stopped)) or "nothing"


def _stopped(data):
    stopped = data.get("stopped") or {}
    killed = [name for name, report in stopped.items() if report["killed"]]
    cut = [name for name, report in stopped.items() if report.get("cut") and name not in killed]
    text = "stopped " + _names(stopped) if stopped else ""
    return "".join([text] + ["; %s at the deadline: %s" % (how, _names(names)) for how, names in (
        ("asked to end", cut), ("KILLED", killed)) if names])


def _patched(data):
    """What became of the patches of the old release."""
    patches = data.get("patches") or {}
    words = (("applied", "patched again by"), ("contained", "contains"), ("dropped", "DROPPED"), ("failed", "DROPPED, no longer fits:"),
             ("left", "STILL PATCHED by"))
    return "".join("; %s %s" % (word, ", ".join(sorted(patches[key]))) for key, word in words if patches.get(key))


def _drain(data):
    return "runs: %s. %s" % (_names(data.get("recorded") or []), _stopped(data) or "Nothing to stop") if data.get("recorded") else ""


def _migrated(data):
    return "; ".join("%s: %.1f s" % (" ".join(item["argv"][-3:]), item["seconds"]) for item in data.get("commands") or [])


def _live(data):
    text = "%s is live" % data["release"] if data.get("release") else "no release is live"
    return text + (", its health check was green after %.1f s" % data["healthy_after"] if data.get("healthy_after") else "")


def _opened(data):
    text = "maintenance off, " if data.get("maintenance_seconds") is not None else "maintenance stays on, " if data.get("kept") else ""
    started = "started " + _names(data["started"]) if data.get("started") else ""
    return (text + started).rstrip(", ") + _removed(data) + _warned(data)


def remarks(outcomes):
    """What is to be said at the end of steps that went well, as sentences."""
    kept = [(outcomes.get(step) or {}).get("kept") for step in ("open", "reopen")]
    staged = outcomes.get("stage") or {}
    left = (staged.get("patches") or {}).get("left")
    return (["Maintenance stays on, as %s had switched it on before; the playbook slipway.app.maintenance_off lets users in." % one["by"]
             for one in kept if one]
            + (["%s still has patches of an earlier time: %s. The first of them is on what is the application's: take it back by hand, as the"
                " application's user; what else there is, by the playbook slipway.app.patch_revert." % (staged["release"], ", ".join(left))]
               if left else [])
            + ["The database that was put back is a copy. " + one for one in (outcomes.get("restore") or {}).get("warnings", [])]
            + [one for step in ("stage", "close", "open", "finish", "undo") for one in (outcomes.get(step) or {}).get("warnings", [])])


def _removed(data):
    return "; took away " + _names(data["removed"]) if data.get("removed") else ""


def _warned(data):
    return "; WARNING: " + " ".join(data["warnings"]) if (data or {}).get("warnings") else ""


def _closed(data):
    return "closed" + _warned(data)


_TEXTS = {
    "stage": lambda data: ("unpacked " if data.get("unpacked") else "already has ") + data.get("release", "") + _patched(data) + _warned(data),
    "drain": _drain,
    "close": lambda data: "maintenance on" + (", " + _stopped(data) if data.get("stopped") else ""),
    "protect": lambda data: "restore point taken" + _warned(data.get("restore_point")),
    "migrate": lambda data: "migrated: " + _migrated(data),
    "activate": _live,
    "open": _opened,
    "finish": _closed,
    "assess": lambda data: "",
    "quiesce": _stopped,
    "restore": lambda data: "the restore point is the database again" if data.get("restored") else "the database was left as it is",
    "reinstate": _live,
    "reopen": _opened,
    "undo": _closed,
}


def _left(data):
    if "stopped" not in data:
        return ""  # it had its turn before
    return "left the balancer%s%s; %s" % (
        ", waited %.0f s" % data["drained_for"] if data.get("drained_for") else "", _disputed(data), _stopped(data) or "no web ran")


def _renewed(data):
    return "; ".join(text for text in (
        "back at the balancer" + _disputed(data) if "back_after" in data else "", _stopped(data),
        "started " + _names(data.get("started") or []) + _removed(data)) if text)


def _disputed(data):
    """Which balancers have another view of it, on the way back."""
    return "".join(" (%s says it is %s)" % said for said in sorted((data.get("balancers_say_otherwise") or {}).items()))


# Where users are served all the time.
_AMONG_USERS = {
    "record": lambda data: "runs: " + _names(data.get("recorded") or []),
    "advise": lambda data: "migrations to come: " + (", ".join(data.get("pending") or []) or "none"),
    "protect": lambda data: "",
    "close": _left,
    "open": lambda data: "back at the balancer" if "back_after" in data else "",
    "renew": _renewed,
    "quiesce": lambda data: _left(data) if "drained_for" in data else _stopped(data),
    "reopen": _renewed,
}
