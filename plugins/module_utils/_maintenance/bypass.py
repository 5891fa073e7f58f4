# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A way past maintenance for who has a signed link: the web server checks signature and end, and gives a cookie for it.

The secret is in a file that the web server includes, state/maintenance_bypass.conf, readable by its owner and root only. It
has to be the same on all hosts of an application, since the cookie goes to all of them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.files import atomic_write, make_own_dir

PATH = "/.slipway-maintenance/pass"
_SECRET = re.compile(r"[A-Za-z0-9_+/=.-]{20,200}\Z")


class Bypass:
    """The secret of an application on this host, and links that it signs."""

    def __init__(self, root, secret):
        if not _SECRET.match(secret):
            raise SlipwayError("The secret of the maintenance bypass is not 20 to 200 letters, digits and _ + / = . -",
                               untouched="Nothing was changed.", hint="openssl rand -hex 32 makes one.")
        self._file = os.path.join(root, "state", "maintenance_bypass.conf")
        self._secret = secret

    def present(self, check=False):
        """Let the web server know the secret from its next reload on; return whether it was another one before."""
        text = ('# Written by slipway.app: changes made here are overwritten.\nsecure_link_md5 "%s $slipway_end";\n' % self._secret)
        try:
            with open(self._file, encoding="utf-8") as stream:
                if stream.read() == text:
                    return False
        except FileNotFoundError:
            pass
        if not check:
            make_own_dir(os.path.dirname(self._file), 0o700)
            atomic_write(self._file, text, 0o600)
        return True

    def link(self, end):
        """The path, with its query, that lets a browser past maintenance until end (seconds since the epoch)."""
        # MD5 is what nginx has for this. It is keyed, and nobody gets to choose what is signed.
        digest = hashlib.md5(("%s %d" % (self._secret, end)).encode("ascii")).digest()
        return "%s?key=%s.%d" % (PATH, base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="), end)
