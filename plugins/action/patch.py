# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import os

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Read the diff here, where its author has it, and hand it to the host."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("src") and arguments.get("state", "applied") == "applied":
            try:
                path = self._path(arguments["src"])
                with open(path, "rb") as stream:
                    arguments["content"] = base64.b64encode(stream.read()).decode("ascii")
            except (AnsibleError, OSError) as error:
                result.update(failed=True, changed=False, msg="Nothing was changed. The patch %s cannot be read: %s" % (arguments["src"], error))
                return result
        result.update(self._execute_module("slipway.app.patch", module_args=arguments, task_vars=task_vars))
        return result

    def _path(self, src):
        """Where the diff is: as a person has typed it, seen from where Ansible was started, else as in a role's tasks."""
        typed = os.path.abspath(os.path.expanduser(src))
        return typed if os.path.isfile(typed) else self._find_needle("files", src)
