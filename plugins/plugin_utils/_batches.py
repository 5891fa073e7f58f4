# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts take their turn together where users are served all the time."""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

_HINT = "slipway_batch is a number of app hosts, a percentage of them such as '25%', or a list of those, one for each batch."


def batches(hosts, batch):
    """[[host, ...], ...]: the app hosts in batches, and at last all hosts that serve no users.

    hosts: {host: roles}; batch as Ansible's serial: a number, a percentage, or a list of which the last is repeated.
    Refused when a batch would take all app hosts at once and there are several.
    """
    app = [host for host, roles in hosts.items() if "app" in roles]
    sizes = [_size(item, len(app)) for item in (batch if isinstance(batch, list) else [batch])]
    if not sizes:
        raise SlipwayError("slipway_batch is empty.", hint=_HINT)
    found, rest = [], list(app)
    while rest:
        size = sizes[min(len(found), len(sizes) - 1)]
        found.append(rest[:size])
        rest = rest[size:]
    if len(app) > 1 and len(found[0]) == len(app):
        raise SlipwayError("A batch of %d takes all app hosts at once: nobody would serve meanwhile." % len(app),
                           hint="Make slipway_batch smaller, or upgrade in maintenance mode.")
    others = [host for host in hosts if host not in app]
    return found + ([others] if others else [])


def _size(item, hosts):
    """How many of the hosts one entry means, at least one."""
    text = str(item).strip()
    if isinstance(item, bool) or not re.fullmatch(r"[0-9]+%?", text) or int(text.rstrip("%")) == 0:
        raise SlipwayError("slipway_batch has the entry %r." % (item,), hint=_HINT)
    if text.endswith("%"):
        return max(1, hosts * min(100, int(text[:-1])) // 100)
    return int(text)
