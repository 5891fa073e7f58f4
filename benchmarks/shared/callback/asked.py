# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down every command that ran on a host as a line of JSON: task, host, when, and the bytes it was fed with.

Workers are forked from the process that loads this plugin, so what it puts around a method of all action plugins is
around it in the workers too.
"""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: asked
type: aggregate
short_description: Writes down what hosts are asked
description: For Slipway's benchmarks only. The environment variable BENCHMARK_ASKED names the file.
requirements: [enabling it in the configuration]
"""

execute_command = ActionBase._low_level_execute_command


def executed_command(action, cmd, *arguments, **options):
    begun = time.time()
    try:
        return execute_command(action, cmd, *arguments, **options)
    finally:
        line = {"round": action._task._uuid, "task": action._task.get_name(), "begun": begun, "ended": time.time(),
                "host": action._templar.available_variables["inventory_hostname"],
                "bytes": len(options.get("in_data") or b"")}
        with open(os.environ["BENCHMARK_ASKED"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


ActionBase._low_level_execute_command = executed_command


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "asked"
    CALLBACK_NEEDS_ENABLED = True
