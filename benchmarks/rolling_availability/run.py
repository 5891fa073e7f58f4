# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count what users behind a balancer meet while the shop of the demo is upgraded in the modes rolling and source.

    .venv/bin/python benchmarks/rolling_availability/run.py --hosts 2 4 --rate 20
    .venv/bin/python benchmarks/rolling_availability/run.py --lab

A client places orders and looks into the shop, at a constant rate, over a connection of its own for every request; nothing
is tried twice, by the client or by the balancer. Everything but a 200 or 201 counts as failed. Exits non-zero when one did.
Without --lab, hosts are folders on this machine and the balancer is that of demo/balancer.py; with it, they are those of
scripts/lab.py, with systemd, nginx and HAProxy, and every second request comes over a connection that is kept. In folders
nobody tells Slipway where to ask the balancer, and it waits as long as it does then.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "demo"))
import check  # noqa: E402  (demo is no package)
import repository  # noqa: E402
from client import Client  # noqa: E402


@contextlib.contextmanager
def folders(hosts):
    """(shop, address of its balancer, versions, whether connections are kept, of each client) on hosts that are folders."""
    from balancer import Balancer
    from lab import Lab

    with tempfile.TemporaryDirectory(prefix="slipway-") as folder, Lab(Path(folder) / "lab", apps=hosts) as lab:
        versions = repository.rolling_versions(lab.repository, 2)
        with Balancer({host: lab.address(host) for host in lab.apps}) as balancer:
            yield lab, balancer.address, versions, (False,)  # this one knows of connections only, not of requests


@contextlib.contextmanager
def containers(hosts):
    """The same on hosts of scripts/lab.py, provisioned."""
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    from lab import Lab
    from lab_shop import Shop

    with Lab("availability", apps=hosts, consumers=1) as lab:
        shop = Shop(lab)
        play(shop, "provision")
        yield shop, shop.balancer, shop.add_versions(2), (False, True)


def play(shop, playbook, **variables):
    """Run a playbook that must not fail; its Result."""
    done = shop.playbook(playbook, **variables)
    if done.rc:
        sys.exit(done.output)
    return done


def upgrade(shop, clients, version, mode):
    """One upgrade under load: (seconds, events, what is wrong afterwards)."""
    for client in clients:
        client.start()
    try:
        time.sleep(2)
        done = play(shop, "upgrade", package="shop:" + version, mode=mode)
        time.sleep(2)
    finally:
        for client in clients:
            client.stop()
    accepted = [order for client in clients for order in client.accepted()]
    wrong = check.orders_are_there(shop, accepted) + check.jobs_done_once(shop, accepted) + check.serves(shop, version)
    return done.seconds, [event for client in clients for event in client.since(0)], wrong


def measure(place, hosts, rate, runs):
    """Both modes with so many app hosts, in turns; the number of requests that failed and of other wrongs."""
    bad, met = 0, collections.defaultdict(list)
    with place(hosts) as (shop, address, versions, keeps):
        play(shop, "deploy", reference=versions[0])
        play(shop, "package_build", reference=versions[1])
        for _run in range(runs):
            for mode, version in (("rolling", versions[1]), ("source", versions[0])):
                clients = [Client({"balancer": address}, rate / len(keeps), max(4, rate // 3), keep) for keep in keeps]
                seconds, events, wrong = upgrade(shop, clients, version, mode)
                met[mode] += events
                print("%-8s %d app hosts, %.0f s: %s" % (mode, hosts, seconds, tell(events)), flush=True)
                for line in [event.detail for event in failed(events)[:3]] + wrong:
                    print("         " + line)
                bad += len(failed(events)) + len(wrong)
    for mode, events in met.items():
        print("%-8s %d app hosts, %d upgrades: %s" % (mode, hosts, runs, tell(events)), flush=True)
    return bad


def failed(events):
    return [event for event in events if event.kind not in ("accepted", "read")]


def tell(events):
    """What the clients met, in one line."""
    kinds = collections.Counter(event.kind for event in events)
    took = [event.answered - event.sent for event in events]
    return "%d requests (%d orders, %d reads), %d failed; answered in %.3f s (median), %.2f s (most)" % (
        len(events), kinds["accepted"], kinds["read"], len(failed(events)), statistics.median(took), max(took))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", action="store_true", help="on hosts with systemd and HAProxy, in Docker")
    parser.add_argument("--hosts", type=int, nargs="+", default=[2], help="numbers of app hosts (2)")
    parser.add_argument("--rate", type=int, default=10, help="requests a second (10)")
    parser.add_argument("--runs", type=int, default=1, help="upgrades in each mode (1)")
    options = parser.parse_args()
    place = containers if options.lab else folders
    sys.exit(1 if sum([measure(place, hosts, options.rate, options.runs) for hosts in options.hosts]) else 0)


if __name__ == "__main__":
    main()
