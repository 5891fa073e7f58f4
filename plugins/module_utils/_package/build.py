# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Building a package: a commit, its build commands, its layers, and a name in a store."""

from __future__ import annotations

import os
import sys
import time

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective, expand, read_documents
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, run, tail
from ansible_collections.slipway.app.plugins.module_utils._package import artifact, bytecode, git, layers

UNTOUCHED = "No package was written."
WAITS = "Find out what the command waits for, or give it more time."


def build(repository, reference, name, store, label=None, skip_assets_build=False, force=False, environment_variables=None,
          check=False, look=None):
    """Make the package called name (with a tag) from a reference of a git repository, unless it is there already.

    Returns changed, package, digest, commit, reference, label, size, layers, seconds, output and a diff. With check
    nothing is built and written; what only a build can tell is then None. look(configuration) raises where the effective
    configuration of an environment cannot be one, for what is checked by parts of the library that are not of packages.
    """
    begun, store = time.monotonic(), store.of(name)
    wanted = {"commit": _resolve(repository, reference), "reference": reference,
              "label": label or "Reference: %s" % reference, "assets": not skip_assets_build}
    digest = store.tag_digest(name)
    there = _content(store, digest, force)
    differences = _differences(there, wanted, label)
    if there and differences and not force:
        raise _taken(name, there, wanted, differences)
    result = {"changed": bool(differences), "digest": None, "size": None, "layers": None, "output": ""}
    content = wanted
    if there and not differences and not force:
        content = there
        result.update(_facts(digest, store.manifest(digest), there["layers"]))
    elif not check:
        result.update(_build(repository, wanted, name, store, digest, environment_variables or {}, look or (lambda configuration: None)))
    before, after = _summary(name, there), _summary(name, content)
    result.update(after, seconds=round(time.monotonic() - begun, 3),
                  diff={"before": before, "after": after if result["changed"] else before})
    return result


def _resolve(repository, reference):
    try:
        return git.resolve(repository, reference)
    except SlipwayError as error:
        raise SlipwayError(error.message, untouched=UNTOUCHED, hint=error.hint) from error


def _content(store, digest, force):
    """The config document of the package a tag has now, or None; force does without one that cannot be read."""
    try:
        return store.config(digest) if digest else None
    except SlipwayError:
        if not force:
            raise
        return None


def _summary(name, content):
    """What a person compares two packages by."""
    if content is None:
        return {}
    return dict({key: content[key] for key in ("commit", "reference", "label", "assets")}, package=str(name))


def _differences(there, wanted, label):
    """In what the package there is not the wanted one; a label that nobody asked for makes no difference."""
    if there is None:
        return ["missing"]
    keys = ["commit", "assets"] + (["label"] if label else [])
    return [key for key in keys if there[key] != wanted[key]]


def _taken(name, there, wanted, differences):
    if "commit" in differences:
        message = "The tag of %s is taken by commit %s (reference %s); %s is commit %s." % (
            name, there["commit"], there["reference"], wanted["reference"], wanted["commit"])
    elif "assets" in differences:
        message = "Package %s of this commit is there already, %s its assets." % (
            name, "with" if there["assets"] else "without")
    else:
        message = "Package %s of this commit is there already, with the label '%s'." % (name, there["label"])
    return SlipwayError(message, untouched="The package of the tag was left untouched.",
                        hint="Choose another tag, or replace the package with force.")


def _build(repository, wanted, name, store, expected, environment_variables, look):
    """Check out, run the build commands, write the layers, publish; return what of the result only a build can tell."""
    try:
        with store.workspace() as work:
            tree = os.path.join(work, "checkout")
            commit = git.checkout(repository, wanted["commit"], tree)
            documents = read_documents(tree)
            config = effective(documents)
            for one in [None, *documents["overlays"]]:
                look(effective(documents, one))
            output = _run_commands(config, wanted["assets"], tree, work, commit, environment_variables)
            written = _write_layers(config, tree, work)
            document = artifact.config_document(commit, wanted["reference"], wanted["label"], wanted["assets"],
                                                documents, written)
            manifest = artifact.manifest_document(name, commit, document)
            data = artifact.encode(manifest)
            files = [(os.path.join(work, layer["name"]), layer["digest"]) for layer in written]
            changed = store.publish(name, files, [artifact.encode(document)], data, expected)
            return dict(_facts(artifact.digest_of(data), manifest, written), changed=changed, output=output)
    except OSError as error:
        raise SlipwayError("Building %s in the package store %s failed: %s." % (name, store.location, error),
                           untouched=UNTOUCHED) from error
    except SlipwayError as error:
        if error.untouched:
            raise
        raise SlipwayError(error.message, UNTOUCHED, error.hint, **error.facts) from error


def _run_commands(config, assets, tree, work, commit, environment_variables):
    """Run the build commands in the checkout; return what they printed, without the secrets they were given."""
    temporary = os.path.join(work, "tmp")
    os.mkdir(temporary)
    # Tools that write the time of the build take SOURCE_DATE_EPOCH instead where it is set.
    env = dict(os.environ, TMPDIR=temporary, SOURCE_DATE_EPOCH=str(commit.time))
    env.update(environment_variables)
    printed = []
    for command in _commands(config["build"], assets, tree):
        argv = expand(command, dict(config["variables"], python=sys.executable))
        done = run(argv, cwd=tree, env=env, timeout=config["timeouts"]["build"], dies_with_us=True)
        text = git.public(redact(done.stdout + done.stderr, environment_variables.values()))
        line = git.public(redact(command if isinstance(command, str) else " ".join(command), environment_variables.values()))
        printed.append("$ %s\n%s" % (line, text))
        if not done.ok:
            raise SlipwayError("The build command '%s' %s:\n%s\n" % (line, _ending(done), tail(text) or "(no output)"),
                               untouched=UNTOUCHED, hint=WAITS if done.timed_out else "Mend what the command complains about, then build again.",
                               output="".join(printed))
    return "".join(printed)


def _commands(build, assets, tree):
    """The build commands one after the other; those that compile find a checkout without bytecode."""
    yield from build["commands"] + (build["assets"] if assets else [])
    if build["compile"]:
        bytecode.remove(tree)
        yield from build["compile"]


def _ending(done):
    if done.timed_out:
        return "was ended after %d seconds (timeouts.build)" % done.seconds
    if done.rc < 0:
        return "was ended by signal %d" % -done.rc
    return "failed with exit status %d" % done.rc


def _write_layers(config, tree, work):
    """Write each layer to a file of its name in the workspace; return what the config document says of them."""
    paths = layers.scan(tree, config["build"], set(config["shared"]))
    _refuse_pointers(git.pointers(tree, paths))
    owned = layers.split(paths, config["layers"])
    return [dict(layers.write(tree, owned[layer], os.path.join(work, layer)), name=layer)
            for layer in sorted(owned)]


def _refuse_pointers(paths):
    """What a package holds must not depend on whether the host that builds has Git LFS."""
    if paths:
        raise SlipwayError("Git LFS keeps files of this commit, and the checkout has only pointers to them: %s%s." % (
            ", ".join(paths[:10]), " and %d more" % (len(paths) - 10) if len(paths) > 10 else ""), untouched=UNTOUCHED,
            hint="Install git-lfs on the host that builds and run 'git lfs install' there as the user that builds; or name in "
                 "build.exclude what the package can do without.")


def _facts(digest, manifest, written):
    return {"digest": digest, "size": artifact.content_size(manifest),
            "layers": [{key: layer[key] for key in ("name", "digest", "size", "files")} for layer in written]}
