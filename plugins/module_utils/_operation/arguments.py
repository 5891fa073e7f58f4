# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The options of the module operation_step, which its action plugin has to know as well."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._package.arguments import STORE_ARGUMENTS
from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import POSTGRES_ARGUMENTS
from ansible_collections.slipway.app.plugins.module_utils._service.driver import DRIVER_ARGUMENTS

OPERATION_ARGUMENTS = dict(
    dict(STORE_ARGUMENTS, **DRIVER_ARGUMENTS),
    step=dict(type="list", elements="str"),
    kind=dict(type="str", choices=["deploy", "upgrade", "recover"]),
    mode=dict(type="str", choices=["maintenance", "rolling", "source"], default="maintenance"),
    batch=dict(type="raw", default=1),
    balancer_status=dict(type="raw", default="auto"),
    fall_seconds=dict(type="float", default=8),
    rise_seconds=dict(type="float", default=5),
    accept_unsafe_mode=dict(type="raw", default=""),
    turn=dict(type="int"),
    package=dict(type="str"),
    digest=dict(type="str"),
    application=dict(type="str", required=True),
    environment=dict(type="str", choices=["dev", "stag", "uat", "prod"], required=True),
    root=dict(type="path", required=True),
    store=dict(type="str", required=True),
    relay=dict(type="raw", default="auto"),
    python=dict(type="path"),
    variables=dict(type="dict", default={}),
    environment_variables=dict(type="dict", default={}, no_log=True),
    database=dict(type="dict", required=True, options=POSTGRES_ARGUMENTS),
    keep_releases=dict(type="int", default=3),
    skip_check_patches=dict(type="bool", default=False),
    lock_timeout=dict(type="float", default=5),
    takeover=dict(type="bool", default=False),
    direction=dict(type="str", choices=["auto", "forward", "back"], default="auto"),
    accept_loss=dict(type="bool", default=False),
    leader_lost=dict(type="bool", default=False),
    by=dict(type="str"),
    steps=dict(type="list", elements="str"),
    host=dict(type="str"),
    roles=dict(type="list", elements="str", choices=["app", "consumer", "leader"]),
    plan=dict(type="dict"),
    operation=dict(type="dict"),
    decision=dict(type="dict"),
    relayed=dict(type="dict"),
    shelf=dict(type="str"),
)
