# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""supervisord's XML-RPC interface over its Unix socket."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# supervisord's fault codes that its callers may expect.
BAD_NAME = 10
FAILED = 30
SPAWN_ERROR = 50
ALREADY_STARTED = 60
NOT_RUNNING = 70
ALREADY_ADDED = 90

TIMEOUT = 30  # seconds for an answer; nothing that is asked makes supervisord wait


class SupervisorClient:
    """Calls supervisord; whatever goes wrong is a SlipwayError that names the socket."""

    def __init__(self, path):
        self.path = path
        # The address is not used, but xmlrpc.client wants one.
        self._proxy = xmlrpc.client.ServerProxy("http://supervisor/RPC2", transport=_UnixTransport(path))

    def call(self, method, *arguments, expected=()):
        """The answer to supervisor.<method>; None when supervisord answers with one of the expected fault codes."""
        try:
            return getattr(self._proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in expected:
                return None
            raise SlipwayError("supervisord at %s refused %s%r: %s." % (
                self.path, method, arguments, fault.faultString)) from fault
        except xmlrpc.client.ProtocolError as error:
            raise SlipwayError("supervisord at %s answered %s %s." % (self.path, error.errcode, error.errmsg),
                               hint="The socket must not ask for a name and a password.") from error
        except (OSError, http.client.HTTPException) as error:
            raise SlipwayError("supervisord does not answer at %s: %s." % (
                self.path, getattr(error, "strerror", None) or error),
                hint="Start supervisord, or say with supervisor_socket where it listens.") from error


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        if not self._connection or self._connection[0] != host:
            self._connection = host, _UnixConnection(host, self.path)
        return self._connection[1]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, host, path):
        super().__init__(host, timeout=TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)
