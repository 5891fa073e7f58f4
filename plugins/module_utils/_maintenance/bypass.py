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
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, fsync_dir, make_own_dir

PATH = "/.slipway-maintenance/pass"
FOLDER = "/etc/slipway"
_SECRET = re.compile(r"[A-Za-z0-9_+/=.-]{20,200}\Z")


def secret_path(root):
    """Where the secret of an application is; roles/maintenance/templates/nginx.conf.j2 has the same."""
    return os.path.join(FOLDER, "bypass-%s.conf" % hashlib.sha1(root.encode("utf-8")).hexdigest()[:8])


def remove(root, path=None, check=False):
    """Let the web server know of no secret from its next reload on, so that no link is good; return whether it knew of one."""
    path = path or secret_path(root)
    with _as_its_reader(path):
        try:
            (os.lstat if check else os.unlink)(path)
        except FileNotFoundError:
            return False
        if not check:
            fsync_dir(os.path.dirname(path))
    return True


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
        text = ('# Written by slipway.app: changes made here are overwritten.\nsecure_link_md5 "%s $slipway_end";\n' % self._secret)
        with _as_its_reader(self._file):
            with contextlib.suppress(FileNotFoundError), open(self._file, encoding="utf-8") as stream:
                if stream.read() == text:
                    return False
            if not check:
                make_own_dir(os.path.dirname(self._file), 0o700)
                atomic_write(self._file, text, 0o600)
        return True

    def link(self, end):
        """The path, with its query, that lets a browser past maintenance until end (seconds since the epoch)."""
        # MD5 is what nginx has for this. It is keyed, and nobody gets to choose what is signed.
        digest = hashlib.md5(("%s %d" % (self._secret, end)).encode("ascii")).digest()
        return "%s?key=%s.%d" % (PATH, base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="), end)


@contextlib.contextmanager
def _as_its_reader(path):
    try:
        yield
    except PermissionError as error:
        raise SlipwayError("%s cannot be read and written by this user." % path, untouched="Nothing was changed.",
                           hint="The web server reads it as root: use become. Where it runs as this user, name another path, here and to "
                                "the template nginx.conf.j2 (maintenance_bypass_path).") from error
