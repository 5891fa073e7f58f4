# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.inventory.manager import InventoryManager
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.app.plugins.plugin_utils._board import hosts_of


class ActionModule(ActionBase):
    """Look at the inventory only; every finding is reported at once."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(argument_spec={
            "variables": {"type": "list", "elements": "str", "default": []}, "database": {"type": "bool", "default": False},
            "alone": {"type": "bool", "default": True}})
        if not task_vars["groups"].get("app"):
            findings = ["The inventory has no host in the group app."]
        else:
            hosts = hosts_of(task_vars["groups"])
            findings = _missing(hosts, task_vars["hostvars"], arguments["variables"])
            if arguments["database"]:
                findings += _database(hosts, task_vars["hostvars"])
            if arguments["alone"]:
                together = boolean(task_vars.get("several_inventories", False), strict=False)
                findings += [] if together else _others(task_vars.get("ansible_inventory_sources"), self._loader)
                findings += _environments(hosts, task_vars["hostvars"])
            result["hosts"] = hosts
        result.update(changed=False, addresses=_addresses(task_vars["groups"]["all"], task_vars["hostvars"]))
        if findings:
            result.update(failed=True, findings=findings, msg="Nothing was changed. The inventory is not complete: "
                          + " ".join(findings) + " See the README, 'For your own application'.")
        return result


def _addresses(hosts, hostvars):
    return {host: hostvars[host].get("ansible_host", host) for host in hosts}


def _missing(hosts, hostvars, variables):
    """One sentence for each variable that some hosts lack."""
    findings = []
    for variable in variables:
        without = [host for host in hosts if hostvars[host].get(variable) in (None, "")]
        if without:
            findings.append("The variable %s is not set for %s." % (variable, ", ".join(without)))
    return findings


def _others(sources, loader):
    """Of several inventories with applications the last one says for all hosts which environment they are, also for those of production.

    One that has no host in the group app by itself adds to another: variables, groups of its hosts.
    """
    sources = [sources] if isinstance(sources, str) else sources or []
    if len(sources) > 1:
        sources = [source for source in sources if InventoryManager(loader, [source]).get_groups_dict().get("app")]
    if len(sources) > 1:
        return ["It is several at once (%s), and what the last of them says of its environment would be said of the hosts of all. Name one "
                "(or, when they are one together, say -e several_inventories=true)." % ", ".join(sources)]
    return []


def _environments(hosts, hostvars):
    """What a playbook does to an application, it does in one environment, which the first host names for all."""
    found = {}
    for host in hosts:
        found.setdefault(hostvars[host].get("slipway_environment") or "prod", []).append(host)
    if len(found) > 1:
        return ["Its hosts are of several environments (slipway_environment): %s. Name an inventory that has one of them." % "; ".join(
            "%s of %s" % (", ".join(names), environment) for environment, names in sorted(found.items()))]
    return []


def _database(hosts, hostvars):
    leader = next(host for host, roles in hosts.items() if "leader" in roles)
    if not (hostvars[leader].get("slipway_database") or {}).get("login_db"):
        return ["No database is named: set slipway_database with login_db (and login_host, login_user, ...) for %s." % leader]
    return []
