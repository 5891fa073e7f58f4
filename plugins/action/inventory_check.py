# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.slipway.app.plugins.plugin_utils._board import hosts_of, named_twice


class ActionModule(ActionBase):
    """Look at the inventory only; every finding is reported at once."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, arguments = self.validate_argument_spec(argument_spec={
            "variables": {"type": "list", "elements": "str", "default": []}, "database": {"type": "bool", "default": False},
            "alone": {"type": "bool", "default": True}, "texts": {"type": "list", "elements": "str", "default": []}})
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
                findings += _environments(hosts, task_vars["hostvars"]) + _twice(hosts, task_vars["hostvars"])
            result["hosts"] = hosts
        result.update(changed=False, addresses=_addresses(task_vars["groups"]["all"], task_vars["hostvars"]))
        said = {name: self._templar.template(task_vars[name]) for name in arguments["texts"] if name in task_vars}
        others = _no_texts(said) + _evaluated(said, self._templar)
        sentences = others + (["The inventory is not complete:", *findings, "See the README, 'For your own application'."] if findings else [])
        if sentences:
            result.update(failed=True, findings=others + findings, msg=" ".join(["Nothing was changed.", *sentences]))
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


def _no_texts(said):
    """One sentence for each value that would name something else than was written, or nothing."""
    return ["The variable %s has to be a text and is %s, as YAML makes 1.1 of 1.10, and true of on: put it in quotes." % (name, value)
            for name, value in said.items() if value is not None and not isinstance(value, str)]


def _evaluated(said, templar):
    """One sentence for each text that would not be one any more where a template hands it on: so it is with jinja2_native before ansible-core 2.19."""
    if not getattr(templar, "jinja2_native", False):
        return []
    made = {name: templar.template("{{ %s }}" % name) for name, value in said.items() if isinstance(value, str)}
    return ["The variable %s is the text %r, and jinja2_native makes %r of it: take jinja2_native out of ansible.cfg (ANSIBLE_JINJA2_NATIVE), or run "
            "ansible-core 2.19 or later." % (name, said[name], value) for name, value in made.items() if str(value) != said[name]]


def _others(sources, loader):
    """Of several inventories the last one says for all hosts which environment they are, also for those of production.

    They are one together where all that bring hosts of the application say the same of it, and those that only add to them say nothing else.
    """
    sources = [sources] if isinstance(sources, str) else sources or []
    said = [(source, *_said(source, loader)) for source in sources] if len(sources) > 1 else []
    known, bringing = set(), []
    for _source, apps, environment in said:
        if not apps <= known:
            bringing.append(environment)
        known |= apps
    if len({environment for _source, _apps, environment in said if environment}) > 1 or len(bringing) > 1 and None in bringing:
        return ["It is several at once (%s), and what the last of them says of its environment would be said of the hosts of all. Name one "
                "(or, when they are one together, say -e several_inventories=true)." % ", ".join(sources)]
    return []


def _said(source, loader):
    """The hosts in app of an inventory, and what it says of the environment of all its hosts, as it stands there; of one that cannot be read nothing."""
    try:
        inventory = InventoryManager(loader, [source])
    except AnsibleError:  # beside another one that need not be an error
        return set(), None
    everyone = inventory.groups["all"]
    variables = dict(everyone.get_vars(), **get_vars_from_inventory_sources(loader, [source], [everyone], "task"))
    return set(inventory.get_groups_dict().get("app", ())), variables.get("slipway_environment")


def _environments(hosts, hostvars):
    """What a playbook does to an application, it does in one environment, which the first host names for all."""
    found = {}
    for host in hosts:
        said = hostvars[host].get("slipway_environment")
        found.setdefault(said or "prod", []).append(host if said else "%s (not set there)" % host)
    if len(found) > 1:
        return ["Its hosts are of several environments (slipway_environment): %s. Name an inventory that has one of them." % "; ".join(
            "%s of %s" % (", ".join(names), environment) for environment, names in sorted(found.items()))]
    return []


def _twice(hosts, hostvars):
    """Hosts that are surely one, by the same way over SSH to the same folder. An operation's preflight sees more: it looks at the folders."""
    over = {host: hostvars[host].get("ansible_connection") or C.DEFAULT_TRANSPORT for host in hosts}
    ways = {host: _way(host, hostvars[host]) for host in hosts if over[host].rpartition(".")[2] in ("ssh", "smart")}
    return ["%s: %s" % (", ".join(names), sentence) for names, sentence in named_twice(ways)]


def _way(host, variables):
    """All by which ssh may tell hosts apart: gateways do by the user, too."""
    said = [variables.get("ansible_" + name) or variables.get("ansible_ssh_" + name) or unsaid
            for name, unsaid in (("host", host), ("port", 22), ("user", ""))]
    words = [variables.get("ansible_ssh_" + name) or "" for name in ("args", "common_args", "extra_args")]
    return tuple(map(str, [*said, *words, variables.get("slipway_root") or ""]))


def _database(hosts, hostvars):
    leader = next(host for host, roles in hosts.items() if "leader" in roles)
    if not (hostvars[leader].get("slipway_database") or {}).get("login_db"):
        return ["No database is named: set slipway_database with login_db (and login_host, login_user, ...) for %s." % leader]
    return []
