# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of packages: what is one, what is none, and the tag a git reference becomes."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.name import PackageName, parse, tag_of

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize("text, name", [
    ("shop", PackageName("shop")),
    ("team/shop:1.1.0", PackageName("team/shop", "1.1.0")),
    ("shop@" + DIGEST, PackageName("shop", digest=DIGEST)),
    (DIGEST, PackageName("", digest=DIGEST)),
])
def test_a_name_is_parsed_and_written_back(text, name):
    assert parse(text) == name
    assert str(parse(text)) == text


@pytest.mark.parametrize("text", [
    "", ":1.0", "shop:", "Shop:1.0", "shop:1.0:2", "shop@1.0", "shop@", "shop:1@" + DIGEST, "shop@" + DIGEST[:-1],
    "shop:feature/x", "../shop:1", "shop:1\n", "-shop", "shop: 1"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(SlipwayError, match="is not the name of a package"):
        parse(text)


@pytest.mark.parametrize("reference, tag", [
    ("1.1.0", "1.1.0"), ("refs/tags/v2", "v2"), ("feature/new-cart", "feature-new-cart"), (".hidden", "hidden"),
    ("x" * 200, "x" * 128), ("+", "package")])
def test_a_reference_becomes_a_tag(reference, tag):
    assert tag_of(reference) == tag
    parse("shop:" + tag)
