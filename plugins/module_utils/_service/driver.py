# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The drivers there are, and the options that choose and set up one of them."""

from __future__ import annotations


# Each imports its own: what a run imports is compiled anew every time.

def _supervisor(options):
    from ansible_collections.slipway.app.plugins.module_utils._service.supervisor import Supervisor

    return Supervisor(options["root"], options["supervisor_socket"], options["supervisor_conf_dir"])


def _systemd(options):
    from ansible_collections.slipway.app.plugins.module_utils._service.systemd import Systemd

    return Systemd(options["root"])


DRIVERS = {"supervisor": _supervisor, "systemd": _systemd}

# Documented in the fragment slipway.app._service.
DRIVER_ARGUMENTS = {
    "driver": {"type": "str", "choices": sorted(DRIVERS), "default": "systemd"},
    "supervisor_socket": {"type": "path", "default": "/run/supervisor.sock"},
    "supervisor_conf_dir": {"type": "path", "default": "/etc/supervisor/conf.d"},
}


def open_driver(options):
    """The driver that a module's options ask for."""
    return DRIVERS[options["driver"]](options)
