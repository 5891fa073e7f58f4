# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More versions of the shop, and their packages: what a build would make, byte by byte, without building.

A build asks pip for the shop's dependencies and compresses them. The layers of versions that differ in their sources alone
are the same, so here they are taken from a package that was built. test_playbooks.py holds one against the real thing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand, read_documents
from ansible_collections.slipway.app.plugins.module_utils._core.files import exclusive
from ansible_collections.slipway.app.plugins.module_utils._package import artifact, git, layers
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store


def commit(lab, tag, base, path, old, new):
    """Add a version to the shop's repository that differs from another one in one text."""
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=Shop developer", "-c", "user.email=developer@shop.example", *arguments],
                       cwd=lab.repository, check=True)

    git("checkout", "--quiet", "--detach", base)
    text = (lab.repository / path).read_text(encoding="utf-8")
    assert old in text
    (lab.repository / path).write_text(text.replace(old, new), encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", tag)
    git("tag", tag)
    return tag


def stock(lab, built, references):
    """Put packages of these references into the store of a new lab, derived from 1.0.0, which one lab builds for all.

    built is a folder of the test run, where labs of other processes find it.
    """
    built.mkdir(exist_ok=True)
    with exclusive(str(built / "lock")):
        if not (built / "packages").exists():
            done = lab.playbook("package_build", reference="1.0.0", slipway_store=str(built / "part"))
            assert done.rc == 0, done.output
            (built / "part").rename(built / "packages")
    shutil.copytree(built / "packages", lab.store)
    return derive(lab, "shop:1.0.0", *references)


def manifest(lab, package):
    """The manifest of a package in the lab's store."""
    index = json.loads((lab.store / "index.json").read_text(encoding="utf-8"))
    (entry,) = (entry for entry in index["manifests"] if entry["annotations"][artifact.REF_NAME] == package)
    return json.loads(blob(lab, entry["digest"]).read_text(encoding="utf-8"))


def blob(lab, digest):
    """The file of a blob in the lab's store."""
    return lab.store / "blobs" / "sha256" / digest.partition(":")[2]


def derive(lab, base, *references):
    """Put packages of these references into the store, their dependencies and assets those of the package base.

    Returns the names of the packages.
    """
    store = open_store(str(lab.store))
    like = json.loads(blob(lab, manifest(lab, base)["config"]["digest"]).read_bytes())
    names = [parse("shop:" + reference) for reference in references]
    for name, reference in zip(names, references):
        with store.workspace() as work:
            commit = git.checkout(str(lab.repository), git.resolve(str(lab.repository), reference), work + "/checkout")
            source = _write_source(work)
            document = artifact.config_document(
                commit, reference, "Reference: " + reference, True, read_documents(work + "/checkout"),
                [source if layer["name"] == layers.SOURCE else layer for layer in like["layers"]])
            package = artifact.manifest_document(name, commit, document)
            files = [(work + "/" + layers.SOURCE, source["digest"])]
            store.publish(name, files, [artifact.encode(document)], artifact.encode(package), None)
    return [str(name) for name in names]


def _write_source(work):
    """Write the layer of what is in no other; what its package says of it."""
    tree = work + "/checkout"
    config = effective(read_documents(tree))
    for command in config["build"]["compile"]:
        subprocess.run(expand(command, {"python": sys.executable}), cwd=tree, check=True)
    owned = layers.split(layers.scan(tree, config["build"], set(config["shared"])), config["layers"])
    return dict(layers.write(tree, owned[layers.SOURCE], work + "/" + layers.SOURCE), name=layers.SOURCE)
