# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Remove dumps that somebody names: one by its whole key, or all but the newest below a beginning of keys."""

from __future__ import annotations

import collections

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import require_confirmed
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key, Prefix
from ansible_collections.slipway.app.plugins.module_utils._postgres.manifest import environment_of


class Removal:
    """What is to be removed: the dump of a key, or those below a prefix but for the newest so many of each config (keep).

    only_sanitized means sanitized dumps alone. environment is where this is asked for (None: not named), confirm the name of a database, without
    which nothing is removed in prod, and elsewhere no raw dump of another environment. warnings are sentences about what was passed over.
    """

    def __init__(self, key=None, prefix=None, keep=None, only_sanitized=False, environment=None, confirm=""):
        self._key = key
        self._prefix = prefix
        self._keep = keep
        self._only_sanitized = only_sanitized
        self._environment = environment
        self._confirm = confirm
        self._told = {}  # {key: _Told}
        self.warnings = []

    def run(self, store, check=False):
        """Remove them, or with check only look; return their keys as texts, newest first."""
        keys = self._named(store) if self._key else self._below(store)
        for key in keys:  # all of them, before the first one goes
            self._require_meant(store, key)
        removed = []
        for key in keys:
            try:
                if check or store.remove(key):
                    removed.append(str(key))
            except SlipwayError as error:
                raise _stopped(error, removed) from error
        return removed

    @staticmethod
    def leftovers(store, removed, asked=False):
        """Remove what killed dumps have left, as the store does, after dumps of these keys; return what it was."""
        try:
            return store.remove_leftovers(asked)
        except OSError as error:
            raise _stopped(SlipwayError("What killed dumps have left in %s cannot be looked for: %s." % (store.location, error.strerror)), removed) from error
        except SlipwayError as error:
            raise _stopped(error, removed) from error

    def _named(self, store):
        """A dump without a manifest is none any more, but what a removal has left: it goes with the leftovers where only sanitized ones are meant."""
        key = Key.parse(self._key)
        if not store.has(key) or self._only_sanitized and key not in store.list(str(key)):
            return []
        if self._only_sanitized and not self._look(store, key).sanitized:
            raise SlipwayError("The dump %s is not sanitized, as far as its manifest can be read." % key, untouched="Nothing was removed.",
                               hint="Without only_sanitized any dump can be removed.")
        return [key]

    def _below(self, store):
        """Masked rows take no real ones' place, nor does a dump that nobody can use that of a whole one: neither is counted for the other."""
        prefix = Prefix(self._prefix)
        if len(prefix.parts) < 2:
            raise SlipwayError("%r begins keys of several databases." % self._prefix, untouched="Nothing was removed.",
                               hint="Say at least <instance>/<database>.")
        if self._keep < 0:
            raise SlipwayError("%d dumps cannot be kept." % self._keep, untouched="Nothing was removed.")
        newer, going = collections.Counter(), []
        for key in store.list(str(prefix)):
            told = self._look(store, key)
            if told.problem:
                self.warnings.append("%s stays, and is not among those that are kept: %s" % (key, told.problem))
            elif told.sanitized or not self._only_sanitized:
                kind = key.parts[:3], told.sanitized
                newer[kind] += 1
                going += [key] * (newer[kind] > self._keep)
        return going

    def _require_meant(self, store, key):
        """A raw dump of another environment nobody can make here again."""
        require_confirmed(self._environment, True, self._confirm, key.database, "removed")
        told = self._look(store, key)
        if told.sanitized or told.environment == self._environment or self._confirm == key.database:
            return
        raise SlipwayError("The dump %s is not sanitized and belongs to %s, so that nothing of it is removed in %s without the name of its database%s." % (
            key, told.environment or "no environment that is named, which counts as prod", self._environment,
            "; %r is not its name" % self._confirm if self._confirm else ""), untouched="Nothing was removed.", hint="confirm=%s says it." % key.database)

    def _look(self, store, key):
        if key not in self._told:
            self._told[key] = _look(store, key)
        return self._told[key]


# What is known of a dump: whether it says that it is sanitized, the environment it is of, and why its manifest cannot be used (or None).
_Told = collections.namedtuple("_Told", "sanitized environment problem")


def _look(store, key):
    try:
        manifest = store.open(key).manifest
    except SlipwayError as error:
        return _Told(False, key.instance, str(error))
    return _Told(bool(manifest.get("sanitized")), environment_of(manifest, key), None)


def _stopped(error, removed):
    """The error of a removal that others came before, with their keys."""
    untouched = "Removed were, before it: %s." % ", ".join(removed) if removed else error.untouched
    return SlipwayError(error.message, untouched, error.hint, **dict(error.facts, removed=removed))
