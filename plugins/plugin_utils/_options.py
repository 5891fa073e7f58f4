# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of a role without Jinja, where it would say the same.

Most of a role's options are another variable or else a literal: "{{ slipway_root | default('') }}". Ansible compiles such
a text anew for each option, task and host, and that was half of what a step took the controller.
"""

from __future__ import annotations

import ast
import re

VARIABLE_OR_LITERAL = re.compile(r"\{\{ (\w+) \| default\(('[^'\\{]*'|\{\}|\d+)\) \}\}")


def shortened(value, variables):
    """The value, or what it refers to, which may have to be templated itself; variables are those of the task."""
    found = VARIABLE_OR_LITERAL.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    name, literal = found.groups()
    if name not in variables:
        return ast.literal_eval(literal)
    meant = variables[name]
    # A text with a template in it may turn out to be undefined, and one that looks like a list is one to some versions.
    doubtful = isinstance(meant, str) and re.search(r"[{\[]", meant)
    return value if doubtful or not _is_plain(meant) else meant


def _is_plain(value):
    """Whether a value is made of what YAML knows; a secret of a vault is not, and only Jinja makes a text of it in every version."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, int, float))
