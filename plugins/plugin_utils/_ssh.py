# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""That a connection to a host that has died, or one that a firewall has forgotten, ends in minutes and not in hours.

OpenSSH notices neither while it only waits for what a command prints, as Ansible has it call; a migration prints nothing. A host
that is only busy answers, since that is sshd's work.
"""

from __future__ import annotations

import hashlib

WORDS = "-o ServerAliveInterval=15 -o ServerAliveCountMax=6"
_OPTIONS = ("ssh_args", "ssh_common_args", "ssh_extra_args")


def keep_alive(connection):
    """Have ssh ask the host every 15 s, and give it up after 90, unless Ansible's settings say something of it.

    Commands share a connection that is there, and what its first one has said holds for all: so these share one of their own.
    """
    if connection.transport != "ssh":
        return
    said = {name: connection.get_option(name) or "" for name in _OPTIONS}
    words = " ".join(said.values()).lower()
    if "serveraliveinterval" in words:
        return
    connection.set_option("ssh_common_args", ("%s %s" % (said["ssh_common_args"], WORDS)).strip())
    if not connection.get_option("control_path") and "controlpath" not in words:
        # As long as Ansible's own: a socket's path may not be long.
        whose = "-".join(str(connection.get_option(name)) for name in ("host", "port", "remote_user"))
        connection.set_option("control_path", "%(directory)s/" + hashlib.sha256(("slipway-" + whose).encode()).hexdigest()[:10])
