# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's side of a relay: a package for a host that cannot reach the store, over the connection Ansible has to it.

The documents go with the module's arguments. Layers go as files into the task's temporary folder, and only those that
the host says it lacks; the module verifies them before they get a name in the host's content store.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.content import ContentStore, forget
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.plugins.module_utils._package.workspace import private_folder

PARALLEL = 4  # layers fetched at the same time
KEPT = 30 * 24 * 3600  # seconds that a blob stays on the controller after its last use


def wished(value):
    """What the option relay says: True, False, or "auto"."""
    if value is None or str(value).lower() == "auto":
        return "auto"
    try:
        return boolean(value)
    except TypeError as error:
        raise AnsibleError("The option relay must be true, false or auto, not %r." % value) from error


class Relay:
    """One package, read on the controller. action is the plugin of the task, whose connection leads to the host."""

    def __init__(self, action, location, auth, package):
        self._action = action
        with _said():
            name = parse(package)
            auth = {key: os.path.expanduser(value) if key in ("ca_path", "client_cert", "client_key") and value else value
                    for key, value in (auth or {}).items()}
            self._folder = private_folder("blobs")
            self._store = ContentStore(open_store(location, auth).of(name), self._folder)
            self._digest = self._store.resolve(name)

    def given(self, missing=()):
        """What the module gets as its option relayed, after the missing layers (descriptors; None: all) have been sent to the host.

        What is missing is the host's answer: it chooses among the layers of its package, of whose size the store's word counts.
        """
        with _said():
            manifest = self._store.manifest(self._digest)
            config = manifest["config"]
            documents = {self._digest: self._store.read_manifest(self._digest),
                         config["digest"]: self._store.read_document(config["digest"], config["size"])}
            asked = None if missing is None else {layer["digest"] for layer in missing}
            layers = [layer for layer in manifest["layers"] if asked is None or layer["digest"] in asked]
            folder = self._send(layers) if layers else None
        return {"digest": self._digest, "folder": folder,
                "documents": {digest: data.decode("utf-8") for digest, data in documents.items()}}

    def _send(self, layers):
        """Put layers into the task's temporary folder on the host; return the folder, which goes when the task ends."""
        with ThreadPoolExecutor(PARALLEL) as executor:
            paths = list(executor.map(self._store.fetched, layers))
        shell = self._action._connection._shell
        folder = shell.tmpdir or self._action._make_tmp_path()
        sent = [self._action._transfer_file(path, shell.join_path(folder, os.path.basename(path))) for path in paths]
        self._action._fixup_perms2([folder] + sent)
        forget(self._folder, KEPT)
        return folder


@contextlib.contextmanager
def _said():
    """Errors of the library as Ansible's, so that they say where they come from."""
    try:
        yield
    except (SlipwayError, OSError) as error:
        raise AnsibleError("On the controller, which relays the package: %s" % error) from error
