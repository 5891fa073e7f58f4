# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Names of packages: shop:1.1.0 says which tag, shop@sha256:... says which bytes."""

from __future__ import annotations

import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.record import Record

# The grammar of the OCI distribution specification, so that every registry takes the name.
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\Z")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class PackageName(Record):
    """A repository with a tag, a digest, or neither; only a digest has an empty repository."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self):
        if self.digest:
            return "%s@%s" % (self.repository, self.digest) if self.repository else self.digest
        return "%s:%s" % (self.repository, self.tag) if self.tag else self.repository


def parse(text):
    """The PackageName in "repository", "repository:tag", "repository@sha256:...", or "sha256:..."."""
    if DIGEST.match(text):
        return PackageName("", digest=text)
    repository, at, digest = text.partition("@")
    # A tag has no slash: in host:5000/shop the colon belongs to the host, which a repository may not have.
    repository, colon, tag = repository.partition(":")
    if (at and not DIGEST.match(digest)) or (colon and not TAG.match(tag)) or not REPOSITORY.match(repository) \
            or (at and colon):
        raise SlipwayError("'%s' is not the name of a package." % text,
                           hint="Names look like shop, shop:1.1.0, or shop@sha256:<64 hex digits>; "
                                "repositories are in lower case.")
    return PackageName(repository, tag or None, digest or None)


def tag_of(reference):
    """A tag for a git reference: refs/tags/1.1.0 gives 1.1.0, feature/new-cart gives feature-new-cart."""
    short = re.sub(r"^refs/(?:tags|heads)/", "", reference)
    return re.sub(r"[^A-Za-z0-9._-]", "-", short).lstrip(".-")[:128] or "package"


def it_has(names):
    """What there is, for whoever has asked for something else; of many the first ones."""
    return "It has %s%s." % (", ".join(names[:10]) or "none at all", " and others" if len(names) > 10 else "")
