# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all playbooks have in common before they ask any host."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from ansible_collections.slipway.app.tests import playbook_process

# What names something, which a number may name as well: YAML makes 1.1 of 1.10.
TEXTS = {"reference", "package", "tag", "label", "patch", "source", "target", "prefix", "instance", "config"}
# Those that do nothing but read may do it for several environments at once.
READING = {"status", "operation_log", "package_list", "patch_list", "database_list", "sanitized_list"}


def check_of(play):
    """The options of its inventory_check."""
    found, = [task["slipway.app.inventory_check"] or {} for task in play["tasks"] if "slipway.app.inventory_check" in task]
    return found


def test_what_changes_something_changes_one_environment(repository):
    """Of two inventories the last one says for the hosts of both what they are: prod would be uat, and may be dumped raw, or restored."""
    lax = set()
    for path in sorted((repository.root / "playbooks").glob("*.yml")):
        first = yaml.safe_load(path.read_text(encoding="utf-8"))[0]
        looked = check_of(first)
        assert first["hosts"] == "localhost" and looked.get("alone") in (None, False), path.name
        lax |= {path.stem} if "alone" in looked else set()
    assert lax == READING


def test_neither_strategy_nor_task_timeout_of_a_configuration_get_between_the_steps(repository):
    """By strategy=free a host would go ahead of the one that stops services; a step that is cut off is taken for one that never was."""
    lax = {path.name: play["name"] for path in (repository.root / "playbooks").glob("*.yml")
           for play in yaml.safe_load(path.read_text(encoding="utf-8")) if play["hosts"] != "localhost"
           and (play.get("strategy"), play.get("timeout")) != ("ansible.builtin.linear", None if path.stem in READING else 0)}
    assert lax == {}


@pytest.mark.parametrize("second, more, words", [
    ("uat", {}, "It is several at once (%(folder)s/prod, %(folder)s/uat)"), ("", {}, None), ("uat", {"several_inventories": "yes"}, None),
    ("", {"slipway_environment": "{{ {'a': 'uat', 'b': 'prod'}[inventory_hostname] }}"}, "b of prod; a of uat")])
def test_several_environments_in_one_run_are_refused(tmp_path, second, more, words):
    (tmp_path / "prod").write_text("[app]\na\nb\n", encoding="utf-8")
    (tmp_path / "uat").write_text("[app]\nc\n", encoding="utf-8")
    inventories = [word for name in ("prod", second) if name for word in ("-i", name)]
    variables = dict({"ansible_connection": "local", "slipway_root": str(tmp_path), "slipway_environment": "uat"}, **more)
    (tmp_path / "look.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [{"slipway.app.inventory_check": {}}]}]),
                                       encoding="utf-8")
    done = playbook_process.run([*inventories, "look.yml", "-e", json.dumps(variables)], tmp_path)
    assert (done.returncode == 0) is (words is None), done.stdout
    assert (words or "") % {"folder": tmp_path} in done.stdout


def said(path):
    """The names that a person may give with -e: those that a file asks for, and that are of no role and no inventory."""
    asked = re.findall(r"(?<![\w.|])([a-z_]+)(?: \| default\(| is (?:not )?defined)", path.read_text(encoding="utf-8"))
    return {name for name in asked if not name.startswith(("ansible_", "slipway_", "database_", "patch_", "operation_", "registry_"))}


def asked_of(repository):
    """{playbook: the names}, those of the build included where there is one."""
    of_builds = said(repository.root / "roles/package/defaults/main.yml")
    return {path.stem: said(path) | (of_builds if "package_reference:" in path.read_text(encoding="utf-8") else set())
            for path in (repository.root / "playbooks").glob("*.yml")}


def test_the_readme_names_all_that_a_playbook_can_be_told(repository):
    table = re.findall(r"^\| `slipway\.app\.(\w+)` \|[^|]*\|([^|]*\|[^|]*)\|$", (repository.root / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", words)) for name, words in table}
    assert told == asked_of(repository)


def test_names_that_a_person_gives_are_texts(repository):
    """reference: 1.10 in a file of variables is 1.1 without quotes, and that would be built and deployed."""
    checked = {path.stem: set(check_of(yaml.safe_load(path.read_text(encoding="utf-8"))[0]).get("texts", []))
               for path in (repository.root / "playbooks").glob("*.yml")}
    assert checked == {playbook: names & TEXTS for playbook, names in asked_of(repository).items()}
