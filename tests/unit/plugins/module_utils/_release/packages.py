# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages made entry by entry, so that there can be things in them that package_build would never put there."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from types import SimpleNamespace

from ansible_collections.slipway.app.plugins.module_utils._package import artifact
from ansible_collections.slipway.app.plugins.module_utils._package.layout import LayoutStore
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse

COMMIT = SimpleNamespace(sha="c0ffee" + "0" * 34, time=1700000000)


def entry(name, content=None, **header):
    """A tar entry: a file where there is content, else what header says (type, linkname, size, mode, mtime, ...)."""
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    member.size = len(content or b"")
    for key, value in header.items():
        setattr(member, key, value)
    return member, content


def folder(name, **header):
    return entry(name, type=tarfile.DIRTYPE, **header)


def link(name, target):
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name, target):
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def layer(*entries):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in entries:
            tar.addfile(member, io.BytesIO(content) if content is not None else None)
    return gzip.compress(data.getvalue())


def put_package(folder_of_store, name, layers, shared=(), base=None, **overstated):
    """Publish a package with these layers ({name: [entries]}) and return its digest.

    base is what slipway.yml says beyond shared. What is in overstated (unpacked_size, files) replaces the truth about each layer.
    """
    store = LayoutStore(str(folder_of_store))
    base = dict({"application": "shop", "profile": "generic", "shared": list(shared)}, **base or {})
    documents = {"base": base, "overlays": {}}
    described, files = [], []
    with store.workspace() as workspace:
        for layer_name, entries in layers.items():
            data = layer(*entries)
            path = os.path.join(workspace, layer_name)
            with open(path, "wb") as stream:
                stream.write(data)
            contents = [content for unused_member, content in entries if content is not None]
            described.append(dict({
                "name": layer_name, "digest": artifact.digest_of(data), "size": len(data), "files": len(entries),
                "unpacked_size": sum(len(content) for content in contents)}, **overstated))
            files.append((path, described[-1]["digest"]))
        name = parse(name)
        config = artifact.config_document(COMMIT, name.tag, "Reference: " + name.tag, True, documents, described)
        manifest = artifact.encode(artifact.manifest_document(name, COMMIT, config))
        store.publish(name, files, [artifact.encode(config)], manifest, store.tag_digest(name))
    return artifact.digest_of(manifest)


def flip_byte(folder_of_store, digest, position=-5):
    """Damage a blob by one bit."""
    path = os.path.join(str(folder_of_store), "blobs", "sha256", digest.partition(":")[2])
    with open(path, "rb") as stream:
        data = bytearray(stream.read())
    data[position] ^= 1
    with open(path, "wb") as stream:
        stream.write(data)
