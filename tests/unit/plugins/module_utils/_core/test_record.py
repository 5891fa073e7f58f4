# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.record import Record


class Login(Record, hidden=("password",)):
    host: str
    password: str
    port: int = 5432

    @property
    def address(self):
        return "%s:%d" % (self.host, self.port)


class Tally(Record, changeable=True):
    count: int = 0


def test_fields_are_given_in_their_order_or_by_name_and_have_defaults():
    assert vars(Login("db1", password="secret")) == {"host": "db1", "password": "secret", "port": 5432}
    assert Login("db1", "secret", 6432).address == "db1:6432"


@pytest.mark.parametrize("values, named", [
    ((), {"host": "db1"}), (("db1", "secret"), {"host": "db2"}), (("db1", "secret"), {"user": "shop"}), (("db1", "secret", 1, 2), {})])
def test_what_is_missing_unknown_or_said_twice_is_refused(values, named):
    with pytest.raises(TypeError, match="Login is "):
        Login(*values, **named)


def test_two_are_equal_whose_class_and_fields_are():
    one, same, other = Login("db1", "secret"), Login("db1", "secret"), Login("db1", "another")
    assert one == same and hash(one) == hash(same) and len({one, same, other}) == 2
    assert one != other and one != vars(one)


def test_what_is_hidden_is_not_shown():
    assert repr(Login("db1", "secret")) == "Login(host='db1', port=5432)"


def test_only_what_is_changeable_changes_and_only_its_fields():
    tally = Tally()
    tally.count += 1
    assert tally.count == 1 and Tally().count == 0
    with pytest.raises(AttributeError):
        tally.cuont = 2
    with pytest.raises(AttributeError):
        Login("db1", "secret").port = 1


def test_a_step_starts_without_modules_that_read_programs():
    """They are a quarter of what a step takes on a host before it does anything."""
    code = ("import sys; import ansible_collections.slipway.app.plugins.module_utils._operation.steps;"
            "print(sorted(set(sys.modules) & {'ast', 'dataclasses', 'inspect', 'tokenize', 'typing'}))")
    done = subprocess.run([sys.executable, "-S", "-c", code], env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
                          capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
