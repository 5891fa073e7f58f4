# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reading a blob as a stream that does not end well unless every byte was the right one."""

from __future__ import annotations

import hashlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

CHUNK = 1024 * 1024


class VerifiedReader:
    """A stream over a blob; whoever reads it to its end, or leaves its with block, knows that the blob is whole.

    where names the store for error messages; hint is what to do about a damaged blob there.
    """

    def __init__(self, stream, descriptor, where, hint="Build the package again with force, or copy it from a store where it is whole."):
        self._stream = stream
        self._digest = descriptor["digest"]
        self._size = descriptor["size"]
        self._where = where
        self._hint = hint
        self._hash = hashlib.sha256()
        self._count = 0

    def read(self, size=-1):
        data = self._stream.read(size)
        self._hash.update(data)
        self._count += len(data)
        at_end = size is None or size < 0 or (not data and size > 0)
        if self._count > self._size or (at_end and not self._whole()):
            raise SlipwayError(
                "Blob %s in the package store %s is damaged: its content is not that of its digest and size."
                % (self._digest, self._where),
                untouched="Nothing of it was used.",
                hint=self._hint)
        return data

    def finish(self):
        """Read what is left: a tar reader stops at the end of the archive, before the end of the blob."""
        while self.read(CHUNK):
            pass

    def close(self):
        self._stream.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def _whole(self):
        return self._count == self._size and "sha256:" + self._hash.hexdigest() == self._digest
