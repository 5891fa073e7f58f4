# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A package store in a folder: an OCI image layout, as skopeo, oras and others read and write it.

    oci-layout, index.json     as the specification has them; index.json is replaced in one step
    blobs/sha256/<hex>         never changed once there
    .slipway/lock              held while anything above changes
    .slipway/incoming.json     blobs that a package brings, until the index names it
    .slipway/work-*/           a build at work, see workspace.py
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import (
    atomic_write,
    exclusive,
    fsync_dir,
    make_dirs,
    read_json,
    write_json,
)
from ansible_collections.slipway.app.plugins.module_utils._package import artifact
from ansible_collections.slipway.app.plugins.module_utils._package.blob import VerifiedReader
from ansible_collections.slipway.app.plugins.module_utils._package.interface import DOCUMENT_LIMIT, PackageStore
from ansible_collections.slipway.app.plugins.module_utils._package.name import DIGEST, parse
from ansible_collections.slipway.app.plugins.module_utils._package.workspace import workspace

PRIVATE = ".slipway"
TEMPORARY = ".part-"  # what atomic_write begins its temporary names with
INCOMING = "incoming.json"
FILE_MODE = 0o644
LAYOUT = {"imageLayoutVersion": "1.0.0"}


class LayoutStore(PackageStore):
    """Packages in the folder at location, which the first build makes."""

    def __init__(self, location):
        self.location = location

    def tag_digest(self, name):
        if self._is_new():
            return None
        return next((entry["digest"] for entry in self._entries() if _ref_name(entry) == str(name)), None)

    def has_manifest(self, digest):
        return any(entry["digest"] == digest for entry in self._entries())

    def list(self, repository=None):
        # The index is in the order of pushing; that decides between two of the same second.
        found = [self._listed(entry, repository) for entry in reversed(self._entries()) if entry["mediaType"] == artifact.MANIFEST]
        return sorted(filter(None, found), key=lambda package: package["pushed_at"], reverse=True)

    def read_document(self, digest, size=None):
        path = self._blob(digest)
        try:
            size = os.stat(path).st_size if size is None else size
        except FileNotFoundError:
            raise self._missing(digest) from None
        if size > DOCUMENT_LIMIT:
            raise SlipwayError("Blob %s is too large for a manifest or config: %d bytes." % (digest, size))
        with self.open_blob({"digest": digest, "size": size}) as reader:
            return reader.read(size)

    def open_blob(self, descriptor):
        try:
            stream = open(self._blob(descriptor["digest"]), "rb")
        except FileNotFoundError:
            raise self._missing(descriptor["digest"]) from None
        return VerifiedReader(stream, descriptor, self.location)

    def workspace(self):
        self._make()
        make_dirs(self._path(PRIVATE))
        return workspace(self._path(PRIVATE), self._sweep)

    def publish(self, name, files, documents, manifest, expected):
        digest = artifact.digest_of(manifest)
        with self._locked():
            current = self.tag_digest(name)
            if current not in (expected, digest):
                raise SlipwayError(
                    "While package %s was built, somebody else changed its tag in the package store %s."
                    % (name, self.location), untouched="The package of the tag was left as it is.", hint="Build again.")
            self._collect()
            self._note_incoming([content for _path, content in files]
                                + [artifact.digest_of(data) for data in documents + [manifest]])
            for path, content in files:
                os.chmod(path, FILE_MODE)
                os.rename(path, self._blob(content))
            fsync_dir(self._path("blobs", "sha256"))
            for data in documents + [manifest]:
                atomic_write(self._blob(artifact.digest_of(data)), data, FILE_MODE)
            moved = current != digest
            if moved:
                self._write_index(_tagged(self._entries(), name, {
                    "mediaType": artifact.MANIFEST,
                    "artifactType": artifact.ARTIFACT,
                    "digest": digest,
                    "size": len(manifest),
                    "annotations": {artifact.REF_NAME: str(name), artifact.PUSHED: artifact.timestamp(time.time())},
                }))
            os.unlink(self._path(PRIVATE, INCOMING))
        return moved

    def _listed(self, entry, repository):
        """What list says of an entry of the index; None of what is no such package of ours. One that is damaged hides no other."""
        name, digest, pushed = _ref_name(entry), entry["digest"], entry.get("annotations", {}).get(artifact.PUSHED)
        try:
            manifest = self._parsed(digest, self.read_document(digest, entry["size"]))
        except SlipwayError:
            ours = name and pushed and repository in (None, parse(name).repository)
            return artifact.damaged_entry(name, digest, pushed) if ours else None
        package = artifact.entry(name, digest, manifest, pushed)
        return package if package and repository in (None, manifest["annotations"].get(artifact.TITLE)) else None

    def _entries(self):
        """The descriptors in index.json."""
        if read_json(self._path("oci-layout"), {}).get("imageLayoutVersion") != LAYOUT["imageLayoutVersion"]:
            if not os.path.exists(self.location):
                raise SlipwayError("There is no package store at %s." % self.location,
                                   hint="The first build of a package makes it.")
            raise SlipwayError("%s is not a package store: it is no OCI image layout of version %s."
                               % (self.location, LAYOUT["imageLayoutVersion"]))
        return read_json(self._path("index.json"), {}).get("manifests", [])

    def _note_incoming(self, digests):
        """Write down what is about to come, so that it can be told from what other tools keep here; durable first."""
        new = [digest for digest in digests if not os.path.exists(self._blob(digest))]
        write_json(self._path(PRIVATE, INCOMING), new)

    def _collect(self):
        """Remove the blobs of a package whose publisher was killed before the index named it."""
        note = self._path(PRIVATE, INCOMING)
        incoming = read_json(note)
        if incoming is None:
            return
        needed = self._needed()
        for digest in incoming if needed is not None else []:
            if digest not in needed:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._blob(digest))
        os.unlink(note)

    def _needed(self):
        """The digests of all that the index leads to, or None where that cannot be told."""
        needed = set()
        for entry in self._entries():
            needed.add(entry["digest"])
            try:
                manifest = json.loads(self.read_document(entry["digest"], entry["size"]).decode("utf-8"))
                needed.update(part["digest"] for part in [manifest["config"], *manifest["layers"]])
            except (SlipwayError, ValueError, KeyError):
                return None  # damaged, or something of another tool
        return needed

    def _write_index(self, entries):
        atomic_write(self._path("index.json"), artifact.encode(
            {"schemaVersion": 2, "mediaType": artifact.INDEX, "manifests": entries}), FILE_MODE)

    def _is_new(self):
        """Whether the layout is still to be made; a folder that holds something else, or packages already, is refused."""
        if os.path.exists(self._path("oci-layout")):
            return False
        for name in os.listdir(self.location) if os.path.exists(self.location) else []:
            if name not in (PRIVATE, "blobs", "index.json") and not name.startswith(TEMPORARY):
                raise SlipwayError("%s cannot become a package store: it holds other things, such as %s."
                                   % (self.location, name), untouched="It was left as it is.")
        if read_json(self._path("index.json"), {}).get("manifests"):
            raise SlipwayError("%s is not a whole package store: its index.json names packages, but it has no oci-layout." % self.location,
                               untouched="It was left as it is.",
                               hint="Wait if somebody is copying it. If not, write the file oci-layout again; all that is in it is %s"
                                    % json.dumps(LAYOUT))
        return True

    def _make(self):
        if self._is_new():
            with self._locked():
                if self._is_new():  # still
                    self._write_index([])
                    atomic_write(self._path("oci-layout"), artifact.encode(LAYOUT), FILE_MODE)
        make_dirs(self._path("blobs", "sha256"))  # other tools make it with the first blob

    def _locked(self):
        make_dirs(self._path(PRIVATE))  # a layout made by another tool has none
        return exclusive(self._path(PRIVATE, "lock"))

    def _sweep(self):
        """Remove the files that crashed builds left. Only called under the lock, so every temporary name is nobody's."""
        for folder in (self.location, self._path("blobs", "sha256")):
            for name in os.listdir(folder):
                if name.startswith(TEMPORARY):
                    os.unlink(os.path.join(folder, name))
        self._collect()

    def _path(self, *names):
        return os.path.join(self.location, *names)

    def _blob(self, digest):
        if not DIGEST.match(digest):
            raise SlipwayError("'%s' is not a digest (sha256: and 64 hex digits)." % digest)
        return self._path("blobs", "sha256", digest.partition(":")[2])

    def _missing(self, digest):
        return SlipwayError("Blob %s is missing in the package store %s." % (digest, self.location),
                            hint="Build the package again with force, or copy it from a store where it is whole.")


def _ref_name(entry):
    return entry.get("annotations", {}).get(artifact.REF_NAME)


def _tagged(entries, name, descriptor):
    """The entries with the tag on descriptor. What had the tag before stays in the index, reachable by its digest."""
    kept = []
    for entry in entries:
        if _ref_name(entry) == str(name):
            annotations = {key: value for key, value in entry["annotations"].items() if key != artifact.REF_NAME}
            entry = dict(entry, annotations=annotations)
        if entry["digest"] != descriptor["digest"] or _ref_name(entry):
            kept.append(entry)
    return kept + [descriptor]
