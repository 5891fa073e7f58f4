# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection promises, checked on every module alike.

- Check mode writes nothing, and tells what the real run then does: the same changed, the same diff, the same keys.
- The second run changes nothing.
- Every key that is returned is documented, every documented one is returned, and no secret is in any of them.
"""

from __future__ import annotations

import json
import re

import pytest

from ansible_collections.slipway.app.tests.contract.scenarios import SCENARIOS

# Keys that Ansible adds to a result, unless the module documents one as its own.
ADDED = {"deprecations", "exception", "failed", "invocation", "msg", "stderr_lines", "stdout_lines", "warnings"}
# Keys whose value passes: clocks and process numbers.
PASSING = {"acquired", "age", "at", "begun", "expires", "pid", "pushed_at", "seconds", "since", "unpacked_at"}


# Of the scenarios of a module that cost ten times the others, since it goes through Ansible or has services or a database,
# every run has one or two. All that test_service.py runs in the life of services is foretold by check mode there. Who deploys comes
# through preflight and start.
LONG = ("operation_step_preflight", "operation_step_start", "patch_contained", "patch_reverted", "service_started_after_upgrade",
        "service_started_with_other_variables", "service_stopped", "postgres_copy_from_a_template", "postgres_restore_a_table", "release_active")


@pytest.fixture(params=[pytest.param(one, marks=pytest.mark.long) if str(one) in LONG else one for one in SCENARIOS], ids=str)
def scenario(request):
    return request.param


def test_every_module_has_a_scenario(module_docs):
    assert sorted({scenario.module for scenario in SCENARIOS}) == sorted(module_docs)


def unlike(foretold, done, doc, where=""):
    """Where the result of the real run contradicts what check mode said; doc is the documentation of the value."""
    if isinstance(done, dict) and isinstance(foretold, dict):
        for key in sorted(set(done) | set(foretold)):
            if key in PASSING:
                continue
            if (key in done) != (key in foretold):
                yield "%s.%s is in one of them only" % (where, key)
            else:
                yield from unlike(foretold[key], done[key], (doc.get("contains") or {}).get(key, {}), "%s.%s" % (where, key))
    elif isinstance(done, list) and isinstance(foretold, list) and len(done) == len(foretold):
        for number, (one, other) in enumerate(zip(foretold, done)):
            yield from unlike(one, other, doc, "%s[%d]" % (where, number))
    elif foretold != done and not (foretold in (None, "") and unknown_in_check_mode(doc)):
        yield "%s: check mode says %r, the run %r" % (where, foretold, done)


def unknown_in_check_mode(doc):
    """Whether the documentation says that check mode cannot know a value."""
    text = doc.get("description", "")
    return re.search(r"\b(null|empty)\b[^.]*\bin check mode", text if isinstance(text, str) else " ".join(text), re.IGNORECASE)


def undocumented(values, documented, where=""):
    """Keys without a description; a dict whose content the documentation leaves open is left alone."""
    for key, value in (values or {}).items():
        if key not in documented:
            yield "%s%s is not documented" % (where, key)
            continue
        contains = documented[key].get("contains")
        for one in value if isinstance(value, list) else [value]:
            if contains and isinstance(one, dict):
                yield from undocumented(one, contains, "%s%s." % (where, key))


def test_contract(scenario, world, run, module_docs):
    docs = module_docs[scenario.module]
    support = {name: docs["doc"]["attributes"][name]["support"] for name in ("diff_mode", "idempotent")}
    params = scenario.prepare(world)

    before = world.snapshot()
    if scenario.changes:
        (foretold,) = run(scenario.module, params, True)
        assert world.snapshot() == before, "check mode wrote something"
        done, again = run(scenario.module, params, False, False)
    else:
        foretold, done, again = run(scenario.module, params, True, False, False)
    assert [result for result in (foretold, done, again) if result.get("failed")] == []

    assert [result["changed"] for result in (foretold, done)] == [scenario.changes] * 2
    assert again["changed"] is scenario.changes_again
    assert not scenario.changes_again or support["idempotent"] != "full"
    if not scenario.changes:
        assert world.snapshot() == before, "changed=false, and yet something changed"

    assert foretold.get("diff") == done.get("diff")
    if support["diff_mode"] == "full" and not scenario.module.endswith("_info"):
        assert (done["diff"]["before"] != done["diff"]["after"]) is scenario.changes
    else:
        assert "diff" not in done

    own = {key: value for key, value in done.items() if key not in ADDED - set(docs["return"])}
    told = {key: value for key, value in foretold.items() if key not in ADDED - set(docs["return"])}
    known = dict(docs["return"], changed={}, diff={})
    assert list(unlike(told, own, {"contains": known})) == []
    assert list(undocumented(own, known)) == []
    promised = {key for key, value in docs["return"].items() if value["returned"] in ("success", "always")}
    assert promised - set(own) == set()
    assert "swordfish" not in json.dumps([foretold, done, again])
