# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of dumps that is a bucket."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import resource
import time
import types

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import (
    dump_store_s3, manifest)
from ansible_collections.slipway.app.plugins.module_utils._postgres import dump as dumping
from ansible_collections.slipway.app.plugins.module_utils._postgres.bucket import Bucket, StoreError
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Connection
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store_s3 import S3Store
from ansible_collections.slipway.app.plugins.module_utils._postgres.key import Key
from ansible_collections.slipway.app.plugins.module_utils._postgres.outbox import Outbox
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_source import DumpSource
from ansible_collections.slipway.app.plugins.module_utils._postgres.spool import Spool, hold, old
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._postgres.stored import CONTENT, MOMENT


class Refusing:
    """A bucket that has nothing, and whose server has no list of uploads for us."""

    location = "s3://shop"

    def __init__(self, code):
        self.code = code

    def uploads(self, _prefix):
        raise Bucket._failure(self, "read", types.SimpleNamespace(response={"Error": {"Code": self.code, "Message": "not for you"}}))

    def folders(self, _prefix):
        return []


@pytest.mark.parametrize("code", ["AccessDenied", "NotImplemented", "405", "SlowDown"])
def test_no_dump_needs_a_list_of_uploads(code, tmp_path, monkeypatch):
    monkeypatch.setattr(S3Store, "__init__", lambda store: vars(store).update(bucket=Refusing(code), spool=types.SimpleNamespace(
        leftovers=list, remove_leftovers=list), warnings=[]))
    store = S3Store()
    if code == "SlowDown":
        with pytest.raises(StoreError, match="SlowDown"):
            store.leftovers()
        return
    assert store.leftovers() == store.remove_leftovers() == []
    assert len(store.warnings) == 1 and "s3:ListBucketMultipartUploads" in store.warnings[0] and code in store.warnings[0]


def test_files_that_grow_do_not_keep_others_from_being_sent(tmp_path):
    """From 17 on pg_dump writes two at a time in each job, and is stopped while much waits: then none of them would ever end."""
    jobs, sent, folder = 5, {}, tmp_path / "archive"
    folder.mkdir()
    with contextlib.ExitStack() as growing:
        for number in range(2 * jobs):
            growing.enter_context(open(folder / ("blob_%d.dat" % number), "wb"))
        box = Outbox(types.SimpleNamespace(write=lambda name, section: sent.update({name: len(section)})), "x/", str(folder), jobs)
        until = time.monotonic() + 5
        while len(box._pending) < 2 * jobs and time.monotonic() < until:
            time.sleep(0.01)
        (folder / "blob_10.dat").write_bytes(b"whole")
        while not sent and time.monotonic() < until:
            time.sleep(0.01)
        assert sent == {"x/blob_10.dat": 5}
    assert len(box.finish()) == 2 * jobs + 1


@pytest.mark.parametrize("code, taken_back", [("AccessDenied", True), (None, False)])
def test_an_upload_that_may_not_be_let_go_of_keeps_nothing_else_in_the_bucket(tmp_path, code, taken_back):
    """Where nobody answers, each further request would wait for long."""
    def abort(_name, _upload):
        raise StoreError("no", code)

    box = Outbox(types.SimpleNamespace(abort=abort), "x/", str(tmp_path / "archive"), 1)
    box._pending["1.dat"], box._uploads["1.dat"] = None, "id"
    with contextlib.nullcontext() if taken_back else pytest.raises(StoreError):
        assert box.give_up() == ["x/1.dat"]


class Serving:
    """A bucket with the files of an archive and the manifest of its dump, of one key, and nothing else."""

    location = "s3://shop"

    def __init__(self, key, files):
        described = [{"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()]
        self._there = {"%s/archive/%s" % (key, name): data for name, data in files.items()}
        self._there["%s/manifest.json" % key] = manifest.written(dict(CONTENT, files=described), key)

    def read(self, name, _most):
        return self._there.get(name)

    def objects(self, prefix):
        return {name: (len(data), 0) for name, data in self._there.items() if name.startswith(prefix)}

    def chunks(self, name, start=0):
        yield self._there[name][start:]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A store in a bucket with one dump, and its key."""
    key = Key("uat", "shop", "none", MOMENT)
    monkeypatch.setattr(S3Store, "__init__", lambda store: vars(store).update(
        bucket=Serving(key, {"toc.dat": b"x", "12.dat": b"12" * 50000}), spool=Spool(str(tmp_path)), warnings=[], location="s3://shop"))
    return S3Store(), key


def test_a_disk_that_fills_while_an_archive_is_fetched_is_said_and_not_left_full(served, tmp_path):
    store, key = served
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with contextlib.closing(store.open(key)) as whole:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60000, limits[1]))  # what a full disk is, for a file
        try:
            with pytest.raises(SlipwayError, match=r"cannot be kept in %s: File too large. Nothing was changed. .* as spool_dir" % tmp_path):
                whole.bring(None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(store.spool.location) == []


def test_what_was_fetched_stays_where_the_disk_has_failed_otherwise(served, monkeypatch):
    store, key = served
    monkeypatch.setattr(store.bucket, "chunks", lambda _name, _start=0: (_ for _ in ()).throw(OSError(errno.EIO, os.strerror(errno.EIO))))
    with contextlib.closing(store.open(key)) as whole, pytest.raises(SlipwayError, match="Input/output error"):
        whole.bring(None)
    assert len(os.listdir(store.spool.location)) == 1


@pytest.mark.parametrize("error, words, stays", [
    (SlipwayError('pg_restore cannot restore TABLE DATA a: could not extend file "base/1/2": No space left on device'), "was removed, since a disk is full", 0),
    (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "quota", 0),
    (SlipwayError("The command false ended with 1"), "stays in .* [(]100.0 kB, rows of the dump[)]: restored again.* after a day any dump", 1)])
def test_what_was_fetched_is_not_what_keeps_a_disk_full(served, monkeypatch, error, words, stays):
    """The database and files on their way are often on one disk, and the next try would take as much again."""
    monkeypatch.setattr(dump_store_s3, "check_names", lambda _folder, _manifest: None)  # it is no real archive
    store, key = served
    with pytest.raises(type(error), match=words), DumpSource(store.open(key)).brought() as source:
        source.dump.bring(None)
        raise error
    assert len(os.listdir(store.spool.location)) == stays


def test_a_store_that_fails_while_rows_are_fetched_has_changed_nothing(served, monkeypatch):
    store, key = served
    monkeypatch.setattr(store.bucket, "chunks", lambda _name, _start=0: (_ for _ in ()).throw(StoreError("s3://shop cannot be read: gone.")))
    with pytest.raises(SlipwayError, match="cannot be read: gone. Nothing was changed. What was fetched stays in"):
        with DumpSource(store.open(key)).brought() as source:
            source.ready(types.SimpleNamespace(watch=None))


def left_for(hours, spool):
    """A folder that a call has left so long ago."""
    folder, lock = spool.make()
    spool.leave(folder, lock)
    moment = time.time() - hours * 3600
    os.utime(os.path.join(folder, "lock"), (moment, moment))
    return folder


def test_a_spool_in_which_something_was_written_today_is_left_alone(tmp_path):
    spool = Spool(str(tmp_path))
    last_week, written, held = (left_for(7 * 24, spool) for _number in range(3))
    os.mkdir(os.path.join(written, "archive"))
    with open(os.path.join(written, "archive", "1.dat"), "wb"):
        pass
    lock = hold(held)
    assert spool.leftovers(old) == spool.remove_leftovers(old) == [last_week] and spool.leftovers() == [written]
    os.close(lock)
    assert spool.leftovers() == sorted([written, held])
    os.chmod(spool.location, 0o755)  # another may have put them there
    assert spool.leftovers() == spool.remove_leftovers() == Spool(str(tmp_path / "no")).remove_leftovers() == [] and not (tmp_path / "no").exists()


@pytest.mark.parametrize("module, more", [("postgres_dump_info", {}), ("postgres_restore", {"source": "a/b", "login_db": "shop", "environment": "uat"}),
                                          ("postgres_dump", {"state": "absent", "key": "a/b/c/20250101T000000.000000Z", "environment": "uat"})])
def test_rows_that_nobody_has_come_back_for_are_removed_whatever_store_is_opened(tmp_path, run_module, module, more):
    """A folder of dumps has no use for a spool; what is left there of a dump in S3 is all rows of a database."""
    (tmp_path / "spool").mkdir()
    spool = Spool(str(tmp_path / "spool"))
    yesterday, today = left_for(25, spool), left_for(23, spool)
    params = dict(more, store=str(tmp_path / "dumps"), spool_dir=str(tmp_path / "spool"))
    assert "%s was left by an earlier call" % yesterday in str(run_module(module, params, check=True)["warnings"])
    assert spool.leftovers() == sorted([yesterday, today])
    only_reads = module.endswith("_info")
    said = "%s was left by an earlier call" if only_reads else "Removed %s, which an earlier call had left."
    assert said % yesterday in str(run_module(module, params)["warnings"])
    assert spool.leftovers() == sorted([today] + [yesterday] * only_reads)


def test_a_spool_that_is_not_there_is_said_before_any_hook_is_run(tmp_path, monkeypatch):
    monkeypatch.setattr(S3Store, "__init__", lambda store: vars(store).update(spool=Spool(str(tmp_path / "no"))))
    words = "cannot be kept in %s/no: No such file or directory. Nothing was changed. .* as spool_dir" % tmp_path
    for act in (Spool(str(tmp_path / "no")).make, Spool(str(tmp_path / "no")).free, S3Store().require_usable):
        with pytest.raises(SlipwayError, match=words):
            act()
    with pytest.raises(SlipwayError, match=words):
        dumping.dump(Connection(login_host="127.0.0.1", login_port=1, login_db="shop"), S3Store(), dumping.Wish("uat", hooks=[["false"]]))
