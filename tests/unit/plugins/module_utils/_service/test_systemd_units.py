# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that systemd reads. That it understands them as they are meant is seen in tests/hosts."""

from __future__ import annotations

import os
import re

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.account import Account
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._service.definition import Definition
from ansible_collections.slipway.app.plugins.module_utils._service.systemd_units import UnitFiles, command_line, environment_text

OWNER = Account("shopkeeper", 1234, 1234, [1234])


def define(name="web", root="/srv/shop", **more):
    facts = dict(name=name, kind="consumer", argv=["/bin/sleep", "600"], cwd=root, environment={"TOKEN": "s3cret"},
                 stop_signal="QUIT", stop_timeout=40)
    return Definition(**dict(facts, **more))


@pytest.fixture
def units(tmp_path):
    """units(root) -> the UnitFiles of an application, all in the same two folders."""
    (tmp_path / "system").mkdir()
    return lambda root="/srv/shop": UnitFiles(root, str(tmp_path / "system"), str(tmp_path / "environments"))


def read(tmp_path, name):
    return (tmp_path / "system" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("argv, line", [
    (["/usr/bin/php8.2", "bin/console", "a:b", "--env=prod"], '/usr/bin/php8.2 bin/console a:b --env=prod'),
    (["/usr/bin/env", "A=b", "php"], "/usr/bin/env A=b php"),
    (["php", "x"], "/usr/bin/env php x"),
    (["bin/console"], "/usr/bin/env bin/console"),
    (["/opt/100%/run", "%i %d"], '/opt/100%%/run "%%i %%d"'),
    (["/opt/$HOME/run", "${HOME} $$"], '/usr/bin/env "/opt/$$HOME/run" "$${HOME} $$$$"'),
    (["/bin/x", "", "a b", "'q'", '"', "\\", "a\nb\tc\x1b"], """/bin/x "" "a b" "'q'" "\\"" "\\\\" "a\\nb\\tc\\x1b\""""),
    (["/bin/x", ";", "-", "@", "ä"], '/bin/x ";" - @ "ä"'),
])
def test_words_reach_the_program_as_they_are(argv, line):
    assert command_line(argv) == line


def test_a_program_that_would_be_taken_for_a_variable_is_refused():
    with pytest.raises(SlipwayError, match="A program cannot be called 'A=b'"):
        command_line(["A=b"])


def test_values_of_the_environment_are_quoted():
    text = environment_text({"B": 'a "b" $c `d` \\ %e\n second', "A": ""})
    assert text.splitlines()[1:] == ['A=""', 'B="a \\"b\\" \\$c \\`d\\` \\\\ %e', ' second"']


def test_a_unit_is_for_the_owner_and_a_secret_is_not_in_it(units, tmp_path):
    units().write(define("mail@2"), OWNER)
    unit = read(tmp_path, "shop-mail@2.service")
    assert "s3cret" not in unit
    path, = re.findall("^EnvironmentFile=(.*)$", unit, re.MULTILINE)
    assert os.stat(path).st_mode & 0o777 == 0o600 and os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
    with open(path, encoding="utf-8") as stream:
        assert 'TOKEN="s3cret"' in stream.read()
    for line in ("User=shopkeeper", "Restart=always", "StartLimitIntervalSec=0", "KillSignal=SIGQUIT", "KillMode=mixed",
                 "TimeoutStopSec=45", "WorkingDirectory=/srv/shop"):
        assert line + "\n" in unit
    facts = units().read()["mail@2"]
    assert (facts["unit"], facts["Kind"]) == ("shop-mail@2", "consumer")
    units().remove(facts)
    assert units().read() == {} and not os.path.exists(path)


def test_what_everybody_may_read_tells_nothing_of_a_secret(units, tmp_path):
    """A weak one could be guessed by a digest of it."""
    texts = set()
    for secret in ("summer", "winter"):
        units().write(define(environment={"TOKEN": secret}), OWNER)
        texts.add(read(tmp_path, "shop-web.service"))
    assert len(texts) == 1


@pytest.mark.parametrize("owner, more, suffix", [
    (None, {}, ".service"), (OWNER._replace(name="another"), {}, ".service"), (OWNER, {"schedule": "daily"}, ".timer"),
    (OWNER, {"schedule": None}, ".timer"), (OWNER, {"environment": {"TOKEN": "other"}}, ".env"), (OWNER, {"stop_timeout": 41}, ".service"),
    (OWNER, {"stop_signal": "TERM\nUser=root"}, ".service")], ids=str)
def test_a_program_is_up_to_date_by_all_that_systemd_reads_of_it(units, tmp_path, owner, more, suffix):
    """Not by its definition alone: it runs as the user, and by the text, of when it was started."""
    first = define(schedule="hourly", environment={"TOKEN": "line\r\nend"})
    units().write(first, OWNER)
    facts = units().read()["web"]
    assert units().up_to_date(facts, first, OWNER)
    assert not units().up_to_date(facts, Definition(**dict(vars(first), **more)), owner)
    (path,) = tmp_path.glob("*/shop-web" + suffix)
    path.write_bytes(path.read_bytes() + b"# of a version before\n")
    assert not units().up_to_date(facts, first, OWNER)


def test_a_schedule_is_a_timer_and_what_comes_back_after_a_reboot(units, tmp_path):
    units().write(define("cron", schedule="*:0/5 "), None)
    facts = units().read()["cron"]
    assert "OnCalendar=*:0/5\n" in read(tmp_path, "shop-cron.timer") and "User=" not in read(tmp_path, "shop-cron.service")
    assert "Type=oneshot\n" in read(tmp_path, "shop-cron.service") and "Restart=" not in read(tmp_path, "shop-cron.service")
    assert not units().autostart(facts)
    units().set_autostart(facts, True)
    assert units().autostart(facts)
    assert os.readlink(str(tmp_path / "system" / "timers.target.wants" / "shop-cron.timer")) == str(tmp_path / "system" / "shop-cron.timer")
    units().set_autostart(facts, False)
    units().write(define("cron"), None)
    assert not (tmp_path / "system" / "shop-cron.timer").exists()


def test_of_a_program_that_gets_or_loses_its_schedule_nothing_else_comes_back(units, tmp_path):
    for schedule, folder in ((None, "multi-user.target.wants"), ("hourly", "timers.target.wants"), (None, "multi-user.target.wants")):
        units().write(define("cron", schedule=schedule), None)
        units().set_autostart(units().read()["cron"], True)
        assert [path.parent.name for path in tmp_path.glob("system/*.wants/*")] == [folder]


def test_a_name_that_somebody_else_has_is_left_to_them(units, tmp_path):
    (tmp_path / "system" / "shop-web.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    (tmp_path / "system" / "shop-mail@.service").write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    for root in ("/srv/shop", "/other/shop"):
        for name in ("web", "mail@1", "cron"):
            units(root).write(define(name, root), None)
    names = {root: {name: facts["unit"] for name, facts in units(root).read().items()} for root in ("/srv/shop", "/other/shop")}
    assert names["/srv/shop"]["cron"] == "shop-cron"
    taken = [unit for all_of_one in names.values() for unit in all_of_one.values()]
    assert len(set(taken)) == 6 and not {"shop-web", "shop-mail@1"} & set(taken)
    assert all(re.match("shop-([0-9a-f]{6}-)?(web|mail@1|cron)$", unit) for unit in taken)
    assert "slipway" not in read(tmp_path, "shop-web.service")


def test_paths_that_systemd_cannot_take_are_refused(units):
    for root in ("/srv/two\nlines", "/srv/end\\"):
        with pytest.raises(SlipwayError, match="systemd cannot work with '"):
            units(root).write(define(root=root), None)


@pytest.mark.parametrize("text", ["stop_signal", "kind", "schedule"])
@pytest.mark.parametrize("end", ["\nUser=root", "\rUser=root", "\\"])
def test_no_text_of_a_service_adds_a_line_to_its_unit(units, tmp_path, text, end):
    with pytest.raises(SlipwayError, match="systemd cannot work with 'TERM"):
        units().write(define(**{text: "TERM" + end}), OWNER)
    assert os.listdir(tmp_path / "system") == []
