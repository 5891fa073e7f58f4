# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's hosts need of this machine: a Docker engine that answers, and the one image they are all made from."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import workspace

DEFINITION = Path(__file__).resolve().parent / "lab_image"
PUBLIC_BASE = "debian:bookworm"
OWN_BASE = "slipway-lab-base:bookworm"
WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_WATCHES = 1024
PID_FILE = workspace.CACHE / "dockerd.pid"


def docker(*arguments, check=True, **options):
    """One docker command, its output as text; ends the program with docker's own words when it fails."""
    done = subprocess.run(["docker", *map(str, arguments)], stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if check and done.returncode:
        raise RuntimeError("docker %s: %s" % (arguments[0], done.stderr.strip()[-2000:]))
    return done


def ready():
    """Make sure that an engine answers and the image is there; returns the image's name."""
    engine()
    return image()


# The engine

def engine():
    """An engine that answers: the one there is, else Debian's, installed and started here."""
    refuse_elsewhere()
    _watch()
    if not _answers():
        with _alone("engine"):
            _bring()
    unsuited = _unsuited()
    if unsuited:
        _refuse(unsuited)


def refuse_elsewhere():
    """End the program where docker, by its variables or its context, asks an engine of another machine: nothing is made or removed there."""
    endpoint = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", check=False).stdout.strip() if shutil.which("docker") else ""
    if "://" in endpoint and not endpoint.startswith("unix://"):
        _refuse("the one at %s. DOCKER_HOST=unix:///var/run/docker.sock names that of this machine" % endpoint)


def _refuse(what):
    workspace.fail("the lab needs a Docker engine that root runs on this machine, for it reaches hosts by their addresses; this is " + what)


def _bring():
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        if os.environ.get(name):
            workspace.fail("the Docker engine that %s names does not answer: %s" % (name, _silence()))
    if not shutil.which("dockerd"):
        install("docker.io", "iptables", why="the lab needs a Docker engine: " + _silence())
    if not _answers():
        _start()


def _watch():
    """Let enough hosts watch their files: each systemd needs several of what the kernel gives root only 128 of."""
    with contextlib.suppress(OSError):  # not root: then what is there has to do
        if int(WATCHES.read_text(encoding="ascii")) < ENOUGH_WATCHES:
            WATCHES.write_text(str(ENOUGH_WATCHES), encoding="ascii")


def _answers():
    return bool(shutil.which("docker")) and docker("version", check=False).returncode == 0


def _silence():
    """Why no engine answers, in docker's own words."""
    return docker("version", check=False).stderr.strip() if shutil.which("docker") else "there is no docker command"


def _unsuited():
    """What the engine is, where the networks of its containers are not this machine's or it is none of Docker's; nothing where it will do."""
    if "podman" in docker("version").stdout.lower():
        return "podman"
    said = docker("info", "--format", "{{json .SecurityOptions}} {{.OperatingSystem}}").stdout
    return next((name for sign, name in (("name=rootless", "rootless Docker"), ("Docker Desktop", "Docker Desktop")) if sign in said), "")


def install(*packages, why):
    """Packages of Debian, by root; none that is there goes for them, such as another's container engine for docker.io."""
    names = ", ".join(packages)
    if os.geteuid() or not shutil.which("apt-get"):
        workspace.fail("only root on Debian or Ubuntu can install %s here; %s" % (names, why))
    print("slipway: installing %s" % names, flush=True)
    done = apt("install", "--yes", "--no-remove", "--no-install-recommends", *packages, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    if done.returncode:
        workspace.fail("apt-get cannot install %s: %s; %s" % (names, done.stderr.strip()[-1000:], why))


def apt(*arguments, **options):
    """One apt-get command; by root once more when it fails, since the lists of packages may be missing or too old."""
    command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=9", *arguments]
    done = _quietly(command, **options)
    if done.returncode and os.geteuid() == 0:
        _quietly(["apt-get", "-qq", "update"])
        done = _quietly(command, **options)
    return done


def _quietly(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)


def _start():
    if os.geteuid():
        workspace.fail("the Docker engine does not answer, and only root can start it: " + _silence())
    if os.path.isdir("/run/systemd/system"):
        process, log = None, "systemctl status docker"
        _quietly(["systemctl", "start", "docker"])
    else:
        log = workspace.CACHE / "dockerd.log"
        with open(log, "ab") as stream:
            process = subprocess.Popen(["dockerd"], cwd="/", stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                                       start_new_session=True)
        PID_FILE.write_text(str(process.pid), encoding="utf-8")
        print("slipway: started the Docker engine, process %d; it goes on when this ends" % process.pid, flush=True)
    until(_answers, 60, "The Docker engine does not answer; see %s" % log,
          lambda: process and process.poll() is not None)


def cgroup_version():
    return docker("info", "--format", "{{.CgroupVersion}}").stdout.strip()


# The image

def image():
    """The name of the hosts' image, built when its definition is new to this machine."""
    files = sorted(path for path in DEFINITION.iterdir() if path.is_file())
    content = b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)
    digest = hashlib.sha256(content).hexdigest()
    name = "slipway-lab:" + digest[:12]
    if not _has(name):
        with _alone("image"):
            if not _has(name):
                _build(name)
    return name


def _has(name):
    return docker("image", "inspect", name, check=False).returncode == 0


def _build(name):
    base = _base()
    print("slipway: building %s from %s" % (name, base), flush=True)
    # The classic builder is in every engine; Debian's has no other.
    docker("build", "--quiet", "--build-arg", "BASE=" + base, "--tag", name, DEFINITION,
           env=dict(os.environ, DOCKER_BUILDKIT="0"))


def _base():
    """The public Debian image; where it cannot be had, the same made from Debian's packages."""
    for name in (PUBLIC_BASE, OWN_BASE):
        if _has(name):
            return name
    if docker("pull", "--quiet", PUBLIC_BASE, check=False).returncode == 0:
        return PUBLIC_BASE
    _bootstrap()
    return OWN_BASE


def _bootstrap():
    if not shutil.which("mmdebstrap"):
        install("mmdebstrap", why="the lab's image needs a base, and %s cannot be pulled" % PUBLIC_BASE)
    print("slipway: %s cannot be pulled; making %s" % (PUBLIC_BASE, OWN_BASE), flush=True)
    log = workspace.CACHE / "mmdebstrap.log"
    with open(log, "wb") as stream:
        making = subprocess.Popen(["mmdebstrap", "--variant=minbase", "bookworm", "-"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=stream)
        imported = docker("import", "-", OWN_BASE + "-part", stdin=making.stdout, check=False)
        making.stdout.close()
    if making.wait() or imported.returncode:  # half an archive is also imported
        docker("image", "rm", OWN_BASE + "-part", check=False)
        workspace.fail("no base for the lab's image: %s cannot be pulled, mmdebstrap fails; see %s" % (PUBLIC_BASE, log))
    docker("tag", OWN_BASE + "-part", OWN_BASE)
    docker("image", "rm", OWN_BASE + "-part")


# Waiting

@contextlib.contextmanager
def _alone(what):
    workspace.CACHE.mkdir(exist_ok=True)
    with open(workspace.CACHE / ("lab-%s.lock" % what), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def until(question, seconds, complaint, hopeless=lambda: False):
    """Ask until the answer is yes, and return it; RuntimeError(complaint) after so many seconds or when hopeless()."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline or hopeless():
            raise RuntimeError(complaint)
        time.sleep(0.1)
