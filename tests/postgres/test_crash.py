# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call is killed at each of its statements, and the server is killed under it; the next call finishes the job."""

from __future__ import annotations

import os
import random
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres import databases
from ansible_collections.slipway.app.plugins.module_utils._postgres.connection import Session
from ansible_collections.slipway.app.plugins.module_utils._postgres.restore_point import RestorePoint
from ansible_collections.slipway.app.tests.postgres.crashes import cut_at, die, in_child, slip_to_server
from ansible_collections.slipway.app.tests.selection import long_but

SETTINGS_OF_A_SESSION = 1  # statement every session begins with; dying there is dying before the first real one
KEPT = "shop__slipway_failed_op1"
send = Session._send


def before_it_is_sent(session, statement):
    die()


def when_it_is_sent(session, statement):
    slip_to_server(session, statement)
    die()


def together_with_psql(session, statement):
    slip_to_server(session, statement)
    time.sleep(0.002)
    session._process.kill()
    die()


def killed_at(number, how, work):
    """Run work in a child that dies at the statement of this number; return whether it got further than that."""
    def counting():
        seen = [0]

        def sending(session, statement):
            seen[0] += 1
            if seen[0] == number:
                how(session, statement)
            return send(session, statement)

        Session._send = sending
        work()

    return in_child(counting)


def each_statement(how, work):
    """Let work die at one statement after the other, until it survives; yield after each death."""
    number = SETTINGS_OF_A_SESSION + 1
    while not killed_at(number, how, work):
        yield number
        number += 1
    assert number > SETTINGS_OF_A_SESSION + 5  # it did die on the way


def rows(postgres, database="shop"):
    return postgres.connection().query("SELECT count(*) AS n FROM public.orders", database)[0]["n"]


def closed_rows(postgres, database):
    """Rows of a database that is closed, as the restore point and the failed one are."""
    # psql prints which database and user it went on to.
    return int(postgres.sql("""
        ALTER DATABASE "%(name)s" ALLOW_CONNECTIONS true;
        \\connect "%(name)s"
        SELECT count(*) FROM public.orders;
        \\connect postgres
        ALTER DATABASE "%(name)s" ALLOW_CONNECTIONS false""" % {"name": database}))


@pytest.fixture
def point(postgres):
    return RestorePoint(postgres.connection(), "shop", "op1")


@pytest.fixture(params=long_but(["WAL_LOG", "FILE_COPY"], "WAL_LOG"))
def either_strategy(request, monkeypatch):
    monkeypatch.setattr(databases, "FILE_COPY_FROM", 1 if request.param == "FILE_COPY" else 10 ** 12)


def check_present(postgres, point):
    """After a killed present(): the database can be had at once, and a copy is either whole or made anew."""
    state = point.status()["state"]
    assert state in ("absent", "partial", "present")
    point.reopen()
    before = rows(postgres)
    postgres.connection().execute("INSERT INTO public.orders (note) VALUES ('after the crash')")
    # The killed psql may have finished its statement since, so the state of now is the one that counts.
    state = point.status()["state"]
    point.present()
    assert closed_rows(postgres, point.copy) == (before if state == "present" else before + 1)
    assert postgres.databases() == {"shop", point.copy}
    point.absent()


def check_restored(postgres, point, damaged, whole):
    """After a killed restored(): one of the two databases is live and whole, and the next call finishes."""
    point.reopen()
    assert rows(postgres) == {"present": damaged, "restored": whole}[point.status()["state"]]
    point.restored()
    assert rows(postgres) == whole
    assert closed_rows(postgres, KEPT) == damaged
    assert postgres.databases() == {"shop", KEPT}
    point.absent()


def damage(postgres, point):
    """A restore point of now, then rows lost in the live database; return their numbers after and before."""
    point.present()
    whole = rows(postgres)
    postgres.connection().execute("DELETE FROM public.orders WHERE id IN (SELECT id FROM public.orders LIMIT 3)")
    return whole - 3, whole


@pytest.mark.long
@pytest.mark.parametrize("how", [before_it_is_sent, when_it_is_sent, together_with_psql])
def test_present_killed_at_each_statement(postgres, point, how):
    for _number in each_statement(how, point.present):
        check_present(postgres, point)


@pytest.mark.parametrize("how", long_but([before_it_is_sent, when_it_is_sent, together_with_psql], when_it_is_sent))
def test_restored_killed_at_each_statement(postgres, point, how):
    numbers = damage(postgres, point)
    for _number in each_statement(how, point.restored):
        check_restored(postgres, point, *numbers)
        numbers = damage(postgres, point)


@pytest.mark.long
@pytest.mark.parametrize("how", [before_it_is_sent, when_it_is_sent, together_with_psql])
def test_absent_killed_at_each_statement(postgres, point, how):
    point.present()
    for _number in each_statement(how, point.absent):
        assert rows(postgres) == 1000
        point.absent()
        assert postgres.databases() == {"shop"}
        point.present()


@pytest.mark.long
def test_killed_at_any_time(postgres, point, either_strategy):
    """Not only between statements: in the middle of the copy, of the swap, of the drop."""
    chance = random.Random(4711)
    for _attempt in range(5):
        for work, check in ((point.present, check_present), (point.restored, check_restored)):
            numbers = damage(postgres, point) if work == point.restored else ()
            in_child(work, chance.uniform(0, 0.25))
            check(postgres, point, *numbers)


@pytest.mark.parametrize("statement, seconds", long_but([
    ("ALLOW_CONNECTIONS false", 0), ("CREATE DATABASE", 0), ("CREATE DATABASE", 0.02), ("RENAME", 0), ("COMMIT", 0),
    ("COMMIT", 0.005)], ("CREATE DATABASE", 0.02), ("COMMIT", 0)))
def test_server_killed_during_present(postgres, point, either_strategy, statement, seconds):
    server_killed_at(postgres, statement, seconds, point.present)
    check_present(postgres, point)


@pytest.mark.parametrize("statement, seconds", long_but([
    ("ALLOW_CONNECTIONS false", 0), ("RENAME", 0), ("COMMIT", 0), ("COMMIT", 0.001), ("COMMIT", 0.005)], ("RENAME", 0), ("COMMIT", 0.001)))
def test_server_killed_during_restored(postgres, point, statement, seconds):
    numbers = damage(postgres, point)
    server_killed_at(postgres, statement, seconds, point.restored)
    check_restored(postgres, point, *numbers)


@pytest.mark.parametrize("seconds", long_but([0, 0.005, 0.02], 0.005))
def test_server_killed_while_a_database_is_dropped(postgres, point, seconds):
    point.present()
    server_killed_at(postgres, "DROP DATABASE IF EXISTS \"shop__slipway_part_op1\"", seconds, point.absent)
    assert point.status()["state"] in ("partial", "absent", "present")
    point.absent()
    assert postgres.databases() == {"shop"}
    assert rows(postgres) == 1000


def server_killed_at(postgres, text, seconds, work):
    """Kill the server a moment after the first statement with this text was sent, and start it again."""
    def killing(session, statement):
        if text in statement:
            slip_to_server(session, statement)
            time.sleep(seconds)
            postgres.kill()
            os._exit(0)
        return send(session, statement)

    def watched():
        Session._send = killing
        work()

    in_child(watched)
    assert postgres.pid is None
    postgres.start()


def test_a_call_that_loses_its_server_says_what_to_do(postgres, point, monkeypatch):
    def killing(session, statement):
        if statement.startswith("CREATE DATABASE"):
            postgres.kill()
        return send(session, statement)

    monkeypatch.setattr(databases, "BACK", 0)
    monkeypatch.setattr(Session, "_send", killing)
    with pytest.raises(SlipwayError, match="may refuse connections until this is run again"):
        point.present()
    monkeypatch.undo()
    postgres.start()
    check_present(postgres, point)


@pytest.mark.parametrize("work, text, after, told", [
    ("present", "CREATE DATABASE", False, "op1 of it is not there"), ("present", "COMMIT", True, "op1 of it is there, beside"),
    ("restored", "COMMIT", False, "op1 of it is there, beside"), ("restored", "COMMIT", True, "op1 of it is what is live now")])
def test_a_call_that_loses_its_session_opens_the_database(postgres, point, monkeypatch, work, text, after, told):
    numbers = damage(postgres, point) if work == "restored" else ()
    cut_at(monkeypatch, postgres, text, after)
    with pytest.raises(SlipwayError, match='"shop" accepts connections, and restore point ' + told):
        getattr(point, work)()
    assert rows(postgres) == ((numbers[1] if after else numbers[0]) if numbers else 1000)
