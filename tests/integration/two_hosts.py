# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's shop on two hosts: whatever is looked at on more than one, at two thirds of the cost."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "demo"))
from lab import Lab  # noqa: E402  (demo is no package, its files find each other by this path)

# Of the server: processes are killed here, machines are not.
QUICK = {"fsync": "off"}


class TwoHosts(Lab):
    """app1 leads; app2 serves as well, and is the one that consumes."""

    # One consumer was stopped by hand.
    services = {"app1": {"web": True, "cron": True},
                "app2": {"web": True, "consumer@1": True, "consumer@2": False}}

    def __init__(self, directory):
        super().__init__(directory, apps=2, consumers=0, environment="stag", settings=QUICK)
        self.consumers = self.apps[1:]

    @property
    def hosts(self):
        return self.apps

    def deploy(self, package):
        """Deploy a package that is in the store, and stop the second consumer by hand."""
        for playbook, variables in (("deploy", {"package": package}), ("service_stop", {"services": "consumer@2"})):
            done = self.playbook(playbook, **variables)
            assert done.rc == 0, done.output
