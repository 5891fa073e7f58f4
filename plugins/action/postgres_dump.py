# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.slipway.app.plugins.plugin_utils._here import with_rules
from ansible_collections.slipway.app.plugins.plugin_utils._progress import WatchedModule


class ActionModule(WatchedModule):
    """Run the module with the rules that its author has here, and show how far it is."""

    def run(self, tmp=None, task_vars=None):
        self._task.args = with_rules(self, self._task.args)
        return super().run(tmp, task_vars)
