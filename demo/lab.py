# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway installation on this machine: PostgreSQL, and hosts that differ by folder, supervisor and ports.

    with Lab("/tmp/somewhere") as lab:
        lab.playbook("deploy", reference="1.0.0")

It works as root and as anybody, several at once, and from a path with a space. What it starts is written down in
lab.json before anything else is done, so another process can find it again (Lab.open) and end it.
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
import xmlrpc.client
from pathlib import Path

import psycopg
import psycopg.rows
from supervisor.xmlrpc import SupervisorTransport

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scripts")]
import front  # noqa: E402  (demo is no package, its files find each other by this path)
import inventory  # noqa: E402
import playbook_run  # noqa: E402
import postgres_server  # noqa: E402
import processes  # noqa: E402
import repository  # noqa: E402
import setup  # noqa: E402

# psycopg, and all that is started here, is to know of no other server: a PGSERVICE would count for more than what it is told.
for _name in set(os.environ) - set(postgres_server.environment()):
    del os.environ[_name]

COLLECTIONS = HERE.parent / ".build" / "collections"
PORTS = range(10000, 20000)  # below those that PostgreSQL's script and the kernel take theirs from
BLOCK = 50
STATE = ("apps", "consumers", "environment", "collections", "settings", "sockets", "ports", "processes", "secrets")

SUPERVISOR = """\
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
identifier={name}
{user}

[include]
files=conf.d/*.conf
"""


class Lab:
    """One installation. apps and consumers are numbers of hosts: app1, app2, ..., consumer1, ...

    What is the shop's own can be another application's in a class below: its name, which is that of its database and of
    the database's user too, and the methods under "What is deployed".
    """

    application = "shop"
    mounts = ("media",)  # folders in shared that all hosts mount, as the real ones would mount a network folder
    port_names = ("front", "web")  # of each app host: nginx, and the application behind it

    def __init__(self, directory, apps=2, consumers=1, environment="prod", collections=COLLECTIONS, settings=None):
        self.directory = Path(directory).absolute()
        self.apps = ["app%d" % number for number in range(1, apps + 1)]
        self.consumers = ["consumer%d" % number for number in range(1, consumers + 1)]
        self.environment = environment
        self.collections = str(collections)
        self.settings = settings or {}  # for postgresql.conf
        self.sockets = None  # a short folder: the path of a socket may have 107 bytes only
        self.ports = {}  # host: {name: port}
        self.processes = []
        self.secrets = {name: secrets.token_urlsafe(40) for name in ("database", "secret_key", "upload_token")}

    @classmethod
    def open(cls, directory):
        """The lab that another process started in this directory."""
        lab = cls(directory)
        state = lab.directory / "lab.json"
        if state.exists():  # else it was ended before it began
            vars(lab).update(json.loads(state.read_text(encoding="utf-8")))
        return lab

    def _save(self):
        state = {name: getattr(self, name) for name in STATE}
        with open(os.open(self.directory / ".part-lab", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            json.dump(state, stream, indent=2)
        os.rename(self.directory / ".part-lab", self.directory / "lab.json")

    # Where things are

    @property
    def hosts(self):
        return self.apps + self.consumers

    @property
    def store(self):
        return self.directory / "packages"

    @property
    def repository(self):
        return self.directory / "repository"

    @property
    def media(self):
        return self.mount("media")

    def mount(self, path):
        """What the hosts mount at this path of their shared folders."""
        return self.directory / "mounts" / path

    @functools.cached_property
    def postgres(self):
        return postgres_server.Server(str(self.directory / "postgres"), setup.postgres(), settings=self.settings)

    def home(self, host):
        """What would be a whole machine elsewhere."""
        return self.directory / "hosts" / host

    def root(self, host):
        return self.home(host) / self.application

    def supervisor_socket(self, host):
        return os.path.join(self.sockets, host + ".sock")

    def address(self, host):
        """Where users come in: the host's web server, which knows of maintenance."""
        return "http://127.0.0.1:%d" % self.ports[host]["front"]

    def database_url(self):
        return "postgresql://%s:%s@127.0.0.1:%d/%s" % (
            self.application, self.secrets["database"], self.postgres.port, self.application)

    # What is deployed

    def make_repository(self):
        repository.make(self.repository)

    def front_servers(self, host):
        """What nginx is told of the application; see front.py."""
        return front.shop(self, host)

    def placeholders(self, host):
        """Values for the placeholders of slipway.yml on a host."""
        return {"port": self.ports[host]["web"]} if host in self.ports else {}

    def variables(self):
        """What the inventory says of the application, and its secrets in a dictionary of their own."""
        return inventory.shop(self)

    # What it can do

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_error):
        self.stop()

    def start(self):
        """Start everything that is there before an application is: database, hosts, web servers, repository."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.sockets = tempfile.mkdtemp(prefix="slipway-lab-", dir="/tmp")
        self._save()
        self.make_repository()
        server = self.postgres.start()
        server.sql("CREATE ROLE %s LOGIN CREATEDB PASSWORD '%s'" % (self.application, self.secrets["database"]))
        server.sql("CREATE DATABASE %s OWNER %s" % (self.application, self.application))
        held = self._take_ports()
        self._save()
        for host in self.hosts:
            for path in self.mounts:
                self.mount(path).mkdir(parents=True, exist_ok=True)
                (self.root(host) / "shared" / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root(host) / "shared" / path).symlink_to(self.mount(path))
            self._start_supervisor(host)
        for host in self.apps:
            held.pop(host).close()
            self._start_front(host)
        inventory.write(self)
        return self

    def stop(self):
        """End everything and remove everything. Nothing here has to be kept, so nothing is waited for."""
        processes.kill(self.processes + self._detached())
        if (self.directory / "postgres").exists():
            self.postgres.remove()
        if self.sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def playbook(self, name, *options, echo=None, **variables):
        """Run a playbook of the collection to its end; echo(line) is called for every line as it comes."""
        begun = time.monotonic()
        running = self.start_playbook(name, *options, **variables)
        result = playbook_run.to_the_end(running, begun, echo)
        self.processes = [process for process in self.processes if process[0] != running.pid]
        self._save()
        return result

    def start_playbook(self, name, *options, **variables):
        """Start a playbook in a session of its own; a Popen whose stdout has all that it prints."""
        running = self.ansible_playbook(playbook_run.arguments(name, options, variables), self.directory, self.ansible_environment())
        self._started(processes.identity(running.pid) or [running.pid, 0])
        return running

    def ansible_playbook(self, given, folder, environment):
        return playbook_run.start([str(Path(sys.executable).with_name("ansible-playbook"))], given, folder, environment)

    def ansible_environment(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))}
        path = [str(Path(sys.executable).parent), self.postgres.bin_dir, kept.get("PATH", os.defpath)]
        return dict(kept, PATH=os.pathsep.join(path), LC_ALL="C.UTF-8", ANSIBLE_HOME=str(self.directory / "ansible"),
                    ANSIBLE_CONFIG=str(self.directory / "ansible.cfg"), ANSIBLE_COLLECTIONS_PATH=self.collections)

    def sql(self, query, *values):
        """Rows of the application's database as dictionaries, asked as the superuser."""
        server = self.postgres
        with psycopg.connect(host="127.0.0.1", port=server.port, user=server.superuser, password=server.password,
                             dbname=self.application, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            answer = connection.execute(query, values)
            return answer.fetchall() if answer.description else []

    def supervisor(self, host):
        """The host's supervisor, as its own tools talk to it."""
        transport = SupervisorTransport(None, None, "unix://" + self.supervisor_socket(host))
        return xmlrpc.client.ServerProxy("http://localhost", transport).supervisor

    # How it does it

    def _started(self, process):
        self.processes.append(process)
        self._save()

    def _take_ports(self):
        """A block of neighbouring ports that nobody else has, its front ports held until nginx takes them over."""
        for base in secrets.SystemRandom().sample(PORTS[::BLOCK], len(PORTS[::BLOCK])):
            numbers = iter(range(base, base + BLOCK))
            self.ports = {host: {name: next(numbers) for name in self.port_names} for host in self.apps}
            held = {}
            try:
                for host, ports in self.ports.items():
                    held[host] = _listen(ports["front"])
                    for name in self.port_names[1:]:
                        _listen(ports[name]).close()
                return held
            except OSError:
                for other in held.values():
                    other.close()
        raise RuntimeError("No free ports on loopback.")

    def _start_supervisor(self, host):
        folder = self.home(host) / "supervisor"
        (folder / "conf.d").mkdir(parents=True)
        text = SUPERVISOR.format(socket=self.supervisor_socket(host), folder=str(folder).replace("%", "%%"), name=host,
                                 user="user=root" if os.geteuid() == 0 else "")
        (folder / "supervisord.conf").write_text(text, encoding="utf-8")
        argv = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(folder / "supervisord.conf")]
        self._start(argv, folder / "output", lambda: os.path.exists(self.supervisor_socket(host)))

    def _start_front(self, host):
        argv = front.command(self, host)
        self._start(argv, self.home(host) / "nginx" / "output", lambda: _listens(self.ports[host]["front"]))

    def _start(self, argv, log, ready):
        """Start a program that goes on when this one ends, with nothing of our environment."""
        clean = {"PATH": os.defpath, "HOME": str(self.directory), "LC_ALL": "C.UTF-8"}
        process = processes.start(argv, log, clean)
        self._started(process)
        processes.wait_until(ready, process, log)

    def _detached(self):
        """A migration that hangs lives on by design, whoever started it."""
        found = []
        for path in self.directory.glob("hosts/*/*/state/detached/*/process.json"):
            record = json.loads(path.read_text(encoding="utf-8"))
            found += [[record["watcher"], record["watcher_ticks"]], [record.get("pid", 0), record.get("ticks", 0)]]
        return found


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listen(port):
    listener = socket.socket()
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
