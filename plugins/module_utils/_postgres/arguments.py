# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Options of every module that talks to PostgreSQL; documented in the doc fragment of the same name."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection

POSTGRES_ARGUMENTS = {
    "login_host": {"type": "str", "default": ""},
    "login_port": {"type": "int", "default": 5432},
    "login_user": {"type": "str", "default": ""},
    "login_password": {"type": "str", "default": "", "no_log": True},
    "login_db": {"type": "str", "required": True},
    "maintenance_db": {"type": "str", "default": "postgres"},
    "ssl_mode": {"type": "str", "default": "prefer",
                 "choices": ["allow", "disable", "prefer", "require", "verify-ca", "verify-full"]},
    "ca_cert": {"type": "path"},
}


def connection_from(params):
    """The connection that a module's parameters describe."""
    return Connection(**{name: params[name] for name in POSTGRES_ARGUMENTS})
