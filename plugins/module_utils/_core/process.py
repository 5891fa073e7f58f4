# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Programs: run one to its end, or start one that outlives whoever started it."""

from __future__ import annotations

import contextlib
import math
import os
import select
import selectors
import signal
import subprocess
import time

from ansible_collections.slipway.app.plugins.module_utils._core.account import becoming
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, make_own_dir, read_json, write_json

GRACE = 10  # seconds between SIGTERM and SIGKILL
_LINGER = 1  # seconds for which a program that has ended is still heard, such as a tee that its shell did not wait for
_LOOK = 0.1  # seconds between two looks whether it has ended
_PIPE = 1 << 20  # bytes that a pipe holds at most
_ENDED = b"ended\n"  # what tells a guardian that there is nothing left to do


class Completed:
    """A program that ended: argv, rc (negative: the signal), stdout, stderr, seconds, timed_out."""

    def __init__(self, argv, rc, stdout, stderr, seconds, timed_out):
        self.argv = argv
        self.rc = rc
        self.stdout = stdout
        self.stderr = stderr
        self.seconds = seconds
        self.timed_out = timed_out

    @property
    def ok(self):
        return self.rc == 0 and not self.timed_out


def run(argv, cwd=None, env=None, timeout=None, stdin=None, owner=None, dies_with_us=False):
    """Run a program to its end and return a Completed; a non-zero exit is the caller's to judge.

    env replaces the whole environment. After timeout seconds the program's process group gets SIGTERM, then SIGKILL.
    What the program leaves in the background when it ends is left alone, and not waited for although it holds its output.
    owner is the Account it runs as, None for that of this process. With dies_with_us the process group is killed when
    this process is, too.
    """
    begun = time.monotonic()
    data = stdin.encode("utf-8") if isinstance(stdin, str) else stdin
    stdout, stderr = [], []
    with _guardian() if dies_with_us else contextlib.nullcontext() as writer:
        try:
            process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                       preexec_fn=_announcing(writer, becoming(owner)))
        except (OSError, subprocess.SubprocessError) as error:  # the latter when it cannot become the owner
            raise SlipwayError("Cannot start %s: %s." % (argv[0], getattr(error, "strerror", None) or error)) from error
        try:
            timed_out = not _hear_out(process, data, stdout, stderr, timeout)
            if timed_out:
                stop_group(process.pid, reap=process.poll)
                _hear_out(process, None, stdout, stderr, GRACE)
        except BaseException:
            stop_group(process.pid, grace=0)
            raise
        finally:
            _close_pipes(process)
    return Completed(argv, process.returncode, _text(b"".join(stdout)), _text(b"".join(stderr)), time.monotonic() - begun, timed_out)


def _hear_out(process, data, stdout, stderr, timeout):
    """Give a program its input and put what it prints into two lists; return whether it has ended within timeout seconds (None: for ever).

    Its own end counts, not that of its pipes, as it does for Popen.communicate: a daemon that it started may hold them for ever.
    """
    until = math.inf if timeout is None else time.monotonic() + timeout
    left = memoryview(data or b"")
    heard = {process.stdout: stdout, process.stderr: stderr}
    ended = False
    with selectors.DefaultSelector() as selector:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe and not pipe.closed:
                selector.register(pipe, selectors.EVENT_READ if pipe in heard else selectors.EVENT_WRITE)
        while selector.get_map():
            if not ended and process.poll() is not None:
                ended, until = True, time.monotonic() + _LINGER
            pause = until - time.monotonic()
            for key, dummy in selector.select(max(0, min(pause, _LOOK))):
                pipe = key.fileobj
                if pipe in heard:
                    more = os.read(key.fd, _PIPE)
                    heard[pipe].append(more)
                else:
                    try:
                        more = left = left[os.write(key.fd, left[:select.PIPE_BUF]):]
                    except BrokenPipeError:
                        more = b""
                if not more:
                    selector.unregister(pipe)
                    pipe.close()
            if pause <= 0:
                return ended
    try:
        process.wait(None if timeout is None else max(0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def follow(argv, heard, env=None, begun=None):
    """Run a program to its end and let heard(line) have each line of its output, errors too, as it comes; return its exit status.

    What heard raises ends the program. Its process group, whose number begun() is told, is killed when this process is.
    """
    with started(argv, env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        if begun:
            begun(process.pid)
        hear(process.stdout, heard)
        return process.wait()


def killed(number):
    """What is said of a program that the signal of a number has ended."""
    return "was killed by signal %d%s" % (number, ", as the kernel does when memory is short" if number == signal.SIGKILL else "")


def hear(stream, heard):
    """Let heard(line) have each line that comes from a program, as text and without its end."""
    for line in stream:
        heard(_text(line).rstrip("\n"))


@contextlib.contextmanager
def started(argv, env, stderr, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
    """A program (Popen) that is at work beside the block; its process group is killed at the end of the block, and when this process is.

    Who needs threads starts the programs first: between fork and exec a thread could hold a lock for ever.
    """
    with _guardian() as writer:
        try:
            process = subprocess.Popen(argv, env=env, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True,
                                       preexec_fn=_announcing(writer, None))
        except OSError as error:
            raise SlipwayError("Cannot start %s: %s." % (argv[0], error.strerror)) from error
        try:
            yield process
        finally:
            kill(process)
            _close_pipes(process)


def _close_pipes(process):
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def kill(process):
    """Kill the process group of a program (Popen) that was started in a session of its own, unless it was waited for."""
    if process.returncode is None:
        stop_group(process.pid, grace=0)
        process.wait()


@contextlib.contextmanager
def _guardian():
    """Kill the process group that is announced to the yielded file if this process ends within the block, however it ends.

    A guardian waits at the other end of a pipe, whose writing end is closed when we are gone.
    """
    reader, writer = os.pipe()
    guardian = os.fork()
    if guardian == 0:
        _as_guardian(reader, writer)
    os.close(reader)
    try:
        yield writer
    finally:
        with contextlib.suppress(BrokenPipeError):
            os.write(writer, _ENDED)
        os.close(writer)
        os.waitpid(guardian, 0)


@contextlib.contextmanager
def beating(beat, seconds):
    """Call beat() every so many seconds for as long as the block runs, whatever it waits for; what beat raises ends the beating,
    but for an OSError: a disk may be full for a moment.

    It is done by a process of its own, which ends with this one: a thread would be there when the block forks.
    """
    reader, writer = os.pipe()
    heart = os.fork()
    if heart == 0:
        _as_heart(reader, writer, beat, seconds)
    os.close(reader)
    try:
        yield
    finally:
        os.close(writer)
        os.waitpid(heart, 0)


def _as_heart(reader, writer, beat, seconds):
    """In the forked child: beat until the other end of the pipe is closed."""
    try:
        os.setsid()
        os.close(writer)
        _let_go_of_files(reader)
        while not select.select([reader], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                beat()
    finally:
        os._exit(0)


def _announcing(writer, become):
    """What a new process does before it becomes the program: nobody is killed before the guardian knows whom to kill."""
    if writer is None:
        return become

    def prepare():
        os.write(writer, b"%d\n" % os.getpid())
        if become:
            become()

    return prepare


def _as_guardian(reader, writer):
    """In the forked child: learn of a process group, then wait for a word, or for the end of whoever would have said it."""
    try:
        os.setsid()  # what ends the process group of the other one leaves us alone
        os.close(writer)
        _let_go_of_files(reader)
        said, pgid, ticks = b"", None, None
        while not said.endswith(_ENDED):
            heard = os.read(reader, 64)
            said += heard
            if pgid is None and b"\n" in said and said != _ENDED:
                pgid = int(said.partition(b"\n")[0])
                ticks = start_ticks(pgid)
            if not heard:
                if pgid and start_ticks(pgid) in (ticks, None):  # not another process of the same number
                    stop_group(pgid, grace=0)
                break
    finally:
        os._exit(0)


def stop_group(pgid, grace=GRACE, reap=None):
    """End a process group: SIGTERM, and SIGKILL for what is left of it after grace seconds.

    reap() takes note of the end of a child of ours, which is a part of its group until then. It is the Popen's own: whoever else
    does so takes its exit status away from it.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pgid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            if reap:
                reap()
            os.killpg(pgid, 0)
            time.sleep(0.05)
        os.killpg(pgid, signal.SIGKILL)


def tail(text, lines=40):
    """The last lines of a program's output, for an error message."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def redact(text, secrets):
    """The text with every secret replaced, and the password in one that is an address.

    Secrets shorter than three characters would hide everything, so they stay.
    """
    parts = {part for secret in secrets if secret for part in (secret, *_passwords(secret))}
    for secret in sorted((part for part in parts if len(part) > 2), key=len, reverse=True):
        text = text.replace(secret, "********")
    return text


def _passwords(address):
    """The password in a text such as postgresql://shop:secret@db/shop, as it stands there and as it is meant."""
    user = address.partition("://")[2].partition("/")[0].rpartition("@")[0]
    password = user.partition(":")[2]
    if "%" not in password:
        return (password,)
    from urllib.parse import unquote

    return password, unquote(password)


def start_ticks(pid):
    """The start time of a process in clock ticks since boot (with its pid it names a process for good), or None."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id():
    """What tells this machine, since it has been started, from every other; None where its kernel does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return None


class Detached:
    """A program that goes on when the connection, the module or the controller that started it is gone.

    Everything about it is in one folder: process.json (pid of the watcher and when it started), output (stdout and
    stderr), exit.json (rc, finished; written by rename when the program ended). A folder with process.json, without
    exit.json and without a living watcher means that nobody knows how the program ended: state "lost". So is one that
    was told to end (killed is there): with which status it does is its own business, and 0 would not mean that it was done.
    """

    def __init__(self, directory):
        self.directory = directory

    def _path(self, name):
        return os.path.join(self.directory, name)

    def start(self, argv, cwd, env, owner=None):
        """Start the program under a watcher in a session of its own; refuse when this folder has been used.

        owner is the Account the program runs as; its watcher goes on as the user of this process.
        """
        make_own_dir(self.directory, 0o700)
        if self.state()["state"] != "absent":
            raise SlipwayError("%s was already used for a program." % self.directory)
        atomic_write(self._path("output"), b"")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _as_watcher(self, argv, cwd, env, owner, writer)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as stream:
            if stream.read() != b"started":
                raise SlipwayError("Cannot start %s: %s." % (argv[0], tail(self.output(), 3) or "the watcher ended"))

    def state(self):
        """{"state": absent | running | exited | lost, "started": when; "rc": for exited, else "pid": group of the program, if known}."""
        process, exited = read_json(self._path("process.json")), read_json(self._path("exit.json"))
        if not process:
            return dict(exited, state="exited") if exited else {"state": "absent"}
        alive = start_ticks(process["watcher"]) == process["watcher_ticks"]
        if not alive and not exited:  # the watcher may have written the result between our two looks
            exited = read_json(self._path("exit.json"))
        if exited and not os.path.exists(self._path("killed")):
            return dict(exited, state="exited", started=process["started"])
        return {"state": "running" if alive and not exited else "lost", "started": process["started"], "pid": process.get("pid"), "ticks": process.get("ticks")}

    def wait(self, timeout, beat=None, interval=0.05):
        """Wait until the program is no longer running, at most timeout seconds; beat() is called about every second."""
        deadline = time.monotonic() + timeout
        beaten = time.monotonic()
        while True:
            state = self.state()
            if state["state"] != "running" or time.monotonic() >= deadline:
                return state
            if beat and time.monotonic() - beaten >= 1:
                beat()
                beaten = time.monotonic()
            time.sleep(interval)

    def kill(self, grace=GRACE):
        """End the program and what it started, whether or not its watcher lives; return the state after."""
        state = self.state()
        pid = state.get("pid")
        if state["state"] in ("running", "lost") and pid and start_ticks(pid) == state.get("ticks"):
            with contextlib.suppress(OSError):  # a full disk, which takes no exit.json either
                atomic_write(self._path("killed"), b"")
            stop_group(pid, grace)
            return self.wait(grace)
        return state

    def output(self):
        """What the program printed so far, stdout and stderr as they came."""
        try:
            with open(self._path("output"), encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""


def _as_watcher(detached, argv, cwd, env, owner, writer):
    """In the forked child: become a watcher that belongs to nobody, run the program, write how it ended."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _let_go_of_files(writer)
        with open(detached._path("output"), "ab", buffering=0) as output:
            try:
                process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=subprocess.STDOUT, start_new_session=True,
                                           preexec_fn=becoming(owner))
            except (OSError, subprocess.SubprocessError) as error:
                output.write(("%s: %s\n" % (argv[0], getattr(error, "strerror", None) or error)).encode("utf-8"))
                os._exit(1)
            try:
                write_json(detached._path("process.json"), {
                    "watcher": os.getpid(), "watcher_ticks": start_ticks(os.getpid()),
                    "pid": process.pid, "ticks": start_ticks(process.pid), "argv0": argv[0], "started": time.time()})
            except OSError:  # a full disk: what nobody would ever find again is not to run
                os.killpg(process.pid, signal.SIGKILL)
                raise
            os.write(writer, b"started")
            os.close(writer)
            rc = process.wait()
            os.fsync(output.fileno())
        write_json(detached._path("exit.json"), {"rc": rc, "finished": time.time()})
    finally:
        os._exit(0)


def _let_go_of_files(keep):
    """Close every inherited file but one: an SSH connection stays open as long as somebody holds its pipes."""
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor > 2 and descriptor != keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _text(data):
    return data.decode("utf-8", "replace")
