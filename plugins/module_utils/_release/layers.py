# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Unpack the layers of a package, several at the same time."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.archive import unpack

PARALLEL = 4  # layers unpacked at the same time


def unpack_layers(store, layers, folder):
    """Unpack all layers at the same time; the first error ends the others as well."""
    failed = threading.Event()

    def one(descriptor, layer):
        name = "Layer %s (%s)" % (layer["name"], layer["digest"])
        with contextlib.closing(store.open_blob(descriptor)) as blob:
            written = unpack(blob, folder, name, layer["unpacked_size"], layer["files"], failed.is_set)
        if written != layer["unpacked_size"] and not failed.is_set():
            raise SlipwayError("%s is refused: it holds %d bytes, its package states %d."
                               % (name, written, layer["unpacked_size"]))

    with ThreadPoolExecutor(PARALLEL) as executor:
        try:
            for work in as_completed([executor.submit(one, *layer) for layer in layers]):
                work.result()
        except BaseException:
            failed.set()
            raise
