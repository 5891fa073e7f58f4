# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo shows of an operation, read from the journals and from what Ansible printed. For show only: no claim of
the demo rests on it."""

from __future__ import annotations

import datetime
import json
import re
import sys


def seconds_of_steps(lab):
    """[(step, seconds)] of the last operation: for each step, the seconds of the host that took longest."""
    longest = {}
    for host in lab.hosts:
        begun = {}
        newest = max(lab.root(host).glob("state/journal/*.jsonl"), default=None)
        for line in newest.read_text(encoding="utf-8").splitlines() if newest else ():
            record = json.loads(line)
            step, moment = record["step"], datetime.datetime.fromisoformat(record["at"].replace("Z", "+00:00"))
            if record["event"] == "begin":
                begun[step] = moment
            elif step in begun and step != "operation":
                seconds = (moment - begun.pop(step)).total_seconds()
                longest[step] = max(seconds, longest.get(step, 0))
    return list(longest.items())


def what_failed(lab, output):
    """The message Slipway ended with, without the stack of the application's error; Ansible prints it as JSON."""
    messages = re.findall(r'"msg": ("(?:[^"\\]|\\.)*")', output)
    lines = json.loads(messages[-1]).splitlines() if messages else output.splitlines()
    told = [line for line in lines if not line.startswith("  ")]
    return "\n".join(told).replace(str(lab.directory), "...").replace(sys.executable, "python")
