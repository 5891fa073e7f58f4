# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what users behind a balancer meet while the shop of the demo is upgraded in the modes rolling and source.

    .venv/bin/python benchmarks/rolling_availability/run.py --hosts 2 4 --rate 20

A client places orders and looks into the shop, at a constant rate, over a connection of its own for every request; nothing
is tried twice, by the client or by the balancer. Everything but a 200 or 201 counts as failed. Exits non-zero when one did.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "demo"))
import check  # noqa: E402  (demo is no package)
import repository  # noqa: E402
from balancer import Balancer  # noqa: E402
from client import Client  # noqa: E402
from lab import Lab  # noqa: E402

# What the balancer of the lab needs, with room for a machine that is busy.
BALANCED = {"slipway_fall_seconds": 2, "slipway_rise_seconds": 1}


def upgrade(lab, balancer, version, mode, rate):
    """One upgrade under load: (seconds, events, what is wrong afterwards)."""
    client = Client({"balancer": balancer.address}, rate=rate, threads=max(4, rate // 3)).start()
    try:
        time.sleep(2)
        done = lab.playbook("upgrade", package="shop:" + version, mode=mode, **BALANCED)
        time.sleep(2)
    finally:
        client.stop()
    if done.rc:
        sys.exit(done.output)
    accepted = client.accepted()
    wrong = check.orders_are_there(lab, accepted) + check.jobs_done_once(lab, accepted) + check.serves(lab, version)
    return done.seconds, client.since(0), wrong


def measure(hosts, rate):
    """Both modes with so many app hosts; the number of requests that failed and of other wrongs."""
    bad = 0
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder, Lab(Path(folder) / "lab", apps=hosts) as lab:
        versions = repository.rolling_versions(lab.repository, 2)[:2]
        for playbook, version in (("deploy", versions[0]), ("package_build", versions[1])):
            done = lab.playbook(playbook, reference=version)
            if done.rc:
                sys.exit(done.output)
        with Balancer({host: lab.address(host) for host in lab.apps}) as balancer:
            for mode, version in (("rolling", versions[1]), ("source", versions[0])):
                seconds, events, wrong = upgrade(lab, balancer, version, mode, rate)
                failed = [event for event in events if event.kind not in ("accepted", "read")]
                print("%-8s %d app hosts, %.0f s: %s" % (mode, hosts, seconds, tell(events, failed)), flush=True)
                for line in [event.detail for event in failed[:3]] + wrong:
                    print("         " + line)
                bad += len(failed) + len(wrong)
    return bad


def tell(events, failed):
    """What the client met, in one line."""
    kinds = collections.Counter(event.kind for event in events)
    took = [event.answered - event.sent for event in events]
    return "%d requests (%d orders, %d reads), %d failed; answered in %.3f s (median), %.2f s (most)" % (
        len(events), kinds["accepted"], kinds["read"], len(failed), statistics.median(took), max(took))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[2], help="numbers of app hosts (2)")
    parser.add_argument("--rate", type=int, default=10, help="requests a second (10)")
    options = parser.parse_args()
    sys.exit(1 if sum(measure(hosts, options.rate) for hosts in options.hosts) else 0)


if __name__ == "__main__":
    main()
