# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.plugin_utils._relay import Relay, wished
from ansible_collections.slipway.app.plugins.plugin_utils._ssh import keep_alive


class ActionModule(ActionBase):
    """Run the module; for a host that cannot reach the store, bring it what it lacks of the package."""

    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        keep_alive(self._connection)
        arguments = dict(self._task.args)
        wish = wished(arguments.get("relay"))
        if not (arguments.get("store") and arguments.get("package")) or arguments.get("state") == "absent":
            wish = False
        done = {}
        if wish is not True:
            wrap = self._task.async_val and not self._connection.has_native_async
            done = self._execute_module(task_vars=task_vars, wrap_async=wrap)
        if wish is True or wish and done.get("store_unreachable"):
            done = self._relayed(arguments, task_vars)
        result.update(done)
        return result

    def _relayed(self, arguments, task_vars):
        relay = Relay(self, arguments["store"], arguments.pop("store_auth", None), arguments["package"])
        done = self._execute_module(module_args=dict(arguments, relayed=relay.given()), task_vars=task_vars)
        if done.get("relay"):  # the layers that it lacks
            done = self._execute_module(module_args=dict(arguments, relayed=relay.given(done["relay"])), task_vars=task_vars)
        return done
