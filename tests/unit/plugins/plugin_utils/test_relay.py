# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which layers a host is given that has no way to the package store."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.slipway.app.plugins.action import operation_step
from ansible_collections.slipway.app.plugins.plugin_utils._relay import Relay

LAYERS = [{"digest": "sha256:1", "size": 3}, {"digest": "sha256:2", "size": 4}]
MANIFEST = {"config": {"digest": "sha256:0", "size": 2}, "layers": LAYERS}


class Sending(Relay):
    """A relay of a package with two layers; the folder is what it was to send."""

    def __init__(self, *_arguments):
        self._digest = "sha256:9"
        self._store = SimpleNamespace(read_manifest=lambda digest: b"{}", manifest=lambda digest: MANIFEST, read_document=lambda digest, size: b"{}")

    def _send(self, missing):
        return missing


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
