# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What README, guides and heads of templates list is what the code has."""

from __future__ import annotations

import ast
import re
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._postgres import configs
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.rules import TABLE_OPTIONS

PACKAGES = {"PIL": "Pillow", "yaml": "PyYAML"}  # what is imported: what is installed for it
# What has another name, by which everybody searches for it.
NAMED = {"the release before": "the old release", "data of persons": "personal data", "key of pseudonyms": "slipway_sanitize_key",
         "first app host": "the leader", "host that led the": "the leader"}


@pytest.fixture(scope="session")
def read(repository):
    """read(name) -> the text of a file, in one line."""
    return lambda name: " ".join((repository.root / name).read_text(encoding="utf-8").split())


def test_the_guide_lists_what_each_call_takes_from_a_config(read):
    text = read("docs/docsite/rst/guide_dumps.rst")
    sentence = re.search(r"so one config may serve them all: (a dump takes .*?)\. An option", text).group(1)
    listed = [set(re.findall(r"``(\w+)``", part)) for part in sentence.split(";")]
    assert listed == [set(options) for options in (configs.DUMP, configs.RESTORE, configs.COPY, configs.LIST)]


def test_the_guide_says_which_dumps_are_removed_only_by_name(read):
    """That is so of any other environment's rows, as test_dump_removal.py has it, and not of those of prod alone."""
    assert "for a dump of another environment unless it is sanitized, it takes ``confirm``" in read("docs/docsite/rst/guide_dumps.rst")


def test_all_that_a_table_may_have_is_documented_where_rules_are_given(module_docs):
    text = " ".join(module_docs["postgres_dump"]["doc"]["options"]["sanitize"]["description"])
    assert [name for name in TABLE_OPTIONS if "C(%s)" % name not in text] == []


def test_the_head_of_the_snippet_for_nginx_names_all_of_its_variables(repository):
    """Whoever renders it himself has nothing else to go by."""
    head, body = (repository.root / "roles/maintenance/templates/nginx.conf.j2").read_text(encoding="utf-8").split("-#}", 1)
    assert set(re.findall(r"\bmaintenance_\w+", body)) - set(re.findall(r"\bmaintenance_\w+", head)) == set()


def test_contributors_are_told_what_modules_import_beyond_the_standard_library(repository, read):
    found = set()
    for path in repository.under("plugins/module_utils", ".py") + repository.under("plugins/modules", ".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            found |= {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"ansible", "ansible_collections", "botocore"}
    text = read("CONTRIBUTING.md")
    told = text[text.index("keep to Python 3.8 and its standard library"):text.index("## Choices that may surprise")]
    assert found and [name for name in sorted(found) if PACKAGES.get(name, name) not in told] == []


def test_links_of_the_readme_lead_to_what_an_installed_collection_has(repository):
    ignored = repository.yaml("galaxy.yml")["build_ignore"]
    links = re.findall(r"\]\(([a-z][^):#]*)\)", (repository.root / "README.md").read_text(encoding="utf-8"), re.IGNORECASE)
    assert links and [link for link in links if not (repository.root / link).exists()] == []
    assert [link for link in links for pattern in ignored if (pattern + "/").startswith(link + "/") or (link + "/").startswith(pattern + "/")] == []


def test_the_readme_says_what_applications_with_php_share(repository, read):
    """The rest is in the pool of each, which is its own."""
    assert "Several applications on one host share `php.ini` with PHP" in read("README.md")
    assert {"host_user", "host_php_children", "host_request_seconds", "host_upload_limit_megabytes"} <= set(
        re.findall(r"host_\w+", (repository.root / "roles/host/templates/php_fpm.conf.j2").read_text(encoding="utf-8")))


def test_one_concept_has_one_name(repository):
    folders = ("README.md", "CONTRIBUTING.md", "changelogs", "docs", "playbooks", "plugins", "roles", "scripts", "demo")
    texts = {path: " ".join(path.read_text(encoding="utf-8").split()).lower() for folder in folders for path in repository.under(folder)
             if path.suffix in (".md", ".rst", ".yml", ".py", ".j2")}
    assert texts and [(str(path), words, meant) for path, text in texts.items() for words, meant in NAMED.items() if words in text] == []


def test_the_readme_says_once_who_the_leader_is(read):
    assert read("README.md").count("is the **leader**") == 1


def test_guides_can_be_reviewed_in_a_diff(repository):
    lines = [(path.name, number, len(line)) for path in repository.under("docs", ".rst")
             for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    assert lines and [line for line in lines if line[2] > 160] == []
