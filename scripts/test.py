# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make test: the tests on ansible-core 2.19, the unit tests again on the oldest and the newest one promised.

Tests that repeat at length what a shorter one covers (marked "long") are left to `make test-all`, as those of the recovery
matrix are to `make recovery-matrix`; so is, on the other cores, what our library does on any: its own tests, and those of
modules that are marked "one_core". With arguments (`make test ARGS="tests/unit -k lock"`) they go to one pytest on ansible-core
2.19 instead, whatever the tests they name are marked as.
Ends with a line "N passed, N failed, N skipped", also left in .cache/tests/summary.
A core this machine has no Python for, and a suite it has not the programs for, are named there as not tested;
SLIPWAY_REQUIRE_ALL=1 makes that an error.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from xml.etree import ElementTree

import registry_server
import workspace

REPORTS = workspace.CACHE / "tests"
# Where all that the tests write goes: in memory where there is room, for nobody there waits for a disk to flush.
PLACES = ("/dev/shm", tempfile.gettempdir(), "/var/tmp")
ROOM = 8 * 1024 ** 3  # bytes; the tests of whole sites take a few of them
# Many tests at a time, since most of them wait for processes, or more where they wait for a server (those that need a second
# server one after the other); or two files, each of
# which shares what its first test has set up; or all tests of one installation after another, each installation beside the
# others.
TOGETHER = ("-n", "3")
WAITING_TOGETHER = ("-n", "5", "--dist", "loadgroup")
FILES_TOGETHER = ("-n", "2", "--dist", "loadfile")
GROUPS_TOGETHER = ("-n", "4", "--dist", "loadgroup")
# What runs on ansible-core 2.19: name, folders, how.
SUITES = (
    ("unit", ("tests/unit",), TOGETHER),
    ("repository", ("tests/repo", "tests/contract"), TOGETHER),
    ("postgres", ("tests/postgres",), WAITING_TOGETHER),
    ("registry", ("tests/registry",), FILES_TOGETHER),
    ("install", ("tests/install",), TOGETHER),
    ("integration", ("tests/integration",), GROUPS_TOGETHER),
    ("hosts", ("tests/hosts",), ()),
    ("oro", ("tests/oro",), ()),
)
# Much of the time these wait, for hosts, for each other or for daemons to start and end: they run beside the others.
BESIDE = ("oro", "hosts", "registry", "install", "unit on core 2.17", "unit on core 2.21")
EVERYTHING = "--all"  # the argument of make test-all
COVERING = ("-m", "not long")
# In a folder of tests: brings what they need of the machine; what it prints is why it cannot, and its exit status is 1.
NEEDS = "needs.py"
BROUGHT = ("patch", "zstd")  # programs, and the Debian packages of their names, that a bare system lacks
# The library has no Ansible in it (tests/repo sees to that), so another core is no other place for it.
LIBRARY = "tests/unit/plugins/module_utils"
ELSEWHERE = ("--ignore", LIBRARY, "-m", "not long and not one_core")  # of make test, on another core than that of every day
# Controller Pythons each other core runs on, the preferred one first.
OTHER_CORES = {"2.17": ("3.11", "3.12", "3.10"), "2.21": ("3.12", "3.13", "3.14")}


def pytest(name, python, arguments, scratch):
    """Runs one suite; returns {passed, failed, skipped} as pytest's own report has it, and its seconds."""
    word = name.replace(" ", "-")
    report = REPORTS / (word + ".xml")
    started = time.monotonic()
    title = "\n== %s" % name
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"} if name in BESIDE else {}
    if not kept:
        print(title, flush=True)
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "--junitxml", report, "--basetemp", os.path.join(scratch, word), *arguments],
        cwd=workspace.ROOT, env=environment(python, scratch), check=False, **kept)
    if kept:  # one piece, not among what the others print
        print("%s\n%s" % (title, done.stdout), flush=True)
    count = {"passed": 0, "failed": 0, "skipped": 0}
    if report.exists():
        suite = ElementTree.parse(report).getroot().find("testsuite")
        count["failed"] = int(suite.get("failures")) + int(suite.get("errors"))
        count["skipped"] = int(suite.get("skipped"))
        count["passed"] = int(suite.get("tests")) - count["failed"] - count["skipped"]
    if done.returncode and not count["failed"]:  # nothing collected, interrupted, crashed: pytest says so by its exit code alone
        count["failed"] = 1
    return count, time.monotonic() - started


def environment(python, scratch):
    """What tests run in: behind PATH comes what this machine lacks and can be brought."""
    ours = workspace.environment(python, TMPDIR=scratch)
    return dict(ours, PATH=os.pathsep.join([ours["PATH"], *brought()]))


@functools.lru_cache(maxsize=None)  # for all suites, which run beside each other: without a network each asking takes a while
def brought():
    """The folders of those of BROUGHT that can be; tests tell what is still missing."""
    found = []
    for name in BROUGHT:
        with contextlib.suppress(registry_server.ServerError, OSError, subprocess.SubprocessError, SystemExit):
            found.append(os.path.dirname(registry_server.program(name, name, str(workspace.CACHE))))
    return found


def lacks(folder):
    """What this machine lacks for the tests in a folder, in words; nothing when they can run."""
    program = workspace.ROOT / folder / NEEDS
    if not program.exists():
        return ""
    done = subprocess.run([sys.executable, program], stdout=subprocess.PIPE, text=True, check=False)
    return (done.stdout.strip() or "%s failed" % program.name) if done.returncode else ""


def suites(covering):
    """(name, Python, folders, options) of every suite that there is, and a sentence for every one without a Python.

    Python is a function that waits until it is there with all it needs.
    """
    ready, absent = [], []
    pythons = workspace.pythons()
    chosen = {core: next((version for version in versions if version in pythons), None)
              for core, versions in OTHER_CORES.items()}
    pool = concurrent.futures.ThreadPoolExecutor()  # pip mostly waits
    making = {core: pool.submit(workspace.install, "core-" + core, venv=workspace.CACHE / ("core-" + core), python=pythons[version])
              for core, version in chosen.items() if version}
    daily = workspace.install("test")
    pool.shutdown(wait=False)
    for name, folders, how in SUITES:
        present = [folder for folder in folders if (workspace.ROOT / folder).is_dir()]
        if present:
            ready.append((name, lambda: daily, present, how))
    for core, versions in OTHER_CORES.items():
        if core in making:
            ready.append(("unit on core " + core, making[core].result, ["tests/unit"], ELSEWHERE if covering else TOGETHER))
        else:
            absent.append("ansible-core %s was not tested: it needs a Python %s" % (core, " or ".join(versions)))
    return ready, absent


def room(place):
    """Bytes free in a folder, none where tests cannot write and run programs."""
    try:
        found = os.statvfs(place)
    except OSError:
        return 0
    usable = os.access(place, os.W_OK) and not found.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return found.f_bavail * found.f_frsize if usable else 0


def place(places):
    """The first with room for the tests, else the one with most: /tmp may be memory as well, and no larger than /dev/shm."""
    chosen = next((each for each in places if room(each) >= ROOM), None)
    if not chosen:
        chosen = max(places, key=room)
        print("slipway: no folder has the %d GB that all tests may need; they write into %s, where %.1f are free"
              % (ROOM >> 30, chosen, room(chosen) / 1024 ** 3), flush=True)
    return chosen


@contextlib.contextmanager
def scratch_folder():
    """A new folder for all that the tests write; nothing is left of it when they are interrupted, since it may be memory.

    Its name is short: the path of a Unix socket has room for 107 characters.
    """
    scratch = tempfile.mkdtemp(prefix="slipway-", dir=place(PLACES))
    os.chmod(scratch, 0o711)  # root's PostgreSQL runs as somebody else
    try:
        yield scratch
    except BaseException:
        remove(scratch)
        raise


def remove(scratch):
    subprocess.run(["rm", "-rf", scratch], check=False)  # some tests make trees too deep for shutil.rmtree


def attempt(suite, scratch, selection):
    """(name, what pytest() returns), or (name, why it cannot run here); what its tests need is brought first."""
    name, python, folders, options = suite
    missing = [words for words in map(lacks, folders) if words]
    return name, "; ".join(missing) if missing else pytest(name, python(), [*selection, *options, *folders], scratch)


def run(suites, scratch, selection):
    """What attempt() returns of each suite; in two rows at the same time, each of them one after the other."""
    rows = [[suite for suite in suites if (suite[0] in BESIDE) == beside] for beside in (True, False)]
    interrupted = threading.Event()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = pool.map(lambda row: [attempt(suite, scratch, selection) for suite in row if not interrupted.is_set()], rows)
        try:
            return [result for row in done for result in row]
        except KeyboardInterrupt:  # which those that run now have got as well
            interrupted.set()
            raise


def main(arguments):
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    workspace.dependencies()
    everything = arguments == [EVERYTHING]
    if arguments and not everything:
        ready, absent = [("chosen", lambda python=workspace.install("test"): python, [], arguments)], []
    else:
        ready, absent = suites(covering=not everything)
    total = {"passed": 0, "failed": 0, "skipped": 0}
    lines = []
    with scratch_folder() as scratch:
        outcomes = run(ready, scratch, () if arguments else COVERING)
    for name, outcome in outcomes:
        if isinstance(outcome, str):
            absent.append("%s was not tested: %s" % (name, outcome))
            continue
        count, seconds = outcome
        total = {key: total[key] + count[key] for key in total}
        lines.append("%-18s %4d passed %3d failed %3d skipped %6.1f s" % (
            name, count["passed"], count["failed"], count["skipped"], seconds))
    print("\n" + "\n".join(lines + absent))
    incomplete = bool(absent) and os.environ.get("SLIPWAY_REQUIRE_ALL") == "1"
    total["failed"] += incomplete
    summary = "%(passed)d passed, %(failed)d failed" % total
    if total["skipped"]:
        summary += ", %(skipped)d skipped" % total
    if not total["failed"]:
        remove(scratch)
    else:
        print("the failed tests' files are in %s" % scratch)
    (REPORTS / "summary").write_text(summary + "\n", encoding="utf-8")
    print(summary, flush=True)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
