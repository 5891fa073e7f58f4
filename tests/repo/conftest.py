# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates over the repository look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.slipway.app.tests.repo.provisioning import Role

ROOT = Path(__file__).resolve().parents[2]


class Repository:
    """The files and the documentation of the collection."""

    root = ROOT

    def __init__(self):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        names = sorted(set(filter(None, listed.split("\0"))))
        self.files = [ROOT / name for name in names if os.path.lexists(ROOT / name)]

    def under(self, folder, suffix=""):
        return [path for path in self.files if path.is_relative_to(ROOT / folder) and path.name.endswith(suffix)]

    def names(self, folder, suffix):
        """File names right in a folder, without the suffix."""
        return sorted(path.name[: -len(suffix)] for path in self.under(folder, suffix) if path.parent == ROOT / folder)

    @staticmethod
    def yaml(name):
        return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def repository():
    return Repository()


@pytest.fixture(scope="session")
def template():
    """template(value, variables) -> the value with its templates evaluated as Ansible does it; absent, where one asks for what is not there."""
    with subprocess.Popen([sys.executable, Path(__file__).with_name("templar.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          encoding="utf-8") as process:
        def evaluated(value, variables, searched=(), absent=None):
            process.stdin.write(json.dumps({"variables": variables, "value": value, "searched": searched}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            if "undefined" in answer and absent is None:
                pytest.fail(answer["undefined"])
            return answer.get("value", absent)

        yield evaluated
        process.stdin.close()


@pytest.fixture(scope="session")
def role(repository, template):
    """role(its name, variables of the inventory) -> Role"""
    return lambda name, **variables: Role(repository.root / "roles" / name, template, variables)
