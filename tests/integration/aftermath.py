# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of an upgrade that failed, and what is left of it."""

from __future__ import annotations

import json
import re

from check import databases_are, jobs_done_once, schema_is, services_are, serves
from client import place_order

# What an upgrade that was undone leaves: its journals, what it had fetched, and the processes it started anew.
UNDONE = {"journals", "releases", "pids"}


def told(output):
    """The message that a playbook ended with; Ansible prints it as JSON."""
    messages = re.findall(r'"msg": ("(?:[^"\\]|\\.)*")', output)
    return json.loads(messages[-1]) if messages else output


def secrets_in(lab, text):
    """The names of the secrets that a text tells."""
    return sorted(name for name, secret in lab.secrets.items() if secret in text)


def came_back(lab, result, before, after, changes, says, restored):
    """An upgrade has failed, said why, and left nothing but its traces."""
    said = told(result.output)
    assert result.rc != 0, result.output
    assert [words for words in says if words not in said] == [], said
    assert secrets_in(lab, result.output) == []
    differences = changes(before, after)
    assert set(differences) - {"packages"} == UNDONE | ({"database"} if restored else set()), differences


def where(lab, name):
    """The hosts whose live release has a file of this name at its top."""
    return [host for host in lab.hosts if (lab.root(host) / "current" / name).exists()]


def everything_is(lab, version, services):
    """The shop of this version serves, takes orders and packs them, and nothing else is there."""
    wrong = serves(lab, version) + schema_is(lab, version) + services_are(lab, services) + databases_are(lab, ["shop"])
    assert wrong == [], wrong
    place(lab, "Grace Hopper")


def place(lab, customer):
    """An order that is placed and packed; its id."""
    status, _headers, body = place_order(lab.address("app2"), customer)
    assert status == 201, body
    order = json.loads(body)["id"]
    assert jobs_done_once(lab, [order]) == []
    return order
