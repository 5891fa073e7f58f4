# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Options of every module that has a store of dumps; documented in the doc fragment _dump."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.bucket import OPTIONS
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.spool import Spool, old

REMOVED = "Removed %s, which an earlier call had left."
LEFT = "%s was left by an earlier call more than a day ago. The next dump, or restore of one, removes it."

STORE_ARGUMENTS = {
    "store": {"type": "path"},
    "endpoint_url": {"type": "str"},
    "region": {"type": "str"},
    "access_key": {"type": "str", "no_log": False},
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
    "aws_ca_bundle": {"type": "path"},
    "spool_dir": {"type": "path"},
}


def store_from(params, location):
    """The store at a location, which the call or its config says, reached as a module's parameters describe."""
    if not location:
        raise SlipwayError("Nothing says where the store of dumps is.", untouched="Nothing was changed.",
                           hint="Say store, with the call or in its config (slipway_dump_store in an inventory).")
    return open_store(location, {name: params[name] for name in OPTIONS}, params["spool_dir"])


def tidied(params, only_look):
    """Remove, whatever store is opened, what calls have left on this host a day ago or earlier; a sentence for each folder."""
    spool = Spool(params["spool_dir"])
    return [LEFT % folder for folder in spool.leftovers(old)] if only_look else [REMOVED % folder for folder in spool.remove_leftovers(old)]
