# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that are measured: what they cost, and what hosts were asked meanwhile."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

from measure import cost_of

HERE = Path(__file__).resolve().parent


def play(playbook, variables, folder, environment):
    """Run a playbook from a folder; (its Cost, [what hosts were asked], as callback/asked.py writes it)."""
    asked = folder / "asked.jsonl"
    asked.write_text("", encoding="utf-8")
    environment = dict(environment, ANSIBLE_CALLBACK_PLUGINS=str(HERE / "callback"), ANSIBLE_CALLBACKS_ENABLED="asked",
                       BENCHMARK_ASKED=str(asked))
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook), "--extra-vars", json.dumps(variables)]
    cost = cost_of(argv, folder / "play.log", folder, environment)
    return cost, [json.loads(line) for line in asked.read_text(encoding="utf-8").splitlines()]


def rounds(asked):
    """In how many tasks any host was asked, in how many the host that was asked most, by how many commands; bytes to all hosts."""
    tasks = collections.Counter(host for host, _round in {(line["host"], line["round"]) for line in asked})
    commands = collections.Counter(line["host"] for line in asked)
    return {"rounds": len({line["round"] for line in asked}), "per_host": max(tasks.values()),
            "commands": max(commands.values()), "bytes": sum(line["bytes"] for line in asked)}
