# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs `ansible-test sanity` and believes it only when it really tested something.

ansible-test wants to stand in a real folder .../ansible_collections/slipway/app outside any git repository (in a
symlink it refuses to start, in an ignored folder it skips everything and says success), and downloads get-pip.py.
So it gets a copy of the files git knows of, a home of its own and a stand-in for that download.
Run as a program, arguments go to ansible-test: `sanity.py --test pep8 plugins/modules/release.py`.
"""

from __future__ import annotations

import ast
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import workspace

HOMES = workspace.CACHE / "ansible-test"
# A whole run goes in parts at the same time: what costs as much as all others together is one.
LONG = ("import", "pylint")
# Without these a green run says nothing about the collection.
REQUIRED = ("compile", "import", "pep8", "pylint", "runtime-metadata", "validate-modules", "yamllint")


def project_files():
    """Every file of the project: what git has and what it would take."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=workspace.ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        workspace.fail("git does not list the files of %s: %s" % (workspace.ROOT, listed.stderr.strip()))
    names = sorted(set(filter(None, listed.stdout.split("\0"))))
    return [name for name in names if os.path.lexists(workspace.ROOT / name)]


def copy_tree(target):
    files = project_files()
    if not files:
        workspace.fail("git lists no files in %s; is this a clone?" % workspace.ROOT)
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(workspace.ROOT / name, target / name, follow_symlinks=False)


def import_pythons():
    """Of the Pythons here that ansible-test knows, the oldest and the newest: what both of them import, those between do.

    What is no Python at all for one of the others, the test compile finds.
    """
    asked = "from ansible_test._util.target.common.constants import *; print(*REMOTE_ONLY_PYTHON_VERSIONS, *CONTROLLER_PYTHON_VERSIONS)"
    python = workspace.VENV / "bin" / "python"
    known = subprocess.run([python, "-c", asked], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    there = workspace.pythons()
    here = [version for version in known if version in there]
    return list(dict.fromkeys([*here[:1], *here[-1:]]))


def whole():
    """{name: arguments} of the parts of a whole run.

    pylint reads what users get. Of tests and scripts ruff asks much the same in a moment; pylint takes longer for them than for all else.
    """
    imports = {"import-" + version: ["--test", "import", "--python", version] for version in import_pythons()}
    return {**imports, "pylint": ["--test", "pylint", "plugins/"],
            "rest": [word for name in LONG for word in ("--skip-test", name)]}


def prepare_home(home):
    """A home for one ansible-test: two in the same remove each other's virtual environments while they make them.

    ansible-test hands on none of pip's variables: what pip goes by is written to its file.
    """
    python = workspace.VENV / "bin" / "python"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in ("23_1_2", "24_2", "25_2"):  # what ansible-core 2.17, 2.18 and 2.19, 2.20 and later ask for
        shutil.copy(workspace.ROOT / "scripts" / "get_pip.py", cache / ("get_pip_%s.py" % version))
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    settings = {}
    for line in listed.splitlines():
        name, _equals, value = line.partition("=")
        settings[name.split(".", 1)[-1]] = ast.literal_eval(value)
    config = home / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.touch(mode=0o600)
    lines = ["%s = %s\n" % (name, value.replace("\n", "\n    ")) for name, value in sorted(settings.items())]
    config.write_text("[global]\n" + "".join(lines), encoding="utf-8")


def sanity(name, arguments):
    """Returns (exit code, output) of one run of ansible-test, whose home has that name."""
    home = HOMES / name
    prepare_home(home)
    python = workspace.VENV / "bin" / "python"
    path = [str(python.parent), *(os.path.dirname(found) for found in workspace.pythons().values()),
            os.environ.get("PATH", os.defpath)]
    environment = workspace.environment(python, HOME=str(home), PATH=os.pathsep.join(path))
    for name in ("ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_HOME", "PYTHONPATH", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="slipway-sanity-") as temporary:
        tree = Path(temporary) / "ansible_collections" / "slipway" / "app"
        copy_tree(tree)
        done = subprocess.run(
            [python, python.parent / "ansible-test", "sanity", "--local", "--color", "no", "-v", *arguments],
            cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def checks(output):
    """{test: did it run on anything} in the order ansible-test ran them; a test with a Python version counts once."""
    found = {}
    for part in re.split(r"^Running sanity test ", output, flags=re.MULTILINE)[1:]:
        name = part.split('"')[1]
        found[name] = found.get(name, False) or "No tests applicable." not in part
    return found


def doubts(output):
    """Reasons not to believe a green run."""
    ran = checks(output)
    if "All targets skipped" in output:
        yield "ansible-test skipped all targets"
    for name in REQUIRED:
        if not ran.get(name):
            yield "the test %s ran on nothing" % name


def complaints(output):
    """What a person needs of the output of a run that failed: its errors, or how it ended where it named none."""
    lines = output.splitlines()
    return "\n".join([line for line in lines if line.startswith(("ERROR", "FATAL", "See"))] or lines[-30:])


def main(arguments):
    parts = {"chosen": arguments} if arguments else whole()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = list(pool.map(sanity, parts, parts.values()))
    output = "".join(text for _code, text in done)
    failed = [text for code, text in done if code]
    if failed:
        for text in failed:
            print(complaints(text))
        log = workspace.CACHE / "sanity.log"
        log.write_text(output, encoding="utf-8")
        print("slipway: all that ansible-test said is in %s" % log)
        return 1
    reasons = [] if arguments else list(doubts(output))
    for reason in reasons:
        print("slipway: a green run that is not believed: " + reason)
    versions = re.findall(r'^Running sanity test "import" on Python ([\d.]+)', output, re.MULTILINE)
    print("slipway: %d sanity tests ran, imports on Python %s" % (sum(checks(output).values()), ", ".join(versions)))
    return 1 if reasons else 0


if __name__ == "__main__":
    workspace.install("lint")
    sys.exit(main(sys.argv[1:]))
