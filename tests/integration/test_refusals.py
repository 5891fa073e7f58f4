# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person gets who asks for something that cannot be: what is wrong, what was left as it was, what to do next.

And what becomes of a shop whose upgrade fails: the version before, with its data and its services, and nobody's help.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest
import repository
from check import databases_are, jobs_done_once, schema_is, services_are, serves
from client import ONE_NAME, place_order
from playbook_run import Result

pytestmark = pytest.mark.timeout(900)

# The services of the shop that the upgrades below fail on: one consumer was stopped by hand.
SERVICES = {"app1": {"web": True, "cron": True}, "app2": {"web": True},
            "consumer1": {"consumer@1": True, "consumer@2": False}}
# What an upgrade that was undone leaves: its journals, what it had fetched, and the processes it started anew.
UNDONE = {"journals", "releases", "pids"}
REF_NAME = "org.opencontainers.image.ref.name"


@pytest.fixture
def refused(shop, run, state, changes):
    """Run a playbook that must fail, say certain words, and change nothing, not even what processes run."""

    def runner(playbook, *options, says, may_change=(), **variables):
        before = state(shop)
        result = run(shop, playbook, *options, **variables)
        said = told(result.output)
        assert result.rc != 0, result.output
        assert [words for words in says if words.lower() not in said.lower()] == [], said
        assert set(changes(before, state(shop))) == set(may_change), changes(before, state(shop))
        return said

    return runner


@pytest.fixture(scope="module")
def hanging(upgraded):
    """A version whose migration changes a table, then never ends; it is given a few seconds."""
    return repository.broken_version(upgraded.repository, "hanging")


def commit(lab, tag, base, path, old, new):
    """Add a version to the shop's repository that differs from another one in one text."""
    def git(*arguments):
        subprocess.run(["git", "-c", "user.name=Shop developer", "-c", "user.email=developer@shop.example", *arguments],
                       cwd=lab.repository, check=True)

    git("checkout", "--quiet", "--detach", base)
    text = (lab.repository / path).read_text(encoding="utf-8")
    assert old in text
    (lab.repository / path).write_text(text.replace(old, new), encoding="utf-8")
    git("commit", "--quiet", "--all", "--message", tag)
    git("tag", tag)
    return tag


def database(lab, **other):
    """slipway_database as the inventory has it, but for some values."""
    return dict({"login_host": "127.0.0.1", "login_port": lab.postgres.port, "login_user": "shop", "login_db": "shop",
                 "login_password": "{{ shop_database_password }}"}, **other)


# What is asked for


@pytest.mark.parametrize(("variables", "says"), [
    ({}, ["reference=", "package="]),
    ({"reference": "1.1.0", "package": "shop:1.1.0"}, ["reference=", "package="]),
    ({"package": "shop:1.0.0", "mode": "roling"}, ["There is no mode roling", "maintenance", "rolling", "source"]),
    ({"package": "shop:1.0.0", "slipway_database": {}}, ["No database is named", "slipway_database", "login_db"]),
], ids=["neither", "both", "mode", "no-database"])
def test_an_upgrade_that_cannot_be_meant(refused, variables, says):
    refused("upgrade", says=["Nothing was changed", *says], **variables)


def test_an_inventory_without_app_hosts(refused, tmp_path):
    (tmp_path / "hosts.yml").write_text("consumer: {hosts: {consumer1: {}}}\n", encoding="utf-8")
    refused("upgrade", "--inventory", str(tmp_path / "hosts.yml"), package="shop:1.0.0",
            says=["Nothing was changed", "no host in the group app"])


@pytest.mark.parametrize("limit", ["app1", "app1,localhost"])
def test_only_a_part_of_the_hosts(refused, package, limit):
    refused("upgrade", "--limit", limit, package=package, says=["Nothing was changed", "app2", "consumer1", "--limit"])


# What is built


def test_an_unknown_reference(refused):
    refused("upgrade", reference="1.1.9",
            says=["no tag, branch or commit '1.1.9'", "Did you mean", "No package was written"])


def test_a_repository_out_of_reach(refused, tmp_path):
    refused("upgrade", reference="1.1.0", slipway_repository=str(tmp_path / "nowhere"),
            says=["nowhere cannot be read", "Check the address", "No package was written"])


def test_a_build_command_that_fails(shop, refused):
    said = refused("upgrade", reference=repository.broken_version(shop.repository, "broken-build"),
                   says=["pip install", "failed with exit status 1", "No package was written"])
    assert "No matching distribution found for barometer==4.2" in said


def test_a_tag_that_is_taken_by_another_commit(refused):
    refused("upgrade", reference="1.1.0", tag="1.0.0",
            says=["shop:1.0.0 is taken by commit", "left untouched", "Choose another tag", "force"])


@pytest.mark.parametrize(("tag", "old", "new", "says"), [
    ("unknown-key", "migrate: 600", "migrade: 600", ["timeouts", "migrade", "migrate"]),
    ("wrong-type", "migrate: 600", "migrate: ten minutes", ["timeouts.migrate", "ten minutes"]),
])
def test_a_configuration_that_is_wrong(shop, refused, tag, old, new, says):
    refused("upgrade", reference=commit(shop, tag, "1.1.0", "slipway.yml", old, new),
            says=["slipway.yml", "No package was written", *says])


# What is found on the hosts before anything begins: all of it is said at once


def test_no_such_package_and_no_database_server(shop, refused):
    said = refused("upgrade", package="shop:9.9.9", slipway_database=database(shop, login_port=1),
                   says=["nothing was changed", "no package shop:9.9.9", "127.0.0.1:1", "Connection refused"])
    for host in shop.hosts:
        assert "- %s: There is no package" % host in said


def test_a_disk_that_is_too_small_and_a_role_that_may_not_copy(shop, refused, package):
    shop.sql("ALTER ROLE shop NOCREATEDB")
    try:
        with stating(shop, package, 2**60) as huge:
            refused("upgrade", package=huge, says=["nothing was changed", "disk", "too small", "Remove old releases",
                                                   "may not create databases", 'ALTER ROLE "shop" CREATEDB'])
    finally:
        shop.sql("ALTER ROLE shop CREATEDB")


def test_a_configuration_blob_with_a_flipped_bit(shop, refused, package):
    digest = manifest(shop, package)["config"]["digest"]
    with flipped(blob(shop, digest)):
        refused("upgrade", package=package, says=["nothing was changed", digest, "damaged", "Build the package again"])


def test_a_second_installation(refused, package):
    refused("deploy", package=package, says=["nothing was changed", "already installed on app1",
                                             "would empty its database", "slipway.app.upgrade"])


def test_an_upgrade_of_nothing(shop, refused, package, tmp_path):
    for host in shop.hosts:
        (tmp_path / host).mkdir()
    refused("upgrade", package=package, slipway_root=str(tmp_path / "{{ inventory_hostname }}"),
            says=["nothing was changed", "not installed on app1", "slipway.app.deploy"])
    assert [path for host in shop.hosts for path in (tmp_path / host).iterdir()] == []


def test_a_root_that_is_not_there(shop, refused, package, tmp_path):
    root = str(tmp_path / "missing" / "{{ inventory_hostname }}")
    refused("deploy", package=package, slipway_root=root,
            says=["nothing was changed", str(tmp_path / "missing" / "app1")])
    assert not (tmp_path / "missing").exists()


# What fails once it has begun, and is undone


def test_a_layer_with_a_flipped_bit(shop, refused, package):
    """No checksum but that of the blob can tell: the operation begins, unpacks nothing, and ends."""
    layer = max(manifest(shop, package)["layers"], key=lambda one: one["size"])
    with flipped(blob(shop, layer["digest"])):
        said = refused("upgrade", package=package, may_change=["journals"],
                       says=["was undone", layer["digest"], "live release 1.0.0-", "is untouched"])
    for host in shop.hosts:
        assert "stage on %s: " % host in said


def test_a_health_check_that_never_turns_green(shop, run, state, changes):
    repository.broken_version(shop.repository, "unhealthy")
    patient = commit(shop, "patient", "unhealthy", "slipway.yml", "timeout: 5", "timeout: 15")  # for a busy machine
    before = state(shop)
    result = run(shop, "upgrade", reference=patient)
    says = ["was undone", "never turned green in 15 seconds", "the barometer is falling", "The step activate failed",
            "The database was changed", "The release before is live again, with its data"]
    came_back(shop, result, before, state(shop), changes, says, restored=True)
    everything_is(shop, "1.0.0", {"app1": {"web": True, "cron": True}, "app2": {"web": True},
                                  "consumer1": {"consumer@1": True, "consumer@2": True}})


def test_a_migration_that_fails_as_a_whole(upgraded, run, state, changes):
    """PostgreSQL has taken everything back, and Slipway can prove it: the database is the one it was, no copy of it."""
    before = state(upgraded)
    result = run(upgraded, "upgrade", reference=repository.broken_version(upgraded.repository, "failing-atomic"))
    says = ["was undone", "division by zero", "exit status 1", "The database is provably unchanged",
            "The release before is live again"]
    came_back(upgraded, result, before, state(upgraded), changes, says, restored=False)
    everything_is(upgraded, "1.1.0", SERVICES)


def test_a_migration_that_fails_half_way(upgraded, run, state, changes):
    """1.2.0 splits names, row by row and each for good, until it meets a customer who has only one."""
    order = place(upgraded, ONE_NAME)
    before = state(upgraded)
    result = run(upgraded, "upgrade", reference="1.2.0")
    says = ["was undone", "cannot split the name '%s'" % ONE_NAME, "exit status 1", "The database was changed",
            "The release before is live again, with its data"]
    came_back(upgraded, result, before, state(upgraded), changes, says, restored=True)
    assert upgraded.sql("SELECT customer FROM shop_order WHERE id::text = %s", order) == [{"customer": ONE_NAME}]
    everything_is(upgraded, "1.1.0", SERVICES)


def test_a_migration_that_hangs(upgraded, hanging, run, state, changes):
    before = state(upgraded)
    result = run(upgraded, "upgrade", reference=hanging)
    says = ["was undone", "did not end within", "seconds and was killed", "The database was changed",
            "The release before is live again, with its data"]
    came_back(upgraded, result, before, state(upgraded), changes, says, restored=True)
    assert migrations(upgraded) == []
    everything_is(upgraded, "1.1.0", SERVICES)


def test_a_migration_that_is_killed_and_others_who_come_meanwhile(upgraded, hanging, run, state, changes):
    """The migration hangs: time enough for others to come, and to be told who is at work."""
    slow = commit(upgraded, "slow", hanging, "slipway.yml", repository.BROKEN["hanging"][0][2], "migrate: 600")
    before = state(upgraded)
    upgrade = upgraded.start_playbook("upgrade", reference=slow)  # says little: nobody reads it yet
    migration = wait_for_migration(upgraded, upgrade)
    meanwhile = state(upgraded)
    who = ["%s on %s" % (getpass.getuser(), socket.gethostname()), time.strftime("%Y-%m-%d", time.gmtime()),
           "-upgrade-"]
    for playbook, variables, says in (
            ("upgrade", {"package": "shop:1.0.0"}, ["nothing was changed", "holds the lock", "Wait until it", *who]),
            ("recover", {}, ["nothing was changed", "holds the lock", "may still be at work", "takeover=true", *who]),
            ("maintenance_off", {}, ["nothing was changed", "is open on this host", "Wait until it ends", *who]),
            ("service_start", {}, ["nothing was changed", "is open on this host", "Wait until it ends", *who])):
        other = run(upgraded, playbook, **variables)
        said = told(other.output)
        assert other.rc != 0, other.output
        assert [words for words in says if words.lower() not in said.lower()] == [], said
        assert changes(meanwhile, state(upgraded)) == {}
    os.kill(migration, signal.SIGKILL)
    result = Result(output=upgrade.communicate(timeout=300)[0], rc=upgrade.returncode, seconds=0)
    says = ["was undone", "was killed by signal 9", "The database was changed",
            "The release before is live again, with its data"]
    came_back(upgraded, result, before, state(upgraded), changes, says, restored=True)
    everything_is(upgraded, "1.1.0", SERVICES)


# Secrets


def test_no_secret_is_told(upgraded):
    """Not on any command line while all the steps of an upgrade ran, nor in a file that others can read."""
    assert upgraded.told == set()
    assert [name for name, secret in upgraded.secrets.items() if secret in upgraded.result.output] == []
    holders = [path for path in files(upgraded) if any(secret.encode() in path.read_bytes()
                                                       for secret in upgraded.secrets.values())]
    assert [path for path in holders if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    known = [upgraded.directory / "lab.json", upgraded.directory / "inventories/demo/group_vars/all/secrets.yml"]
    strange = [path for path in holders if path not in known and path.parent.name not in ("environments", "conf.d")]
    assert strange == []
    states = [upgraded.root(host) / "state" for host in upgraded.hosts]
    assert [path for path in states if stat.S_IMODE(path.stat().st_mode) != 0o700] == []


# How it is looked at


def told(output):
    """The message that a playbook ended with; Ansible prints it as JSON."""
    messages = re.findall(r'"msg": ("(?:[^"\\]|\\.)*")', output)
    return json.loads(messages[-1]) if messages else output


def came_back(lab, result, before, after, changes, says, restored):
    """An upgrade has failed, said why, and left nothing but its traces."""
    said = told(result.output)
    assert result.rc != 0, result.output
    assert [words for words in says if words not in said] == [], said
    assert [name for name, secret in lab.secrets.items() if secret in result.output] == []
    differences = changes(before, after)
    assert set(differences) - {"packages"} == UNDONE | ({"database"} if restored else set()), differences


def everything_is(lab, version, services):
    """The shop of this version serves, takes orders and packs them, and nothing else is there."""
    wrong = serves(lab, version) + schema_is(lab, version) + services_are(lab, services) + databases_are(lab, ["shop"])
    assert wrong == []
    place(lab, "Grace Hopper")


def place(lab, customer):
    """An order that is placed and packed; its id."""
    status, _headers, body = place_order(lab.address("app2"), customer)
    assert status == 201, body
    order = json.loads(body)["id"]
    assert jobs_done_once(lab, [order]) == []
    return order


def migrations(lab):
    """The pids of migrations that run in a release of the lab."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            argv = (folder / "cmdline").read_bytes().split(b"\0")
            inside = (folder / "cwd").readlink().is_relative_to(lab.directory)
            if inside and b"manage.py" in argv and b"migrate" in argv:
                found.append(int(folder.name))
    return found


def wait_for_migration(lab, upgrade):
    """Wait until the migration of version "hanging" hangs, its first change made; return its pid."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and upgrade.poll() is None:
        found = migrations(lab)
        if found and lab.sql("SELECT 1 FROM information_schema.columns WHERE column_name = 'gift'"):
            return found[0]
        time.sleep(0.2)
    pytest.fail("no migration hangs:\n%s" % (upgrade.stdout.read() if upgrade.poll() is not None else ""))


def blob(lab, digest):
    return lab.store / "blobs" / "sha256" / digest.partition(":")[2]


def manifest(lab, package):
    index = json.loads((lab.store / "index.json").read_text(encoding="utf-8"))
    (entry,) = (entry for entry in index["manifests"] if entry["annotations"][REF_NAME] == package)
    return json.loads(blob(lab, entry["digest"]).read_text(encoding="utf-8"))


@contextlib.contextmanager
def flipped(path):
    """One bit in the middle of a file is another."""
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:])
    try:
        yield
    finally:
        path.write_bytes(content)


@contextlib.contextmanager
def stating(lab, package, size):
    """The name of a copy of a package whose configuration states this size for a layer."""
    index, made = lab.store / "index.json", []
    before = index.read_bytes()

    def put(document):
        data = json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        made.append(blob(lab, digest))
        made[-1].write_bytes(data)
        return {"digest": digest, "size": len(data)}

    changed = manifest(lab, package)
    config = json.loads(blob(lab, changed["config"]["digest"]).read_bytes())
    config["layers"][0]["unpacked_size"] = size
    changed["config"].update(put(config))
    listed = json.loads(before)
    listed["manifests"].append(dict(listed["manifests"][0], annotations={REF_NAME: "shop:huge"}, **put(changed)))
    try:
        index.write_text(json.dumps(listed), encoding="utf-8")
        yield "shop:huge"
    finally:
        index.write_bytes(before)
        for path in made:
            path.unlink()


def files(lab):
    """Every file of the lab but what pip has installed, and those of the database server, kept from all others."""
    for folder, folders, names in os.walk(lab.directory):
        folders[:] = [name for name in folders if name not in ("vendor", "postgres")]
        yield from (path for name in names if (path := Path(folder, name)).is_file() and not path.is_symlink())
