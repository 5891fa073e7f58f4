# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several names are a text with commas or a list."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.slipway.app.plugins.filter.names import FilterModule

names = FilterModule().filters()["names"]


@pytest.mark.parametrize(("given", "found"), [
    ("", []), (None, []), ([], []), (" , ", []), (["", None], []), ("web", ["web"]), ("web,cron", ["web", "cron"]), (" web, cron ,", ["web", "cron"]),
    (["web", "cron"], ["web", "cron"]), (["web, cron", "mailer"], ["web", "cron", "mailer"])])
def test_names_of_a_text_or_a_list(given, found):
    assert names(given) == found


@pytest.mark.parametrize("given", [False, 5, {"web": 1}, ["web", 5], [["web"]]])
def test_what_is_no_text_is_refused(given):
    with pytest.raises(AnsibleFilterError, match="a number in quotes"):
        names(given)
