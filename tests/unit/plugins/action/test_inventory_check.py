# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found in an inventory before any host is asked."""

from __future__ import annotations

import ast

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.slipway.app.plugins.action.inventory_check import _environments, _evaluated, _no_texts, _others, _twice


@pytest.fixture
def inventories(tmp_path):
    """Paths of inventories: of prod, of uat, and of one that has variables only."""
    found = {}
    for name, text in (("prod", "[app]\na\n"), ("uat", "[app]\nb\n"), ("more", "[all:vars]\nfact=1\n"), ("again", "[app]\na ansible_port=2222\n"),
                       ("east", "[app]\nc\n[all:vars]\nslipway_environment=prod\n"), ("west", "[app]\nd\n[all:vars]\nslipway_environment=prod\n"),
                       ("empty/hosts", "[other]\ne\n"), ("empty/group_vars/all.yml", "slipway_environment: uat\n")):
        found[name] = str(tmp_path / name)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return found


@pytest.mark.parametrize("names", [[], ["uat"], ["uat", "more"], ["more", "uat"], ["prod", "again"], ["east", "west", "more"]])
def test_one_inventory_says_what_its_hosts_are(inventories, names):
    assert _others([inventories[name] for name in names], DataLoader()) == []
    assert _others(None, DataLoader()) == _others("localhost,", DataLoader()) == []


def test_several_are_a_finding(inventories):
    """Production's hosts would be those of uat: group_vars/all of the last one goes before."""
    finding, = _others([inventories[name] for name in ("prod", "more", "uat")], DataLoader())
    assert "(%(prod)s, %(more)s, %(uat)s)" % inventories in finding and "several_inventories=true" in finding


def test_one_without_hosts_of_the_application_that_says_otherwise_is_one(inventories):
    """Its variables for all hosts go before those of production, though it brings none today."""
    assert _others([inventories[name] for name in ("east", "empty/hosts")], DataLoader()) != []


@pytest.mark.parametrize("variables, words", [
    (({}, {"slipway_environment": "prod"}), None), (({"slipway_environment": "uat"}, {"slipway_environment": "uat"}), None),
    (({"slipway_environment": "uat"}, {"slipway_environment": ""}), "two (not set there) of prod; one of uat"),
    (({"slipway_environment": "prod"}, {"slipway_environment": "uat"}), "one of prod; two of uat")])
def test_hosts_of_one_run_are_of_one_environment(variables, words):
    found = _environments({"one": ["app", "leader"], "two": ["consumer"]}, dict(zip(("one", "two"), variables)))
    assert (found == []) is (words is None) and (words or "") in "".join(found)


def test_what_yaml_has_made_something_else_of_is_named():
    said = {"reference": 1.1, "patch": True, "tag": None, "package": "shop:1.10", "label": ""}  # 1.10, on, nothing
    number, truth = _no_texts(said)
    assert "reference has to be a text and is 1.1," in number and "patch has to be a text and is True," in truth


class Native:
    """The templar of ansible-core 2.17 and 2.18 where the configuration has jinja2_native, as far as it is asked here."""

    jinja2_native = True

    def __init__(self, variables):
        self._variables = variables

    def template(self, text):
        value = self._variables[text.strip("{} ")]
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value


def test_a_text_that_templates_make_a_number_of_is_named(monkeypatch):
    """In quotes as it has to be, it would be the tag of another release all the same: before ansible-core 2.19, where jinja2_native is on."""
    said = {"reference": "v1.10", "package": "shop:1.10", "label": "2024", "tag": "1.10"}
    assert _evaluated(said, Templar(loader=DataLoader(), variables=said)) == []
    monkeypatch.setattr("ansible.constants.DEFAULT_JINJA2_NATIVE", True, raising=False)
    templar = Templar(loader=DataLoader(), variables=said)
    if not hasattr(templar, "jinja2_native"):
        assert _evaluated(said, templar) == []
        templar = Native(said)
    finding, = _evaluated(said, templar)
    assert "tag is the text '1.10'" in finding and "makes 1.1 " in finding
    assert _evaluated({"tag": 1.1, "label": None}, templar) == []  # which is named already, or is nothing


SHOP = {"ansible_host": "10.0.0.5", "slipway_root": "/srv/shop"}


@pytest.mark.parametrize("jobs, same", [
    (SHOP, True), (dict(SHOP, ansible_port="22"), True), ({"slipway_root": "/srv/shop"}, False), (dict(SHOP, slipway_root="/srv/jobs"), False),
    (dict(SHOP, ansible_port=2222), False), (dict(SHOP, ansible_ssh_port=2222), False), (dict(SHOP, ansible_user="ann@jobs1"), False),
    (dict(SHOP, ansible_ssh_common_args="-J other"), False), (dict(SHOP, ansible_ssh_extra_args="-J other"), False)])
def test_one_machine_has_one_name(jobs, same):
    """Each name would take away what runs by the roles of the other."""
    findings = _twice({"shop": ["app", "leader"], "jobs": ["consumer"]}, {"shop": SHOP, "jobs": jobs})
    assert (findings != []) is same
    assert not same or findings[0].startswith("shop, jobs: ") and "name the machine once" in findings[0]


@pytest.mark.parametrize("said", [True, False])
def test_containers_that_are_reached_through_one_machine_are_several(monkeypatch, said):
    """Each connection plugin has variables of its own that tell them apart."""
    name = "community.proxmox.proxmox_pct_remote"
    if not said:
        monkeypatch.setattr("ansible.constants.DEFAULT_TRANSPORT", name)
    shop, jobs = (dict(SHOP, proxmox_vmid=number, **{"ansible_connection": name} if said else {}) for number in (100, 200))
    assert _twice({"shop": ["app", "leader"], "jobs": ["consumer"]}, {"shop": shop, "jobs": jobs}) == []
