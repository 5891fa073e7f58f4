# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The host's side of a relay: one package, as the controller has sent it over Ansible's own connection.

Small documents come with the module's arguments, layers as files. Nothing of it is trusted more than a registry is.
"""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.artifact import digest_of
from ansible_collections.slipway.app.plugins.module_utils._package.blob import VerifiedReader
from ansible_collections.slipway.app.plugins.module_utils._package.interface import PackageReader


class RelayedPackage(PackageReader):
    """relayed is {digest (of the manifest), documents ({digest: text}), folder (with layers by their hex, or None)}."""

    def __init__(self, location, relayed):
        self.location = "%s, as the controller relays it" % location
        self._digest = relayed["digest"]
        self._documents = relayed["documents"]
        self._folder = relayed.get("folder")

    def resolve(self, name):
        return self._digest  # the controller has looked it up

    def tag_digest(self, name):
        return self._digest

    def list(self, repository=None):
        return []

    def has_manifest(self, digest):
        return digest == self._digest

    def read_document(self, digest, size=None):
        data = self._documents.get(digest, "").encode("utf-8")
        if digest_of(data) != digest:
            raise SlipwayError("Blob %s in the package store %s is missing or damaged." % (digest, self.location))
        return data

    def open_blob(self, descriptor):
        try:
            stream = open(os.path.join(self._folder or os.devnull, descriptor["digest"].partition(":")[2]), "rb")
        except (FileNotFoundError, NotADirectoryError):
            raise SlipwayError("Blob %s did not come with the relay of the package store %s."
                               % (descriptor["digest"], self.location), hint="Run it again.", relay=[descriptor]) from None
        return VerifiedReader(stream, descriptor, self.location)
