# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""That a connection to a host that has died, or one that a firewall has forgotten, ends in minutes and not in hours.

OpenSSH notices neither while it only waits for what a command prints, as Ansible has it call; a migration prints nothing. A host
that is only busy answers, since that is sshd's work.
"""

from __future__ import annotations

WORDS = "-o ServerAliveInterval=15 -o ServerAliveCountMax=6"
_OPTIONS = ("ssh_args", "ssh_common_args", "ssh_extra_args")


def keep_alive(connection):
    """Have ssh ask the host every 15 s, and give it up after 90, unless whoever set it up has said something of it.

    Before the first command: connections are shared, and what the first one says holds for all.
    """
    if connection.transport != "ssh":
        return
    said = {name: connection.get_option(name) or "" for name in _OPTIONS}
    if "serveraliveinterval" not in " ".join(said.values()).lower():
        connection.set_option("ssh_common_args", ("%s %s" % (said["ssh_common_args"], WORDS)).strip())
