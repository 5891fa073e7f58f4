# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every make target stands on: the virtual environments, the collection's tree, a clean environment.

Run as a program, `workspace.py NAME...` brings requirements/NAME.txt (or NAME/requirements.txt) into .venv.
Needs nothing but Python's standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
COLLECTIONS = ROOT / ".build" / "collections"
# Of other people, as galaxy.yml asks for them; users get them from Galaxy.
DEPENDENCIES = ROOT / ".build" / "dependencies"
DEPENDED_ON = ("community.crypto", "community.general", "community.postgresql")
INTERRUPTED = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)  # by somebody; of other signals a program dies by itself
# An index that is away for a minute ends no run of half an hour: pip's own five tries are over in seconds.
for _tries in ("PIP_RETRIES", "UV_HTTP_RETRIES"):
    os.environ.setdefault(_tries, "9")
os.environ["PIP_USER"] = "0"  # whatever pip's own configuration says: in a virtual environment it ends pip


def fail(message):
    """End the program with one sentence for a person to read."""
    sys.exit("slipway: " + message)


@contextlib.contextmanager
def only_one(what="workspace"):
    """Two make runs in one clone take turns here instead of writing into one place together."""
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / (what + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def link_tree():
    """Ansible finds a collection only under ansible_collections/<namespace>/<name>: make that path point here."""
    link = COLLECTIONS / "ansible_collections" / "slipway" / "app"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, link.parent)
    if not link.is_symlink() or os.readlink(link) != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def requirements(name):
    """requirements/NAME.txt, or the file a folder of this repository brings along."""
    for path in (ROOT / "requirements" / (name + ".txt"), ROOT / name / "requirements.txt"):
        if path.exists():
            return path
    fail("there are no requirements named %s" % name)


def stamp(path):
    """Changes whenever a requirements file, one it includes, or the constraints change."""
    digest = hashlib.sha256(path.read_bytes())
    for line in path.read_text(encoding="utf-8").splitlines():
        option, _space, other = line.partition(" ")
        if option in ("-r", "-c"):
            digest.update(stamp(path.parent / other.strip()).encode())
    return digest.hexdigest()


def install(*names, venv=VENV, python=sys.executable):
    """Bring the named requirements into a virtual environment; at once when nothing changed. Returns its Python."""
    ours, stamps = venv / "bin" / "python", venv / ".stamps"
    unfinished = CACHE / (venv.name + ".unfinished")
    with only_one():
        link_tree()
    with only_one(venv.name):
        wanted = {name: stamp(requirements(name)) for name in names}
        missing = [name for name, value in wanted.items() if read(stamps / name) != value]
        # What is there of an interrupted one goes on serving whom it was whole for, who may have no index now.
        if missing and unfinished.exists() or not in_place(venv) or not runs(ours, "pip"):
            missing = names
            with marked(unfinished):
                print("slipway: making %s" % os.path.relpath(venv, ROOT), flush=True)
                subprocess.run([python, "-m", "venv", "--clear", venv.resolve()], check=True)
                stamps.mkdir()
                (stamps / ".place").write_text(str(venv.resolve()), encoding="utf-8")
        if missing:
            with marked(unfinished):
                print("slipway: installing %s into %s" % (", ".join(missing), os.path.relpath(venv, ROOT)), flush=True)
                bring(ours, [requirements(name) for name in missing])
                for name in missing:
                    (stamps / name).write_text(wanted[name], encoding="utf-8")
    return ours


@contextlib.contextmanager
def marked(mark):
    """A file is there while the block runs, and stays where that is interrupted: there is no telling by looks what was."""
    mark.touch()
    try:
        yield
    except (subprocess.CalledProcessError, SystemExit) as error:
        if getattr(error, "returncode", 1) > 0:  # who says that he failed was not interrupted
            mark.unlink()
        raise
    mark.unlink()


def in_place(venv):
    """Is it where it was made? Its Python runs elsewhere too, but none of its programs."""
    return read(venv / ".stamps" / ".place") == str(venv.resolve())


def bring(python, files):
    """Install files of requirements into an environment: by uv, or by pip where that has an index of its own, or where uv fails."""
    said = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    elsewhere = re.search(r"^[\w:]+\.(target|prefix|root)=", said, re.MULTILINE)
    if elsewhere:
        fail("pip is configured to install elsewhere, by %s (pip config list shows it); nothing was installed. PIP_CONFIG_FILE=/dev/null "
             "lets it read no configuration." % elsewhere.group().rstrip("="))
    listed = [part for path in files for part in ("-r", path)]
    quiet = ["-qq", "--disable-pip-version-check"]
    if not re.search(r"\.(index-url|no-index|proxy)=", said):
        tool = [python, "-m", "pip", "install", *quiet, "-r", requirements("installer")]
        by_uv = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python, *listed]
        own = dict(os.environ, UV_CACHE_DIR=str(CACHE / "uv"), UV_NO_CONFIG="1")
        ended, command = next(((code, command) for command in (tool, by_uv)
                               if (code := subprocess.run(command, cwd=ROOT, env=own, check=False).returncode)), (0, None))
        if ended == 0:
            return
        if -ended in INTERRUPTED:
            raise subprocess.CalledProcessError(ended, command)
        if ended < 0:  # it does not run on this machine; what it was in the middle of, pip would take for whole
            quiet.append("--force-reinstall")
    subprocess.run([python, "-m", "pip", "install", *quiet, *listed], cwd=ROOT, check=True)


def dependencies():
    """Bring the collections that ours depends on into .build, out of PyPI's package of collections."""
    python = install("run")
    listed = requirements("collections")
    wanted = stamp(listed) + "".join(DEPENDED_ON)
    with only_one():
        if read(DEPENDENCIES / "stamp") == wanted:
            return
        print("slipway: fetching %s" % ", ".join(DEPENDED_ON), flush=True)
        shutil.rmtree(DEPENDENCIES, ignore_errors=True)
        DEPENDENCIES.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=DEPENDENCIES) as part:
            subprocess.run([python, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps",
                            "--only-binary=:all:", "--dest", part, "-r", listed], check=True)
            (wheel,) = Path(part).iterdir()
            folders = tuple("ansible_collections/%s/" % name.replace(".", "/") for name in DEPENDED_ON)
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(DEPENDENCIES, [name for name in archive.namelist() if name.startswith(folders)])
        (DEPENDENCIES / "stamp").write_text(wanted, encoding="utf-8")


def read(path):
    return path.read_text(encoding="utf-8") if path.exists() else None


def environment(python, **extra):
    """The caller's environment without its Ansible and Python settings, its databases (PGSERVICE, ...) and its repository (a hook's), with ours."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "GIT_", "PG", "PYTHON", "VIRTUAL_ENV"))}
    ours = {
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(COLLECTIONS), str(DEPENDENCIES)]),
        "ANSIBLE_HOME": str(CACHE / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
        "no_proxy": ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
        "PATH": os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": str(COLLECTIONS),
    }
    return {**kept, **ours, **extra}


def pythons():
    """{"3.12": path, ...}: the Pythons of this machine that really run, the distribution's first, pyenv's unselected ones too."""
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    folders = ["/usr/bin", *sorted(glob.glob(os.path.join(glob.escape(pyenv), "versions", "*", "bin")))]
    found = {}
    for folder in folders + os.environ.get("PATH", os.defpath).split(os.pathsep):
        for path in glob.glob(os.path.join(glob.escape(folder), "python3.*[0-9]")):
            version = os.path.basename(path)[len("python"):]
            if version not in found and version.count(".") == 1 and runs(path, "ensurepip, venv"):
                found[version] = path
    return found


def runs(python, modules):
    """Is this a Python that starts (a pyenv shim may not) and has these modules?"""
    try:
        return subprocess.run([python, "-c", "import " + modules], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    install(*sys.argv[1:])
