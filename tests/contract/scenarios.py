# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of scenarios: for every module, what is run in which world, and whether it changes something.

A new module without a row here fails the contract.
"""

from __future__ import annotations

import dataclasses
import os
import typing

from ansible_collections.slipway.app.plugins.module_utils._operation.table import MODES


@dataclasses.dataclass
class Scenario:
    """prepare(world) brings the world to where the scenario begins, and returns the module's options."""

    module: str
    prepare: typing.Callable
    changes: bool = True
    changes_again: bool = False

    def __str__(self):
        return self.prepare.__name__


def of(module, **more):
    """Decorator: the function below it is a scenario's prepare."""

    def add(function):
        SCENARIOS.append(Scenario(module, function, **more))
        return function

    return add


SCENARIOS = []


@of("package_build")
def package_build_new(world):
    return world.build()


@of("package_build", changes=False)
def package_build_there_already(world):
    world.built("1.0.0")
    return world.build()


@of("package_build")
def package_build_tag_moved_by_force(world):
    world.do("package_build", **world.build("1.0.0", tag="live"))
    return world.build("1.1.0", tag="live", force=True)


@of("package_info", changes=False)
def package_info_list(world):
    world.built("1.0.0", "1.1.0")
    return {"store": world.store}


@of("package_info", changes=False)
def package_info_one(world):
    world.built("1.0.0")
    return {"store": world.store, "name": "shop:1.0.0", "environment": "prod", "verify": True}


@of("release")
def release_present(world):
    world.built("1.0.0")
    return world.unpack()


@of("release")
def release_present_with_other_variables(world):
    world.unpacked()
    return world.unpack(environment_variables={"TOKEN": "swordfish-never-shown-2", "DEBUG": "1"})


@of("release", changes=False)
def release_present_already(world):
    world.unpacked()
    return world.unpack()


@of("release")
def release_active(world):
    world.live("1.0.0")
    return {"root": world.root, "state": "active", "id": world.unpacked("1.1.0")}


@of("release")
def release_active_of_a_package(world):
    world.live("1.0.0")
    world.built("1.1.0")
    return dict(world.unpack("1.1.0"), state="active", keep_releases=2)


@of("release")
def release_absent(world):
    world.live("1.0.0")
    return {"root": world.root, "state": "absent", "id": world.unpacked("1.1.0")}


@of("release_info", changes=False)
def release_info_two(world):
    world.unpacked("1.1.0")
    world.live("1.0.0")
    return {"root": world.root}


@of("service")
def service_started(world):
    world.live()
    return world.services("started")


@of("service")
def service_started_after_upgrade(world):
    world.live("1.0.0")
    world.do("service", **world.services("started"))
    world.live("1.1.0")
    return world.services("started")


@of("service")
def service_started_with_other_variables(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services("started", environment_variables={"TOKEN": "swordfish-never-shown-5", "DEBUG": "1"})


@of("service")
def service_stopped(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services("stopped", kinds=["consumer"])


@of("service")
def service_resumed(world):
    world.live()
    world.do("service", **world.services("started"))
    world.do("service", **world.services("stopped", operation="contract"))
    return world.services("resumed", operation="contract")


@of("service", changes_again=True)
def service_restarted(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services("restarted", names=["web"])


@of("service_info", changes=False)
def service_info_running(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services()


@of("maintenance")
def maintenance_on(world):
    world.live()
    return {"root": world.root, "state": "on", "msg": "Back at noon.", "expected_seconds": 60, "by": "ann"}


@of("maintenance")
def maintenance_on_with_other_words(world):
    world.do("maintenance", root=world.root, state="on", by="ann")
    return {"root": world.root, "state": "on", "msg": "Back at noon.", "by": "bob"}


@of("maintenance")
def maintenance_off(world):
    world.do("maintenance", root=world.root, state="on", by="ann")
    return {"root": world.root, "state": "off"}


@of("maintenance_info", changes=False)
def maintenance_info_on(world):
    world.do("maintenance", root=world.root, state="on", by="ann")
    return {"root": world.root}


@of("maintenance_bypass")
def maintenance_bypass_new(world):
    return {"root": world.root, "path": world.root + "/bypass.conf", "secret": "swordfish-never-shown-4", "seconds": 60}


@of("maintenance_bypass")
def maintenance_bypass_gone(world):
    place = {"root": world.root, "path": world.root + "/bypass.conf"}
    world.do("maintenance_bypass", secret="swordfish-never-shown-4", **place)
    return dict(place, state="absent")


@of("patch")
def patch_applied(world):
    world.live()
    return {"root": world.root, "src": world.patch(), "keep": True, "by": "ann"}


@of("patch", changes=False)
def patch_contained(world):
    world.live("1.1.0")
    return {"root": world.root, "src": world.patch()}


@of("patch")
def patch_reverted(world):
    world.live()
    world.apply_patch()
    return {"root": world.root, "state": "reverted", "name": "two.patch"}


@of("patch_info", changes=False)
def patch_info_one(world):
    world.live()
    world.apply_patch()
    return {"root": world.root}


@of("console", changes_again=True)
def console_command(world):
    world.live()
    return {
        "root": world.root,
        "command": ["-c", "echo $TOKEN $MORE"],
        "environment_variables": {"MORE": "swordfish-never-shown-3"},
    }


@of("console")
def console_made_already(world):
    world.live()
    return {"root": world.root, "command": ["-c", "touch ../../made"], "creates": world.root + "/made"}


@of("migration_info", changes=False)
def migration_info_judged(world):
    world.live()
    database = world.postgres()
    world.sql("CREATE TABLE orders (id int, number varchar(20))")
    return {"root": world.root, "database": database}


@of("oro_sanitize_info", changes=False)
def oro_sanitize_info_sql(_world):
    return {"sql": "UPDATE oro_user SET email = NULL; VACUUM", "keep_rest": True}


@of("operation")
def operation_started(world):
    return {"root": world.root, "state": "started", "kind": "reindex", "id": "20261121-reindex", "by": "ann"}


@of("operation")
def operation_finished(world):
    begun = world.do("operation", root=world.root, state="started", kind="reindex", by="ann")
    return {"root": world.root, "state": "finished", "id": begun["operation"]["id"]}


@of("operation")
def operation_with_the_lock_alone(world):
    return {"root": world.root, "state": "started", "kind": "patch", "journal": False, "id": "20261121-patch", "by": "ann"}


@of("operation_info", changes=False)
def operation_info_open(world):
    world.do("operation", root=world.root, state="started", kind="reindex", by="ann")
    return {"root": world.root}


def deployment(world):
    """Options of the steps that deploy the world's application."""
    world.built("1.0.0")
    daemon = world.supervisor
    return {
        "kind": "deploy",
        "package": "shop:1.0.0",
        "application": "shop",
        "environment": "prod",
        "root": world.root,
        "store": world.store,
        "database": world.postgres(),
        "environment_variables": {"TOKEN": "swordfish-never-shown"},
        "driver": "supervisor",
        "supervisor_socket": daemon.socket,
        "supervisor_conf_dir": daemon.conf_dir,
    }


@of("operation_step", changes=False)
def operation_step_preflight(world):
    return dict(deployment(world), step="preflight")


@of("operation_step")
def operation_step_start(world):
    return dict(world.begun(deployment(world), "preflight"), step="start")


@of("operation_step")
def operation_step_all_that_follow(world):
    return dict(world.begun(deployment(world), "preflight", "start"), step=list(MODES["maintenance"].forward)[2:])


@of("media_archive")
def media_archive_of_two_files(world):
    from PIL import Image  # tests of other modules do without it

    media = world.root + "/media"
    os.mkdir(media)
    Image.new("RGB", (5, 3)).save(media + "/a.png")
    with open(media + "/b.pdf", "w", encoding="utf-8") as stream:
        stream.write("swordfish-never-shown-6")
    return {"src": media, "dest": world.root + "/media.tar.gz", "others": "empty"}


@of("media_archive", changes=False)
def media_archive_that_could_be_made(world):
    return dict(media_archive_of_two_files(world), only_look=True)


@of("inventory_check", changes=False)
def inventory_check_complete(world):
    return {"variables": ["ansible_connection"]}


@of("postgres_restore_point")
def postgres_restore_point_present(world):
    return dict(world.postgres(), name="before")


@of("postgres_restore_point")
def postgres_restore_point_restored(world):
    options = dict(world.postgres(), name="before")
    world.do("postgres_restore_point", **options)
    return dict(options, state="restored")


@of("postgres_restore_point")
def postgres_restore_point_absent(world):
    options = dict(world.postgres(), name="before")
    world.do("postgres_restore_point", **options)
    return dict(options, state="absent")


def dump_of(world):
    return dict(world.postgres(), store=world.store + "/dumps", instance="here", environment="dev", jobs=1, exclude_tables=["nothing"])


@of("postgres_dump", changes_again=True)
def postgres_dump_new(world):
    return dump_of(world)


@of("postgres_dump", changes_again=True)
def postgres_dump_sanitized(world):
    options = dump_of(world)
    world.sql("CREATE TABLE person (id int, name text); INSERT INTO person VALUES (1, 'x'); ALTER TABLE person OWNER TO contract")
    return dict(options, sanitize={"tables": {"person": {"columns": {"id": "keep", "name": "last_name"}}}, "policy": "scan"},
                sanitize_key="swordfish swordfish")


@of("postgres_sanitize_info", changes=False)
def postgres_sanitize_info_all(world):
    options = dict(world.postgres(), environment="dev")
    world.sql("CREATE TABLE person (id int, name text, email text); INSERT INTO person VALUES (1, 'x', 'swordfish@mail.example');"
              " CREATE TABLE session (id int); ALTER TABLE person OWNER TO contract; ALTER TABLE session OWNER TO contract")
    return dict(options, sanitize={"tables": {"person": {"columns": {"name": {"rule": "hash", "length": 9}}}, "session": "truncate"}})


@of("postgres_dump")
def postgres_dump_absent(world):
    options = dump_of(world)
    key = world.do("postgres_dump", **options)["key"]
    return {"state": "absent", "store": options["store"], "key": key, "environment": "dev"}


@of("postgres_dump_info", changes=False)
def postgres_dump_info_one(world):
    world.do("postgres_dump", **dump_of(world))
    return {"store": world.store + "/dumps", "validate_keys": False, "verify": True}


@of("postgres_dump_info", changes=False)
def postgres_dump_info_local(world):
    options = world.postgres()
    return dict(options, local=True)


def dumped(world):
    """Options to restore the world's database from a dump of it, which is older than what is in it."""
    options = world.postgres()
    world.sql("CREATE TABLE orders (id int); INSERT INTO orders VALUES (1); ALTER TABLE orders OWNER TO contract")
    world.do("postgres_dump", **options, store=world.store + "/dumps", instance="here", environment="dev")
    world.sql("DELETE FROM orders")
    return dict(options, store=world.store + "/dumps", source="here", environment="dev")


@of("postgres_restore", changes_again=True)
def postgres_restore_a_dump(world):
    return dumped(world)


@of("postgres_restore", changes_again=True)
def postgres_restore_a_table(world):
    return dict(dumped(world), tables=["orders"])


@of("postgres_restore")
def postgres_restore_going_back(world):
    options = dumped(world)
    world.do("postgres_restore", reversible=True, **options)
    return dict(options, source=":pre")


def copied(world):
    """Options to copy a database of the world into its own one."""
    options = world.postgres()
    source = options["login_db"]
    world.sql("CREATE TABLE orders (id int); INSERT INTO orders VALUES (1); ALTER TABLE orders OWNER TO contract")
    return dict(world.postgres(), source=source, source_environment="dev", environment="dev", reversible=True)


@of("postgres_copy", changes_again=True)
def postgres_copy_from_a_template(world):
    return copied(world)


@of("postgres_copy", changes_again=True)
def postgres_copy_as_a_stream(world):
    return dict(copied(world), way="stream")
