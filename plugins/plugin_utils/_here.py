# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that people have on the controller, for modules that run elsewhere."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.slipway.app.plugins.module_utils._config.load import read_yaml
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError


def path_here(action, name):
    """Where a file is: as a person has typed it, seen from where Ansible was started, else as in a role's tasks."""
    typed = os.path.abspath(os.path.expanduser(name))
    try:
        return typed if os.path.isfile(typed) else action._find_needle("files", name)
    except AnsibleError:
        raise AnsibleError("There is no file %s, nor one of that name in the folders of the playbook." % typed) from None


def with_rules(action, arguments):
    """The arguments of a module with what is in the file of rules that they name as sanitize_file."""
    name = arguments.get("sanitize_file")
    if not name:
        return arguments
    try:
        rules = read_yaml(path_here(action, name), name)
    except (AnsibleError, SlipwayError, OSError) as error:
        raise AnsibleActionFail("Nothing was changed. The file of rules %s cannot be read: %s" % (name, error)) from error
    if not isinstance(rules, dict):
        raise AnsibleActionFail("Nothing was changed. The file of rules %s is no mapping with tables." % name)
    return dict(arguments, sanitize_content=rules)
