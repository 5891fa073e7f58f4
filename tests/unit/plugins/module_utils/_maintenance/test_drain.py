# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host leaves its balancer and comes back."""

from __future__ import annotations

import json
import os
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._maintenance.drain import Drain


def test_on_keeps_since_when_and_off_forgets(tmp_path):
    drain = Drain(str(tmp_path))
    assert drain.status() == {"on": False, "since": None, "by": None}
    assert drain.left(10) == 0
    drain.on("first")
    since = drain.status()["since"]
    drain.on("second")
    assert drain.status() == {"on": True, "since": since, "by": "first"}
    assert (tmp_path / "maintenance" / "drain").stat().st_mode & 0o777 == 0o644  # the web server looks at it
    assert drain.off() and not drain.off()
    assert not drain.status()["on"]


def test_what_is_left_to_wait_is_never_negative_and_never_more_than_asked(tmp_path):
    drain = Drain(str(tmp_path))
    drain.on("one")
    assert 0 < drain.left(1000) <= 1000
    path = tmp_path / "maintenance" / "drain"
    for moved, expected in ((-5000, 0), (5000, 1000)):  # long ago; and a clock that was set back since
        path.write_text(json.dumps({"since": time.time() + moved, "by": "one"}), encoding="utf-8")
        assert drain.left(1000) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")
def test_root_removes_nothing_where_a_folder_that_the_applications_user_put_there_leads(tmp_path):
    drain = Drain(str(tmp_path / "shop"))
    drain.on("one")
    (tmp_path / "shop" / "maintenance").rename(tmp_path / "etc")
    os.symlink(tmp_path / "etc", tmp_path / "shop" / "maintenance")
    os.lchown(tmp_path / "shop" / "maintenance", 65534, 65534)
    with pytest.raises(SlipwayError, match="maintenance is not root's alone"):
        drain.off()
    assert (tmp_path / "etc" / "drain").exists()
