# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""One host of an application: where things are, and the library's parts set up for it.

The library travels in a zip file, of which Python compiles anew whatever a run imports. So here and in the steps, what
only some of them need is imported by them alone.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._maintenance.drain import Drain
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.module_utils._service.definition import definitions
from ansible_collections.slipway.app.plugins.module_utils._service.driver import open_driver
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import Runtime


class Site:
    """What the steps need to know of their host. params are the options of the module operation_step."""

    def __init__(self, params):
        self.params = params
        self.root = params["root"]
        self.host = params["host"]
        self.roles = params["roles"]
        self.environment = params["environment"]
        self.releases = ReleaseStore(self.root)
        self.maintenance = Maintenance(self.root)
        self.drain = Drain(self.root)
        self.lock = Lock(self.root)
        self._stores = {}  # {package: where it is read from}, which keeps what it has read

    @property
    def leads(self):
        return "leader" in self.roles

    @property
    def serves(self):
        """Whether users' requests arrive here."""
        return "app" in self.roles

    def store(self, package):
        """Where this host reads a package from."""
        from ansible_collections.slipway.app.plugins.module_utils._package.store import open_on_host

        if package not in self._stores:
            self._stores[package] = open_on_host(self.params, self.root, package)
        return self._stores[package]

    def driver(self):
        return open_driver(self.params)

    def connection(self):
        from ansible_collections.slipway.app.plugins.module_utils._postgres.arguments import connection_from

        return connection_from(self.params["database"])

    def restore_point(self, name):
        from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint

        return RestorePoint(self.connection(), self.params["database"]["login_db"], name)

    def config(self, documents):
        return effective(documents, self.environment)

    def runtime(self, release):
        return Runtime(self.root, release, self.config(release.documents), self.params["variables"], self.params["python"])

    def definitions(self, release, also=()):
        """The services of a release that belong on this host, and the programs named also; none when there is no release."""
        if release is None:
            return []
        return definitions(self.runtime(release), self.roles, also)

    def secrets(self):
        """What must never be printed: values given to the application, the passwords of database and package store."""
        values = [str(value) for value in (self.params["environment_variables"] or {}).values()]
        return values + [self.params["database"].get("login_password"), (self.params["store_auth"] or {}).get("password")]
