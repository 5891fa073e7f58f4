# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.plugin_utils._here import path_here
from ansible_collections.slipway.app.plugins.plugin_utils._ssh import keep_alive


class ActionModule(ActionBase):
    """Read the diff here, where its author has it, and hand it to the host."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        keep_alive(self._connection)
        arguments = dict(self._task.args)
        if arguments.get("src") and arguments.get("state", "applied") == "applied":
            try:
                with open(path_here(self, arguments["src"]), "rb") as stream:
                    arguments["content"] = base64.b64encode(stream.read()).decode("ascii")
            except (AnsibleError, OSError) as error:
                result.update(failed=True, changed=False, msg="Nothing was changed. The patch %s cannot be read: %s" % (arguments["src"], error))
                return result
        result.update(self._execute_module("slipway.app.patch", module_args=arguments, task_vars=task_vars))
        return result
