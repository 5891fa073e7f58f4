# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether this host asks its balancer to send users elsewhere, while it goes on serving who still comes.

The file maintenance/drain says so: while it is there, the web server answers the balancer's health check with 503 and
everything else as ever. This needs nothing of a balancer but that it looks after the health of its servers.
"""

from __future__ import annotations

import os
import time

from ansible_collections.slipway.app.plugins.module_utils._core.files import fsync_dir, make_own_dir, read_json, write_json


class Drain:
    """Takes this host out of its balancer's rotation and back; by is the operation that does."""

    def __init__(self, root):
        self._folder = os.path.join(root, "maintenance")
        self.path = os.path.join(self._folder, "drain")

    def status(self):
        """{"on", "since", "by"}: since in seconds since 1970; both are None while the host takes part."""
        facts = read_json(self.path)
        return {"on": facts is not None, "since": facts and facts["since"], "by": facts and facts["by"]}

    def on(self, by):
        """Fail the balancer's health check from now on. Since when stays as it was."""
        if not self.status()["on"]:
            make_own_dir(self._folder)
            write_json(self.path, {"since": time.time(), "by": by}, 0o644)

    def off(self):
        """Let the balancer's health check through again; return whether it was failed."""
        if not os.path.lexists(self.path):
            return False
        make_own_dir(self._folder)
        os.unlink(self.path)
        fsync_dir(self._folder)
        return True

    def left(self, seconds):
        """How many of so many seconds since it was drained are still to come."""
        since = self.status()["since"]
        return 0 if since is None else max(0, min(seconds, since + seconds - time.time()))
