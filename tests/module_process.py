# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module as the process it is on a host: its own, with standard input, output and environment of its own.

It is forked from a process that has imported Ansible's part of every module, as AnsiballZ would bring it, and nothing else:
that import takes most of the time of a short run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import sys

LIBRARY = "ansible.module_utils.basic"
TIMEOUT = 120  # seconds

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([LIBRARY])


def run(name, arguments, folder):
    """Run a module of the collection with these arguments; (exit status, what it printed, what it said of errors).

    The files of its input and output are in folder, an existing one. The exit status is None when it took too long.
    """
    paths = [os.path.join(folder, stream) for stream in ("stdin", "stdout", "stderr")]
    for path, text in zip(paths, (json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), "", "")):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    process = _forks.Process(target=_main, args=(name, paths, dict(os.environ), os.getcwd()))
    process.start()
    process.join(TIMEOUT)
    if process.exitcode is None:
        process.kill()
    texts = []
    for path in paths[1:]:
        with open(path, encoding="utf-8", errors="replace") as stream:
            texts.append(stream.read())
    return (process.exitcode, *texts)


def _main(name, paths, environment, directory):
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(paths):
        descriptor = os.open(path, os.O_RDWR)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww"))
    sys.argv = [name]
    runpy.run_module("ansible_collections.slipway.app.plugins.modules." + name, run_name="__main__", alter_sys=True)
