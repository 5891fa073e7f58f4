# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where packages are kept: a location becomes a store. What only some stores need is imported for them alone."""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse


def open_store(location, auth=None):
    """The PackageStore at a location, the URL of a registry or a folder. auth are the options of STORE_ARGUMENTS."""
    scheme, colon, unused = location.partition("://")
    if scheme in ("https", "http") and colon:
        from ansible_collections.slipway.app.plugins.module_utils._package.registry import RegistryStore

        return RegistryStore(location, auth)
    if colon:
        raise SlipwayError("The package store %s is neither a folder nor the URL of a registry." % location.rpartition("@")[2],
                           hint="A registry looks like https://registry.example.com:5000/team.")
    from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore

    return LayoutStore(os.path.abspath(os.path.expanduser(location)))


def open_on_host(params, root, package):
    """What a host of an application at root reads this package from.

    A folder is read in place; what comes over the network goes through the host's content store. params are the options
    store and store_auth, and what the controller has put in relayed if the host reads nothing by itself.
    """
    if params.get("relayed"):
        from ansible_collections.slipway.app.plugins.module_utils._package.content import ContentStore, folder_of
        from ansible_collections.slipway.app.plugins.module_utils._package.relay import RelayedPackage

        return ContentStore(RelayedPackage(params["store"], params["relayed"]), folder_of(root))
    store = open_store(params["store"], params["store_auth"])
    if store.remote:
        from ansible_collections.slipway.app.plugins.module_utils._package.content import ContentStore, folder_of

        return ContentStore(store.of(parse(package)), folder_of(root))
    return store
