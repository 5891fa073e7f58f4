# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure an upgrade of 3, 6 and 12 real hosts, and Capistrano and Ansistrano beside it; benchmarks/README.md has the figures.

    .venv/bin/python benchmarks/hosts/run.py --hosts 6 --runs 3 --ansistrano ../ansistrano

--ansistrano is a checkout of https://github.com/ansistrano/deploy; without it the others are compared. The same in parts, for a
machine that one has for minutes only: run.py prepare, measure (again and again) and remove.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import signal
import statistics
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("benchmarks/shared", "scripts", ".build/collections")]
sys.path.append(str(REPOSITORY / "demo"))  # at the end: it has a lab.py as well
import fleet  # noqa: E402  (what benchmarks share is no package)
import measure  # noqa: E402
import packages  # noqa: E402
import tools  # noqa: E402


def compare(site, runs, checkout, only):
    """{tool: [result, ...]}; the tools take turns."""
    state = site.state
    compared = {name: tool for name, tool in tools.all_of(site, checkout).items() if name in (only or [name])}
    found = collections.defaultdict(list)
    while min(len(found[name]) for name in compared) < runs:
        number = state["next"]
        if number >= state["versions"]:
            raise SystemExit("There are no more versions to deploy: prepare the lab anew, with more of them.")
        site.save(dict(state, next=number + 1))
        state = site.state
        for name, tool in compared.items():
            result = tools.measure(site, tool, number)
            warm = result.pop("warm")
            print("%2d hosts, %-14s %5.1f s%s" % (site.size, name, result["wall"], "" if warm else ", not counted"), flush=True)
            if warm:
                found[name].append(result)
    return found


def tell(size, found):
    """Tables of what compare() found; ratios are of runs that took turns."""
    rows = [[size, name, *(measure.spread(one[key] for one in many) for key in ("wall", "cpu", "cpu_hosts")),
             many[0].get("per_host", ""), many[0].get("commands", ""), *(_ratio(found, name, peer) for peer in ("Capistrano", "Ansistrano"))]
            for name, many in found.items()]
    lines = [measure.table(["hosts", "", "wall s", "CPU s, controller", "CPU s, hosts", "remote tasks on one host", "commands",
                            "wall, of Capistrano's", "wall, of Ansistrano's"], rows)]
    upgrades = found.get("upgrade")
    if upgrades:
        lines.append("window of %d hosts: %s s, with %s cores busy; answers that were neither: %d" % (
            size, measure.spread(one["window"] for one in upgrades), measure.spread(one["cores"] for one in upgrades),
            sum(one["broken"] for one in upgrades)))
    return "\n\n".join(lines)


def _ratio(found, name, peer):
    if not found.get(peer):
        return ""
    return "%.2f" % statistics.median(one["wall"] / other["wall"] for one, other in zip(found[name], found[peer]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["all", "prepare", "measure", "remove"], default="all")
    parser.add_argument("--hosts", type=int, nargs="+", default=[3, 6, 12], help="sizes (3 6 12)")
    parser.add_argument("--versions", type=int, help="versions to prepare (as many as --runs needs)")
    parser.add_argument("--runs", type=int, default=3, help="measured runs of each tool (3)")
    parser.add_argument("--ansistrano", type=Path, help="a checkout of Ansistrano's role deploy")
    parser.add_argument("--only", nargs="+", help="tools to measure, by the names that the table gives them")
    parser.add_argument("--load", type=float, default=1.5, help="wait until the load of a minute is below this (1.5)")
    parser.add_argument("--patience", type=float, default=1800, help="and measure anyway after so many seconds (1800)")
    parser.add_argument("--json", type=Path, help="write all that was measured to this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that what runs is ended too
    packages.install({"cap": "capistrano"})
    found = {}
    for size in options.hosts:
        site = fleet.Fleet(size)
        try:
            if options.what in ("all", "prepare"):
                site.prepare(options.versions or 1 + fleet.KEEP + options.runs)
            if options.what in ("all", "measure"):
                load = measure.wait_for_quiet(options.load, options.patience)
                print("%s, %d CPUs, load before: %.2f" % (time.strftime("%Y-%m-%d %H:%M"), os.cpu_count(), load), flush=True)
                found[size] = compare(site, options.runs, options.ansistrano, options.only)
                print(tell(size, found[size]) + "\n", flush=True)
        finally:
            if options.what in ("all", "remove"):
                site.down()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
