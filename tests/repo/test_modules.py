# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module is documented as its neighbours are, and an action group holds those that take the option it is for."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._postgres.outbox import GROWING, PART, SENDERS

GROUPS = {"slipway.app.app": "root", "slipway.app.postgres": "login_db"}
ATTRIBUTES = ("check_mode", "diff_mode", "idempotent")


def group_members(repository, group):
    return repository.yaml("meta/runtime.yml")["action_groups"][group.rsplit(".", 1)[1]]


def test_there_are_modules(module_docs):
    assert module_docs


def test_every_module_says_what_users_ask(module_docs):
    wrong = []
    for name, docs in module_docs.items():
        attributes = docs["doc"].get("attributes", {})
        for word in ATTRIBUTES:
            support = attributes.get(word, {}).get("support")
            if support is None:
                wrong.append("%s: no attribute %s" % (name, word))
            elif support in ("partial", "none") and not attributes[word].get("details"):
                wrong.append("%s: %s is %s and does not say why" % (name, word, support))
        wrong += ["%s: no %s" % (name, block) for block in ("examples", "return") if not docs.get(block)]
        if "version_added" not in docs["doc"]:
            wrong.append("%s: no version_added" % name)
    assert wrong == []


def test_examples_are_tasks_one_can_copy(module_docs):
    wrong = []
    for name, docs in module_docs.items():
        if not docs["examples"].lstrip("\n").startswith("---"):
            wrong.append("%s: EXAMPLES do not start with ---" % name)
        items = yaml.safe_load(docs["examples"])
        tasks = [task for item in items for task in item.get("tasks", [item])]
        if not any("slipway.app." + name in task for task in tasks):
            wrong.append("%s: no example calls slipway.app.%s" % (name, name))
        wrong += ["%s: an example has no name" % name for task in tasks if "name" not in task]
        wrong += ["%s: '%s' does nothing in check mode" % (name, task["name"]) for task in tasks if task.get("check_mode")]
    assert wrong == []


def described(options, where):
    """Sentences for options or return values, at any depth, that lack a description or a type."""
    for name, option in (options or {}).items():
        here = "%s.%s" % (where, name)
        if not option.get("description"):
            yield here + " has no description"
        if not option.get("type"):
            yield here + " has no type"
        yield from described(option.get("suboptions") or option.get("contains"), here)


def test_options_and_return_values_are_described_and_typed(module_docs):
    wrong = []
    for name, docs in module_docs.items():
        wrong += described(docs["doc"].get("options"), name)
        wrong += described(docs["return"], name + " returns")
        wrong += ["%s returns %s without saying when" % (name, key)
                  for key, value in docs["return"].items() if not value.get("returned")]
    assert wrong == []


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_action_group_holds_the_modules_with_its_option(module_docs, repository, group):
    having = sorted(name for name, docs in module_docs.items() if GROUPS[group] in docs["doc"].get("options", {}))
    assert group_members(repository, group) == having


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_an_action_group_is_documented_where_it_holds(module_docs, repository, group):
    documented = sorted(name for name, docs in module_docs.items()
                        if group in docs["doc"].get("attributes", {}).get("action_group", {}).get("membership", []))
    assert documented == group_members(repository, group)


def test_info_modules_only_read(module_docs):
    wrong = [name for name, docs in module_docs.items() if name.endswith("_info")
             and docs["doc"]["attributes"]["check_mode"].get("details") != ["This module only reads."]]
    assert wrong == []


def test_every_module_tells_of_a_file_that_cannot_be_read(repository):
    """A full disk, or a file that somebody else owns, may meet any module: a sentence, and no traceback."""
    told = ("finish(module, run", "except OSError as error:\n        ", "result = run_steps(")
    sources = {path.stem: path.read_text(encoding="utf-8") for path in repository.under("plugins/modules", ".py")}
    wrong = [name for name, source in sources.items() if "AnsibleModule(" in source and not any(words in source for words in told)]
    assert wrong == []


def test_the_room_that_a_dump_needs_on_its_way_is_what_it_takes(module_docs, repository):
    """Who gives spool_dir a file system of its own goes by what is written."""
    said = "room for parts of %d MiB, %s for each table that is dumped at a time and %s more" % (PART >> 20, {2: "two"}[GROWING], {8: "eight"}[2 * SENDERS])
    guide = " ".join((repository.root / "docs/docsite/rst/guide_dumps.rst").read_text(encoding="utf-8").split())
    assert "%s (%d MiB with two jobs)" % (said, (2 * GROWING + 2 * SENDERS) * PART >> 20) in guide
    assert said in " ".join(module_docs["postgres_dump"]["doc"]["options"]["spool_dir"]["description"])
