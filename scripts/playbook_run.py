# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook of the collection, in a lab of whatever kind."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time


@dataclasses.dataclass
class Result:
    """A playbook run that ended."""

    rc: int
    output: str
    seconds: float


def arguments(name, options, variables):
    """What ansible-playbook is given for a playbook of the collection."""
    return ["slipway.app." + name, "--extra-vars", json.dumps(variables), *options]


def start(program, given, folder, environment):
    """Start ansible-playbook in a session of its own; a Popen whose stdout has all that it prints.

    program: its argv without what it is given; folder: where it runs.
    """
    return subprocess.Popen([*program, *given], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True)


def to_the_end(running, begun, echo=None):
    """Read what a run prints until it ends; echo(line) is called for every line as it comes. begun: time.monotonic() before it."""
    lines = []
    for line in running.stdout:
        lines.append(line)
        if echo:
            echo(line.rstrip("\n"))
    return Result(running.wait(), "".join(lines), time.monotonic() - begun)
