# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A way past maintenance for who has a signed link: the web server checks signature and end, and gives a cookie for it.

The secret is in a file that the web server includes, readable by root only. It has to be the same on all hosts of an application,
since the cookie goes to all of them.

The file is not below the application's folder: nginx reads it as root, and whoever may write to a folder, such as the application
that an intruder is in, may put another file, or another folder, in the place of any that is there.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, make_own_dir

PATH = "/.slipway-maintenance/pass"
FOLDER = "/etc/slipway"
# nginx writes it when it starts; who reloads nginx (role maintenance, provision) touches it.
PID_FILE = "/run/nginx.pid"
_HEAD = "# Written by slipway.app: changes made here are overwritten.\n"
_SECRET = re.compile(r"[A-Za-z0-9_+/=.-]{20,200}\Z")


def secret_path(root):
    """Where the secret of an application is; roles/maintenance/templates/nginx.conf.j2 has the same."""
    return os.path.join(FOLDER, "bypass-%s.conf" % hashlib.sha1(root.encode("utf-8")).hexdigest()[:8])


def remove(root, path=None, check=False):
    """Let the web server know of no secret from its next reload on, so that no link is good; return whether it knew of one.

    The file stays, without the secret: by when it came there, it is known whether the web server has read it.
    """
    path = path or secret_path(root)
    with _as_its_reader(path):
        return _put(path, _HEAD, check, anew=False)


def unread(root, path=None):
    """Whether nginx has not read the file since it came there; False also where nobody knows when it has read."""
    try:
        return os.stat(path or secret_path(root)).st_ctime_ns > os.stat(PID_FILE).st_mtime_ns
    except OSError:
        return False


class Bypass:
    """The secret of an application on this host, and links that it signs; path is where the secret is, if not where it is by default."""

    def __init__(self, root, secret, path=None):
        if not _SECRET.match(secret):
            raise SlipwayError("The secret of the maintenance bypass is not 20 to 200 letters, digits and _ + / = . -",
                               untouched="Nothing was changed.", hint="openssl rand -hex 32 makes one.")
        self._file = path or secret_path(root)
        self._secret = secret

    def present(self, check=False):
        """Let the web server know the secret from its next reload on; return whether it was another one before."""
        with _as_its_reader(self._file):
            return _put(self._file, '%ssecure_link_md5 "%s $slipway_end";\n' % (_HEAD, self._secret), check)

    def link(self, end):
        """The path, with its query, that lets a browser past maintenance until end (seconds since the epoch)."""
        # MD5 is what nginx has for this. It is keyed, and nobody gets to choose what is signed.
        digest = hashlib.md5(("%s %d" % (self._secret, end)).encode("ascii")).digest()
        return "%s?key=%s.%d" % (PATH, base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="), end)


def _put(path, text, check, anew=True):
    """Write the file where it says something else, or with anew also where there is none; return whether it did."""
    there = None
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as stream:
        there = stream.read()
    if there == text or there is None and not anew:
        return False
    if not check:
        make_own_dir(os.path.dirname(path), 0o700)
        atomic_write(path, text, 0o600)
    return True


@contextlib.contextmanager
def _as_its_reader(path):
    try:
        yield
    except PermissionError as error:
        raise SlipwayError("%s cannot be read and written by this user." % path, untouched="Nothing was changed.",
                           hint="The web server reads it as root: use become. Where it runs as this user, name another path, here and to "
                                "the template nginx.conf.j2 (maintenance_bypass_path).") from error
