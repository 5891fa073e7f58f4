# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application is led to another database by its environment, and nothing is migrated unless it says that it is there."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._config.load import effective
from ansible_collections.slipway.app.plugins.module_utils._config.profiles.oro import ORO
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import start_ticks
from ansible_collections.slipway.app.plugins.module_utils._operation import apart
from ansible_collections.slipway.app.plugins.module_utils._operation.premigration import Premigration, _renamed
from ansible_collections.slipway.app.plugins.module_utils._release import environment as environment_file
from ansible_collections.slipway.app.plugins.module_utils._release.store import ReleaseStore
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import Runtime

LISTENS = "import os; print('in'); print(os.environ['DATABASE_URL'].rpartition('/')[2])"
DEAF = "print('shop')"
FAILS = "import os; raise SystemExit(os.environ['DATABASE_URL'])"
MARK = "import os; open('migrated', 'a').write(os.environ['DATABASE_URL'] + os.linesep)"


class Release:
    id = "1.0.0-0123456789ab"

    def __init__(self, path):
        self.path = str(path)


@pytest.fixture
def migration(tmp_path):
    """migration(current, variables) -> a Premigration whose migration leaves a file "migrated"."""
    def make(current, release=None, migrate=MARK, writable=(), **variables):
        command = [sys.executable, "-c", current] if isinstance(current, str) else current
        environment_file.write(str(tmp_path), Release.id, variables)
        document = {"application": "shop", "profile": "generic", "commands": {"migrate": [[sys.executable, "-c", migrate]]},
                    "writable": list(writable), "environment": {"NAMESPACE": "{namespace}", "RELEASE": "{release}"},
                    "database": {"current": command if current else ""}}
        return Premigration(Runtime(str(tmp_path), Release(release or tmp_path), effective({"base": document, "overlays": {}})), "shop")

    return make


@pytest.fixture
def release(tmp_path):
    """The folder of a release whose application has cached something."""
    path = tmp_path / "releases" / Release.id
    (path / "var" / "cache").mkdir(parents=True)
    (path / "var" / "cache" / "container").write_text("of the live database")
    (path / "code").write_text("1.0.0")
    (tmp_path / "shared").mkdir()
    (path / "media").symlink_to("../../shared")
    return path


@pytest.mark.parametrize("name, value, new", [
    ("DATABASE_URL", "postgresql://shop:p%40ss/w@db:5432/shop?sslmode=require", None),  # a slash in a password is %2F
    ("DATABASE_URL", "postgresql://shop:p%40ss@db:5432/shop?sslmode=require", "postgresql://shop:p%40ss@db:5432/x%20y?sslmode=require"),
    ("ORO_DB_URL", "postgres://shop:shop@shop/shop", "postgres://shop:shop@shop/x%20y"),
    ("DATABASE_URL", "postgres://shop@shop/%73hop", "postgres://shop@shop/x%20y"),
    ("DATABASE_URL", "postgres:///shop?host=/run/shop", "postgres:///x%20y?host=/run/shop"),
    ("DATABASE_URL", "postgres://shop@shop/shop2", None),
    ("CACHE_URL", "redis://shop/1", None),
    ("PGDATABASE", "shop", "x y"), ("ORO_DB_NAME", "shop", "x y"), ("DB_NAME", "shop", "x y"), ("DATABASE", "shop", "x y"),
    ("PGUSER", "shop", None), ("DB_USER", "shop", None), ("BRAND", "shop", None), ("DB_NAME", "other", None),
])
def test_what_names_the_database_is_told_from_what_only_looks_like_it(name, value, new):
    assert _renamed(name, value, "shop", "x y") == new


def test_it_is_migrated_where_the_application_says_that_it_is(migration, tmp_path):
    one = migration(LISTENS, DATABASE_URL="postgres://shop:sesame@db/shop", PGUSER="shop")
    one.require_possible()
    one.run("shop__new")
    assert (tmp_path / "migrated").read_text() == "postgres://shop:sesame@db/shop__new\n"


# What Doctrine prints of one row with one column, by the versions of Oro.
TABLE = " -------------------- \n  said                \n -------------------- \n  database=%s.  \n -------------------- \n\n"
DUMP = 'array(1) {\n  [0]=>\n  array(1) {\n    ["said"]=>\n    string(19) "database=%s."\n  }\n}\n'


@pytest.mark.parametrize("printed", [TABLE, DUMP], ids=["6.0", "5.1"])
@pytest.mark.parametrize("name", ["shop__new", "It's a d.b"])
def test_oro_says_it_by_a_command_of_doctrine(migration, tmp_path, printed, name):
    """The profile's own command, with an interpreter that prints as Doctrine does where it is asked what Doctrine knows."""
    php = tmp_path / "php"
    php.write_text("#!%s\nimport os, sys\nassert sys.argv[4] == 'dbal:run-sql' and sys.argv[5].startswith('SELECT ')\n"
                   "from urllib.parse import unquote\nprint(%r %% unquote(os.environ['DATABASE_URL'].rpartition('/')[2]))\n" % (sys.executable, printed))
    php.chmod(0o755)
    one = migration([word.replace("{php}", str(php)) for word in ORO["database"]["current"]], DATABASE_URL="postgres://oro:sesame@db/shop")
    one.require_possible()
    one.run(name)
    assert (tmp_path / "migrated").exists()


@pytest.mark.parametrize("current, match", [(DEAF, "says it is in 'shop', so its migration was not run"), (FAILS, r"failed: \*+")])
def test_nothing_is_migrated_where_it_is_not(migration, tmp_path, current, match):
    one = migration(current, DATABASE_URL="postgres://shop:sesame@db/shop")
    one.require_possible()
    with pytest.raises(SlipwayError, match=match) as caught:
        one.run("shop__new")
    assert not (tmp_path / "migrated").exists() and "sesame" not in str(caught.value)


@pytest.mark.parametrize("current, url, match", [("", "postgres://db/shop", "database.current"), (LISTENS, "postgres://db/other", "None of its")])
def test_what_could_only_be_hoped_for_is_refused_before(migration, current, url, match):
    with pytest.raises(SlipwayError, match=match + ".*Nothing was changed.*pre_swap_hooks"):
        migration(current, DATABASE_URL=url).require_possible()


TELL = ("import json, os; json.dump(dict(os.environ, cwd=os.getcwd(), code=open('code').read(), cached=os.listdir('var/cache')),"
        " open('media/told', 'w')); open('var/cache/container', 'w').write('of another one')")


def test_what_it_caches_users_are_not_served_from(migration, release, tmp_path):
    one = migration(LISTENS, release, TELL, ["var/cache"], DATABASE_URL="postgres://db/shop")
    one.require_possible()
    seen = []
    for database in ("shop__new", "shop__new"):
        one.run(database)
        seen.append(json.loads((tmp_path / "shared" / "told").read_text()))
        told = seen[-1]
        assert (told["DATABASE_URL"], told["code"], told["cached"]) == ("postgres://db/shop__new", "1.0.0", [])
        assert told["RELEASE"] == told["cwd"] == str(release.with_name(".apart"))
        assert (release / "var" / "cache" / "container").read_text() == "of the live database" and not release.with_name(".apart").exists()
        release.with_name(".apart").mkdir()  # as a killed run leaves it
    # What one has left in a cache that all share is of a database that is gone.
    assert len({told["NAMESPACE"] for told in seen} | {Release.id[-12:]}) == 3


def test_no_copy_is_left_of_a_migration_that_fails(migration, release):
    one = migration(LISTENS, release, "raise SystemExit(1)", ["var/cache"], DATABASE_URL="postgres://db/shop")
    with pytest.raises(SlipwayError, match="failed with exit status 1"):
        one.run("shop__new")
    assert [path.name for path in release.parent.iterdir()] == [Release.id]


@pytest.mark.parametrize("place", ["code", "var/cache/container"])  # what is in a cache now, the migration will bring there again
def test_the_copy_has_to_have_room(migration, release, place):
    os.truncate(release / place, 1 << 42)
    one = migration(LISTENS, release, TELL, ["var/cache"], DATABASE_URL="postgres://db/shop")
    with pytest.raises(SlipwayError, match="too small.*Nothing was changed.*Remove old releases.*migrate=false"):
        one.require_possible()


def test_room_is_asked_for_again_when_it_is_needed_and_what_goes_meanwhile_is_not_counted(migration, release, monkeypatch):
    asked = []

    def require_room(*needed):
        asked.append(needed)
        if len(asked) == 2:
            raise SlipwayError("full")

    monkeypatch.setattr(apart, "require_room", require_room)
    monkeypatch.setattr(os, "walk", lambda top, walk=os.walk: [*walk(top), (str(top), [], ["gone"])])
    one = migration(LISTENS, release, MARK, ["var/cache"], DATABASE_URL="postgres://db/shop")
    one.require_possible()
    with pytest.raises(SlipwayError, match="full"):
        one.run("shop__new")
    assert [folder for folder, *unused_counts in asked] == [str(release.parent)] * 2


STORE = ("import os; open('storage/app/kept', 'w').write(str(sorted(os.path.join(folder, name) for folder, folders, names in os.walk('storage')"
         " for name in folders + names)))")


def test_what_it_writes_to_a_shared_path_in_a_folder_of_its_own_stays(migration, release, tmp_path):
    for folder in ("storage/framework/views", "../../shared/storage/app"):
        (release / folder).mkdir(parents=True)
    (release / "storage" / "framework" / "views" / "one").write_text("cached")
    (tmp_path / "alias").symlink_to("shared")
    for name, target in (("app", "../../../shared/storage/app"), ("also", str(tmp_path / "alias" / "storage" / "app")), ("live", str(release / "var")),
                         ("code", "../code"), ("root", "../../../shared")):
        (release / "storage" / name).symlink_to(target)
    one = migration(LISTENS, release, STORE, ["storage", "var/cache"], DATABASE_URL="postgres://db/shop")
    one.require_possible()
    one.run("shop__new")
    assert (tmp_path / "shared" / "storage" / "app" / "kept").read_text() == str(
        ["storage/also", "storage/app", "storage/framework", "storage/framework/views"])


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("var"), lambda path: path.write_text("")], ids=["link", "file"])
def test_a_folder_that_is_none_any_more_is_found_before(migration, release, make):
    make(release / "web")
    with pytest.raises(SlipwayError, match="/web, .* is no folder there.*Nothing was changed.*migrate=false"):
        migration(LISTENS, release, MARK, ["web"], DATABASE_URL="postgres://db/shop").require_possible()


def test_a_migration_ends_with_the_run_that_is_killed_and_the_next_one_removes_the_copy(migration, release, tmp_path):
    pid, begun, copy = tmp_path / "pid", tmp_path / "begun", release.with_name(".apart")
    endless = "import os, time; open(%r, 'w').write(str(os.getpid())); os.rename(%r, %r); time.sleep(60)" % (str(pid), str(pid), str(begun))
    one = migration(LISTENS, release, endless, ["var/cache"], DATABASE_URL="postgres://db/shop")
    process = multiprocessing.get_context("fork").Process(target=one.run, args=("shop__new",))
    process.start()
    until = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(SlipwayError, match="Somebody else is at work in .*Nothing was changed"):
        one.require_possible()
    ReleaseStore(str(tmp_path)).absent("0.9.0-0123456789ab")
    assert (copy / "code").exists()  # neither took it from under the other one
    process.kill()
    process.join()
    while start_ticks(int(begun.read_text())) is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert time.monotonic() < until
    one.require_possible(check=True)
    assert copy.exists()
    one.require_possible()
    assert not copy.exists()
