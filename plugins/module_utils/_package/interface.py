# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a place that keeps packages can do. A new kind of store is a new subclass and a line in store.py."""

from __future__ import annotations

import abc
import json

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package import artifact
from ansible_collections.slipway.app.plugins.module_utils._package.name import PackageName, it_has, parse

DOCUMENT_LIMIT = 4 * 1024 * 1024  # bytes of a manifest or config document; what registries allow


class PackageReader(abc.ABC):
    """Packages by tag and by digest. location names the store in messages.

    Everything that is read is verified: what comes back has the digest that was asked for, or there is an error.
    """

    location = None
    remote = False  # whether what is read comes over the network

    def of(self, name):
        """The store as it is read from for the package with this name: some stores keep blobs by repository."""
        return self

    @abc.abstractmethod
    def tag_digest(self, name):
        """The digest of the manifest a tag points to, or None; a store that is still to be made has no tags."""

    @abc.abstractmethod
    def list(self, repository=None):
        """Packages, newest first: dicts of package, label, digest, reference, commit, pushed_at, size."""

    @abc.abstractmethod
    def has_manifest(self, digest):
        """Whether there is a package with this digest."""

    @abc.abstractmethod
    def read_document(self, digest, size=None):
        """The verified bytes of a small blob (manifest or config), of this size where it is known."""

    def read_manifest(self, digest):
        """The verified bytes of a manifest."""
        return self.read_document(digest)

    @abc.abstractmethod
    def open_blob(self, descriptor):
        """A VerifiedReader over a blob."""

    def missing(self, digest, quick=False):
        """The descriptors of a package's layers that have to be fetched, and kept, before they can be read; quick takes what is here for whole."""
        return []

    def listed(self, name, digest):
        """What list says of the package with this name, whose digest is known."""
        return next(entry for entry in self.list() if entry["digest"] == digest)

    def resolve(self, name):
        """The digest of the package with this name (a PackageName or a text), or an error with those there are."""
        name = name if isinstance(name, PackageName) else parse(name)
        if name.digest:
            if self.has_manifest(name.digest):
                return name.digest
        elif name.tag:
            digest = self.tag_digest(name)
            if digest:
                return digest
        else:
            raise SlipwayError("'%s' names no single package." % name, hint="Add a tag, as in %s:1.0.0." % name)
        there = [entry["package"] for entry in self.list(name.repository or None)]
        hint = it_has(there) if there else "It has no package of this name at all."
        raise SlipwayError("There is no package %s in the package store %s." % (name, self.location), hint=hint)

    def manifest(self, digest):
        """The manifest of a package as a dict."""
        manifest = self._parsed(digest, self.read_manifest(digest))
        if manifest.get("artifactType") != artifact.ARTIFACT:
            raise SlipwayError("%s in the package store %s is not a package of an application."
                               % (digest, self.location))
        return manifest

    def config(self, digest):
        """The config document of the package whose manifest has this digest."""
        descriptor = self.manifest(digest)["config"]
        config = self._parsed(descriptor["digest"], self.read_document(descriptor["digest"], descriptor["size"]))
        if config.get("format") != artifact.FORMAT:
            raise SlipwayError("Package %s has format %s; this version of slipway.app reads format %s."
                               % (digest, config.get("format"), artifact.FORMAT), hint="Upgrade the collection.")
        artifact.check_config(config, "The configuration of package %s" % digest)
        return config

    def verify(self, digest):
        """Read every blob of a package to its end; an error names the first damaged one."""
        self.config(digest)
        for layer in self.manifest(digest)["layers"]:
            with self.open_blob(layer):
                pass  # leaving the block reads and verifies the blob

    def _parsed(self, digest, data):
        try:
            document = json.loads(data.decode("utf-8"))
            if not isinstance(document, dict):
                raise ValueError("it has no keys")
            return document
        except (ValueError, RecursionError) as error:
            raise SlipwayError("Blob %s in the package store %s is not a JSON document: %s."
                               % (digest, self.location, error)) from error


class PackageStore(PackageReader):
    """A place that packages are also put into."""

    @abc.abstractmethod
    def workspace(self):
        """Context manager: a private folder to build in, removed at the end, or later by others after a crash."""

    @abc.abstractmethod
    def publish(self, name, files, documents, manifest, expected):
        """Put a package in, all or nothing: the tag points to it when everything else is there.

        files are (path, digest) of finished layers in the workspace, documents and manifest are bytes. expected is
        the digest the tag is known to point to (None: it does not exist); when somebody else has moved it to another
        package meanwhile, publishing is refused. Returns whether the tag points to another package than before.
        """
