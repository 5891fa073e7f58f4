# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump import Wish, dump
from ansible_collections.slipway.app.plugins.module_utils._postgres.dump_store import open_store
import json
def test_try(postgres, tmp_path):
    store = open_store(str(tmp_path))
    seen = []
    r = dump(postgres.connection(), store, Wish("uat"), report=seen.append)
    print(json.dumps(r, indent=1)); print(seen)
    d = store.open(store.newest())
    print(json.dumps(d.manifest, indent=1)); d.verify()
    os = __import__("os"); os.system("find %s -ls" % tmp_path)
    assert 0
