# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration beside users gives up rather than let them queue behind it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation import forward
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation
from ansible_collections.slipway.app.plugins.module_utils._operation.site import Site
from ansible_collections.slipway.app.plugins.module_utils._postgres.tables import invalid_indexes
from ansible_collections.slipway.app.plugins.module_utils._release import environment
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import entry, put_package
from ansible_collections.slipway.app.tests.waiting import until

PSQL = ["sh", "-c", "PATH=$MORE_PATH:$PATH; exec psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --command \"$0\""]
SHOWN = "SELECT current_setting('lock_timeout') || ' ' || current_setting('search_path')"
MINE = "-c search_path=mine"


@pytest.fixture
def migrated(postgres, bin_dir, tmp_path):
    """migrated(statement, mode, seconds) -> what its migration has printed, a single statement."""
    (tmp_path / "root").mkdir()

    def run(statement, mode, seconds, own=""):
        tag = "%d.0.0" % (1 + len(os.listdir(tmp_path)))
        digest = put_package(tmp_path / ("packages" + tag), "shop:" + tag, {"source": [entry("VERSION", b"1")]}, (),
                             {"commands": {"migrate": [[*PSQL, statement]]}})
        site = Site({
            "root": str(tmp_path / "root"), "store": str(tmp_path / ("packages" + tag)), "store_auth": {}, "host": "app1",
            "roles": ["app", "leader"], "environment": "prod", "variables": {}, "environment_variables": {}, "python": None,
            "database": {"login_db": "shop"}, "lock_timeout": seconds})
        site.connection = postgres.connection
        release = site.releases.present(site.store("shop:" + tag), digest, "shop:" + tag)[0]
        environment.write(site.root, release.id, {
            "PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "shop", "PGPASSWORD": "no secret", "PGDATABASE": "shop",
            "PGOPTIONS": own, "MORE_PATH": bin_dir})
        begun = forward.start(site, {
            "kind": "upgrade", "mode": mode, "package": release.package, "digest": digest, "reference": tag, "previous": {},
            "hosts": {"app1": ["app", "leader"]}, "fence": site.lock.fence(), "owner": {"user": "ann", "controller": "desk", "pid": os.getpid()}})
        operation = Operation(site, begun["id"], begun["fence"], begun["plan"])
        try:
            forward.migrate(site, operation)
        finally:
            operation.close("done", "")
            site.lock.release(operation.id)
        return operation.detached("migrate-1").output().strip()

    return run


def test_only_beside_users_and_never_over_what_the_application_says(migrated):
    assert migrated(SHOWN, "rolling", 5.0, MINE) == "5s mine"
    assert migrated(SHOWN, "rolling", 0.0, MINE) == migrated(SHOWN, "maintenance", 5.0, MINE) == "0 mine"
    assert migrated(SHOWN, "rolling", 5.0, MINE + " -c lock_timeout=2s") == "2s mine"


def test_who_waits_too_long_for_a_table_fails(postgres, migrated):
    with postgres.connection().session() as customer:
        customer.execute("BEGIN", "SELECT count(*) FROM public.orders")
        with pytest.raises(SlipwayError, match="(?s)The migration .* failed with exit status 1.*lock timeout"):
            migrated("ALTER TABLE public.orders ADD COLUMN late int", "rolling", 0.1)
        customer.execute("ROLLBACK")
    assert migrated("ALTER TABLE public.orders ADD COLUMN late int", "rolling", 5.0) == ""


def test_an_index_that_a_failed_migration_has_left_is_named_with_the_way_out(postgres, migrated):
    """Every write maintains it, no query uses it, and the migration fails at it from then on."""
    build = 'CREATE INDEX CONCURRENTLY "Its note" ON public.orders (note)'
    drop = 'DROP INDEX CONCURRENTLY IF EXISTS public."Its note"'
    with postgres.connection().session() as report:
        report.execute("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM public.orders")
        with pytest.raises(SlipwayError, match="(?s)failed with exit status 1.*lock timeout") as failed:
            migrated(build, "rolling", 0.1)
        report.execute("ROLLBACK")
    assert "There are indexes that are not valid, as CREATE INDEX CONCURRENTLY leaves them when it fails: each write maintains them, no query" \
           " uses them, and they cannot be built again before %s; has been run. It printed:" % drop in str(failed.value)
    for mode, named in (("rolling", True), ("maintenance", False)):  # there the restore point takes that database away
        with pytest.raises(SlipwayError, match="already exists") as again:
            migrated(build, mode, 0.1)
        assert (drop in str(again.value)) == named
    assert invalid_indexes(postgres.connection(), "shop") == ['public."Its note"']
    with postgres.connection().session() as report, ThreadPoolExecutor(1) as pool:  # whose build it is, the role of the application may not see
        report.execute("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM public.orders")
        beside = pool.submit(postgres.connection(postgres.superuser).execute, "CREATE INDEX CONCURRENTLY of_others ON public.orders (note)")
        until(lambda: postgres.connection().query("SELECT 1 FROM pg_class WHERE relname = 'of_others'"))
        assert invalid_indexes(postgres.connection(), "shop") == []
        report.execute("ROLLBACK")
        beside.result()
    with postgres.connection().session() as person:
        person.execute(drop)
    with pytest.raises(SlipwayError) as other:
        migrated("DROP TABLE nowhere", "rolling", 0.1)
    assert "not valid" not in str(other.value)
    assert migrated(build, "rolling", 5.0) == ""
