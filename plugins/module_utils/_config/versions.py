# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A profile for the version of what the application is built on, and for the flow that was chosen.

The version is read from the lock file of the dependencies when the package is built, and travels in the package.
"""

from __future__ import annotations

import json
import os
import re

from ansible_collections.slipway.app.plugins.module_utils._config.profiles import FLOWS, PROFILES, VERSIONS
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

LOCK_FILE = "composer.lock"
_VERSION = re.compile(r"v?(\d+\.\d+)(?:\.|$)")


def profile_of(document):
    """[the data of the document's profile, what differs in its version, ..., in its flow], to be laid one on the other."""
    name, version, flow = document["profile"], document.get("profile_version"), document.get("profile_flow")
    return [PROFILES[name]] + _of_version(name, version) + ([_of_flow(name, version, flow)] if flow else [])


def _of_version(name, version):
    if name not in VERSIONS:
        if version is not None:
            raise SlipwayError("slipway.yml: profile_version is %s, but the profile %s is the same for all versions."
                               % (version, name))
        return []
    package, steps = VERSIONS[name]
    if version is None:
        raise SlipwayError("slipway.yml: profile_version is missing, and %s does not say the version of %s."
                           % (LOCK_FILE, package), hint='Such as profile_version: "%s".' % steps[-1][0])
    if _numbers(version) < _numbers(steps[0][0]):
        raise SlipwayError("The profile %s is for %s %s and later, not for %s." % (name, package, steps[0][0], version))
    return [differs for first, differs in steps if _numbers(first) <= _numbers(version)]


def _of_flow(name, version, flow):
    flows = FLOWS.get(name, {})
    if flow not in flows:
        raise SlipwayError("slipway.yml: profile_flow is %s, but the profile %s has no such flow beside its own." % (flow, name),
                           hint="Known: %s." % ", ".join(flows) if flows else "Leave profile_flow out.")
    first, differs = flows[flow]
    if _numbers(version) < _numbers(first):
        raise SlipwayError("slipway.yml: profile_flow is %s, which there is from %s on, not in %s." % (flow, first, version),
                           hint="Leave profile_flow out.")
    return differs


def with_version(directory, document):
    """The document with the version that is locked in the repository; refused when it says another one itself."""
    if document.get("profile") not in VERSIONS:
        return document
    package = VERSIONS[document["profile"]][0]
    locked, said = _locked(os.path.join(directory, LOCK_FILE), package), document.get("profile_version")
    if locked and said and locked != said:
        raise SlipwayError("slipway.yml: profile_version is %s, but %s has version %s of %s." % (said, LOCK_FILE, locked, package),
                           hint="Leave profile_version out.")
    return dict(document, profile_version=locked or said) if locked or said else document


def _locked(path, package):
    """The first two numbers of the locked version of a package; None without one, or for a branch."""
    try:
        with open(path, encoding="utf-8") as stream:
            lock = json.load(stream)
        versions = [entry["version"] for entry in lock["packages"] if entry["name"] == package]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SlipwayError("%s is not what composer writes: %s." % (LOCK_FILE, error)) from error
    found = _VERSION.match(versions[0]) if versions else None
    return found.group(1) if found else None


def _numbers(version):
    return [int(number) for number in version.split(".")]
