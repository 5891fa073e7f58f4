# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an operation ended, in sentences for the person who started it."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES

GOOD = ("done", "nothing to do", "checked")  # anything else fails the play


def report(board, kind):
    """(how it ended, the sentences to print)."""
    ended, sentences = _ended(board, kind)
    return ended, sentences + (_remarks(board) if ended in ("done", "undone") else [])


def _remarks(board):
    """What the hosts remarked on the way, each sentence once with all its hosts."""
    said = {}
    for host, found in board.reports.items():
        for sentence in found.get("remarks") or []:
            said.setdefault(sentence, []).append(host)
    return ["%s: %s" % (", ".join(hosts), sentence) for sentence, hosts in said.items()]


def _ended(board, kind):
    failures = ["%s on %s: %s" % (step, host, message) for host, step, message in board.failures()]
    operation, decision = board.operation, board.decision or {}
    if board.dropped:
        return _dropped(board, kind, failures)
    if board.findings():
        return "refused", (["%s was not begun; nothing was changed on the hosts. Mend this first:" % kind.capitalize()]
                           + ["- %s: %s" % finding for finding in board.findings()])
    if board.taken_over():
        return "taken over", _taken_over(board, failures)
    if kind == "recover":
        return _recovered(board, decision, failures)
    package = (board.reports[board.leader].get("found") or {}).get("package")
    if board.nothing_to_do():
        return "nothing to do", ["%s is live on every host already; nothing was changed." % package] + _other_environment(board)
    if operation is None and board.reports[board.leader].get("lost") == "start":
        return "open", (["It is not known whether the %s was begun: %s was lost while it took the lock and opened the journal. "
                         "Nothing that serves was changed." % (kind, board.leader)] + failures
                        + ["Run the playbook slipway.app.recover when %s is within reach: it sees what is there, and frees it." % board.leader])
    if operation is None and failures:
        return "refused", ["%s was not begun; nothing was changed on the hosts." % kind.capitalize()] + failures
    if operation is None and not package:
        return "checked", ["%s can begin, as far as can be known before its package is there." % kind.capitalize()]
    if operation is None:
        return "checked", ["Nothing speaks against the %s to %s so far; nothing was changed (check mode)." % (kind, package),
                           _not_looked_at(kind, MODES[board.mode].by_batch and board.mode)]
    if not failures:
        return "done", ["%s is live on %s. Operation %s." % (package, ", ".join(board.hosts), operation["id"])]
    if decision.get("direction") == "back" and not board.failed_back():
        return "undone", (["%s to %s failed and was undone: %s" % (kind.capitalize(), package, decision["reason"])] + failures
                          + ["%s. Operation %s is closed; operation_log shows its steps." % (
                              _as_before(operation, decision["restore"]), operation["id"])])
    if decision.get("direction") == "none":  # this very run has ended it, and an answer was lost
        return "open", (["%s to %s has ended, as far as is known." % (kind.capitalize(), package)] + failures + [decision["reason"]]
                        + ["The playbook slipway.app.status shows whether every host serves it; slipway.app.recover brings along one that does not."])
    if decision.get("direction") == "follow":  # this very run has ended it, where it could
        return "open", (["%s to %s has ended, but not on every host." % (kind.capitalize(), package)] + failures
                        + ["Run the playbook slipway.app.recover when the cause is mended: it brings the others along."])
    return "open", (["%s to %s failed; operation %s is open." % (kind.capitalize(), package, operation["id"])] + failures
                    + list(filter(None, [decision.get("reason")]))
                    + ["Run the playbook slipway.app.recover when the cause is mended: it finishes or undoes."])


def _taken_over(board, failures):
    """Another run has taken the operation over. What hosts were asked before that says nothing of how it is now."""
    name, seen = board.operation["id"], board.seen_since()
    outcomes = {survey["ended"].get(name) for survey in seen.values()} - {None}
    live = {}
    for host, survey in seen.items():
        if survey["live"]:
            live.setdefault(survey["live"]["package"], []).append(host)
    said = "was ended by another run (%s)" % ", ".join(sorted(outcomes)) if outcomes else "was taken over by another run"
    unknown = [host for host in board.hosts if seen.get(host, {"ended": {}})["ended"].get(name) is None]
    return (["Operation %s %s; this one does nothing more." % (name, said)] + failures
            + ["%s is live on %s." % (package, ", ".join(hosts)) for package, hosts in live.items()]
            + ["The playbook slipway.app.operation_log shows what became of it, slipway.app.status what is live."]
            + ["It may be open on %s: run the playbook slipway.app.recover if it is, and nobody is at work on it any more." % ", ".join(unknown)]
            * bool(unknown))


def _dropped(board, kind, failures):
    """Ansible itself has dropped a host, by an error that no step has reported, such as one in an inventory."""
    reason = "Ansible has dropped %s from the run, by an error that stands further up." % ", ".join(board.dropped)
    if board.operation is None and board.leader not in board.dropped and not failures:
        return "refused", ["%s was not begun; nothing was changed on the hosts. %s" % (kind.capitalize(), reason)]
    return "open", (["%s has come to no end. %s" % (kind.capitalize(), reason)] + failures
                    + ["Mend the cause and run the playbook slipway.app.recover: it finishes or undoes, or finds that nothing was begun."])


def _as_before(operation, restored):
    """What an operation that was undone has left."""
    if operation["plan"].get("kind") == "deploy":
        return "Nothing is installed, as before, and the database is as it was"
    return "The old release is live again" + (", with its data as it was when maintenance began" if restored else "")


def _not_looked_at(kind, mode_among_users):
    """What only the real run finds out, before it stops anything."""
    unseen = ["whether the application's own checks pass in it"]
    if kind == "upgrade":
        unseen.append("whether kept patches still fit")
    if mode_among_users:
        unseen.append("whether its migrations suit the mode %s" % mode_among_users)
    return "Not looked at, since the package is not unpacked in check mode: %s. The real run does so before it stops anything." % (
        "; ".join(unseen))


def _other_environment(board):
    """How what the inventory says of the application's environment reaches hosts where nothing else is to be done."""
    hosts = [host for host, report in board.reports.items() if report["found"].get("other_environment")]
    return ["Its environment variables (slipway_environment_variables) are others by now for %s: the playbook slipway.app.service_start "
            "writes them, and restarts what they change." % ", ".join(hosts)] if hosts else []


def _recovered(board, decision, failures):
    direction = decision.get("direction")
    if failures or not direction:
        return "open", (["Recovery is not complete; the operation is still open."] + failures
                        + [decision.get("reason", "The leader %s cannot be asked." % board.leader),
                           "Mend the cause and run the playbook slipway.app.recover again."])
    if board.check_mode and (direction != "none" or board.lock_is_held()):
        would = {"none": "The lock would be freed.", "follow": "Hosts that were away would follow, and what is left would be closed."}
        return "checked", ["Nothing was changed (check mode). %s %s" % (
            would.get(direction, "The operation would go %s." % direction), decision["reason"])]
    words = {"none": "Nothing to recover.", "forward": "The operation was finished."}
    if direction == "back":
        words["back"] = "The operation was undone. %s." % _as_before(board.operation, decision["restore"])
    if direction == "follow":
        words["follow"] = "Hosts that were away have followed." if decision["away"] else "What was left is closed."
    sentences = [words[direction] + " " + decision["reason"]]
    left = board.left_open()
    if left:
        return "open", sentences + ["Still open: %s. Run the playbook slipway.app.recover once more." % ", ".join(
            "%s on %s" % (operation, host) for host, operation in sorted(left.items()))]
    differences = board.differently_patched()
    if differences:
        return "patched differently", sentences + ["But hosts have not the same patches:"] + ["- " + text for text in differences]
    return "done", sentences
