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


def test_what_is_uploaded_while_a_dump_is_made_is_in_the_archive_of_media(repository, template):
    """And what keeps it from being made is known before the dump, which may take hours."""
    plays = yaml.safe_load((repository.root / "playbooks" / "sanitized_create.yml").read_text(encoding="utf-8"))
    look, dump, make, say = plays[1]["tasks"]
    assert dict(make["slipway.app.media_archive"], only_look=True) == look["slipway.app.media_archive"] and look["when"] == make["when"]
    assert dump["ansible.builtin.include_role"]["tasks_from"] == "dump"
    assert make["register"] == "media_made" and say["when"] == make["when"]
    made = {"archive": "/srv/media.tar.gz", "images": 0, "emptied": 0, "left_out": 1}
    assert template(say["ansible.builtin.debug"]["msg"], {"media_made": made, "ansible_check_mode": False}) == (
        "/srv/media.tar.gz has placeholders of 0 images and 0 empty files; 1 others are left out")


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
    ({}, ""), ({"database_adopt": True}, " -e adopt=true"), ({"database_adopt": "no"}, " -e adopt=no"), ({"database_reversible": True}, " -e reversible=true"),
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
    assert restore["tasks"][0]["vars"]["database_adopt"] == "{{ adopt | default('') | slipway.app.said('') }}"


def test_keys_in_examples_have_the_config_by_which_the_examples_make_a_dump(repository):
    """Below another one there would be no dump to restore, and a nightly removal would never find any."""
    files = [repository.root / "docs/docsite/rst/guide_sanitized.rst", *repository.under("playbooks", ".yml")]
    text = "".join(path.read_text(encoding="utf-8") for path in files if "sanitized" in path.name)
    assert set(re.findall(r"(?:prefix|source|key)=\w+/\w+/(\w+)", text)) == set(re.findall(r"config=(\w+)", text)) == {"people"}
    assert "such as prod/shop/people" in " ".join(text.split())


@pytest.fixture
def shown(role, repository):
    """shown(template of the role database, **variables) -> its lines that have something in them."""
    texts = repository.root / "roles" / "database" / "templates"
    return lambda name, **variables: [line for line in role("database").value(
        (texts / name).read_text(encoding="utf-8"), **dict({"ansible_check_mode": False}, **variables)).splitlines() if line.strip()]


def column(number, **more):
    return dict({"schema": "public", "name": "t", "column": "c%d" % number, "type": "text"}, **more)


VERDICT = "nothing in these rules or in the database speaks against a dump by them; raw values in other columns are looked for only while it is made"


@pytest.mark.parametrize("gather, write, lines", [
    (["scan", "coverage"], "", 110), (["rules", "scan", "coverage"], "", 1060), (["scan", "coverage"], "rules.yml", 10), (["coverage"], "", 600)])
def test_what_is_shown_of_many_columns_is_no_flood_and_begins_with_what_they_come_to(shown, gather, write, lines):
    """Each column once, and none of those that are in the file that is written."""
    undecided = [column(n, why="its name" if n % 2 else None) for n in range(1000)]
    found = {"policy": "strict", "problems": ["No rule says it."], "proposal_problems": [], "rules": [
        {"schema": "public", "name": "t", "rows": "all", "source": None, "columns": [dict(one, rule=None, options={}, source=None) for one in undecided]}],
        "scan": [dict(one, proposal="text", rule=None, source=None) for one in undecided if one["why"]], "coverage": {
            "tables": 1, "columns": 1000, "masked": 0, "kept": 0, "assumed": [], "emptied": [], "undecided": undecided[: 500 if len(gather) == 1 else 1000]}}
    told = shown("rules.txt.j2", database_rules=found, database_gather=gather, database_write=write)
    assert len(told) < lines and told[0] == "no dump: No rule says it." and "policy strict" in told[1:3], told
    assert ("and 450 more: -e gather=scan shows all" in "".join(told)) is (not write and "scan" in gather)
    assert ("speaks against a dump by rules.yml; raw values" in told[1]) is (write != "")
    assert len([line for line in told if "c7 " in line or "c7:" in line]) <= (2 if "rules" in gather else 1)


def test_who_only_looks_is_told_that_the_proof_is_to_come(shown):
    found = {"policy": "strict", "problems": [], "rules": [], "scan": [], "coverage": {}}
    assert shown("rules.txt.j2", database_rules=found, database_gather=["rules"])[0] == VERDICT
    masked = [*[column(n, rule="text") for n in range(3)], dict(column(0, rule="hash"), name="T")]
    dumped = {"database": "shop", "size": 1, "tables": 1, "jobs": 1, "compression": "gzip:6", "excluded": [], "excluded_data": [], "leftovers": [],
              "sanitized": {"masked": masked, "emptied": [column(1), column(2)], "policy": "strict", "rules": "0", "key": "1", "residue": None}}
    told = shown("dumped.txt.j2", database_dumped=dumped, ansible_check_mode=True, database_only_sanitized=True)
    assert "proof: raw values are looked for only while the dump is made" in told
    assert told[-3:] == ["masked: public.t: c0 (text), c1 (text), c2 (text)", "masked: public.T: c0 (hash)", "emptied: public.t, public.t"]


@pytest.mark.parametrize("said, config, kept", [("", {}, False), ("", {"reversible": True}, True), ("no", {"reversible": True}, False), (True, {}, True)])
def test_what_a_refresh_would_replace_is_said_with_where_it_is(shown, said, config, kept):
    known = {"database_connection": {"login_db": "shop_stag", "login_host": "db.stag"}, "database_environment": "stag", "database_copy_server": "prod",
             "database_dumping": {"login_db": "shop"}, "database_dumping_environment": "prod", "database_dumping_migrate": True, "database_config": "people",
             "database_configs": {"people": config}, "database_reversible": said, "groups": {"app": ["web1", "web2"], "consumer": ["worker", "web2"]},
             "database_dumped": {"target": {"live": True, "beside": ["shop_stag__pre"], "adopt": {"sql": 2, "commands": 1}}}}
    what = "kept: database_reverse goes back to it" if kept else "dropped: there would be no way back (-e reversible=true keeps it)"
    assert shown("target.txt.j2", **known) == [
        "shop_stag on db.stag (stag) would be replaced by a sanitized copy of shop on prod (prod)", "what is live there would be " + what,
        "would be dropped, too: shop_stag__pre", "migrated: by the live release", "adopted: 2 texts of SQL, 1 commands",
        "services that run would be stopped for it on web1, web2, worker"]
    there = dict(known["database_dumped"]["target"], live=False, beside=[], adopt=None)
    assert shown("target.txt.j2", **dict(known, database_dumped={"target": there}, database_stop_services=False, database_dumping_migrate=False)) == [
        "shop_stag on db.stag (stag) would be made as a sanitized copy of shop on prod (prod)"]


@pytest.mark.parametrize("servers, words", [
    ({}, "no server prd in slipway_copy_servers, which says none."), ({"prod": {}, "eu": {}}, "servers, only eu, prod.")])
def test_a_server_that_is_not_there_is_told_with_those_that_are(repository, template, servers, words):
    for name in ("fetch", "copy"):
        tasks = repository.yaml("roles/database/tasks/%s.yml" % name)
        texts = [task["ansible.builtin.assert"]["fail_msg"] for task in [*tasks, *tasks[0].get("block", [])] if "ansible.builtin.assert" in task]
        told = [template(text, {"database_copy_server": "prd", "database_copy_servers": servers}) for text in texts if "There is no server" in text]
        assert len(told) == 1 and words in told[0], told
