# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README lists what there is: its tables of playbooks and modules, and the files of the collection, agree."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import workspace  # noqa: E402  (scripts is no package)


def table(text, what):
    """The names in the first column of the table whose first column is headed WHAT."""
    rows = iter(text.splitlines())
    for row in rows:
        if re.match(r"\|\s*%ss?\s*\|" % what, row, re.IGNORECASE):
            next(rows)
            names = []
            for line in rows:
                if not line.startswith("|"):
                    return names
                names += re.findall(r"`(?:slipway\.app\.)?(\w+)`", line.split("|")[1])
            return names
    pytest.fail("README.md has no table with a column %s" % what)


@pytest.mark.parametrize("what, folder, suffix", [
    ("playbook", "playbooks", ".yml"),
    ("module", "plugins/modules", ".py"),
])
def test_the_readme_lists_all_and_nothing_else(repository, what, folder, suffix):
    named = table((repository.root / "README.md").read_text(encoding="utf-8"), what)
    assert sorted(named) == repository.names(folder, suffix)


def test_make_help_names_every_target(repository):
    text = (repository.root / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()
    assert sorted(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)) == sorted(targets)


def test_requirements_are_pinned(repository):
    fine = re.compile(r"$|#|-[rc] |[\w.\[\],-]+==[\w.]+(\s|$)")
    loose = ["%s: %s" % (path.name, line) for path in repository.files
             if path.parent.name == "requirements" or path.name == "requirements.txt"
             for line in path.read_text(encoding="utf-8").splitlines() if not fine.match(line)]
    assert loose == []


def test_the_collections_that_users_get_are_the_ones_tests_have(repository):
    assert sorted(repository.yaml("galaxy.yml")["dependencies"]) == sorted(workspace.DEPENDED_ON)
