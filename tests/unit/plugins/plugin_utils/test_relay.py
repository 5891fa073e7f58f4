# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay gives a host what belongs to its package, whatever the host says that it lacks."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.action import operation_step
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.plugins.plugin_utils._relay import Relay
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.test_layout import publish


@pytest.fixture
def sent():
    """The bytes of the files that were put on the host."""
    return []


@pytest.fixture
def given(tmp_path, monkeypatch, sent):
    """given(package, what is missing): what the host gets from a store with the packages shop:1.0.0 and bank:1.0.0."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def transfer(path, remote):
        with open(path, "rb") as stream:
            sent.append(stream.read())
        return remote

    shell = SimpleNamespace(tmpdir="/tmp/task", join_path=os.path.join)
    action = SimpleNamespace(_connection=SimpleNamespace(_shell=shell), _transfer_file=transfer, _fixup_perms2=lambda paths: None)
    location = str(tmp_path / "store")
    for package in ("shop:1.0.0", "bank:1.0.0"):
        publish(open_store(location), package, package.encode())
    return lambda package, missing: Relay(action, location, None, package).given(missing)


def _layer(tmp_path, package):
    store = open_store(str(tmp_path / "store"))
    return store.manifest(store.resolve(package))["layers"][0]


def test_a_host_gets_the_layers_that_it_lacks(tmp_path, given, sent):
    assert given("shop:1.0.0", ())["folder"] is None
    assert given("shop:1.0.0", [_layer(tmp_path, "shop:1.0.0")])["folder"] == "/tmp/task"
    assert sent == [b"shop:1.0.0"]


def test_a_host_gets_nothing_of_other_packages(tmp_path, given, sent):
    of_bank = _layer(tmp_path, "bank:1.0.0")
    given("bank:1.0.0", [of_bank])  # now it is on the controller
    sent.clear()
    assert given("shop:1.0.0", [of_bank])["folder"] is None
    assert sent == []


def test_a_host_has_no_say_in_how_large_a_layer_is(tmp_path, given, sent):
    given("shop:1.0.0", [dict(_layer(tmp_path, "shop:1.0.0"), size=2 ** 50)])
    assert sent == [b"shop:1.0.0"]


LAYERS = [{"digest": "sha256:1", "size": 3}, {"digest": "sha256:2", "size": 4}]
MANIFEST = {"config": {"digest": "sha256:0", "size": 2}, "layers": LAYERS}


class Sending(Relay):
    """A relay of a package with two layers; the folder is what it was to send."""

    def __init__(self, *_arguments):
        self._digest = "sha256:9"
        self._store = SimpleNamespace(read_manifest=lambda digest: b"{}", manifest=lambda digest: MANIFEST, read_document=lambda digest, size: b"{}")

    def _send(self, layers):
        return layers


@pytest.mark.parametrize(("decision", "found", "sent"), [
    (None, {"missing": LAYERS[:1]}, LAYERS[:1]),
    (None, {}, None),
    ({"direction": "follow", "fetch": ["app2"]}, {}, LAYERS),
    ({"direction": "follow", "fetch": []}, {}, "nothing is read of the package"),
])
def test_who_follows_is_given_all_that_no_preflight_has_looked_for(monkeypatch, decision, found, sent):
    monkeypatch.setattr(operation_step, "Relay", Sending)
    arguments = {"steps": ["stage", "drain"], "host": "app2", "store": "/packages", "store_auth": None, "decision": decision,
                 "operation": {"plan": {"package": "shop:2.0", "digest": "sha256:%064d" % 9}}}
    operation_step.ActionModule._relay(None, arguments, found)
    assert (arguments["relayed"]["folder"] if "relayed" in arguments else "nothing is read of the package") == sent
