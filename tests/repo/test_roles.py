# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables is what it has: defaults/ and meta/argument_specs.yml are one and the same."""

from __future__ import annotations

import re


def roles(repository):
    return sorted({path.relative_to(repository.root).parts[1] for path in repository.under("roles")})


def specs(repository, role):
    return repository.yaml("roles/%s/meta/argument_specs.yml" % role)["argument_specs"]


def defaults(repository, role):
    return repository.yaml("roles/%s/defaults/main.yml" % role) or {}


def all_options(repository, role):
    """{name: option} over all entry points of a role."""
    return {name: option for spec in specs(repository, role).values() for name, option in spec.get("options", {}).items()}


def test_there_are_roles(repository):
    assert roles(repository)


def test_every_default_is_specified_and_every_specified_default_is_there(repository):
    wrong = []
    for role in roles(repository):
        ours = defaults(repository, role)
        specified = {name: option["default"] for name, option in all_options(repository, role).items() if "default" in option}
        wrong += ["%s: %s is %r in defaults/ and %r in argument_specs" % (
            role, name, ours.get(name, "missing"), specified.get(name, "missing"))
            for name in sorted(set(ours) | set(specified))
            if (name in ours, ours.get(name)) != (name in specified, specified.get(name))]
    assert wrong == []


def test_an_option_without_a_default_is_required(repository):
    wrong = ["%s: %s has no default and is not required" % (role, name)
             for role in roles(repository) for name, option in all_options(repository, role).items()
             if "default" not in option and option.get("required") is not True]
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
