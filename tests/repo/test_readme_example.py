# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who copies the README's example can provision and deploy: it says what the lab's inventory says, by which molecule does both."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand, expand_text
from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.hosts.conftest import hosts_lab as lab  # the demo has a lab too

# What the lab's inventory says beyond what everybody has to: the demo's wheels, and what is so by default.
OF_THE_LAB = {"slipway_build_environment_variables", "slipway_user"}
# Where the README says that its blocks go; the last two are for provision only.
VARIABLES = "inventories/prod/group_vars/all/"
FILES = ("slipway.yml", "inventories/prod/hosts.yml", VARIABLES + "application.yml", "inventories/prod/provision.yml", VARIABLES + "provision.yml")
VAULT = VARIABLES + "vault.yml"
GIVEN = {"root": "/srv/shop", "release": "/srv/shop/releases/1", "shared": "/srv/shop/shared", "python": "/usr/bin/python3", "namespace": "1"}


@pytest.fixture(scope="module")
def blocks(repository):
    """{file: text} of slipway.yml, the inventory to deploy with, and what provision wants beside it, as they stand in the README."""
    text = (repository.root / "README.md").read_text(encoding="utf-8")
    assert all("`%s`" % name in text for name in (*FILES, VAULT))
    return dict(zip(FILES, re.findall(r"```yaml\n(.*?)```", text[text.index("## For your own application"):], re.DOTALL)))


@pytest.fixture(scope="module")
def example(blocks):
    return [yaml.safe_load(block) for block in blocks.values()]


@pytest.fixture
def of_the_lab(tmp_path, monkeypatch):
    """The variables of the inventory by which molecule provisions and deploys."""
    made = lab.Lab.__new__(lab.Lab)
    monkeypatch.setattr(lab.Lab, "secrets", dict.fromkeys(("database", "registry", "secret_key", "upload_token"), "x"), raising=False)
    monkeypatch.setattr(made, "_state", lambda: {"addresses": {}}, raising=False)
    return made._application()


def test_the_inventory_says_what_the_one_says_that_molecule_deploys_with(example, of_the_lab):
    _slipway, hosts, variables, more, provision = example
    ours = dict(variables, **provision)
    assert {name for name in ours if name.startswith("slipway_")} == set(of_the_lab) - OF_THE_LAB
    # Services are systemd's where nothing else is said, and its units are root's.
    assert ours["ansible_become"] is True
    for name in ("slipway_store_auth", "slipway_database"):
        assert set(ours[name]) == set(of_the_lab[name]) - {"login_port"}, name
    assert {*hosts, *more} == {"app", "consumer", "database", "balancer", "build"}


def test_every_command_of_the_example_can_be_run_with_its_inventory(example):
    config = effective({"base": example[0], "overlays": {}}, "prod")
    variables = dict(config["variables"], **GIVEN)
    commands = [command for kind in ("install", "migrate", "check", "warm") for command in config["commands"][kind]]
    build = [command for kind in ("commands", "assets", "compile") for command in config["build"][kind]]
    for command in commands + [service["command"] for service in config["services"].values()] + build:
        assert expand(command, variables)
    for text in [config["health"]["url"], *config["environment"].values()]:
        assert "{" not in expand_text(text, variables)


def test_ten_lines_of_inventory_will_do(blocks):
    assert sum(len(blocks[name].splitlines()) for name in FILES[1:3]) == 10


@pytest.mark.parametrize(("playbooks", "files"), [(("deploy", "upgrade"), FILES[1:3]), (("provision", "deploy", "upgrade"), FILES[1:])], ids=["there", "bare"])
def test_the_playbooks_find_nothing_missing_in_the_example(blocks, repository, tmp_path, playbooks, files):
    """Their first plays are run, which need no host, with the files of an inventory that the README names."""
    (tmp_path / VARIABLES).mkdir(parents=True)
    for name in files:
        (tmp_path / name).write_text(blocks[name], encoding="utf-8")
    vaulted = sorted(set(re.findall(r"{{ (vault_\w+) }}", "".join(blocks.values()))))
    (tmp_path / VAULT).write_text(json.dumps(dict.fromkeys(vaulted, "x")), encoding="utf-8")
    first = [repository.yaml("playbooks/%s.yml" % name)[0] for name in playbooks]
    assert all(play["hosts"] == "localhost:all" for play in first)
    (tmp_path / "first.json").write_text(json.dumps(first), encoding="utf-8")
    done = playbook_process.run(["-i", "inventories/prod", "first.json", "-e", "reference=1.0.0"], tmp_path)
    assert done.returncode == 0 and done.stdout.count("Check the inventory]") >= len(playbooks), done.stdout + done.stderr
    assert "duplicate" not in done.stderr.lower()
