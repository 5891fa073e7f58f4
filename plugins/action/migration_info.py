# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import BIG_TABLE
from ansible_collections.slipway.app.plugins.plugin_utils._advice import advise, safe_modes


class ActionModule(ActionBase):
    """Let the host say what is pending, then judge it here, where PostgreSQL's parser is."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result.update(self._execute_module("slipway.app.migration_info", task_vars=task_vars))
        if not result.get("failed"):
            options = result.get("invocation", {}).get("module_args", {})
            result["advice"] = advise(result, options.get("big_table", BIG_TABLE))
            result["safe_modes"] = safe_modes(result["advice"])
        return result
