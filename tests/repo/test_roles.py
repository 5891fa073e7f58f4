# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables is what it has: defaults/ and meta/argument_specs.yml are one and the same."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.slipway.app.plugins.module_utils._config.profiles import DEBUG_SWITCHES, PROFILES
from ansible_collections.slipway.app.plugins.module_utils._operation.debugging import OFF

OMITTED = "(omitted)"


def roles(repository):
    return sorted({path.relative_to(repository.root).parts[1] for path in repository.under("roles")})


def specs(repository, role):
    return repository.yaml("roles/%s/meta/argument_specs.yml" % role)["argument_specs"]


def defaults(repository, role):
    return repository.yaml("roles/%s/defaults/main.yml" % role) or {}


def all_options(repository, role):
    """{name: option} over all entry points of a role."""
    points = specs(repository, role).values()
    return {name: option for point in points for name, option in point.get("options", {}).items()}


def test_there_are_roles(repository):
    assert roles(repository)


def values(repository, role, template):
    """{variable: what its default comes to on a host whose inventory sets none of the variables it is taken from}.

    A default that is omitted is not in it.
    """
    ours = defaults(repository, role)
    around = {"omit": OMITTED, "inventory_hostname": "host", "groups": {"app": ["host"], "all": ["host"]}}
    found = template(ours, dict(around, **ours))
    return {name: value for name, value in found.items() if value != OMITTED}


def test_every_default_is_specified_and_every_specified_default_is_there(repository, template):
    """As it is written, or as the value it comes to: documentation takes no template as the default of a dict."""
    wrong = []
    for role in roles(repository):
        options, written, value = all_options(repository, role), defaults(repository, role), values(repository, role, template)
        wrong += ["%s: %s is in defaults/ only" % (role, name) for name in sorted(set(written) - set(options))]
        for name, option in options.items():
            allowed = [form[name] for form in (written, value) if name in form]
            if "default" in option and option["default"] not in allowed:
                wrong.append("%s: %s is %s in defaults/ and %r in argument_specs" % (
                    role, name, " or ".join(map(repr, allowed)) or "missing", option["default"]))
            if "default" not in option and name in value:
                wrong.append("%s: %s has a default in defaults/ only" % (role, name))
    assert wrong == []


def test_who_leads_is_said_once(repository):
    """In hosts_of(), which templates ask by a filter; the first host of a play is not the leader wherever a play has others."""
    again = re.compile(r"\['leader'\] if|ansible_play_hosts_all\[0\]")
    texts = {str(path.relative_to(repository.root)): path.read_text(encoding="utf-8") for path in repository.under("roles", ".yml")}
    assert [name for name, text in texts.items() if again.search(text)] == []


def test_an_option_without_a_default_is_required_or_omitted(repository):
    wrong = []
    for role in roles(repository):
        written = defaults(repository, role)
        wrong += ["%s: %s has no default and is not required" % (role, name)
                  for name, option in all_options(repository, role).items()
                  if "default" not in option and name not in written and option.get("required") is not True]
    assert wrong == []


def untyped(options, where):
    for name, option in options.items():
        here = "%s.%s" % (where, name)
        if "type" not in option or option["type"] == "list" and "elements" not in option:
            yield here + " has no type"
        if "description" not in option:
            yield here + " has no description"
        yield from untyped(option.get("options", {}), here)


def test_every_option_has_a_type_and_a_description(repository):
    assert [line for role in roles(repository) for line in untyped(all_options(repository, role), role)] == []


def test_an_environment_is_one_of_four_and_environment_variables_are_called_so(repository, module_docs):
    """dev, stag, uat or prod in one place, and variables of a process in another, would be two things of one name."""
    options = {name: option for role in roles(repository) for name, option in all_options(repository, role).items()}
    for name, docs in module_docs.items():
        options.update(("%s: %s" % (name, option), spec) for option, spec in docs["doc"].get("options", {}).items())
    assert [name for name, option in options.items() if name.endswith("environment") and option["type"] != "str"] == []


def test_one_option_means_the_same_in_every_entry_point(repository):
    wrong = []
    for role in roles(repository):
        options = all_options(repository, role)
        wrong += ["%s.%s: %s differs" % (role, point, name) for point, spec in specs(repository, role).items()
                  for name, option in spec.get("options", {}).items() if option != options[name]]
    assert wrong == []


def test_every_entry_point_is_a_task_file_and_what_playbooks_enter_is_specified(repository):
    points = {role: set(specs(repository, role)) for role in roles(repository)}
    wrong = ["%s: no tasks/%s.yml" % (role, point) for role in points for point in sorted(points[role])
             if not (repository.root / "roles" / role / "tasks" / (point + ".yml")).exists()]
    for path in repository.under("playbooks", ".yml"):
        for play in repository.yaml(path.relative_to(repository.root)):
            for task in entered(play):
                role, point = task["name"].rsplit(".", 1)[-1], task.get("tasks_from", "main")
                if point.removesuffix(".yml") not in points.get(role, ()):
                    wrong.append("%s enters %s at %s, which is not specified" % (path.name, role, point))
    assert wrong == []


def entered(node):
    """The arguments of every import_role and include_role in a play."""
    if isinstance(node, list):
        for item in node:
            yield from entered(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if re.fullmatch(r"(ansible\.builtin\.)?(import|include)_role", key):
                yield value
            else:
                yield from entered(value)


def test_profiles_say_the_same_of_debugging_to_hosts_and_to_operations(repository):
    for profile, switches in DEBUG_SWITCHES.items():
        assert tuple(repository.yaml("roles/host/vars/profiles/%s.yml" % profile)["__host_debug_variables"]) == switches
    assert set(DEBUG_SWITCHES) == set(PROFILES)


@pytest.mark.parametrize("values, on", [
    ((*OFF, *map(str.upper, OFF), " no ", 0, False, None), False), (("1", "true", "yes", "dev", 1, True), True)], ids=["off", "on"])
def test_a_switch_is_off_to_hosts_by_the_words_by_which_it_is_to_operations(repository, values, on):
    expression = repository.yaml("roles/host/tasks/profile.yml")[-1]["vars"]["__host_debugging"]
    for value in values:
        variables = {"host_environment": "prod", "host_environment_variables": {"APP_DEBUG": value, "PORT": "1"}, "__host_debug_variables": ["APP_DEBUG"]}
        assert Templar(loader=DataLoader(), variables=variables).template(trust_as_template(expression)) == (["APP_DEBUG"] if on else []), value


def test_the_role_operation_is_used_without_a_condition_and_without_a_second_look_at_its_options(repository):
    """Each of its tasks would evaluate the condition anew on each host; its first step looks at the options."""
    uses = []
    for name in ("deploy", "upgrade"):
        tasks = [task for play in repository.yaml("playbooks/%s.yml" % name) for task in play.get("tasks", [])]
        uses += [(task, role) for task in tasks for way in ("include_role", "import_role")
                 for role in [task.get("ansible.builtin." + way, {})] if role.get("name") == "slipway.app.operation"]
    assert len(uses) == 4
    assert [(task["name"], role) for task, role in uses if "when" in task or role.get("rolespec_validate") is not False] == []


@pytest.mark.parametrize("variables, who", [
    ({}, ""), ({"awx_user_name": "ann"}, "ann"), ({"tower_user_name": "ann"}, "ann"), ({"slipway_by": "", "awx_user_name": "ann"}, "ann"),
    ({"slipway_by": "bob", "awx_user_name": "ann"}, "bob")])
def test_who_does_it_is_who_has_started_the_job(repository, variables, who):
    found = {role: Templar(loader=DataLoader(), variables=variables).template(trust_as_template(defaults(repository, role)[role + "_by"]))
             for role in roles(repository) if role + "_by" in defaults(repository, role)}
    assert found == dict.fromkeys(("database", "maintenance", "operation", "patch"), who)


def asking(repository, variables, key):
    """What a key of the task comes to by which roles ask the leader, which is first."""
    task, = repository.yaml("roles/operation/tasks/free.yml")
    assert task["timeout"] == 60
    text = task["slipway.app.operation"][key] if key == "root" else "{{ %s }}" % task[key]
    return Templar(loader=DataLoader(), variables=dict({"operation_leader": "first"}, **variables)).template(trust_as_template(text))


def refusing(repository, role, variables):
    """Whether a role does not go on after that, which it does first of all."""
    first, second = repository.yaml("roles/%s/tasks/main.yml" % role)[:2]
    asked = {"name": "slipway.app.operation", "tasks_from": "free"}
    assert (first["ansible.builtin.import_role"], first["vars"]) == (asked, {"operation_root": "{{ %s_root }}" % role})
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template("{{ %s }}" % second["when"]))


@pytest.mark.parametrize("here, there, said, asked", [
    ("/srv/here", "/srv/there", "/srv/here", "/srv/there"), ("/srv/here", None, "/srv/here", "/srv/here"),
    ("/srv/here", "/srv/there", "/srv/other", "/srv/other"), (None, "/srv/there", "/srv/other", "/srv/other")])
def test_the_leader_is_asked_for_the_folder_that_is_meant(repository, here, there, said, asked):
    """slipway_root may differ between hosts; a role that is told another application is to ask for that one."""
    variables = {"hostvars": {"first": {"slipway_root": there} if there else {}}, "operation_root": said}
    assert asking(repository, dict(variables, slipway_root=here) if here else variables, "root") == asked


@pytest.mark.parametrize("answer, known", [
    ({"changed": False}, True), ({"msg": "Operation restore-1 holds the lock.", "operation": "restore-1"}, True),
    ({"msg": "No route to host", "unreachable": True}, False), ({"msg": "Timed out after 60 second(s).", "timedout": {"period": 60}}, False)])
def test_without_an_answer_of_the_leader_nothing_is_started_and_all_else_goes_on(repository, answer, known):
    held, lock = "operation" in answer, {"operation_lock": answer}
    states = [(state, lost) for state in ("started", "restarted", "stopped", "resumed") for lost in (False, True)]
    refused = [(state, lost) for state, lost in states
               if refusing(repository, "service", dict(lock, service_state=state, service_leader_lost=lost))]
    assert refused == (states if held else []) if known else refused == [("started", False), ("restarted", False)]
    assert refusing(repository, "maintenance", lock) is held
    assert asking(repository, lock, "failed_when") is not known


@pytest.mark.parametrize("alive, words", [(True, "who may still be at work"), (False, "run recover")])
def test_the_log_shows_the_lock_also_of_what_has_no_journal(repository, alive, words):
    """Who is refused by a restore is told to look there."""
    lock = {"operation": "20261126T031500Z-restore-7", "owner": {"user": "ann", "controller": "ctl"}, "acquired": 1795662900.5, "alive": alive}
    text = (repository.root / "roles/status/templates/log.txt.j2").read_text(encoding="utf-8")
    for held in (lock, None):
        said = Templar(loader=DataLoader(), variables={"status_operations": {"lock": held, "operations": []}}).template(trust_as_template(text))
        line = "lock  20261126T031500Z-restore-7, held by ann on ctl since 2026-11-26 03:15:00 UTC, "
        assert (line in said and words in said) is (held is not None) and "no operations yet" in said


PATCHED = {"release": "1.0.0-0", "contained": False, "changed": False, "restart_needed": True,
           "patch": {"name": "fix.patch", "at": "2026-11-21T11:02:33Z", "files": ["shop.py"]}}


@pytest.mark.parametrize("state, result, force, words, restart", [
    ("applied", {}, True, "applied already, at 2026-11-21T11:02:33Z; nothing was changed", True),
    ("applied", {}, False, "applied already, at 2026-11-21T11:02:33Z; nothing would be changed", True),
    ("applied", {"changed": True}, True, "fix.patch was applied on 1.0.0-0: shop.py", True),
    ("applied", {"changed": True}, False, "Say -e force=true to do it", False),
    ("applied", {"contained": True, "restart_needed": False, "patch": None}, True, "contains the patch by itself; nothing was changed", False),
    ("reverted", {"patch": None}, True, "reverted already; nothing was changed", True),
    ("reverted", {"patch": None, "restart_needed": False}, True, "no such patch; nothing was changed", False)])
def test_who_has_a_patch_is_told_that_services_may_still_run_without_it(repository, state, result, force, words, restart):
    """And how the others serve meanwhile."""
    text = (repository.root / "roles/patch/templates/patch.txt.j2").read_text(encoding="utf-8")
    variables = {"patch_state": state, "patch_force": force, "patch_result": dict(PATCHED, **result), "ansible_check_mode": False}
    said = Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text))
    assert words in said
    assert ("Restart them host by host (slipway.app.service_restart --limit)" in said and "at the same time" in said) is restart
    for name in ("patch_apply", "patch_revert"):
        head = (repository.root / "playbooks" / (name + ".yml")).read_text(encoding="utf-8").partition("\n- ")[0]
        assert "at the same time" in head and "slipway.app.service_restart --limit" in head


def test_a_controller_that_no_inventory_names_builds_as_who_has_called_it(repository):
    """ansible_become in group_vars/all, as the README has it, is true of it as well."""
    for name in ("build", "list"):
        first = repository.yaml("roles/package/tasks/%s.yml" % name)[0]
        assert first["ansible.builtin.set_fact"] == {"ansible_become": False} and first["when"] == "inventory_hostname not in groups['all']"


def test_no_keyword_keeps_a_task_from_becoming_another_user(repository):
    """An inventory that says ansible_become, as the README's does, wins over it; a task's own ansible_become does not lose."""
    files = [path for folder in ("roles", "playbooks") for path in repository.under(folder) if path.suffix == ".yml"]
    assert files and [path.name for path in files if re.search(r"^\s*become: (false|no)\b", path.read_text(encoding="utf-8"), re.MULTILINE)] == []


def test_what_an_inventory_may_say_is_documented_where_people_look(repository):
    """Who does not find how a build gets the password of an index writes it into slipway.yml, which travels in every package."""
    readme = (repository.root / "README.md").read_text(encoding="utf-8")
    told = readme + "".join(path.read_text(encoding="utf-8") for path in repository.under("docs/docsite/rst"))
    used = "".join(path.read_text(encoding="utf-8") for role in roles(repository) for path in repository.under("roles/%s/defaults" % role))
    used += "".join(path.read_text(encoding="utf-8") for path in repository.under("playbooks", ".yml"))
    missing = {name for name in re.findall(r"\bslipway_[a-z0-9_]+", used) if not re.search(r"\b%s\b" % name, told)}
    assert missing == set()
    shown = dict(re.findall(r"\b((?:host|balancer|postgres_server|operation)_\w+): ([^\s`;,]+)", readme))
    assert {"operation_keep_releases", "host_request_seconds", "balancer_request_seconds", "host_php_version"} <= set(shown)
    ours = {name: value for role in roles(repository) for name, value in defaults(repository, role).items()}
    assert {name: yaml.safe_load(value) for name, value in shown.items()} == {name: ours.get(name) for name in shown}
