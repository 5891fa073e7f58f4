# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library under plugins/module_utils/ is layered: no Ansible in it, imports point downwards, none go in circles."""

from __future__ import annotations

import ast
import graphlib

import pytest

# Each layer may import those in the rows above its own, and itself.
LAYERS = (
    ("_core",),
    ("_config",),
    ("_package",),
    ("_release",),
    ("_service", "_maintenance", "_postgres", "_media"),
    ("_operation",),
)
HEIGHT = {name: height for height, row in enumerate(LAYERS) for name in row}
HERE = "ansible_collections.slipway.app.plugins.module_utils."


def imports(path):
    """(line, module) of every import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, "." * node.level + (node.module or "") + "." + alias.name


@pytest.fixture(scope="session")
def library(repository):
    """{dotted name below module_utils: path}"""
    base = repository.root / "plugins" / "module_utils"
    names = {}
    for path in repository.under("plugins/module_utils", ".py"):
        parts = path.relative_to(base).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def test_every_file_is_in_a_known_layer(library):
    assert sorted(name for name in library if name.split(".")[0] not in HEIGHT) == []


def test_no_ansible_in_the_library(library, repository):
    wrong = ["%s:%d imports %s" % (path.relative_to(repository.root), line, module)
             for path in library.values() for line, module in imports(path)
             if module.split(".")[0] == "ansible" or module.startswith(".")]
    assert wrong == []


def test_imports_point_downwards(library, repository):
    wrong = []
    for name, path in library.items():
        layer = name.split(".")[0]
        for line, module in imports(path):
            other = module[len(HERE):].split(".")[0] if module.startswith(HERE) else layer
            if other != layer and HEIGHT[other] >= HEIGHT[layer]:
                wrong.append("%s:%d imports %s" % (path.relative_to(repository.root), line, module))
    assert wrong == []


def test_no_circular_imports(library):
    graph = {name: {module[len(HERE):] for _line, module in imports(path) if module[len(HERE):] in library}
             for name, path in library.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))
