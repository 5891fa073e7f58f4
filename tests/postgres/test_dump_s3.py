# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps into a bucket and back. The server is SeaweedFS, an object store that people run, over HTTP and HTTPS on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import sys
import types

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import follow
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump_store_s3, outbox
from ansible_collections.slipway.app.plugins.module_utils._postgres.bucket import Bucket
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import FolderStore, open_store
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store_s3 import S3Store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore import Restore, Wishes
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.sanitize.dump import Sanitizing
from ansible_collections.slipway.app.tests import playbook_process
from ansible_collections.slipway.app.tests.postgres.conftest import REPOSITORY
from ansible_collections.slipway.app.tests.postgres.faults import Fault, Proxy
from ansible_collections.slipway.app.tests.postgres.test_dump import in_child
from ansible_collections.slipway.app.tests.selection import long_but
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import CONTENT
from ansible_collections.slipway.app.tests.waiting import until

sys.path.insert(0, str(REPOSITORY / "scripts"))

import registry_server  # noqa: E402  (scripts is no package)
import s3_server  # noqa: E402

MB = 1024 * 1024
PART = 5 * MB  # the smallest that S3 has
RULES = {"tables": {"orders": {"columns": {"id": "keep", "note": "hash"}}, "django_migrations": "keep"}, "policy": "strict"}
ROWS = "INSERT INTO public.orders (note) SELECT repeat(md5(g::text), 16) FROM generate_series(1, %d) g"  # of some 520 bytes


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", "http://127.0.0.1:9")  # the caller's, who has no word of this machine in no_proxy
        patch.delenv("no_proxy", raising=False)
        server = s3_server.Server(folder / "data", registry_server.certificate(str(folder), "s3")).start()
    yield server
    server.stop()


@pytest.fixture
def options(s3, monkeypatch):
    """How to reach the server, as a user says it; nothing is taken from the machine's own configuration."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    return {"endpoint_url": s3.endpoint, "region": s3_server.REGION, "access_key": s3.access_key, "secret_key": s3.secret_key}


@pytest.fixture
def bucket(s3, options):
    """The name of a new bucket."""
    return s3.new_bucket(options)


@pytest.fixture
def store(bucket, options, tmp_path):
    return open_store("s3://%s/some/where" % bucket, options, str(spool(tmp_path)))


@pytest.fixture
def proxy(s3):
    proxy = Proxy(s3.ports["s3"])
    yield proxy
    proxy.stop()


@pytest.fixture
def bad(bucket, options, proxy, tmp_path):
    """The store, over a bad network."""
    return S3Store("s3://%s/some/where" % bucket, dict(options, endpoint_url=proxy.endpoint), str(spool(tmp_path)), attempts=3)


def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir(exist_ok=True)
    return folder


def spooled(tmp_path):
    return [path for path in spool(tmp_path).rglob("*") if path.is_file()]


def on_disk(tmp_path):
    """Bytes that files on their way take on the disk."""
    taken = 0
    for path in spooled(tmp_path):
        with contextlib.suppress(FileNotFoundError):
            taken += path.stat().st_blocks * 512
    return taken


def restore(postgres, whole, **wishes):
    with DumpSource(whole, postgres.bin_dir).brought() as source:
        return Restore(postgres.connection(), Wishes(jobs=2, **wishes)).run(source)


def orders(postgres):
    return postgres.connection().query("SELECT count(*) AS n FROM public.orders")[0]["n"]


@pytest.mark.long
def test_a_dump_and_back_by_the_modules(postgres, bucket, options, run_module, tmp_path):
    store = dict(options, store="s3://%s/some/where" % bucket, spool_dir=str(spool(tmp_path)))
    database = {"login_host": "127.0.0.1", "login_port": postgres.port, "login_user": "shop", "login_password": "no secret", "login_db": "shop",
                "environment": "uat", "bin_dir": postgres.bin_dir}
    would = run_module("postgres_dump", dict(database, **store), check=True)
    made = run_module("postgres_dump", dict(database, **store))
    assert would["changed"] and made["folder"] == "s3://%s/some/where/%s" % (bucket, made["key"]) and made["leftovers"] == []
    found = run_module("postgres_dump_info", dict(store, prefix="uat/shop", verify=True, validate_keys=False))
    assert found["newest"] == made["key"] and found["dumps"][0]["rows"] == made["rows"] == 1001 and found["others"] == []
    postgres.connection().execute("DELETE FROM public.orders")
    told = run_module("postgres_restore", dict(database, **store, source="uat"), check=True)
    assert told["restored"] == made["key"] and orders(postgres) == 0
    back = run_module("postgres_restore", dict(database, **store, source="uat"))
    assert back["restored"] == made["key"] and orders(postgres) == 1000
    assert options["secret_key"] not in json.dumps([would, made, found, told, back])
    assert spooled(tmp_path) == []


@pytest.mark.long
def test_the_role_has_a_bucket_as_its_store_and_a_service_as_its_server_of_a_sanitized_dump(postgres, bucket, options, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "services").write_text("[shop]\nhost=127.0.0.1\nport=%d\nuser=shop\npassword=no secret\n" % postgres.port, encoding="utf-8")
    variables = {
        "slipway_environment": "uat", "slipway_root": str(tmp_path / "shop"), "slipway_dump_store": "s3://" + bucket,
        "slipway_dump_s3": dict(options, spool_dir=str(spool(tmp_path))), "slipway_postgres_bin_dir": postgres.bin_dir,
        "slipway_database": {"pg_service": "shop", "pg_service_file": str(tmp_path / "services"), "login_db": "shop"},
        "slipway_sanitize_key": "a key of thirty-two characters...", "ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
    steps = (("dump", {"database_sanitize": RULES}), ("restore", {"database_source": "uat/shop/sanitized", "database_reversible": True}),
             ("list", {"database_local": True}))
    tasks = [{"ansible.builtin.include_role": {"name": "slipway.app.database", "tasks_from": step}, "vars": more} for step, more in steps]
    (tmp_path / "hosts").write_text("[app]\nhost\n", encoding="utf-8")
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "app", "gather_facts": False, "vars": variables, "tasks": tasks}]), encoding="utf-8")
    done = playbook_process.run(["-v", "-i", "hosts", "play.json"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kept as shop__pre" in done.stdout and re.search(r"on the server +[\d.]+ MB +:pre", done.stdout)
    assert len(set(re.findall(r"uat/shop/sanitized/\d{8}T\d{6}\.\d{6}Z", done.stdout))) == 1 and "1 columns masked" in done.stdout
    assert options["secret_key"] not in done.stdout + done.stderr and "no secret" not in done.stdout + done.stderr
    assert "thirty-two" not in done.stdout + done.stderr
    assert postgres.connection().query("SELECT count(DISTINCT note) AS n FROM public.orders WHERE note ~ '^[0-9a-f]{32}$'") == [{"n": 1000}]
    assert spooled(tmp_path) == []


def test_both_stores_have_the_same_names_and_a_bucket_can_be_copied_to_a_folder(postgres, store, tmp_path):
    key = Key.parse(dump(postgres.connection(), store, Wish("It's 100% / Shöp", jobs=2))["key"])
    for name in store.bucket.objects(""):
        path = tmp_path / "copy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(store.bucket.chunks(name)))
    copy = FolderStore(str(tmp_path / "copy"))
    copy.open(key).verify()
    assert copy.list() == store.list("%49t%27s%20100%25%20%2F%20%53h%C3%B6p/shop") == [key] and copy.strangers() == store.strangers() == []


@pytest.mark.long
def test_a_table_of_many_parts_and_back(postgres, bad, proxy, monkeypatch, tmp_path):
    """The answer to the last request for it is lost, so that it is asked for again what was done already."""
    monkeypatch.setattr(outbox, "PART", PART)
    postgres.connection().execute(ROWS % 40000)
    proxy.faults.append(Fault("cut answer", "POST", "uploadId=", 1))
    result = dump(postgres.connection(), bad, Wish("uat", jobs=1, compression="none"))
    assert proxy.faults[0].met == 1 and result["archive_size"] > 3 * PART
    whole = bad.open(Key.parse(result["key"]))
    whole.verify()
    postgres.connection().execute("TRUNCATE public.orders")
    restore(postgres, whole)
    assert orders(postgres) == 41000 and spooled(tmp_path) == []


@pytest.mark.long
def test_a_program_waits_for_a_slower_network_and_the_disk_never_has_all_that_it_writes(bad, proxy, monkeypatch, tmp_path):
    monkeypatch.setattr(outbox, "PART", PART)
    monkeypatch.setattr(outbox, "SENDERS", 1)  # so there is room for (2 + 2) parts
    network = Fault("wait", "PUT", "partNumber=", -1)
    proxy.faults.append(network)
    folder, go, most, hold_back = spool(tmp_path) / "archive", tmp_path / "go", [], outbox.Outbox._hold_back
    folder.mkdir()

    def watched(box, waiting):
        hold_back(box, waiting)
        most.append(on_disk(tmp_path))
        if box._held and not go.exists():
            until(lambda: state(box._pgid) == "T")
            network.open.set()
            go.touch()

    monkeypatch.setattr(outbox.Outbox, "_hold_back", watched)
    box = outbox.Outbox(bad.bucket, "x/", str(folder), 1)
    writing = 'exec >"$1"; head -c %d /dev/urandom; until [ -e "$2" ]; do sleep 0.05; done; head -c %d /dev/urandom' % (5 * PART, 4 * PART)
    assert follow(["sh", "-c", writing, "sh", str(folder / "1.dat"), str(go)], print, dict(os.environ), box.begun) == 0
    box.ended()
    (item,) = box.finish()
    assert box.give_up() == ["x/1.dat"] and spooled(tmp_path) == []
    digest = hashlib.sha256()
    for piece in bad.bucket.chunks("x/1.dat"):
        digest.update(piece)
    assert go.exists() and item["size"] == 9 * PART > max(most) and item["sha256"] == digest.hexdigest()


def state(pid):
    with open("/proc/%d/stat" % pid, encoding="utf-8") as stream:
        return stream.read().rpartition(")")[2].split()[0]


def test_what_may_pass_is_tried_again(postgres, bad, proxy):
    proxy.faults += [Fault("cut", "PUT", "toc.dat", 1), Fault("busy", "PUT", ".dat", 2), Fault("busy", "PUT", "manifest.json", 1)]
    whole = bad.open(Key.parse(dump(postgres.connection(), bad, Wish("uat", jobs=2))["key"]))
    assert [fault.left for fault in proxy.faults] == [0, 0, 0]
    proxy.faults += [Fault("cut answer", "GET", "/archive/", 2), Fault("busy", "GET", "/archive/", 1)]
    postgres.connection().execute("DELETE FROM public.orders")
    restore(postgres, whole)
    assert [fault.left for fault in proxy.faults] == [0] * 5 and orders(postgres) == 1000


def test_a_download_goes_on_where_the_connection_broke(bad, proxy):
    data = os.urandom(3 * MB)
    bad.bucket.write("x", data)
    proxy.faults.append(Fault("cut answer", "GET", "/x", 2))
    assert b"".join(bad.bucket.chunks("x")) == data and proxy.faults[0].left == 0
    proxy.faults.append(Fault("cut answer", "GET", "/x", 2))  # a manifest can have megabytes, too
    assert bad.bucket.read("x", 4 * MB) == data and proxy.faults[1].left == 0
    assert bad.bucket.read("x", MB) == data[:MB + 1] and bad.bucket.read("none", MB) is None


def test_wrong_bytes_are_not_restored(postgres, bad, proxy, tmp_path):
    whole = bad.open(Key.parse(dump(postgres.connection(), bad, Wish("uat"))["key"]))
    proxy.faults.append(Fault("flip", "GET", ".dat", 1))
    with pytest.raises(SlipwayError, match="is damaged: the content of .* is not what was written"):
        restore(postgres, whole)
    assert postgres.databases() == {"shop"} and spooled(tmp_path) == []
    proxy.faults.append(Fault("flip", "GET", ".dat", 1))
    with pytest.raises(SlipwayError, match="is damaged"):
        whole.verify()
    whole.verify()


def test_who_only_looks_fetches_the_table_of_contents_alone(postgres, store, tmp_path):
    whole = store.open(Key.parse(dump(postgres.connection(), store, Wish("uat"))["key"]))
    name, size = next(("%s/archive/%s" % (whole.key, item["name"]), item["size"]) for item in whole.manifest["files"] if item["name"] != "toc.dat")

    def look():
        with DumpSource(whole, postgres.bin_dir, only_look=True).brought() as source:
            result = Restore(postgres.connection(), Wishes()).run(source, check=True)
            assert sorted(path.name for path in spooled(tmp_path)) == ["lock", "toc.dat"]
        return result

    store.bucket.write(name, bytes(size))
    assert look()["restored"] == str(whole.key) and spooled(tmp_path) == []
    with pytest.raises(SlipwayError, match="is damaged: the content of"):
        restore(postgres, whole)
    store.bucket.write(name, b"x")
    with pytest.raises(SlipwayError, match="has 1 bytes instead of %d" % size):
        look()


def test_rows_are_fetched_when_nothing_speaks_against_the_restore_and_only_once(postgres, store, monkeypatch, tmp_path):
    whole = store.open(Key.parse(dump(postgres.connection(), store, Wish("uat"))["key"]))
    asked, chunks = [], store.bucket.chunks
    monkeypatch.setattr(store.bucket, "chunks", lambda name, *more: (asked.append(os.path.basename(name)), chunks(name, *more))[1])
    postgres.sql("CREATE DATABASE shop__new OWNER shop")
    with pytest.raises(SlipwayError, match="is left of an earlier restore"):
        restore(postgres, whole)
    assert asked == ["toc.dat"] and spooled(tmp_path) == []
    asked.clear()
    with pytest.raises(SlipwayError, match="^The command false ended with 1: .*What was fetched stays in .* is not fetched again"):
        restore(postgres, whole, commands=[["false"]], remove_leftovers=True)
    assert "toc.dat" in asked and len(set(asked)) > 1
    asked.clear()
    assert restore(postgres, whole)["changed"]
    assert asked == ["toc.dat"] and spooled_folders(store) == []


def test_what_was_taken_out_of_a_bucket_is_missed(postgres, store):
    whole = store.open(Key.parse(dump(postgres.connection(), store, Wish("uat"))["key"]))
    store.bucket.delete("%s/archive/toc.dat" % whole.key)
    with pytest.raises(SlipwayError, match="is damaged: it lacks toc.dat"):
        whole.verify()


@pytest.mark.parametrize("sanitizing", [None, pytest.param(Sanitizing(RULES, "a key of thirty-two characters..."), marks=pytest.mark.long)],
                         ids=["raw", "sanitized"])
def test_a_store_that_becomes_unreachable_in_the_middle(sanitizing, postgres, bad, store, proxy, monkeypatch, tmp_path):
    send = outbox.Outbox._send_part

    def last(*arguments):
        proxy.stop()
        return send(*arguments)

    monkeypatch.setattr(outbox.Outbox, "_send_part", last)
    with pytest.raises(SlipwayError, match="cannot be written: .*No dump was made; should anything be left"):
        dump(postgres.connection(), bad, Wish("uat", jobs=2, sanitizing=sanitizing))
    assert store.list() == [] and spooled(tmp_path) == []
    until(lambda: postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'slipway%'").strip() == "0")


def test_killed_while_it_sends(postgres, bad, store, proxy, monkeypatch, tmp_path):
    """Nothing that a list or a restore could take for whole; what is left is named, and removed when that is asked for."""
    monkeypatch.setattr(outbox, "PART", PART)
    postgres.connection().execute(ROWS % 20000)
    proxy.faults.append(Fault("wait", "PUT", "partNumber=2", -1))
    pid = os.fork()
    if pid == 0:
        try:
            dump(postgres.connection(), bad, Wish("uat", jobs=1, compression="none"))
        finally:
            os._exit(0)
    until(lambda: proxy.faults[0].met)
    assert store.leftovers() == [] and store.remove_leftovers(asked=True) == []  # it is at work
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    proxy.faults[0].open.set()
    assert store.list() == [] and "It has no manifest" in store.strangers()[0][1]
    with pytest.raises(SlipwayError, match="There is no dump at all"):
        store.newest()
    (place,) = store.places()
    with pytest.raises(SlipwayError, match="There is no dump"):
        store.open(Key.parse("/".join(place)))
    assert store.leftovers() == store.spool.leftovers() != []  # it could still be alive, but not on this host
    monkeypatch.setattr(dump_store_s3, "DEAD", 0)
    left = store.leftovers()
    assert left[0] == "/".join(place) and left[1].endswith(".dat (unfinished upload)") and left[2:] == store.spool.leftovers()
    assert dump(postgres.connection(), store, Wish("uat"), check=True)["leftovers"] == left
    assert dump(postgres.connection(), store, Wish("uat"))["leftovers"] == left and spooled(tmp_path) == []
    assert dump(postgres.connection(), store, Wish("uat", remove_leftovers=True))["leftovers"] == left[:2]
    assert store.leftovers() == [] and store.bucket.uploads("") == [] and len(store.list()) == 2
    assert not [name for name in store.bucket.objects("") if name.startswith(left[0])]
    whole = str(store.list()[0])  # an upload to a place whose dump is whole is part of nothing
    store.bucket.begin(whole + "/archive/9.dat")
    left = [whole + "/archive/9.dat (unfinished upload)"]
    assert store.leftovers() == left and store.remove_leftovers(asked=True) == left
    assert store.leftovers() == [] and len(store.list()) == 2


def killed_at_request(number):
    """From now on: die before the request of this number."""
    said = []

    def hook(event, _arguments):
        if event == "http.client.send":
            said.append(event)
            if len(said) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def small(store):
    """A dump of no real archive; its key."""
    with store.new("uat", "shop", "none") as part:
        with part.written(1):
            os.mkdir(part.archive)
            for name in ("toc.dat", "1.dat"):
                with open(os.path.join(part.archive, name), "w", encoding="utf-8") as stream:
                    stream.write(name)
        return part.finish(dict(CONTENT, files=part.files()))


@pytest.mark.long
def test_killed_before_each_thing_it_says_to_the_server(store, options, monkeypatch):
    """At every moment there is a whole dump or none; what else there is, is named and can be removed."""
    monkeypatch.setattr(dump_store_s3, "DEAD", 0)

    looking = Bucket(store.bucket.name, store.bucket.prefix, options)
    here, store.bucket = store.bucket, looking  # a connection is not shared with a child
    number = deaths_with_leftovers = 0
    died = True
    while died:
        number += 1
        store.bucket = here
        status = in_child(lambda number=number: (killed_at_request(number), small(store)))
        store.bucket, died = looking, status != 0
        assert status in (0, signal.SIGKILL)
        for key in store.list():
            store.open(key).verify()
        deaths_with_leftovers += bool(store.remove_leftovers(asked=True))
        assert store.leftovers() == []
    assert number > 12 and deaths_with_leftovers > 8 and store.list() != [] and spooled_folders(store) == []


@pytest.mark.long
def test_killed_before_each_request_of_a_removal(store, options, monkeypatch):
    """The manifest goes first: what is left is no dump, and the next removal, or who asks for leftovers, removes it."""
    monkeypatch.setattr(dump_store_s3, "DEAD", 0)
    looking = Bucket(store.bucket.name, store.bucket.prefix, options)
    here, number, halves, died = store.bucket, 0, 0, True
    while died:
        number += 1
        store.bucket = looking
        key = small(store)
        store.bucket = here  # a connection is not shared with a child
        status = in_child(lambda number=number, key=key: (killed_at_request(number), store.remove(key)))
        store.bucket, died = looking, status != 0
        assert status in (0, signal.SIGKILL)
        if store.list() == [key]:
            store.open(key).verify()
        elif died:
            halves += bool(store.leftovers())
            assert store.list() == [] and (number % 2 or store.remove_leftovers(asked=True))
        store.remove(key)
        assert not store.remove(key) and store.bucket.objects("") == {}
    assert number > 3 and halves > 1


@pytest.mark.long
def test_who_writes_a_dump_is_not_disturbed_by_its_removal(store, bucket, options, run_module):
    with store.new("uat", "shop", "none") as part:
        assert not store.has(part.key) and not store.remove(part.key)
    key = str(small(store))
    absent = dict(options, store="s3://%s/some/where" % bucket, state="absent", key=key, environment="uat")
    assert run_module("postgres_dump", absent, check=True)["removed"] == [key] and store.list() != []
    assert run_module("postgres_dump", absent)["removed"] == [key]
    assert run_module("postgres_dump", absent) == {**run_module("postgres_dump", absent, check=True), "changed": False, "removed": []}
    # What is left of one is none that could be sanitized, and goes with the leftovers.
    half = str(small(store))
    store.bucket.delete(half + "/manifest.json")
    left = run_module("postgres_dump", dict(absent, key=half, only_sanitized=True, remove_leftovers=True))
    assert (left["removed"], left["leftovers"]) == ([], [half]) and store.bucket.objects("") == {}


def fetched_half(key, store, act):
    """Bring a dump, and act() when some of it is on this host."""
    def watch(_phase, **more):
        if more["bytes"] > 2 * MB:
            act()

    with DumpSource(store.open(key)).brought() as source:
        source.ready(types.SimpleNamespace(watch=watch))


@pytest.mark.parametrize("how, harm", long_but([("killed", False), ("lost the store", False), ("killed", True)], ("lost the store", False)))
def test_what_was_fetched_is_not_fetched_again_unless_it_is_damaged(postgres, store, bad, options, proxy, monkeypatch, how, harm):
    postgres.connection().execute(ROWS % 40000)  # more than the kernel takes in for a reader: what it has is read, wherever it came from
    key = Key.parse(dump(postgres.connection(), store, Wish("uat", compression="none"))["key"])
    if how == "killed":
        again = open_store(store.location, options, os.path.dirname(store.spool.location))
        assert in_child(lambda: fetched_half(key, again, lambda: os.kill(os.getpid(), signal.SIGKILL))) == signal.SIGKILL
    else:
        proxy.faults.append(Fault("cut answer", "GET", ".dat"))  # in its middle, so that it has to be asked for once more
        with pytest.raises(SlipwayError, match="cannot be read: .*Nothing was changed. What was fetched stays in .* is not fetched again"):
            fetched_half(key, bad, proxy.stop)
    (left,) = store.spool.leftovers()
    (path,) = [path for path in pathlib.Path(left).rglob("*.dat") if path.stat().st_size > MB]
    size, asked, chunks = path.stat().st_size, [], store.bucket.chunks
    if harm:
        with open(path, "r+b") as stream:
            stream.write(b"\0\0")
    with DumpSource(store.open(key), postgres.bin_dir, only_look=True).brought() as source:  # who only looks leaves it alone
        Restore(postgres.connection(), Wishes()).run(source, check=True)
    monkeypatch.setattr(store.bucket, "chunks", lambda name, start=0: (asked.append((os.path.basename(name), start)), chunks(name, start))[1])
    postgres.connection().execute("DELETE FROM public.orders")
    restore(postgres, store.open(key))
    assert [start for name, start in asked if name == path.name] == [size] + [0] * harm
    assert orders(postgres) == 41000 and spooled_folders(store) == []


@pytest.mark.long
def test_what_a_killed_restore_left_here_of_another_dump_is_removed_by_the_next(postgres, store, options):
    former, key = (Key.parse(dump(postgres.connection(), store, Wish("uat"))["key"]) for _number in range(2))
    again = open_store(store.location, options, os.path.dirname(store.spool.location))
    assert in_child(lambda: again.open(former).bring(lambda *_phase, **_more: os.kill(os.getpid(), signal.SIGKILL))) == signal.SIGKILL
    (left,) = store.spool.leftovers()
    with DumpSource(store.open(key), postgres.bin_dir).brought() as source:
        Restore(postgres.connection(), Wishes()).run(source)
    assert source.removed == [left] and spooled_folders(store) == []


def spooled_folders(store):
    return os.listdir(store.spool.location)


def test_a_failing_dump_takes_back_what_it_sent(postgres, store, tmp_path):
    postgres.sql("CREATE TABLE public.secret (id int)", "shop")
    with pytest.raises(SlipwayError, match="permission denied for table secret"):
        dump(postgres.connection(), store, Wish("uat"))
    assert store.bucket.objects("") == {} and spooled(tmp_path) == []


def test_an_archive_that_has_no_room_here_is_not_fetched(postgres, store, monkeypatch):
    whole = store.open(Key.parse(dump(postgres.connection(), store, Wish("uat"))["key"]))
    monkeypatch.setattr(store.spool, "free", lambda: dump_store_s3.MARGIN)
    with pytest.raises(SlipwayError, match="has room for 0 bytes, and the archive .* Name a directory with more room as spool_dir"):
        restore(postgres, whole)


def test_a_spool_that_another_could_look_into_is_refused(store, tmp_path):
    (spool(tmp_path) / ("slipway-%d" % os.geteuid())).mkdir(mode=0o755)
    with pytest.raises(SlipwayError, match="is not a folder of this user alone"):
        store.spool.make()
    with pytest.raises(SlipwayError, match="is not a folder of this user alone"):
        store.spool.take_up("a dump")


WRONG = [
    ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
    ({"access_key": "nobody"}, "InvalidAccessKeyId"),
    ({"secret_key": None}, "access_key and secret_key belong together"),
    ({"store": "s3://nowhere-at-all"}, "NoSuchBucket"),
    ({"store": "s3:///x"}, "names no bucket"),
    ({"endpoint_url": "nonsense"}, "Invalid endpoint"),
    ({"aws_ca_bundle": "/nowhere.pem"}, "There is no file /nowhere.pem"),
]


@pytest.mark.parametrize("changes, message", long_but(WRONG, *WRONG[:3:2]))
def test_what_stands_against_it_is_said(bucket, options, run_module, changes, message):
    params = dict(dict(options, store="s3://" + bucket), **changes)
    result = run_module("postgres_dump_info", {name: value for name, value in params.items() if value})
    assert result["failed"] and message in result["msg"] and options["secret_key"] not in json.dumps(result)


def test_the_servers_certificate_is_checked(s3, bucket, options):
    secure = dict(options, endpoint_url=s3.secure_endpoint)
    assert Bucket(bucket, options=dict(secure, aws_ca_bundle=s3.cert[0])).folders("") == []
    with pytest.raises(SlipwayError, match="cannot be read: .*[Cc]ertificate"):
        Bucket(bucket, options=secure, attempts=1).folders("")


def test_without_boto3_only_who_asks_for_s3_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "boto3", None)
    open_store(str(tmp_path)).list()
    with pytest.raises(SlipwayError, match="s3://bucket needs the Python library boto3, and .*python.* does not find it"):
        open_store("s3://bucket")
