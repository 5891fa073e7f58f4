# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What stores of dumps have in common, whatever dumps are kept in."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key

ARCHIVE = "archive"


class Store:
    """Base of stores: location, list(prefix), open(key), places() -> the parts of what stands where a dump would.

    warnings are sentences on what could not be looked at.
    """

    warnings = ()

    def require_usable(self):
        """Refuse, before anything is run for a dump, a store that none could be written to."""

    def newest(self, prefix=""):
        """The key of the newest dump below a prefix, which has to be one of dumps of one database."""
        keys = self.list(prefix)
        if not keys:
            raise SlipwayError("There is no dump %s in %s." % (("below %s" % prefix) if prefix else "at all", self.location),
                               untouched="Nothing was changed.")
        places = sorted({"/".join(key.parts[:2]) for key in keys})
        if len(places) > 1:
            raise SlipwayError("There are dumps of several databases%s in %s: %s." % (
                " below %s" % prefix if prefix else "", self.location, ", ".join(places)), untouched="Nothing was changed.", hint="Name one of them.")
        return keys[0]

    def strangers(self):
        """[(path in the store, what is wrong with it)] of what stands where a dump would and is none."""
        return sorted(filter(None, (self._strange(parts) for parts in self.places())))

    def _strange(self, parts):
        key = key_of(parts)
        if key is None:
            return "/".join(parts), "Its name is no key of a dump."
        try:
            self.open(key)
            return None
        except SlipwayError as error:
            return str(key), str(error)


def key_of(parts):
    """The key that four names stand for, or None where they are not exactly those of one."""
    try:
        key = Key.parse("/".join(parts))
    except SlipwayError:
        return None
    return key if key.parts == parts else None
