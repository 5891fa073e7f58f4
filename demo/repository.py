# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop's git repository, made anew with the same commits every time.

1.0.0, 1.1.0 and 1.2.0 are the demo's versions. For tests there are more, all made from 1.1.0: 1.1.1, 1.1.2, ... each
with one more small migration, and one version for each way an upgrade can go wrong (BROKEN).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = ("1.0.0", "1.1.0", "1.2.0")

# Texts replaced in 1.1.0; a broken version may also have files of its own in versions/.
BROKEN = {
    "broken-build": [("requirements.txt", "sqlparse==", "barometer==4.2\nsqlparse==")],
    "failing-atomic": [],
    "hanging": [("slipway.yml", "migrate: 600", "migrate: 15")],
    "unhealthy": [("shop/health.py", "wrong = schema_problem()", 'wrong = "the barometer is falling"'),
                  ("slipway.yml", "contains: '\"status\": \"ok\"'", "contains: '\"status\": \"ok\"'\n  timeout: 5")],
}

MIGRATION = '''"""One more number for every order: how many lines it has, times {number}."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "{previous}")]
    operations = [
        migrations.AddField("order", "extra_{number}", models.IntegerField(db_default=0)),
        migrations.RunSQL(
            "UPDATE shop_order SET extra_{number} = {number} *"
            " (SELECT count(*) FROM shop_orderline WHERE order_id = shop_order.id)"),
    ]
'''


def make(directory):
    """Make the repository with the demo's three versions; return its path."""
    directory = Path(directory)
    directory.mkdir(parents=True)
    git(directory, "init", "--quiet", "--initial-branch", "main")
    for version in VERSIONS:
        _lay(directory, version)
        commit(directory, version)
    return directory


def extra_versions(directory, count):
    """Add 1.1.1 to 1.1.<count>; return their tags."""
    previous = "0004_require_number_and_total"
    git(directory, "checkout", "--quiet", "-B", "patches", "1.1.0")
    tags = ["1.1.%d" % number for number in range(1, count + 1)]
    for number, tag in enumerate(tags, 1):
        name = "%04d_extra_%d" % (4 + number, number)
        migration = MIGRATION.format(number=number, previous=previous)
        (directory / "shop/migrations" / (name + ".py")).write_text(migration, encoding="utf-8")
        commit(directory, tag)
        previous = name
    return tags


def broken_version(directory, name):
    """Add the version that breaks in the way called name (a key of BROKEN); return its tag."""
    git(directory, "checkout", "--quiet", "--detach", "1.1.0")
    _lay(directory, name)
    for path, old, new in BROKEN[name]:
        text = (directory / path).read_text(encoding="utf-8")
        if old not in text:
            raise ValueError("%s has no %r to replace" % (path, old))
        (directory / path).write_text(text.replace(old, new), encoding="utf-8")
    commit(directory, name)
    return name


def _lay(directory, version):
    """Put a version's files into the work tree: 1.0.0 is the shop itself, the others lie on what is there."""
    source = HERE / "shop" if version == "1.0.0" else HERE / "versions" / version
    if source.is_dir():
        shutil.copytree(source, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "vendor"))


def commit(directory, version):
    (directory / "VERSION").write_text(version + "\n", encoding="utf-8")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--message", "Version %s" % version)
    git(directory, "tag", version)


def git(directory, *arguments):
    who = {"GIT_%s_%s" % (role, key): value for role in ("AUTHOR", "COMMITTER") for key, value in (
        ("NAME", "Shop developer"), ("EMAIL", "developer@shop.example"), ("DATE", "2026-11-02T09:00:00+00:00"))}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=directory, env={**kept, **who, **alone}, check=True)
