# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make lint: every static gate, two at a time; `lint.py NAME...` runs the named ones."""

from __future__ import annotations

import concurrent.futures
import shutil
import subprocess
import sys
import time

import workspace

DOCS = workspace.CACHE / "docs"
# The rest is for users, and pylint's.
RUFF = ("benchmarks", "demo", "molecule", "scripts", "tests")
COLLECTION = workspace.COLLECTIONS / "ansible_collections" / "slipway" / "app"


def module(name, *arguments):
    """One command of .venv. Started as a module: a script's first line breaks where the clone's path has a space."""
    return [workspace.VENV / "bin" / "python", "-m", name, *arguments]


def antsibull_docs(*arguments):
    return module("antsibull_docs.cli.antsibull_docs", *arguments)


def docs_site():
    """The commands that render the documentation of every plugin and role as HTML, into a fresh folder."""
    shutil.rmtree(DOCS, ignore_errors=True)
    DOCS.mkdir(parents=True, mode=0o700)
    return [
        antsibull_docs("sphinx-init", "--use-current", "--squash-hierarchy", "--lenient", "--fail-on-error",
                       "--dest-dir", DOCS, "slipway.app"),
        antsibull_docs("--config-file", DOCS / "antsibull-docs.cfg", "collection", "--use-current",
                       "--squash-hierarchy", "--fail-on-error", "--dest-dir", DOCS / "rst", "slipway.app"),
        module("sphinx", "-M", "html", DOCS / "rst", DOCS / "build", "-c", DOCS, "--keep-going", "--quiet"),
    ]


GATES = {
    "sanity": lambda: [[workspace.VENV / "bin" / "python", "scripts/sanity.py"]],
    "ansible-lint": lambda: [module("ansiblelint", "--offline", "--profile", "production", "--strict", "--nocolor")],
    "docs": lambda: [antsibull_docs("lint-collection-docs", "--plugin-docs", "--skip-rstcheck",
                                    "--validate-collection-refs", "self", COLLECTION)],
    "docs-site": docs_site,
    "changelog": lambda: [module("antsibull_changelog", "lint")],
    "ruff": lambda: [module("ruff", "check", "--config", ".config/ruff.toml", "--no-cache", "--quiet", *RUFF)],
    "yamllint": lambda: [module("yamllint", "--strict", ".")],
    "licences": lambda: [[workspace.VENV / "bin" / "python", "scripts/licences.py"]],
}


def run(name):
    """Returns (name, passed, seconds, output)."""
    started = time.monotonic()
    output = []
    for command in GATES[name]():
        done = subprocess.run(
            command, cwd=workspace.ROOT, env=workspace.environment(command[0]), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        output.append(done.stdout)
        if done.returncode:
            break
    return name, done.returncode == 0, time.monotonic() - started, "".join(output)


def together(names):
    """What run() returns of each, as they end."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, name) for name in names]):
            yield done.result()


def main(names):
    unknown = [name for name in names if name not in GATES]
    if unknown:
        workspace.fail("no gate named %s; there are %s" % (", ".join(unknown), ", ".join(GATES)))
    workspace.install("lint")
    workspace.dependencies()
    failed = []
    for name, passed, seconds, output in together(sorted(set(names or GATES), key=list(GATES).index)):
        print("%-14s %-6s %5.1f s" % (name, "ok" if passed else "FAILED", seconds), flush=True)
        if not passed:
            failed.append(name)
            print(output, flush=True)
        elif name == "sanity":
            print(output.strip(), flush=True)
    green = "%d gates green" % (len(names or GATES) - len(failed))
    print("lint: " + green + (", red: " + ", ".join(failed) if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
