# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The shape of a package as an OCI artifact: media types, annotations, and the bytes of its JSON documents.

The bytes depend on the content alone, never on when, where or by whom it was built: one commit, one digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time

from ansible_collections.slipway.app.plugins.module_utils._config.fields import Flag, Group, ListOf, Number, Text

ARTIFACT = "application/vnd.slipway.app.v1"
CONFIG = "application/vnd.slipway.app.config.v1+json"
LAYER = "application/vnd.slipway.app.layer.v1.tar+gzip"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
REVISION = "org.opencontainers.image.revision"
CREATED = "org.opencontainers.image.created"
REF_NAME = "org.opencontainers.image.ref.name"
LABEL = "app.slipway.label"
REFERENCE = "app.slipway.reference"
PROFILE = "app.slipway.profile"
LAYER_NAME = "app.slipway.layer"
PUSHED = "app.slipway.pushed"

FORMAT = 1  # of the config document
_SIZE = Number(required=True, maximum=2 ** 63 - 1)
# What a config document must have; the documents in it are checked by who reads them.
_CONFIG = Group({
    "application": Text(required=True),
    "profile": Text(required=True),
    "reference": Text(required=True),
    "commit": Text(required=True),
    "label": Text(required=True),
    "assets": Flag(required=True),
    "documents": Group({}, required=True),
    "layers": ListOf(Group({
        "name": Text(required=True), "digest": Text(required=True), "size": _SIZE, "unpacked_size": _SIZE, "files": _SIZE}), required=True),
})


def encode(document):
    """The one sequence of bytes for a JSON document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def timestamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def config_document(commit, reference, label, assets, documents, layers):
    """What a host has to know about a package before it unpacks it.

    layers are dicts of name, digest, size, unpacked_size, files. assets says whether the asset commands were run.
    """
    base = documents["base"]
    return {
        "format": FORMAT,
        "application": base["application"],
        "profile": base["profile"],
        "reference": reference,
        "commit": commit.sha,
        "label": label,
        "assets": assets,
        "documents": documents,
        "layers": layers,
    }


def check_config(config, where):
    """Refuse a config document that is not like those of config_document, by name: somebody may have made it by hand."""
    known = _CONFIG.known(config)
    _CONFIG.check(known, where, "")
    _CONFIG.filled(known, where, "")


def manifest_document(name, commit, config):
    """The OCI manifest of a package with this config document."""
    data = encode(config)
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": {"mediaType": CONFIG, "digest": digest_of(data), "size": len(data)},
        "layers": [{
            "mediaType": LAYER,
            "digest": layer["digest"],
            "size": layer["size"],
            "annotations": {LAYER_NAME: layer["name"]},
        } for layer in config["layers"]],
        "annotations": {
            TITLE: name.repository,
            VERSION: name.tag,
            REVISION: config["commit"],
            CREATED: timestamp(commit.time),
            LABEL: config["label"],
            REFERENCE: config["reference"],
            PROFILE: config["profile"],
        },
    }


def content_size(manifest):
    """How many bytes of layers a host fetches for a package."""
    return sum(layer["size"] for layer in manifest["layers"])


def entry(package, digest, manifest, pushed_at=None):
    """What a list of packages says of one; None of what another tool has made and does not say it.

    package is empty where it has no tag; without pushed_at it is the moment of its commit.
    """
    if manifest.get("artifactType") != ARTIFACT:
        return None
    with contextlib.suppress(KeyError, TypeError):
        said = manifest["annotations"]
        return {"package": package or "%s@%s" % (said[TITLE], digest), "label": said[LABEL], "digest": digest, "reference": said[REFERENCE],
                "commit": said[REVISION], "pushed_at": pushed_at or said[CREATED], "size": content_size(manifest)}
    return None


def damaged_entry(package, digest, pushed_at):
    """The same of a package whose manifest cannot be read, as far as its store says it."""
    return {"package": package, "label": "(damaged)", "digest": digest, "reference": "", "commit": "", "pushed_at": pushed_at, "size": 0}
