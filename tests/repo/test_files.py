# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Licence headers stand where they must, and nothing of one machine is in the repository."""

from __future__ import annotations

import re

import pytest

SPDX = "SPDX-License-" + "Identifier: "  # in two parts, or the licence check takes it for this file's own
GPL = ("GNU General Public License v3.0+", SPDX + "GPL-3.0-or-later")
BSD = ("Simplified BSD License", SPDX + "BSD-2-Clause")
# Folders of the people who wrote this, and of their machines. Documentation speaks of /srv and of /path/to.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work/|root/|home/[a-z]|Users/|tmp/spec)")


def head(path):
    return "\n".join(path.read_text(encoding="utf-8").splitlines()[:20])


@pytest.mark.parametrize("folder, header", [
    ("plugins/module_utils", BSD),
    ("plugins/modules", GPL),
    ("plugins/action", GPL),
    ("plugins/doc_fragments", GPL),
    ("plugins/plugin_utils", GPL),
    ("scripts", GPL),
    ("tests", GPL),
    ("demo", GPL),
    ("benchmarks", GPL),
])
def test_python_files_say_their_licence(repository, folder, header):
    wrong = [str(path.relative_to(repository.root)) for path in repository.under(folder, ".py")
             if path.read_text(encoding="utf-8").strip() and not all(words in head(path) for words in header)]
    assert wrong == []


@pytest.mark.parametrize("folder", ["playbooks", "roles", "meta"])
def test_yaml_files_say_their_licence(repository, folder):
    wrong = [str(path.relative_to(repository.root)) for path in repository.under(folder, ".yml")
             if not all(words in head(path) for words in GPL)]
    assert wrong == []


def test_no_paths_of_a_machine(repository):
    wrong = []
    for path in repository.files:
        if path.is_symlink() or path.is_relative_to(repository.root / "tests" / "repo"):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        wrong += ["%s:%d: %s" % (path.relative_to(repository.root), number, line.strip())
                  for number, line in enumerate(text.splitlines(), 1) if MACHINE_PATHS.search(line)]
    assert wrong == []


def test_sanity_has_no_ignore_files(repository):
    assert repository.under("tests/sanity") == []


def test_a_silenced_check_is_named(repository):
    bare = re.compile(r"#\s*(noqa|type: ignore|pylint: disable=all|yamllint disable)\s*$")
    wrong = ["%s:%d" % (path.relative_to(repository.root), number)
             for path in repository.files if path.suffix in (".py", ".yml", ".yaml") and not path.is_symlink()
             for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if bare.search(line)]
    assert wrong == []
