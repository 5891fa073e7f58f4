# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of scenarios: for every module, what is run in which world, and whether it changes something.

A new module without a row here fails the contract.
"""

from __future__ import annotations

import dataclasses
import typing


@dataclasses.dataclass
class Scenario:
    """prepare(world) brings the world to where the scenario begins, and returns the module's options."""

    module: str
    name: str
    prepare: typing.Callable
    changes: bool = True
    changes_again: bool = False

    def __str__(self):
        return "%s-%s" % (self.module, self.name)


def of(module, name, **more):
    """Decorator: the function below it is a scenario's prepare."""

    def add(function):
        SCENARIOS.append(Scenario(module, name, function, **more))
        return function

    return add


SCENARIOS = []


@of("package_build", "new")
def _(world):
    return world.build()


@of("package_build", "there-already", changes=False)
def _(world):
    world.built("1.0.0")
    return world.build()


@of("package_build", "tag-moved-by-force")
def _(world):
    world.do("package_build", **world.build("1.0.0", tag="live"))
    return world.build("1.1.0", tag="live", force=True)


@of("package_info", "list", changes=False)
def _(world):
    world.built("1.0.0", "1.1.0")
    return {"store": world.store}


@of("package_info", "one", changes=False)
def _(world):
    world.built("1.0.0")
    return {"store": world.store, "name": "shop:1.0.0", "environment": "prod", "verify": True}


@of("release", "present")
def _(world):
    world.built("1.0.0")
    return world.unpack()


@of("release", "present-with-other-variables")
def _(world):
    world.unpacked()
    return world.unpack(environment_variables={"TOKEN": "swordfish-never-shown-2", "DEBUG": "1"})


@of("release", "present-already", changes=False)
def _(world):
    world.unpacked()
    return world.unpack()


@of("release", "active")
def _(world):
    world.live("1.0.0")
    return {"root": world.root, "state": "active", "id": world.unpacked("1.1.0")}


@of("release", "absent")
def _(world):
    world.live("1.0.0")
    return {"root": world.root, "state": "absent", "id": world.unpacked("1.1.0")}


@of("release_info", "two", changes=False)
def _(world):
    world.unpacked("1.1.0")
    world.live("1.0.0")
    return {"root": world.root}


@of("service", "started")
def _(world):
    world.live()
    return world.services("started")


@of("service", "started-after-upgrade")
def _(world):
    world.live("1.0.0")
    world.do("service", **world.services("started"))
    world.live("1.1.0")
    return world.services("started")


@of("service", "stopped")
def _(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services("stopped", kinds=["consumer"])


@of("service", "resumed")
def _(world):
    world.live()
    world.do("service", **world.services("started"))
    world.do("service", **world.services("stopped", operation="contract"))
    return world.services("resumed", operation="contract")


@of("service", "restarted", changes_again=True)
def _(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services("restarted", names=["web"])


@of("service_info", "running", changes=False)
def _(world):
    world.live()
    world.do("service", **world.services("started"))
    return world.services()


@of("maintenance", "on")
def _(world):
    world.live()
    return {"root": world.root, "state": "on", "message": "Back at noon.", "expected_seconds": 60, "by": "ann"}


@of("maintenance", "on-with-other-words")
def _(world):
    world.do("maintenance", root=world.root, state="on", by="ann")
    return {"root": world.root, "state": "on", "message": "Back at noon.", "by": "bob"}


@of("maintenance", "off")
def _(world):
    world.do("maintenance", root=world.root, state="on", by="ann")
    return {"root": world.root, "state": "off"}


@of("maintenance_info", "on", changes=False)
def _(world):
    world.do("maintenance", root=world.root, state="on", by="ann")
    return {"root": world.root}


@of("console", "command", changes_again=True)
def _(world):
    world.live()
    return {
        "root": world.root,
        "command": ["-c", "echo $TOKEN $MORE"],
        "environment_variables": {"MORE": "swordfish-never-shown-3"},
    }


@of("console", "made-already")
def _(world):
    world.live()
    return {"root": world.root, "command": ["-c", "touch ../../made"], "creates": world.root + "/made"}


@of("operation", "started")
def _(world):
    return {"root": world.root, "state": "started", "kind": "reindex", "id": "20261121-reindex", "by": "ann"}


@of("operation", "finished")
def _(world):
    begun = world.do("operation", root=world.root, state="started", kind="reindex", by="ann")
    return {"root": world.root, "state": "finished", "id": begun["operation"]["id"]}


@of("operation_info", "open", changes=False)
def _(world):
    world.do("operation", root=world.root, state="started", kind="reindex", by="ann")
    return {"root": world.root}


@of("operation_step", "preflight", changes=False)
def _(world):
    world.built("1.0.0")
    daemon = world.supervisor
    return {
        "step": "preflight",
        "kind": "deploy",
        "package": "shop:1.0.0",
        "application": "shop",
        "environment": "prod",
        "root": world.root,
        "store": world.store,
        "database": world.postgres(),
        "environment_variables": {"TOKEN": "swordfish-never-shown"},
        "supervisor_socket": daemon.socket,
        "supervisor_conf_dir": daemon.conf_dir,
    }


@of("inventory_check", "complete", changes=False)
def _(world):
    return {"variables": ["ansible_connection"]}


@of("postgres_restore_point", "present")
def _(world):
    return dict(world.postgres(), name="before")


@of("postgres_restore_point", "restored")
def _(world):
    options = dict(world.postgres(), name="before")
    world.do("postgres_restore_point", **options)
    return dict(options, state="restored")


@of("postgres_restore_point", "absent")
def _(world):
    options = dict(world.postgres(), name="before")
    world.do("postgres_restore_point", **options)
    return dict(options, state="absent")
