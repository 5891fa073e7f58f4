# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop's git repository, made anew with the same commits every time.

1.0.0, 1.1.0 and 1.2.0 are the demo's versions. For tests there are more. Made from 1.1.0: 1.1.1, 1.1.2, ... each with one
more small migration, and one version for each way an upgrade can go wrong (BROKEN). Made from 1.0.0: 1.0.1, in which only
code changes, and 1.0.2, 1.0.3, ... each with one more column that the version before it need not know of; from 1.1.0 the same
can be made. For the recovery matrix: see recovery_versions().
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSIONS = ("1.0.0", "1.1.0", "1.2.0")

# In every version for tests, which come by the dozen: the second check loads all of it as well.
ONE_CHECK = [("slipway.yml", '    - "{python} manage.py check"\n', "")]

# Texts replaced in 1.1.0; a broken version may also have files of its own in versions/.
BROKEN = {
    "broken-build": [("requirements.txt", "sqlparse==", "barometer==4.2\nsqlparse==")],
    "failing-atomic": [],
    "hanging": [("slipway.yml", "migrate: 600", "migrate: 10")],
    "unhealthy": [("shop/health.py", "wrong = schema_problem()", 'wrong = "the barometer is falling"'),
                  ("slipway.yml", "contains: '\"status\": \"ok\"'", "contains: '\"status\": \"ok\"'\n  timeout: 5")],
}

# The same, in a version made by rolling_versions().
RED_ON_APP2 = [("shop/health.py", "wrong = schema_problem()",
                'wrong = "the barometer is falling" if "/app2/" in str(settings.RELEASE) else schema_problem()'),
               BROKEN["unhealthy"][1]]

COLUMN = '''"""Room for one more number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "{previous}")]
    operations = [migrations.AddField("order", "extra_{number}", models.IntegerField(null=True))]
'''

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

# How long it takes, and whether it ends well, is in a table; what it has done so far stays done.
WEATHER = '''"""Room for one more number, if the barometer lets it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("shop", "{previous}")]
    operations = [
        migrations.AddField("order", "recovery_{number}", models.IntegerField(null=True)),
        migrations.RunSQL("SELECT pg_sleep(seconds), 1 / pressure FROM barometer"),
    ]
'''
# Not well on a host where a file says so; sooner given up than the demo's own.
WITH_A_BAROMETER = [
    ("shop/health.py", "wrong = schema_problem()", "wrong = schema_problem() or weather()"),
    ("shop/health.py", "def schema_problem():", '''def weather():
    barometer = Path("/run/barometer")
    falls = barometer.exists() and barometer.read_text() == settings.VERSION
    return "the barometer is falling" if falls else None


def schema_problem():'''),
    ("shop/health.py", "from django.conf import settings", "from pathlib import Path\n\nfrom django.conf import settings"),
    ("slipway.yml", "migrate: 600", "migrate: 30"),
    ("slipway.yml", "contains: '\"status\": \"ok\"'", "contains: '\"status\": \"ok\"'\n  timeout: 20"),
]


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
    _replace(directory, ONE_CHECK)
    tags = ["1.1.%d" % number for number in range(1, count + 1)]
    for number, tag in enumerate(tags, 1):
        name = "%04d_extra_%d" % (4 + number, number)
        migration = MIGRATION.format(number=number, previous=previous)
        (directory / "shop/migrations" / (name + ".py")).write_text(migration, encoding="utf-8")
        commit(directory, tag)
        previous = name
    return tags


def rolling_versions(directory, count, base="1.0.0"):
    """Add 1.0.1 and so many versions after it that can run beside each other; return the tags. Of 1.1.0: 1.1.1 and so on.

    The last one is not well on the host app2 of the demo's lab.
    """
    git(directory, "checkout", "--quiet", "-B", "rolling", base)
    _lay(directory, "1.0.1")
    _replace(directory, ONE_CHECK)
    previous = max(path.stem for path in (directory / "shop/migrations").glob("0*.py"))
    tags = [base[:-1] + "1"]
    commit(directory, tags[0])
    for number in range(2, count + 2):
        name = "%04d_extra_%d" % (int(previous[:4]) + 1, number)
        (directory / "shop/migrations" / (name + ".py")).write_text(
            COLUMN.format(number=number, previous=previous), encoding="utf-8")
        if number == count + 1:
            _replace(directory, RED_ON_APP2)
        tags.append("%s%d" % (base[:-1], number))
        commit(directory, tags[-1])
        previous = name
    return tags


def recovery_versions(directory, count):
    """Add recovery-0 to recovery-<count>, each with one more column, and of each a twin in which nothing is new.

    They can run beside each other. How their migrations go is said by a table barometer (seconds, pressure), which is no part of
    them; which version is not well on a host, by the file /run/barometer there.
    """
    git(directory, "checkout", "--quiet", "-B", "recovery", "1.1.0")
    _lay(directory, "1.0.1")
    _replace(directory, ONE_CHECK + WITH_A_BAROMETER)
    previous = "0004_require_number_and_total"
    for number in range(count + 1):
        if number:
            name = "%04d_recovery_%d" % (4 + number, number)
            (directory / "shop/migrations" / (name + ".py")).write_text(
                WEATHER.format(number=number, previous=previous), encoding="utf-8")
            previous = name
        commit(directory, "recovery-%d" % number)
        commit(directory, "recovery-%d-twin" % number)


def broken_version(directory, name):
    """Add the version that breaks in the way called name (a key of BROKEN); return its tag."""
    git(directory, "checkout", "--quiet", "--detach", "1.1.0")
    _lay(directory, name)
    _replace(directory, ONE_CHECK + BROKEN[name])
    commit(directory, name)
    return name


def _replace(directory, texts):
    for path, old, new in texts:
        text = (directory / path).read_text(encoding="utf-8")
        if old not in text:
            raise ValueError("%s has no %r to replace" % (path, old))
        (directory / path).write_text(text.replace(old, new), encoding="utf-8")


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
