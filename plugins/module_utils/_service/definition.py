# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a service is on this host: the program, where and with which environment it runs, how it is stopped."""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record

START_ORDER = ("web", "websocket", "consumer", "cron")
STOP_ORDER = tuple(reversed(START_ORDER))
ROLES = ("app", "consumer", "leader")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class Definition(Record, hidden=("secrets",)):
    """One program of a service; a service with a count has several, called name@1, name@2 and so on."""

    name: str
    kind: str
    argv: list
    cwd: str
    environment: dict
    stop_signal: str
    stop_timeout: int
    schedule: str = None  # when it is run, in systemd's calendar syntax; None when it runs all the time
    secrets: list = ()  # parts of its log that must not be shown


def definitions(runtime, roles, also=()):
    """The programs of a release that belong on a host with these roles, and those named also, in the order they are started."""
    found = []
    for name, service in sorted(runtime.config["services"].items()):
        if not _NAME.match(name):  # it becomes part of file names
            raise SlipwayError("A service cannot be called %r." % name)
        for program in _programs(name, service["count"]):
            if service["on"] not in roles and program not in also:
                continue
            found.append(Definition(
                name=program,
                kind=service["kind"],
                argv=runtime.argv(service["command"]),
                cwd=runtime.release.path,
                environment=runtime.environment(),
                stop_signal=service["stop_signal"],
                stop_timeout=service["stop_timeout"],
                schedule=service["schedule"],
                secrets=runtime.secrets()))
    return sorted(found, key=lambda definition: START_ORDER.index(definition.kind))


def program_names(config):
    """The names of all programs of an application, whatever host they belong on."""
    return [program for name, service in config["services"].items() for program in _programs(name, service["count"])]


def _programs(name, count):
    return ["%s@%d" % (name, number) for number in range(1, count + 1)] if count > 1 else [name]


def service_of(name):
    """The service a program belongs to: consumer for consumer@2."""
    return name.partition("@")[0]
