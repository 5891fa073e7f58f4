# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git repositories to build from."""

from __future__ import annotations

import os
import subprocess

IDENTITY = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
            "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
SMALLEST = "application: shop\nprofile: generic\n"


class Repository:
    """A git repository in a folder. Every commit is a minute later than the one before it."""

    def __init__(self, path):
        self.path = str(path)
        self._time = 1700000000
        os.makedirs(self.path)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments):
        date = "%d +0000" % self._time
        env = dict(os.environ, **IDENTITY, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        argv = ["git", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(argv, cwd=self.path, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files=None, tag=None):
        """Commit files ({path: text}) with everything else that changed in the folder; return the commit id."""
        for name, text in (files or {}).items():
            path = os.path.join(self.path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        self._time += 60
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change")
        if tag:
            self.git("tag", tag)
        return self.git("rev-parse", "HEAD")


def shop(path, **files):
    """A repository with the smallest slipway.yml (or the one given as slipway) and a tag 1.0.0."""
    repository = Repository(path)
    content = {"slipway.yml": files.pop("slipway", SMALLEST), "app.py": "print('hello')\n"}
    content.update(files)
    repository.commit(content, tag="1.0.0")
    return repository
