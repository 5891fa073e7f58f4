# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's templating in a process of its own: it takes filters and lookups of collections only where it was there before they were.

Reads lines of JSON, {"variables", "value", "searched"}, and answers each with a line: {"value": that with all its templates evaluated}, or
{"undefined": the error} where one asks for what is not there.
"""

from __future__ import annotations

import json
import sys

from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template


def trusted(value):
    if isinstance(value, dict):
        return {name: trusted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


if __name__ == "__main__":
    init_plugin_loader()
    for line in sys.stdin:
        asked = json.loads(line)
        templar = Templar(loader=DataLoader(), variables=trusted(asked["variables"]))
        templar = templar.copy_with_new_env(searchpath=asked["searched"])
        try:
            answer = {"value": templar.template(trusted(asked["value"]), overrides={"trim_blocks": True})}
        except AnsibleUndefinedVariable as error:
            answer = {"undefined": str(error)}
        print(json.dumps(answer), flush=True)
