#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: operation
short_description: Hold the lock of an application while a playbook works on it, and keep a journal of that
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Takes the lock of an application on its leader (the first host of the group C(app)) and opens a journal, or closes both.
  - While an operation is open, deploys, upgrades and the modules that change services, maintenance or releases are refused, with who
    has started it, where and since when.
  - The playbooks C(slipway.app.deploy) and C(slipway.app.upgrade) do this by themselves.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
attributes:
  idempotent:
    support: partial
    details:
      - With O(state=started), starting again is an error unless O(id) names the operation that is open.
options:
  state:
    description:
      - Whether the operation is begun or ended here.
      - V(started) waits, for two minutes at most, until nobody is at work on the leader with a module that changes services or
        maintenance, or runs a command of the application; none of them begins while the operation is open.
      - V(continued) extends its lease, and fails where it does not hold the lock any more. Say it before what cannot be taken back, after
        work that may have taken longer than the lease. In check mode nothing is looked at, for O(state=started) has not taken the lock.
      - V(free) changes nothing, and fails while an operation is open or holds the lock. Say it on the leader before other hosts are
        changed, which know nothing of an operation without a journal. With O(id) it also waits, for two minutes at most, until nobody
        is at work on the host with a module as above. Say that on the other hosts before the operation stops anything on any of them.
    type: str
    choices: [started, continued, finished, free]
    required: true
  kind:
    description: What is done, one word such as C(backup). Required with O(state=started).
    type: str
  id:
    description:
      - The operation. Required with O(state=continued) and O(state=finished).
      - With O(state=started) and O(state=free), the operation that may be open already.
    type: str
  journal:
    description:
      - Whether a journal is kept, which stays open when the playbook is killed.
      - Without one only the lock is held. For work that can be said once more when it was interrupted, as the playbook
        C(slipway.app.patch_apply) does it; C(slipway.app.recover) then frees the lock, and names hosts that differ in their patches.
    type: bool
    default: true
  by:
    description: Who does it, for whoever is refused meanwhile. Without it, the user who logged in on the host.
    type: str
  lease:
    description:
      - Seconds after which others may take over when the operation was not closed, from O(state=started) or O(state=continued) on.
      - M(slipway.app.postgres_restore) and M(slipway.app.postgres_copy) extend it while they work for the operation.
    type: int
    default: 900
  outcome:
    description: How it ended, with O(state=finished).
    type: str
    choices: [done, failed]
    default: done
  msg:
    description: One sentence on how it ended.
    type: str
    default: ""
seealso:
  - module: slipway.app.operation_info
"""

EXAMPLES = r"""
---
- name: Keep deploys away while the search index is rebuilt
  slipway.app.operation:
    root: /srv/shop
    state: started
    kind: reindex
    by: "{{ lookup('env', 'USER') }}"
  register: reindex

- name: Let deploys in again
  slipway.app.operation:
    root: /srv/shop
    state: finished
    id: "{{ reindex.operation.id }}"
    msg: 48,120 documents indexed.
"""

RETURN = r"""
operation:
  description: The operation.
  returned: success, but with O(state=free)
  type: dict
  contains:
    id:
      description: Its id. In check mode of O(state=started), the id it would have.
      type: str
    kind:
      description: What it is, where O(kind) or the journal says so.
      type: str
    outcome:
      description: V(open) or how it ended.
      type: str
diff:
  description: The operation that is open here, before and after.
  returned: success, but with O(state=free)
  type: dict
"""

import os
import socket
import types

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.app.plugins.module_utils._core.account import user
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action, without_actions
from ansible_collections.slipway.app.plugins.module_utils._operation.guard import refuse_if_open
from ansible_collections.slipway.app.plugins.module_utils._operation.journal import Journal, open_operation, summary
from ansible_collections.slipway.app.plugins.module_utils._operation.lock import Lock
from ansible_collections.slipway.app.plugins.module_utils._operation.operation import Operation, new_id


def _host(root):
    """What an operation has to know of its host: this one leads."""
    return types.SimpleNamespace(root=root, host=socket.gethostname(), leads=True, lock=Lock(root), secrets=lambda: [])


def start(params, check):
    """Take the lock and open the journal; (operation, changed)."""
    site = _host(params["root"])
    already = open_operation(params["root"])
    if already and already["id"] == params["id"]:
        return already, False
    refuse_if_open(params["root"], params["id"])
    identity = params["id"] or new_id(params["kind"], site.lock.fence() + 1)
    if params["journal"]:
        Journal(params["root"], identity)  # what cannot be its id is refused before anything is held by it
    held = site.lock.holder()  # by this operation
    changed = params["journal"] or not held
    if changed and not check:
        owner = {"user": params["by"] or user(), "controller": socket.gethostname(), "pid": os.getpid(), "ticks": None}
        with without_actions(params["root"], "start"):  # the next one sees that the lock is held
            fence = site.lock.acquire(identity, owner, params["lease"])
            try:
                if params["journal"]:
                    Operation(site, identity, fence, {"kind": params["kind"], "owner": owner}).begin()
            except (SlipwayError, OSError):
                if not held:
                    site.lock.release(identity)
                raise
    return {"id": identity, "kind": params["kind"], "outcome": "open"}, changed


def go_on(params, check):
    """Extend the lease; (operation, changed)."""
    if not check:
        Lock(params["root"]).beat(params["id"], lease=params["lease"])
    return {"id": params["id"], "kind": params["kind"], "outcome": "open"}, False


def end(params, check):
    """Close the journal and give the lock back; (operation, changed)."""
    site = _host(params["root"])
    if not params["journal"]:
        return _give_back(site.lock, params, check)
    known = summary(Journal(params["root"], params["id"]).records())
    if not known and check:  # as where O(state=started) has only told which id it would be
        return {"id": params["id"], "kind": params["kind"], "outcome": params["outcome"]}, True
    if not known:
        raise SlipwayError("There is no operation %s in %s." % (params["id"], params["root"]), untouched="Nothing was changed.",
                           hint="slipway.app.operation_info lists the operations.")
    if known["outcome"] != "open":  # it may have been cut off before it gave the lock back
        return known, _give_back(site.lock, params, check)[1]
    if not check:
        Operation(site, params["id"], known["fence"], known["plan"]).close(params["outcome"], params["msg"])
        site.lock.release(params["id"])
    return dict(known, outcome=params["outcome"]), True


def _give_back(lock, params, check):
    """Give back the lock, if it is still held; (operation, changed)."""
    holder = lock.holder()
    changed = bool(holder) and holder["operation"] == params["id"]
    if changed and not check:
        lock.release(params["id"])
    return {"id": params["id"], "kind": params["kind"], "outcome": params["outcome"]}, changed


def look(params, check):
    """Refuse beside another operation; for one that goes on here, also beside whoever is at work."""
    with action(params["root"], "operation", params["id"], check or not params["id"], alone=True):
        return {"changed": False}


def _open_here(root):
    """The id of the operation that is open here, or only holds the lock; else nothing."""
    operation, holder = open_operation(root), Lock(root).holder()
    return operation["id"] if operation else holder["operation"] if holder else ""


def run(module):
    if module.params["state"] == "free":
        return look(module.params, module.check_mode)
    before = _open_here(module.params["root"])
    change = {"started": start, "continued": go_on, "finished": end}[module.params["state"]]
    operation, changed = change(module.params, module.check_mode)
    operation = {key: operation[key] for key in ("id", "kind", "outcome")}
    after = operation["id"] if operation["outcome"] == "open" else ""
    return {"changed": changed, "operation": operation,
            "diff": {"before": before and before + "\n", "after": after and after + "\n"}}


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            state=dict(type="str", choices=["started", "continued", "finished", "free"], required=True),
            kind=dict(type="str"),
            id=dict(type="str"),
            journal=dict(type="bool", default=True),
            by=dict(type="str"),
            lease=dict(type="int", default=900),
            outcome=dict(type="str", choices=["done", "failed"], default="done"),
            msg=dict(type="str", default=""),
        ),
        required_if=[("state", "started", ("kind",)), ("state", "continued", ("id",)), ("state", "finished", ("id",))],
        supports_check_mode=True,
    )
    finish(module, run, "The operation cannot be noted")


if __name__ == "__main__":
    main()
