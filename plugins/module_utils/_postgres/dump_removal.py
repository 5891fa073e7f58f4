# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Remove dumps that somebody names: one by its whole key, or all but the newest below a beginning of keys."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import require_confirmed
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key, Prefix

REAL = "prod"  # the environment whose dumps nobody can make again


class Removal:
    """What is to be removed: the dump of a key, or those below a prefix but for the newest so many (keep).

    only_sanitized means sanitized dumps alone. environment is where this is asked for (None: not named), confirm the name
    of a database, without which nothing of prod is removed.
    """

    def __init__(self, key=None, prefix=None, keep=None, only_sanitized=False, environment=None, confirm=""):
        self._key = key
        self._prefix = prefix
        self._keep = keep
        self._only_sanitized = only_sanitized
        self._environment = environment
        self._confirm = confirm

    def run(self, store, check=False):
        """Remove them, or with check only look; return their keys as texts, newest first."""
        keys = self._named(store) if self._key else self._below(store)
        for key in keys:  # all of them, before the first one goes
            self._require_meant(store, key)
        return [str(key) for key in keys if check or store.remove(key)]

    def _named(self, store):
        key = Key.parse(self._key)
        if not store.has(key):
            return []
        if self._only_sanitized and not is_sanitized(store, key):
            raise SlipwayError("The dump %s is not sanitized, as far as its manifest can be read." % key, untouched="Nothing was removed.",
                               hint="Without only_sanitized any dump can be removed.")
        return [key]

    def _below(self, store):
        prefix = Prefix(self._prefix)
        if len(prefix.parts) < 2:
            raise SlipwayError("%r begins keys of several databases." % self._prefix, untouched="Nothing was removed.",
                               hint="Say at least <instance>/<database>.")
        if self._keep < 0:
            raise SlipwayError("%d dumps cannot be kept." % self._keep, untouched="Nothing was removed.")
        keys = store.list(str(prefix))
        if self._only_sanitized:
            keys = [key for key in keys if is_sanitized(store, key)]
        return keys[self._keep:]

    def _require_meant(self, store, key):
        """A dump of prod is the only one that nobody can make again, unless a sanitized one was taken elsewhere."""
        of_prod = key.instance == REAL and not is_sanitized(store, key)
        require_confirmed(REAL if of_prod else self._environment, True, self._confirm, key.database, "removed")


def is_sanitized(store, key):
    """Whether a dump says that it is sanitized; one whose manifest cannot be used says nothing."""
    try:
        return bool(store.open(key).manifest.get("sanitized"))
    except SlipwayError:
        return False
