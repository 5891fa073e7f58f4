# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks of sanitized dumps look at before they ask any host."""

from __future__ import annotations

import re
import shlex

import jinja2
import pytest
import yaml


@pytest.fixture
def first_play(repository):
    """first_play(playbook) -> {module: its options} of the first play."""
    def read(name):
        play = yaml.safe_load((repository.root / "playbooks" / (name + ".yml")).read_text(encoding="utf-8"))[0]
        return {module: options for task in play["tasks"] for module, options in task.items() if isinstance(options, dict)}

    return read


@pytest.fixture
def condition():
    """condition(text) -> a function of variables that says whether they meet it; what Ansible adds to Jinja is added as far as it is needed."""
    environment = jinja2.Environment()
    environment.tests["match"] = lambda value, pattern: bool(re.match(pattern, value))
    environment.tests["truthy"] = environment.filters["bool"] = bool
    return environment.compile_expression


@pytest.fixture
def allowed(first_play, condition):
    """allowed(playbook, **variables) -> whether all that its assert says is true of these extra variables."""
    return lambda name, **variables: all(condition(text)(**variables) for text in first_play(name)["ansible.builtin.assert"]["that"])


@pytest.mark.parametrize("source, goes", [
    ("prod/shop/sanitized", True), (":ready", False), (" :pre", False), (":other", False), ("", False), (" ", False)])
def test_what_is_on_the_server_is_not_taken_for_sanitized(allowed, source, goes):
    assert allowed("sanitized_restore", source=source) is goes and not allowed("sanitized_restore")


def test_what_is_restored_is_said_with_the_call(allowed, first_play):
    assert allowed("database_restore", config="refresh") and allowed("database_restore", source="uat/shop")
    assert not allowed("database_restore", slipway_postgres_config="refresh")
    assert "slipway_postgres_config" in first_play("database_restore")["ansible.builtin.assert"]["fail_msg"]


@pytest.mark.parametrize("variables, goes", [
    ({}, True), ({"media": "/a", "media_archive": "/b"}, True), ({"media": "/a"}, False), ({"media_archive": "/b"}, False),
    ({"media": "", "media_archive": ""}, True), ({"media": "/a", "media_archive": ""}, False)])
def test_media_and_their_archive_are_said_together(allowed, variables, goes):
    assert allowed("sanitized_create", **variables) is goes


def test_what_is_uploaded_while_a_dump_is_made_is_in_the_archive_of_media(repository):
    """And what keeps it from being made is known before the dump, which may take hours."""
    plays = yaml.safe_load((repository.root / "playbooks" / "sanitized_create.yml").read_text(encoding="utf-8"))
    look, dump, make = plays[1]["tasks"]
    assert dict(make["slipway.app.media_archive"], only_look=True) == look["slipway.app.media_archive"] and look["when"] == make["when"]
    assert dump["ansible.builtin.include_role"]["tasks_from"] == "dump"


@pytest.mark.parametrize("more, goes", [
    ({}, True), ({"database_environment": "prod"}, False), ({"database_environment": None}, False), ({"database_copy_server": "eu"}, False),
    ({"database_allow_restore": False}, False), ({"database_current": {"stat": {"exists": False}}}, False),
    ({"database_current": {"skipped": True}, "database_adopt": False}, True)])
def test_nothing_is_fetched_that_could_not_be_restored(repository, condition, more, goes):
    """An hour of load on production, and then a refusal, would be late."""
    block = yaml.safe_load((repository.root / "roles" / "database" / "tasks" / "fetch.yml").read_text(encoding="utf-8"))[0]["block"]
    assert "ansible.builtin.include_tasks" in block[-1]
    variables = dict({"database_environment": "uat", "database_copy_server": "prod", "database_copy_servers": {"prod": {}}, "database_allow_restore": True,
                      "database_adopt": True, "database_current": {"stat": {"exists": True}}}, **more)
    assert all(condition(text)(**variables) for task in block if "ansible.builtin.assert" in task for text in task["ansible.builtin.assert"]["that"]) is goes


@pytest.mark.parametrize("put, only_put, asked", [(":ready", False, False), (":ready", True, True), ("prod/shop/sanitized", False, True)])
@pytest.mark.parametrize("option", ["only_sanitized", "remove_leftovers"])
def test_only_what_this_run_has_made_ready_is_put_in_its_place_without_a_second_look(repository, condition, option, put, only_put, asked):
    """Where somebody goes on with what another run has made ready, leftovers of that run may be in the way."""
    task = yaml.safe_load((repository.root / "roles" / "database" / "tasks" / "put.yml").read_text(encoding="utf-8"))[0]

    def said(text, **variables):
        return condition(re.fullmatch(r"\{\{ (.*) \}\}", text).group(1))(**variables)

    known = {"database_put": put, "database_only_put": only_put, "database_" + option: True}
    known.update({name: said(text, **known) for name, text in task.get("vars", {}).items()})
    assert said(task["slipway.app.postgres_restore"][option], **known) is asked


@pytest.mark.parametrize("put, variables, goes", [
    (True, {}, True), (True, {"database_pre_swap_hooks": []}, True), (True, {"database_pre_swap_hooks": ["true"]}, False),
    (True, {"database_pre_swap_sql": ["SELECT 1"]}, False), (True, {"database_after_restore": True}, False),
    (True, {"database_after_restore": False}, True), (False, {"database_pre_swap_hooks": ["true"], "database_after_restore": True}, True)])
def test_what_cannot_be_done_with_what_is_ready_is_not_passed_over(repository, condition, put, variables, goes):
    block = yaml.safe_load((repository.root / "roles" / "database" / "tasks" / "restore.yml").read_text(encoding="utf-8"))[1]["block"]
    known = {"database_pre_swap_hooks": "", "database_pre_swap_sql": "", "database_after_restore": "", "database_only_put": put, **variables}
    texts = [text for task in block if "ansible.builtin.assert" in task for text in task["ansible.builtin.assert"]["that"]]
    assert all(condition(text)(**known) for text in texts) is goes
    assert "ansible.builtin.assert" in block[0]


@pytest.mark.parametrize("variables, said", [
    ({}, ""), ({"database_adopt": True}, " -e adopt=true"), ({"database_reversible": True}, " -e reversible=true"),
    ({"database_reversible": "no"}, " -e reversible=no"), ({"database_config": "safe"}, " -e config=safe"),
    ({"database_tables": ["a", "b*"], "database_schemas": ["c"]}, " -e 'tables=a,b*' -e schemas=c")])
def test_who_could_not_stop_the_services_is_told_how_to_go_on_as_it_was_asked_for(repository, variables, said):
    swap = yaml.safe_load((repository.root / "roles" / "database" / "tasks" / "swap.yml").read_text(encoding="utf-8"))[1]
    environment = jinja2.Environment()
    environment.filters["quote"] = shlex.quote
    defaults = yaml.safe_load((repository.root / "roles" / "database" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    again = environment.from_string(swap["vars"]["database_again"]).render(
        dict(defaults, **dict({"database_only_put": False, "database_config": "none"}, **variables)))
    assert again == "database_restore with -e source=:ready" + said
    hints = [task["ansible.builtin.assert"]["fail_msg"] for task in swap["block"] if "ansible.builtin.assert" in task]
    assert len(hints) == 2 and all("{{ database_again }}" in hint for hint in hints)
    restore = yaml.safe_load((repository.root / "playbooks" / "database_restore.yml").read_text(encoding="utf-8"))[1]
    assert restore["tasks"][0]["vars"]["database_adopt"] == "{{ adopt | default(false, true) | bool }}"


def test_keys_in_examples_have_the_config_by_which_the_examples_make_a_dump(repository):
    """Below another one there would be no dump to restore, and a nightly removal would never find any."""
    files = [repository.root / "docs/docsite/rst/guide_sanitized.rst", *repository.under("playbooks", ".yml")]
    text = "".join(path.read_text(encoding="utf-8") for path in files if "sanitized" in path.name)
    assert set(re.findall(r"(?:prefix|source|key)=\w+/\w+/(\w+)", text)) == set(re.findall(r"config=(\w+)", text)) == {"people"}
    assert "such as prod/shop/people" in " ".join(text.split())
