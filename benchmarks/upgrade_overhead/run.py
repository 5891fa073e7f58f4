# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what Slipway costs; benchmarks/README.md says what that means and has the figures.

    .venv/bin/python benchmarks/upgrade_overhead/run.py upgrade --hosts 3 6 12 --runs 3
    .venv/bin/python benchmarks/upgrade_overhead/run.py releases --runs 5
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "benchmarks" / "shared"), str(REPOSITORY / "demo"), str(REPOSITORY / ".build" / "collections")]
import measure  # noqa: E402  (demo and what benchmarks share are no packages)
import releases  # noqa: E402
import upgrade  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["upgrade", "releases"])
    parser.add_argument("--hosts", type=int, nargs="+", default=[3, 6, 12], help="sizes, for upgrade (3 6 12)")
    parser.add_argument("--runs", type=int, default=5, help="measured runs of each (5)")
    parser.add_argument("--load", type=float, default=1.5, help="wait until the load of a minute is below this (1.5)")
    parser.add_argument("--patience", type=float, default=1800, help="and measure anyway after so many seconds (1800)")
    parser.add_argument("--json", type=Path, help="write all that was measured to this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that what runs is ended too
    load = measure.wait_for_quiet(options.load, options.patience)
    print("%s, %d CPUs, load before: %.2f" % (time.strftime("%Y-%m-%d %H:%M"), os.cpu_count(), load), flush=True)
    found = upgrade.run(options.hosts, options.runs) if options.what == "upgrade" else releases.run(options.runs)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print((upgrade if options.what == "upgrade" else releases).tell(found))


if __name__ == "__main__":
    main()
