# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import time

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.module_utils._core.account import user
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import gone, owner
from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES, READING, STEPS, steps_of
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.plugin_utils._advice import advise, sentence, unaccepted
from ansible_collections.slipway.app.plugins.plugin_utils._balancers import status_urls
from ansible_collections.slipway.app.plugins.plugin_utils._batches import batches
from ansible_collections.slipway.app.plugins.plugin_utils._board import Board
from ansible_collections.slipway.app.plugins.plugin_utils._options import shortened
from ansible_collections.slipway.app.plugins.plugin_utils._relay import Relay, wished
from ansible_collections.slipway.app.plugins.plugin_utils._report import GOOD, report
from ansible_collections.slipway.app.plugins.plugin_utils._shelf import NAME, configured_python, run_from_shelf
from ansible_collections.slipway.app.plugins.plugin_utils._ssh import keep_alive
from ansible_collections.slipway.app.plugins.plugin_utils._words import failure_lines, outcome_line, remarks

# What a host knows already and the next step must still know.
CARRIED = ("operation", "decision", "failures", "findings", "found", "survey", "shelf", "remarks", "lost", "taken_over")
# What the module returns and the result shows.
RETURNED = ("changed", "operation", "decision", "survey", "found", "findings", "shelf", "outcomes", "seconds", "invocation", "warnings", "exception")
# What only the work of a step can tell; the last of start alone.
UNKNOWN = ("outcomes", "seconds", "operation")
# Options for the controller alone, by the step that asks for them; and those that tell the host about itself.
ASKED = {
    "preflight": ("package", "digest", "batch", "balancer_status", "fall_seconds", "rise_seconds", "leader_lost"),
    "start": ("batch", "balancer_status", "fall_seconds", "rise_seconds", "accept_unsafe_mode", "by"),
    "assess": ("takeover", "direction", "accept_loss", "leader_lost", "by"),
}
FOR_CONTROLLER = ("mode", "turn") + tuple(name for names in ASKED.values() for name in names)
OF_HOST = ("application", "environment", "root", "store", "store_auth", "relay", "python", "variables", "environment_variables",
           "database", "driver", "supervisor_socket", "supervisor_conf_dir", "keep_releases",
           "skip_check_patches", "lock_timeout")

REFUSED = """The mode %s is not safe for this package:
%s
Upgrade with mode=maintenance, or name what you accept all the same (a rule, a migration, or migration:rule) in slipway_accept_unsafe_mode."""

NO_PACKAGE = ("No package is named, and none was built. Say -e package=<repository:tag>; or, with --limit, let the host that builds be in the run, too "
              "(localhost, where there is no group build).")

LEADER_MISSED = ("The groups app and consumer of this inventory lack %s, which led the last operation that ended well (%s). Where it has only a part "
                 "of the hosts, name all of them, in AWX without job slicing: by two inventories two leaders would migrate one database. Where %s is "
                 "gone for good, or has another name by now, say -e leader_lost=true.")
HOSTS_MISSED = ("The groups app and consumer of this inventory lack %s, of the last operation that ended well (%s). Nothing is done there, and what "
                "serves there goes on with the old release. Where it is to be upgraded, end this run and name all hosts, in AWX without job slicing.")


class ActionModule(ActionBase):
    """Run one step of an operation on a host, if what all hosts have reported says so."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        host = task_vars["inventory_hostname"]
        arguments = dict(self._task.args)
        asked = {name: arguments.pop(name) for name in FOR_CONTROLLER if name in arguments}
        kind = self._option("kind", arguments, task_vars)
        steps = _steps(arguments.pop("step", None))
        board = Board(task_vars, kind, self._task.check_mode, fresh=steps == ["preflight"])
        if kind == "upgrade" and board.operation is None:
            board.asked_mode = _mode(self._option("mode", asked, task_vars))
        missing = sorted(set(board.hosts) - set(task_vars["ansible_play_hosts_all"]))
        if missing:
            raise AnsibleError("Nothing was changed. The run is limited and leaves out %s, but an operation needs all hosts of "
                               "the application: say it without --limit." % ", ".join(missing))
        if steps == ["report"]:
            return self._report(result, board, kind)
        result.update({key: board.reports[host][key] for key in CARRIED if key in board.reports[host]})
        turn = asked.get("turn")
        why_not = [board.why_not(step, host, None if turn is None else int(turn)) for step in steps]
        steps = [step for step, reason in zip(steps, why_not) if reason is None]
        result.update(step=steps, changed=False, outcome="ok" if steps else "skipped", turns=board.turns(),
                      may_go_back=board.may_go_back())
        if not steps:
            result.update(skipped=True, skipped_reason=why_not[0])
        elif self._task.check_mode and steps[0] not in READING:
            result.update(dict.fromkeys(UNKNOWN if "start" in steps else UNKNOWN[:2]), changed=True,
                          msg="would " + "; ".join(steps_of(board.mode)[step][1] for step in steps))
        else:
            try:
                asked = self._fill(arguments, asked, steps, kind, task_vars, board)
            except (AnsibleError, SlipwayError) as error:  # such as a password that cannot be looked up: the host is to stay in the play
                result.update(outcome="failed", failures=dict(result.get("failures") or {}, **{steps[0]: str(error)}))
                self._display.display("%s on %s: %s" % (steps[0], host, error), color="red")
                return result
            self._run_steps(result, arguments, task_vars, board)
            if steps[0] == "preflight" and host == board.leader:
                self._check_turns(result, board, asked)
                self._check_hosts(result, board, asked, kind)
            elif steps[0] == "advise" and result["outcome"] == "ok":
                self._judge(result, board)
        return result

    def _fill(self, arguments, asked, steps, kind, task_vars, board):
        """Put into the arguments what the library gets to run steps; return what a person asked for."""
        # Only who recovers has a wish: an upgrade that fails goes back by what it sees, whatever stands in an inventory.
        wishes = ("by",) if steps[0] == "assess" and kind != "recover" else ASKED.get(steps[0], ())
        unnamed = "package" not in asked  # where one is to be built first, the task itself says that there is none
        asked = {name: self._option(name, asked, task_vars) for name in wishes}
        if unnamed and not asked.get("package", True):
            raise AnsibleError(NO_PACKAGE)
        if "balancer_status" in asked:
            asked["balancer_status"] = status_urls(asked["balancer_status"], task_vars)
        for name in OF_HOST:
            value = self._option(name, arguments, task_vars)
            if value not in ("", None):
                arguments[name] = value
        host = task_vars["inventory_hostname"]
        arguments.update(steps=steps, host=host, roles=board.hosts[host], operation=board.operation, decision=board.decision,
                         plan=_plan(steps[0], board, kind, asked))
        return asked

    def _option(self, name, arguments, task_vars):
        """An option of the task, else the role's variable of that name.

        Only steps that run ask for them: a template costs, and most steps do not run on most hosts.
        """
        if name in arguments:
            return arguments.pop(name)
        return self._templar.template(shortened(task_vars.get("operation_" + name), task_vars))

    def _report(self, result, board, kind):
        """Say how it all ended, and fail when it did not end as it was asked to."""
        ended, sentences = report(board, kind)
        result.update(changed=False, ended=ended, msg="\n".join(sentences), failed=ended not in GOOD)
        self._display.display("\n" + result["msg"] + "\n", color="red" if result["failed"] else "green")
        return result

    def _run_steps(self, result, arguments, task_vars, board):
        """Run the steps on the host, put what they say into the result, and tell the person who watches."""
        host, steps = arguments["host"], arguments["steps"]
        begun = time.monotonic()
        done = self._ask_host(arguments, result, task_vars)
        seconds = time.monotonic() - begun
        result.update({key: done[key] for key in RETURNED if key in done})
        if done.get("findings"):
            result["outcome"] = "failed"
        elif done.get("failed") or done.get("unreachable"):
            step = done.get("step") or steps[0]
            done["msg"] = done.get("msg") or done.get("module_stderr") or str(done.get("exception") or "no reason given")
            result.update(outcome="failed", failures=dict(result.get("failures") or {}, **{step: done["msg"]}))
            if done.get("taken_over"):
                result["taken_over"] = True
            if "step" not in done:  # the library itself says which step failed
                result["lost"] = step
            for line in failure_lines(host, step, done):
                self._display.display(line, color="red")
        else:
            told = [text for text in remarks(done.get("outcomes") or {}) if text not in result.get("remarks", [])]
            if told:
                result["remarks"] = result.get("remarks", []) + told
            for step in steps:
                line = outcome_line(host, step, (done.get("seconds") or {}).get(step, seconds), board.mode,
                                    (done.get("outcomes") or {}).get(step) or {})
                if line:
                    self._display.display(line)

    def _check_turns(self, result, board, asked):
        """Find what speaks against the way that the hosts are to take turns, before anything has begun."""
        try:
            turns = _turns(board, asked)
        except SlipwayError as error:
            result.update(outcome="failed", findings=result.get("findings", []) + [str(error)])
            return
        if turns["batches"] and len(board.serving()) == 1:
            self._display.warning("There is one app host: its users meet errors for the seconds that its web takes to start anew. "
                                  "In mode maintenance they are told to wait.")

    def _check_hosts(self, result, board, asked, kind):
        """Name the hosts of the last operation that the inventory has not any more: it may be only a part, and then another host would lead."""
        last = (result.get("found") or {}).get("last") or {"hosts": {}}
        gone = {host: roles for host, roles in last["hosts"].items() if host not in board.hosts}
        led = [host for host, roles in gone.items() if kind == "upgrade" and "leader" in roles]
        if led and not boolean(asked["leader_lost"] or False):
            result.update(outcome="failed", findings=result.get("findings", []) + [LEADER_MISSED % (led[0], last["operation"], led[0])])
        others = [host for host in gone if host not in led]
        if others:
            self._display.warning(HOSTS_MISSED % (", ".join(others), last["operation"]))

    def _judge(self, result, board):
        """Let the step fail when something speaks against the mode that nobody has accepted."""
        try:
            reasons = advise(result["outcomes"]["advise"]["facts"])[board.mode]
        except AnsibleError as error:
            against = [str(error)]
        else:
            refused = unaccepted(reasons, board.operation["plan"]["accept_unsafe_mode"])
            against = [sentence(reason) for reason in refused]
            for reason in reasons:
                if reason not in refused:
                    self._display.display("  accepted all the same: %s" % sentence(reason), color="yellow")
        if against:
            message = REFUSED % (board.mode, "\n".join("- " + text for text in against))
            result.update(outcome="failed", failures=dict(result.get("failures") or {}, advise=message))

    def _ask_host(self, arguments, known, task_vars):
        """Run the steps; whatever goes wrong comes back as a result, so that the host stays in the play."""
        try:
            keep_alive(self._connection)
            wish, found = wished(arguments.pop("relay", None)), known.get("found") or {}
            if wish is True or wish and "missing" in found:  # the latter since its preflight was relayed
                self._relay(arguments, found)
            done = self._run_on_host(arguments, known, task_vars)
            if wish == "auto" and (done.get("found") or {}).get("store_unreachable"):
                done = self._again_by_relay(done, arguments, known, task_vars)
            return done
        except AnsibleConnectionFailure as error:
            return {"unreachable": True, "msg": "The host cannot be reached: %s" % error}
        except AnsibleError as error:
            return {"failed": True, "msg": str(error)}

    def _run_on_host(self, arguments, known, task_vars):
        """The result of the steps: from the library that lies on the host, else by the module, which leaves it there."""
        python = known["shelf"] if "shelf" in known else configured_python(self, task_vars)
        shelf = NAME if self._is_pipelining_enabled("new") else None
        return run_from_shelf(self, python, arguments) or self._execute_module(
            "slipway.app.operation_step", module_args=dict(arguments, shelf=shelf), task_vars=task_vars)

    def _again_by_relay(self, done, arguments, known, task_vars):
        """Run the preflight once more for a host that has no way to the store; where we have none either, say both."""
        self._display.display("  %s has no way to the package store: it is relayed. With slipway_relay: true it need not find that out,"
                              " which takes a minute where a firewall drops its packets." % arguments["host"])
        try:
            self._relay(arguments, None)
        except AnsibleError as error:
            done["findings"].append(str(error))
            return done
        return self._run_on_host(arguments, known, task_vars)

    def _relay(self, arguments, found):
        """Bring the host what its steps need of the package, so that it needs no way to the store."""
        auth, decision = arguments.pop("store_auth", None), arguments["decision"] or {}
        follows = decision.get("direction") == "follow"
        fetching = decision["fetch"] if follows else [arguments["host"]]
        if "preflight" in arguments["steps"] and arguments["plan"]["package"]:
            relay = Relay(self, arguments["store"], auth, arguments["plan"]["package"])
            arguments["relayed"] = relay.given()
        elif "stage" in arguments["steps"] and arguments["host"] in fetching:
            plan = arguments["operation"]["plan"]
            # By the digest that was settled, wherever the tag points by now.
            relay = Relay(self, arguments["store"], auth, "%s@%s" % (parse(plan["package"]).repository, plan["digest"]))
            # Of a host that has only to follow, no preflight has found what it lacks.
            arguments["relayed"] = relay.given(None if follows else (found or {}).get("missing") or ())


def _steps(value):
    """The steps that a task names."""
    steps = [value] if isinstance(value, str) else value or []
    unknown = [step for step in steps if step not in STEPS and step != "report"]
    if unknown or not steps:
        raise AnsibleError("The option step names no known step (%s); known: %s." % (unknown, ", ".join(STEPS)))
    return steps


def _mode(value):
    """The mode that is asked for."""
    mode = value or "maintenance"
    if mode not in MODES:
        raise AnsibleError("Nothing was changed. There is no mode %s; there are: %s." % (mode, ", ".join(MODES)))
    return mode


def _names(value):
    """A list, or a text with commas in it, as a list."""
    names = value if isinstance(value, list) else str(value or "").split(",")
    return [str(name).strip() for name in names if str(name).strip()]


def _turns(board, asked):
    """How the hosts take turns, for the plan."""
    if not MODES[board.mode].by_batch:
        return {"batches": []}
    hosts = board.hosts
    if "migrate" in MODES[board.mode].forward:  # else the leader changes something for all when it is its turn
        # Who has no release yet serves nobody until he has had his turn: he comes first.
        hosts = dict(sorted(hosts.items(), key=lambda item: (board.reports[item[0]].get("found") or {}).get("current") is not None))
    waits = {name: 0 if _alone(board) else _seconds(name, asked[name]) for name in ("fall_seconds", "rise_seconds")}
    return {"batches": batches(hosts, asked["batch"]), "balancer": dict(waits, status=_asked_balancers(board, asked))}


def _seconds(name, value):
    try:
        return float(value)
    except (TypeError, ValueError):
        raise SlipwayError("The option %s must be a number of seconds, not %r." % (name, value)) from None


def _alone(board):
    """Whether there is nobody else to serve; then a balancer need not be waited for."""
    return len(board.serving()) == 1


def _asked_balancers(board, asked):
    """Where to ask the balancers what they think of a host."""
    return [] if _alone(board) or not MODES[board.mode].by_batch else asked["balancer_status"]


def _plan(step, board, kind, asked):
    """What a step has to know beyond its host: the whole operation, as far as it is known."""
    me = owner(asked.get("by") or os.environ.get("USER") or user(), socket.gethostname(), os.getppid())
    if step == "preflight":
        return {"kind": kind, "package": asked["package"], "digest": asked["digest"], "mode": board.mode,
                "balancer": {"status": _asked_balancers(board, asked)}}
    if step == "start":
        found = board.reports[board.leader]["found"]
        previous = {host: (report["found"]["current"] or {}).get("id") for host, report in board.reports.items()}
        return dict(_turns(board, asked), kind=kind, mode=board.mode, package=found["package"], digest=found["digest"],
                    reference=found["reference"], hosts=board.hosts, previous=previous, resting=board.resting(), owner=me,
                    fence=max(report["found"]["fence"] for report in board.reports.values()),
                    accept_unsafe_mode=_names(asked["accept_unsafe_mode"]))
    if step == "assess":
        surveys = board.surveys()
        holders = {host: survey["holder"] for host, survey in surveys.items() if survey["holder"]}
        return {"owner": me, "surveys": surveys, "failed": sorted({failure[1] for failure in board.failed_forward()}),
                "crashed": board.recovering, "takeover": boolean(asked.get("takeover") or False),
                # The hosts cannot see the controller's processes; this controller can see its own.
                "gone": {host: holder["fence"] for host, holder in holders.items() if gone(holder)}, "wish": asked.get("direction") or "auto",
                "accept_loss": boolean(asked.get("accept_loss") or False), "leader_lost": boolean(asked.get("leader_lost") or False)}
    return {}
