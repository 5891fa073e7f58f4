# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What dumps there are in a store, as people ask for it."""

from __future__ import annotations

import datetime

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key

TOLD = ("server_version", "client_version", "size", "compression", "excluded", "excluded_data", "started", "who")


def dumps(store, prefix="", only_sanitized=False):
    """The dumps (or only the sanitized ones) below a prefix, newest first, as dicts, and sentences about those whose manifest cannot be used."""
    now = datetime.datetime.now(datetime.timezone.utc)
    found, broken = [], []
    for key in store.list(prefix):
        try:
            found.append(_described(store.open(key), now))
        except SlipwayError as error:
            if _is_there(store, key):
                broken.append("%s is left out: %s" % (key, error))
    return [dump for dump in found if dump["sanitized"] or not only_sanitized], broken


def require_whole(store, keys, broken=()):
    """Compare all files of the dumps of these keys with their manifests; one error tells all that are damaged, and what is known of others (broken)."""
    found = list(broken)
    for key in map(Key.parse, keys):
        try:
            store.open(key).verify()
        except SlipwayError as error:
            if _is_there(store, key):
                found.append("%s: %s" % (key, error.message))
    if found:
        raise SlipwayError("%d of %d dumps cannot be restored from. %s" % (len(found), len(keys) + len(broken), " ".join(found)),
                           untouched="Nothing was changed.", hint="Use another dump.")


def _is_there(store, key):
    """Whether a dump that cannot be used is one: it may have been removed since it was listed, and then is none."""
    return key in store.list(str(key))


def _described(dump, now):
    """age and archive_size: seconds and bytes. rows is the sum over the tables whose rows were counted."""
    key, manifest = dump.key, dump.manifest
    return dict({name: manifest[name] for name in TOLD}, key=str(key), instance=key.instance, database=key.database, config=key.config,
                folder=dump.folder, age=max(0, int((now - key.moment).total_seconds())), tables=len(manifest["tables"]),
                sanitized=_sanitized(manifest.get("sanitized")), rows=sum(table["rows"] or 0 for table in manifest["tables"]),
                archive_size=sum(item["size"] for item in manifest["files"]))


def _sanitized(told):
    """What a list says of how a dump is sanitized: of the columns, which its manifest names, and of the texts of SQL, how many."""
    return told and dict({name: told[name] for name in ("emptied", "policy", "rules", "key")}, columns=len(told["masked"]),
                         subset=told.get("subset", []), after_restore=len(told.get("after_restore", [])))
