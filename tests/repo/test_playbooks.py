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
        # --limit leaves out an implicit localhost; then another host takes its place.
        assert (first["hosts"], first["run_once"]) == ("localhost:all", True) and looked.get("alone") in (None, False), path.name
        lax |= {path.stem} if "alone" in looked else set()
    assert lax == READING


def test_neither_strategy_nor_task_timeout_of_a_configuration_get_between_the_steps(repository):
    """By strategy=free a host would go ahead of the one that stops services; a step that is cut off is taken for one that never was."""
    lax = {path.name: play["name"] for path in (repository.root / "playbooks").glob("*.yml")
           for play in yaml.safe_load(path.read_text(encoding="utf-8"))[1:]
           if (play.get("strategy"), play.get("timeout")) != ("ansible.builtin.linear", None if path.stem in READING else 0)}
    assert lax == {}


@pytest.mark.parametrize("second, more, words", [
    ("uat --limit b", {}, "It is several at once (%(folder)s/prod, %(folder)s/uat)"), ("", {}, None), ("uat", {"several_inventories": "yes"}, None),
    ("", {"slipway_environment": "{{ {'a': 'uat', 'b': 'prod'}[inventory_hostname] }}"}, "b of prod; a of uat")])
def test_several_environments_in_one_run_are_refused(tmp_path, second, more, words):
    (tmp_path / "prod").write_text("[app]\na\nb\n", encoding="utf-8")
    (tmp_path / "uat").write_text("[app]\nc\n", encoding="utf-8")
    inventories = [word for name in ("prod", second) if name for word in ("-i", *name.split())]
    variables = dict({"ansible_connection": "local", "slipway_root": str(tmp_path), "slipway_environment": "uat"}, **more)
    (tmp_path / "look.yml").write_text(json.dumps([{"hosts": "localhost:all", "run_once": True, "gather_facts": False,
                                                    "tasks": [{"slipway.app.inventory_check": {}}]}]), encoding="utf-8")
    done = playbook_process.run([*inventories, "look.yml", "-e", json.dumps(variables)], tmp_path)
    assert (done.returncode == 0) is (words is None), done.stdout
    assert (words or "") % {"folder": tmp_path} in done.stdout


def test_who_asks_the_leader_does_so_whichever_host_is_the_first(repository):
    """A role's condition is one of each of its tasks, and of one with run_once only the first host is asked: what holds there decides for all."""
    conditions = {(path.stem, role["when"]) for path in (repository.root / "playbooks").glob("*.yml")
                  for play in yaml.safe_load(path.read_text(encoding="utf-8")) for role in play.get("roles", []) if "when" in role}
    assert conditions == {("recover", "operation_ended.ended != 'checked'")}  # which is one answer for all hosts


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


# What other tasks have found when the templates of playbooks are evaluated.
FOUND = {"ansible_check_mode": False, "built": {"package": "shop:1", "digest": "sha256:0", "changed": False}, "database_dumped": {"key": "a/b/c"},
         "patch_done": {"restart_needed": True}, "operation_ended": {"ended": "done"}}
# A list of services that has come out empty is not to stop all of them.
BLANK_IS_REFUSED = {("service_stop", "services")}


def templates(node, key=None):
    """Every text in plays that Ansible evaluates, as a template; messages for people are none of them."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from templates(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from templates(value, key)
    elif isinstance(node, str) and key in ("when", "that"):
        yield "{{ %s }}" % node
    elif isinstance(node, str) and "{{" in node and key != "fail_msg":
        yield node


@pytest.fixture(scope="module")
def evaluate(template):
    """evaluate(text, variables) -> its value; absent, where it asks for what is not there, which conditions and asserts may keep it from."""
    known = {}

    def value(text, variables, absent=""):
        key = text, repr(variables), absent
        if key not in known:
            found = template(text, dict(FOUND, **variables), absent=absent)
            known[key] = "" if found is None else found
        return known[key]

    return value


@pytest.fixture(scope="module")
def asking(repository):
    """[(playbook, name that a person may give, template that asks for it, the other names in it)], those of the build among them."""
    of_builds, found = list(templates(repository.yaml("roles/package/defaults/main.yml"))), []
    for playbook, names in asked_of(repository).items():
        for text in [*templates(repository.yaml("playbooks/%s.yml" % playbook)), *of_builds]:
            here = names & set(re.findall(r"(?<![\w.'])\w+(?!')", text))
            found += [(playbook, name, text, here - {name}) for name in sorted(here)]
    return found


def test_blank_is_not_said(asking, evaluate):
    """AWX gives an optional question that is left blank as an empty text, and a shell -e services=$UNSET."""
    wrong = set()
    for playbook, name, text, others in asking:
        for around in [{}, *({other: "x"} for other in others)]:
            unsaid = evaluate(text, around)
            wrong |= {(playbook, name) for blank in ("", None) if evaluate(text, dict(around, **{name: blank})) != unsaid}
    assert wrong == BLANK_IS_REFUSED


def test_what_is_said_is_handed_on_as_it_is_said(asking, evaluate):
    """60s as a number would be 0, and kill at once: the role refuses it. Neither false nor 0 is a blank."""
    wrong, looked = [], []
    for playbook, name, text, _others in asking:
        unsaid = evaluate(text, {})
        if text.endswith("| bool }}") and " not " not in text:
            told = {"no": [False], "yes": [True], False: [False], True: [True]}
        else:
            told = {0: [0, "0"], "60s": ["60s"]} if isinstance(unsaid, int) and not isinstance(unsaid, bool) else {}
        looked += [type(unsaid)] if told else []
        wrong += [(playbook, name, said) for said, meant in told.items() if evaluate(text, {name: said}) not in meant]
    assert wrong == [] and set(looked) == {bool, int}


def test_blanks_and_several_names_are_read_by_filters(repository):
    """Playbooks are to be readable aloud."""
    found = [path.name + ": " + line.strip() for path in repository.under("playbooks", ".yml") for line in path.read_text(encoding="utf-8").splitlines()
             if "map('split'" in line or re.search(r"(?<!not) in \['', none\]", line) and "flatten(levels=1)" not in line]
    assert found == []


@pytest.mark.parametrize("given", ["web,cron", " web, cron ,", ["web", "cron"]])
def test_several_names_are_a_text_or_a_list(asking, evaluate, given):
    """AWX gives what is chosen of several as a list."""
    found = [evaluate(text, {name: given}) for _playbook, name, text, _others in asking if name in ("services", "tables", "schemas", "gather")]
    assert found.count(["web", "cron"]) == 6


@pytest.mark.parametrize("playbook", ["deploy", "upgrade"])
def test_where_limit_has_left_out_who_builds_there_is_no_package(repository, evaluate, playbook):
    """The first step says so; an attribute that is missing tells nobody what to do."""
    play = repository.yaml("playbooks/%s.yml" % playbook)[-1]
    said = {"reference": "1.0.0", "built": evaluate(play["vars"]["built"], {"groups": {}, "hostvars": {"localhost": {}}})}
    asked = play["tasks"][-1]["vars"]
    assert said["built"] == {} and [evaluate(asked["operation_" + name], said, "error") for name in ("package", "digest")] == ["", ""]
    assert evaluate("{{ %s }}" % play["tasks"][0]["when"], dict(said, ansible_check_mode=True), "error") is False


GROUPS = {"app": ["web1", "web3"], "consumer": ["jobs1"], "database": ["db1"], "build": ["build1"], "balancer": ["lb1"]}


@pytest.mark.parametrize(("groups", "limit", "left"), [
    (GROUPS, ["web1", "web3", "jobs1", "db1", "build1", "lb1"], None), (GROUPS, ["db1"], None), (GROUPS, ["web3"], "build1, db1, lb1"),
    (GROUPS, ["jobs1", "db1", "build1"], "lb1"), ({"app": ["web1"]}, ["web1"], None)])
def test_provision_says_who_does_not_get_to_know_a_host_by_limit(repository, evaluate, groups, limit, left):
    task = repository.yaml("playbooks/provision.yml")[0]["tasks"][-1]
    known = {"groups": groups, "ansible_play_hosts_all": limit}
    known["left_out"] = evaluate(task["vars"]["left_out"], known)
    said = all(evaluate("{{ %s }}" % each, known) for each in task["when"])
    assert said is (left is not None)
    assert not said or ": " + left + "." in evaluate(task["ansible.builtin.debug"]["msg"], known)


@pytest.mark.parametrize(("host", "address", "store", "here"), [
    ("build1", None, "https://build1:5000", True), ("Build1", None, "https://Build1:5000", True),
    ("b", "Build1.example.com", "https://build1.EXAMPLE.com", True),
    ("build1", "10.0.0.5", "https://registry.example.com", False), ("build1", None, "/srv/packages", False), ("build1", None, None, False)])
def test_the_registry_is_there_where_the_store_names_the_build_host(repository, evaluate, host, address, store, here):
    """Names of hosts know no capital letters."""
    play, = [play for play in repository.yaml("playbooks/provision.yml") if play["hosts"] == "build"]
    known = {"inventory_hostname": host, "ansible_host": address, "slipway_store": store}
    said = {name: value for name, value in known.items() if value}
    assert evaluate("{{ %s }}" % play["tasks"][0]["when"], said) is here
