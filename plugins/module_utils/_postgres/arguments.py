# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Options of every module that talks to PostgreSQL; documented in the doc fragment of the same name."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import LOCK_TIMEOUT, Connection
from ansible_collections.slipway.app.plugins.module_utils._postgres.service_file import known, read_service

POSTGRES_ARGUMENTS = {
    "login_host": {"type": "str", "default": ""},
    "login_unix_socket": {"type": "path"},
    "login_port": {"type": "int"},
    "login_user": {"type": "str", "default": ""},
    "login_password": {"type": "str", "default": "", "no_log": True},
    "login_db": {"type": "str", "required": True},
    "maintenance_db": {"type": "str", "default": "postgres"},
    "session_role": {"type": "str"},
    "ssl_mode": {"type": "str", "choices": ["allow", "disable", "prefer", "require", "verify-ca", "verify-full"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_rootcert"]},
    "ssl_cert": {"type": "path"},
    "ssl_key": {"type": "path", "no_log": False},
    "connect_params": {"type": "dict", "default": {}},
    "pg_service": {"type": "str"},
    "pg_service_file": {"type": "path"},
    "lock_timeout": {"type": "int", "default": LOCK_TIMEOUT},
    "statement_timeout": {"type": "int", "default": 0},
}
TIMEOUTS = ("lock_timeout", "statement_timeout")
MOST = (2 ** 31 - 1) // 1000  # seconds; the server counts milliseconds
# What libpq calls those of them that a service can have as well.
SETTINGS = {"host": "login_host", "port": "login_port", "user": "login_user", "password": "login_password", "sslmode": "ssl_mode",
            "sslrootcert": "ca_cert", "sslcert": "ssl_cert", "sslkey": "ssl_key"}
NOT_SEEN = ("password",)  # what Ansible shows of a dict, everybody can read


def connection_from(params):
    """The connection that a module's parameters describe: connect_params come first, then the options, then the service."""
    said = {setting: params[option] for setting, option in SETTINGS.items() if params[option]}
    if params["login_unix_socket"]:
        said["host"] = _socket(params)
    more = known(params["connect_params"], "connect_params")
    for setting in NOT_SEEN:
        if setting in more:
            raise _wrong("connect_params has a %s, which would be shown; say login_password." % setting)
    settings = read_service(params["pg_service"], params["pg_service_file"]) if params["pg_service"] else {}
    if "host" in dict(said, **more):
        settings.pop("hostaddr", None)  # it is that of another host
    settings.update(said, **more)
    for option in TIMEOUTS:
        if not 0 <= params[option] <= MOST:
            raise _wrong("%s is a number of seconds, at most %d, or 0 for no limit; %d is none." % (option, MOST, params[option]))
    own = {option: settings.pop(setting) for setting, option in SETTINGS.items() if setting in settings}
    return Connection(login_db=params["login_db"], maintenance_db=params["maintenance_db"], session_role=params["session_role"],
                      settings=settings, **own, **{option: params[option] for option in TIMEOUTS})


def _socket(params):
    if params["login_host"] not in ("", "localhost"):
        raise _wrong("login_host and login_unix_socket are two places: %s and %s." % (params["login_host"], params["login_unix_socket"]))
    if not params["login_unix_socket"].startswith("/"):
        raise _wrong("login_unix_socket is the folder of a socket and begins with a slash; %s does not." % params["login_unix_socket"])
    return params["login_unix_socket"]


def _wrong(message):
    return SlipwayError(message, untouched="Nothing was changed.")
