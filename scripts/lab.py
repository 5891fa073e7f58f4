# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real hosts on one machine: containers with systemd and sshd on a network of their own. make lab, make lab-down.

    with Lab("mine") as lab:
        lab.playbook("provision")
        lab.kill("app1")

Hosts are called app1, app2, jobs1, jobs2, db1, lb1, build1 and find each other by these names. The inventory, with keys
and secrets that are only of this lab, is .cache/NAME/inventory.yml. Labs of other names and clones are not disturbed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import hashlib
import ipaddress
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "demo")]  # at the end: the demo has a lab.py as well
import lab_engine  # noqa: E402  (scripts find each other by this path)
import playbook_run  # noqa: E402
import repository  # noqa: E402
import setup  # noqa: E402
import workspace  # noqa: E402
from lab_engine import docker, until  # noqa: E402

CLONE = hashlib.sha256(str(workspace.ROOT).encode()).hexdigest()[:8]
HOSTS_PYTHON = (3, 11)  # that of Debian 12
BOOT = 60  # seconds a host may take until it is up
# What makes systemd run in a container, as little as does (--privileged is more than some machines can give).
SYSTEMD = ("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--security-opt", "seccomp=unconfined",
           "--security-opt", "apparmor=unconfined", "--cgroupns=private",
           "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777")
CGROUP_V1 = ("--volume", "/sys/fs/cgroup/systemd:/sys/fs/cgroup/systemd")
# A folder that all hosts have in common, as real ones would mount a network folder.
SHARE = "/srv/share"
# The application's folder. On app hosts it is a file system of its own that is soon full; the build host keeps it while an
# app host is down, since it is memory.
ROOT, ROOT_SIZE = "/srv/shop", "600m"
KEPT = "/srv/kept"
FILLER = ROOT + "/.filler"
# On the build host: the repository of the demo's shop, and the wheels that it is built from.
SHOP = "/srv/build"

ANSIBLE_CONFIG = """\
[defaults]
inventory = inventory.yml
collections_path = ../../.build/collections:../../.build/dependencies
forks = 25
internal_poll_interval = 0.005
retry_files_enabled = false
localhost_warning = false
host_key_checking = true

[connection]
pipelining = true
"""


class Lab:
    """The hosts of one name. apps and consumers are numbers of hosts; of the other kinds there is one each.

    They are for the demo's shop; a subclass says by _stock and _application what else they are for.
    """

    repository = SHOP + "/repository"

    def __init__(self, name="lab", apps=2, consumers=2):
        self.name = name
        self.folder = workspace.CACHE / name
        self.prefix = "slipway-%s-%s" % (CLONE, name)
        self.groups = {
            "app": ["app%d" % number for number in range(1, apps + 1)],
            "consumer": ["jobs%d" % number for number in range(1, consumers + 1)],
            "database": ["db1"],
            "balancer": ["lb1"],
            "build": ["build1"],
        }

    @property
    def hosts(self):
        return [host for hosts in self.groups.values() for host in hosts]

    # The whole

    def __enter__(self):
        lab_engine.ready()  # without it nobody knows what is there
        try:
            return self.anew()
        except BaseException:
            self.down()
            raise

    def __exit__(self, *_error):
        self.down()

    def anew(self):
        """Bring all hosts up; nothing of an earlier lab of this name is kept."""
        self.down()
        return self.up()

    def up(self):
        """Bring all hosts up and wait until each can be reached; what is there and runs is left as it is."""
        image = lab_engine.ready()
        if self._containers("--filter", "ancestor=" + image) != {self._container(host) for host in self.hosts}:
            self.down()
            self._write_secrets()
            self._make_network()
            self._make_volumes()
            self._make_inventory()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda host: self._run(host, image), self.hosts))
        for host in self.hosts:
            self._wait_up(host)
        self._stock()
        return self

    def down(self):
        """Remove hosts, network and files. The engine and the image stay."""
        found = self._containers()
        if found:
            docker("rm", "--force", "--volumes", *found)
        docker("network", "rm", self.prefix, check=False)
        docker("volume", "rm", *self._volumes(), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # Faults

    def kill(self, host):
        """The host loses power: no process of it gets to do anything any more."""
        docker("kill", self._container(host))

    def start(self, host):
        """Power comes back; returns when the host is up."""
        docker("start", self._container(host))
        self._wait_up(host)

    def partition(self, host):
        """The host lives on, but no packet reaches or leaves it; those who talk to it are not told."""
        docker("network", "disconnect", self.prefix, self._container(host))

    def heal(self, host):
        """The network comes back, the host's address with it; nothing happens where it is not away."""
        networks = docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", self._container(host)).stdout
        if self.prefix in json.loads(networks):
            return
        docker("network", "connect", "--ip", self.address(host), "--alias", host, self.prefix,
               self._container(host))
        self._wait_up(host)

    def fill(self, host):
        """The disk of an app host has not one byte left where the application is."""
        self.inside(host, ["dd", "if=/dev/zero", "of=" + FILLER, "bs=1M"], check=False)

    def empty(self, host):
        """What had filled it goes away."""
        self.inside(host, ["rm", "-f", FILLER])

    # What one does with a host

    def address(self, host):
        """The host's IP address; it keeps it for as long as the lab is there."""
        return self._state()["addresses"][host]

    def ssh(self, host, argv, check=True, **options):
        """Run a command on the host as root, over SSH; a CompletedProcess with its output as text."""
        command = ["ssh", "-F", os.devnull, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
                   "-o", 'IdentityFile="%s"' % self._key("user_key"), *shlex.split(self._ssh_options()),
                   "root@" + self.address(host), shlex.join(map(str, argv))]
        return _finished(command, check, options)

    def inside(self, host, argv, check=True, **options):
        """The same past the network: for a host that is cut off."""
        return _finished(["docker", "exec", self._container(host), *map(str, argv)], check, options)

    def start_inside(self, host, argv):
        """Start a command there; a Popen that reads and prints text."""
        return subprocess.Popen(["docker", "exec", "--interactive", self._container(host), *map(str, argv)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def copy(self, source, host, target):
        """Put a file or folder of this machine on a host; it belongs to root there."""
        docker("cp", source, "%s:%s" % (self._container(host), target))

    def playbook(self, name, *options, echo=None, **variables):
        """Run a playbook of the collection to its end; echo(line) is called for every line as it comes."""
        begun = time.monotonic()
        return playbook_run.to_the_end(self.start_playbook(name, *options, **variables), begun, echo)

    def start_playbook(self, name, *options, **variables):
        """Start a playbook in a session of its own; a Popen whose stdout has all that it prints."""
        python = workspace.install("run", "modes")
        workspace.dependencies()
        return self.ansible_playbook(playbook_run.arguments(name, options, variables), self.folder, self.ansible_environment(python))

    def ansible_playbook(self, given, folder, environment):
        return playbook_run.start(["ansible-playbook"], given, folder, environment)

    def ansible_environment(self, python=sys.executable):
        return workspace.environment(python, ANSIBLE_CONFIG=str(self.folder / "ansible.cfg"),
                                     ANSIBLE_HOME=str(self.folder / "ansible"))

    @property
    def secrets(self):
        """{name: value}, as the inventory has them."""
        return json.loads((self.folder / "secrets.json").read_text(encoding="utf-8"))

    # How: containers

    def _container(self, host):
        return "%s-%s" % (self.prefix, host)

    def _containers(self, *filters):
        listed = docker("ps", "--all", "--filter", "label=slipway-lab=" + self.prefix, *filters,
                        "--format", "{{.Names}}")
        return set(listed.stdout.split())

    def _run(self, host, image):
        if docker("start", self._container(host), check=False).returncode == 0:
            return
        docker("run", "--detach", "--name", self._container(host), "--hostname", host,
               "--label", "slipway-lab=" + self.prefix,
               "--network", self.prefix, "--network-alias", host, "--ip", self.address(host),
               "--mount", 'type=bind,"source=%s",target=/etc/slipway-lab,readonly' % self._keys,
               *(word for volume, target in self._mounted(host)
                 for word in ("--mount", "type=volume,source=%s,target=%s" % (volume, target))),
               *SYSTEMD, *(CGROUP_V1 if self._state()["cgroup"] == "1" else ()), image)

    def _volumes(self):
        """{volume: app host, or none for the one that all share}"""
        return dict({self.prefix: None}, **{self._container(app): app for app in self.groups["app"]})

    def _mounted(self, host):
        """[(volume, where it is on the host)]"""
        for volume, app in self._volumes().items():
            if app is None:
                yield volume, SHARE
            elif host == app:
                yield volume, ROOT
            elif host in self.groups["build"]:
                yield volume, "%s/%s" % (KEPT, app)

    def _wait_up(self, host):
        until(lambda: self._greets(host), BOOT, "%s does not answer on its SSH port." % host)
        state = self.inside(host, ["systemctl", "is-system-running", "--wait"], check=False).stdout.strip()
        if state != "running":
            failed = self.inside(host, ["systemctl", "list-units", "--failed", "--plain"], check=False).stdout
            raise RuntimeError("%s is %s after its start:\n%s" % (host, state, failed))

    def _greets(self, host):
        with contextlib.suppress(OSError), socket.create_connection((self.address(host), 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"

    def _stock(self):
        """Put on the build host what the shop is built from; what is there already is left as it is."""
        build = self.groups["build"][0]
        if self.inside(build, ["test", "-d", self.repository], check=False).returncode == 0:
            return
        self.inside(build, ["mkdir", "-p", SHOP])
        self.copy(setup.wheels(python=HOSTS_PYTHON), build, SHOP + "/wheels")
        with tempfile.TemporaryDirectory(prefix="slipway-shop-") as folder:
            self.copy(repository.make(Path(folder) / "repository"), build, SHOP)
        self.inside(build, ["chown", "-R", "root:root", SHOP])

    def _make_volumes(self):
        for volume, app in self._volumes().items():
            memory = ("type=tmpfs", "device=tmpfs", "o=mode=0755,size=" + ROOT_SIZE) if app else ()
            docker("volume", "create", *(word for option in memory for word in ("--opt", option)), volume)

    def _make_network(self):
        """A network with fixed addresses, where the engine finds room for one."""
        def subnet():
            docker("network", "create", self.prefix)
            shown = docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", self.prefix)
            found = shown.stdout.strip()
            docker("network", "rm", self.prefix)
            # Another lab may take the same one just now.
            made = docker("network", "create", "--subnet", found, self.prefix, check=False)
            return found if made.returncode == 0 else None

        addresses = ipaddress.ip_network(until(subnet, 30, "The engine finds no free network.")).hosts()
        next(addresses)  # the gateway's
        state = {"addresses": {host: str(address) for host, address in zip(self.hosts, addresses)},
                 "cgroup": lab_engine.cgroup_version()}
        _write(self.folder / "lab.json", json.dumps(state, indent=2))

    def _state(self):
        try:
            return json.loads((self.folder / "lab.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RuntimeError("The lab %s is not up." % self.name) from None

    # How: files

    @property
    def _keys(self):
        return self.folder / "keys"

    def _key(self, name):
        return self._keys / name

    def _write_secrets(self):
        """Keys and passwords of this lab only, readable for nobody else."""
        self._keys.mkdir(parents=True)
        self.folder.chmod(0o700)
        for name in ("user_key", "host_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.prefix, "-f", self._key(name)],
                           check=True)
        values = {name: secrets.token_urlsafe(30) for name in ("database", "registry", "secret_key", "upload_token")}
        _write(self.folder / "secrets.json", json.dumps(values, indent=2))

    def _ssh_options(self):
        """For a path with a space in it: ssh reads the double quotes, whoever splits the line the single ones."""
        options = ("UserKnownHostsFile=\"%s\"" % (self.folder / "known_hosts"), "StrictHostKeyChecking=yes",
                   "ControlMaster=auto", "ControlPersist=60s",
                   # A host that dies or is cut off is noticed also by a connection that was open before; sooner than the collection has it.
                   "ServerAliveInterval=5", "ServerAliveCountMax=3", "ConnectTimeout=10",
                   # Below the clone the path of the socket might be too long.
                   "ControlPath=\"/tmp/%s-%%C\"" % self.prefix)
        return " ".join("-o " + shlex.quote(option) for option in options)

    def _make_inventory(self):
        host_key = self._key("host_key.pub").read_text(encoding="utf-8")
        _write(self.folder / "known_hosts", "".join("%s %s" % (self.address(host), host_key) for host in self.hosts))
        _write(self.folder / "ansible.cfg", ANSIBLE_CONFIG)
        children = {group: {"hosts": {host: {"ansible_host": self.address(host)} for host in hosts}}
                    for group, hosts in self.groups.items()}
        # JSON is YAML, and what writes it is in every Python.
        inventory = {"all": {"children": children, "vars": {**self._connection(), **self._application()}}}
        _write(self.folder / "inventory.yml", json.dumps(inventory, indent=2))

    def _connection(self):
        return {
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_pipelining": True,
            "ansible_ssh_private_key_file": str(self._key("user_key")),
            "ansible_ssh_common_args": "-F /dev/null " + self._ssh_options(),
        }

    def _application(self):
        """What the inventory of a real installation of the demo's shop would say."""
        values, addresses = self.secrets, self._state()["addresses"].values()
        return {
            "slipway_application": "shop",
            "slipway_environment": "prod",
            "slipway_profile": "django",
            "slipway_root": ROOT,
            "slipway_user": "shop",
            "slipway_server_name": "shop.test",
            "slipway_repository": self.repository,
            "slipway_build_environment_variables": {
                "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "file://%s/wheels" % SHOP, "PIP_NO_CACHE_DIR": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"},
            "slipway_store": "https://build1:5000",
            "slipway_store_auth": {"username": "slipway", "password": values["registry"],
                                   "ca_path": "/etc/ssl/certs/slipway-registry.pem"},
            "slipway_variables": {"port": 8000},
            "slipway_database": {"login_host": "db1", "login_port": 5432, "login_user": "shop", "login_db": "shop",
                                 "login_password": values["database"]},
            "slipway_environment_variables": {
                "DATABASE_URL": "postgresql://shop:%s@db1:5432/shop" % values["database"],
                "SECRET_KEY": values["secret_key"],
                "UPLOAD_TOKEN": values["upload_token"],
                "ALLOWED_HOSTS": ",".join(["shop.test", "127.0.0.1", "localhost", *addresses]),
            },
        }


def _finished(command, check, options):
    options = {"stdin": subprocess.DEVNULL, **options} if "input" not in options else options
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if check and done.returncode:
        raise RuntimeError("%s: exit status %d\n%s%s" % (command[-1], done.returncode, done.stdout, done.stderr))
    return done


def _write(path, text):
    """Whole or not at all, and for the owner's eyes only."""
    part = path.with_name(".part-" + path.name)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    os.rename(part, path)


def main(arguments):
    parser = argparse.ArgumentParser(description="The lab's hosts: up or down.")
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("--name", default="lab", help="labs of different names are there at the same time")
    parser.add_argument("--apps", type=int, default=2)
    parser.add_argument("--consumers", type=int, default=2)
    options = parser.parse_args(arguments)
    lab = Lab(options.name, options.apps, options.consumers)
    begun = time.monotonic()
    lab_engine.refuse_elsewhere()
    try:
        with workspace.only_one(lab.name + "-lab"):  # a second one would take the hosts that are there so far for a lab that is broken
            lab.up() if options.what == "up" else lab.down()
    except RuntimeError as error:
        workspace.fail(str(error))
    if options.what == "up":
        for host in lab.hosts:
            print("%-8s %s" % (host, lab.address(host)))
        inventory = os.path.relpath(lab.folder / "inventory.yml", workspace.ROOT)
        workspace.dependencies()
        workspace.install("modes")
        seconds = time.monotonic() - begun
        print("slipway: %d hosts are up after %.1f s; inventory %s" % (len(lab.hosts), seconds, inventory))


if __name__ == "__main__":
    main(sys.argv[1:])
