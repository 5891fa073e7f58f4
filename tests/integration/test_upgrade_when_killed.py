# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller dies at every journaled step of an upgrade; one recover, and everything is as it should be.

The steps of the way back have their turn in test_upgrade_undone.py, likewise, in the same lab before this: here it moves on, from
1.1.0, or from 1.0.0 where that file has left it to make test-all.

Each run upgrades to one more version while a client places orders, kills the whole process tree of ansible-playbook
when a record appears in a journal, runs recover, and looks from outside.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"
sys.path.insert(0, str(DEMO))
import repository  # noqa: E402  (demo is no package)

from ansible_collections.slipway.app.tests.integration.crashes import (  # noqa: E402
    FORWARD, customers, detached, kill_tree, last_operation, live, wait_for_record, wrong_after)
from ansible_collections.slipway.app.tests.integration.packages import derive  # noqa: E402
from ansible_collections.slipway.app.tests.selection import long_but  # noqa: E402
from ansible_collections.slipway.app.tests.waiting import until  # noqa: E402

pytestmark = pytest.mark.timeout(600)

# Of these every run has that at which it is hardest to see what is right to do: a migration that nobody waits for.
EVERY_TIME = [("app1", "migrate", "begin")]


@pytest.fixture(scope="module")
def shop(two_hosts):
    """The shop, one consumer stopped by hand, and many more versions in its repository."""
    repository.extra_versions(two_hosts.repository, len(FORWARD))
    return two_hosts


@pytest.mark.parametrize(("host", "step", "event"), long_but(FORWARD, *EVERY_TIME), ids=["-".join(point[1:]) for point in FORWARD])
def test_killed_controller(shop, state, changes, host, step, event):
    before, started = live(shop), detached(shop)
    version = "1.1.%d" % (int(before.rpartition(".")[2]) + 1)
    derive(shop, "shop:1.0.0", version)
    begun = time.monotonic()
    with customers(shop) as client:
        upgrade = shop.start_playbook("upgrade", package="shop:" + version)
        wait_for_record(shop, host, step, event, upgrade)
        if (step, event) == ("migrate", "begin"):  # announced is not begun
            until(lambda: detached(shop) != started)
        kill_tree(upgrade)
        # As DESIGN has it: what has begun to migrate, and not failed, is finished; all else is undone.
        wanted = version if "migrate" in last_operation(shop) else before
        if (step, event) == ("migrate", "begin"):
            left = state(shop)
            second = shop.playbook("upgrade", package="shop:" + version)
            assert second.rc != 0 and "slipway.app.recover" in second.output, second.output
            told = shop.playbook("status", "--limit", "app1").output
            assert "whoever holds the lock is gone, or was not heard of since its lease ran out: run recover" in told and ": open since " in told, told
            checked = shop.playbook("recover", "--check")
            assert checked.rc == 0 and "(check mode). The operation would go " in checked.output, checked.output
            # The migration runs on meanwhile.
            assert set(changes(left, state(shop))) - {"columns", "migrations", "rows"} == set()
        recovered = shop.playbook("recover")
        assert recovered.rc == 0, recovered.output
    after = live(shop)
    assert after == wanted, recovered.output
    print("%s %s on %s: %s -> %s, recovered by %s (%.0f s in all)" % (
        step, event, host, before, version, "going back" if after == before else "finishing", time.monotonic() - begun))
    wrong = wrong_after(shop, client, after) + schema_is(shop, after)
    assert wrong == [], recovered.output


def schema_is(lab, version):
    """The columns that the versions after 1.1.0 have added to the orders, and the migrations that the server knows."""
    number = int(version.rpartition(".")[2])
    columns = {row["column_name"] for row in lab.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'shop_order' AND column_name LIKE 'extra_%%'")}
    wanted = {"extra_%d" % one for one in range(1, number + 1)}
    applied = lab.sql("SELECT count(*) AS n FROM django_migrations WHERE app = 'shop' AND name LIKE '%%extra%%'")[0]["n"]
    return [] if columns == wanted and applied == number else ["columns %s, %d migrations" % (sorted(columns), applied)]
