# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of provisioning share: roles, with the variables that they have for an inventory."""

from __future__ import annotations

import yaml

SHOP = {"slipway_application": "shop", "slipway_profile": "django", "slipway_root": "/srv/shop", "slipway_server_name": "shop.example.com"}


class Role:
    """A role with the variables that it has where an inventory says so much."""

    def __init__(self, folder, template, variables):
        self._folder = folder
        self._template = template
        found = self.yaml("defaults/main.yml")
        if (folder / "vars" / "main.yml").exists():
            found.update(self.yaml("vars/main.yml"))
        if "slipway_profile" in variables:
            host = folder.parent / "host" / "vars"
            found.update(self.yaml(host / "profiles" / (variables["slipway_profile"] + ".yml")))
            found.update(self.yaml(host / "runtimes" / (found["__host_runtime"] + ".yml")))
        self._variables = dict(found, role_path=str(folder), **variables)
        self._searched = [str(folder / "templates"), str(folder.parent / "maintenance" / "templates")]

    def yaml(self, name):
        return yaml.safe_load((self._folder / name).read_text(encoding="utf-8"))

    def value(self, written, **more):
        return self._template(written, dict(self._variables, **more), self._searched)

    def render(self, template):
        return self.value((self._folder / "templates" / template).read_text(encoding="utf-8"))

    def task(self, name, tasks="tasks/main.yml"):
        """A task by its name, as it is written."""
        found, = (task for task in unfolded(self.yaml(tasks)) if task["name"] == name)
        return found


def unfolded(tasks):
    for task in tasks:
        yield task
        yield from unfolded(task.get("block", ()))
