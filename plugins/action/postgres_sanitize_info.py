# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.plugin_utils._here import with_rules


class ActionModule(ActionBase):
    """Run the module with the rules that its author has here."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result.update(self._execute_module(module_args=with_rules(self, dict(self._task.args)), task_vars=task_vars))
        return result
