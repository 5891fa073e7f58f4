# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No database is given the addresses of production because slipway.yml says them for all environments."""

from __future__ import annotations

import pytest

from ansible_collections.slipway.app.plugins.modules.postgres_dump import require_target
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._operation.adoption import adoption_by, unadopted
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._service.daemon import Application

OVERLAY = {"variables": {"application_url": "https://other.example"}}


@pytest.fixture
def adopt(tmp_path):
    """adopt(environment, variables of the inventory, by, **documents) -> the values in the SQL of a live release of Oro whose slipway.yml says the address."""
    def make(environment="uat", inventory=None, by=lambda *application: list(adoption_by(*application).settings.values()), **documents):
        application = Application(tmp_path / "shop")
        base = dict({"profile": "oro", "profile_version": "6.0", "variables": {"application_url": "https://shop.example", "php": "php8.2"}}, **documents)
        application.release({}, **base)
        return by({"root": application.root, "variables": inventory or {}, "python": None}, environment)
    return make


def test_an_address_that_is_said_for_all_environments_is_not_taken_for_this_one(adopt):
    with pytest.raises(SlipwayError) as caught:
        adopt()
    assert "{application_url}" in caught.value.message and "uat" in caught.value.message
    assert caught.value.untouched == "Nothing was changed."
    assert "slipway_variables" in caught.value.hint and "slipway_uat.yml" in caught.value.hint
    assert "as far as it knows" in caught.value.message  # the inventory of prod may say another one


def test_a_dump_that_could_not_be_adopted_is_not_made(adopt):
    """That it is asked before the source is: here there is none."""
    with pytest.raises(SlipwayError, match="nobody says it for uat"):
        adopt(by=lambda application, environment: require_target(
            {"application": dict(application, environment=environment, adopt=True, migrate=False)}, None))


@pytest.mark.parametrize("said, address", [
    ({"inventory": {"application_url": "https://uat.example"}}, "uat"), ({"inventory": {"application_url": "https://shop.example"}}, "shop"),
    ({"overlays": {"uat": OVERLAY}}, "other"), ({"overlays": {"prod": OVERLAY}}, "shop"), ({"environment": "prod"}, "shop"),
    ({"environment": None}, "shop")], ids=str)
def test_one_that_is_said_for_it_is_taken(adopt, said, address):
    """Where the file of prod says another one, slipway.yml says that of the others. An environment that is not named counts as prod."""
    assert adopt(**said) == ["https://%s.example" % address]


def test_what_only_commands_or_profiles_say_is_of_no_account(adopt):
    """A profile's own value is never an address of anybody's, and commands are run with programs that slipway.yml names."""
    assert adopt(adopt={"sql": ["SELECT {language}"], "commands": ["{php} --version"]})


NOTHING, ALL = "slipway.yml of the live release says nothing under adopt", {"adopt": {"commands": ["true"]}}


@pytest.mark.parametrize("said, documents, origin, environment, words", [
    (True, {}, "prod", "uat", NOTHING), (None, None, "prod", "uat", "nobody has said adopt"), (None, None, "uat", None, "nobody has said adopt"),
    (True, ALL, "prod", "uat", None), (False, None, "prod", "uat", None), (True, {}, "uat", "uat", None), (True, {}, "prod", None, None),
    (True, {}, None, "uat", None), (True, {}, "some host", "uat", None)], ids=str)
def test_rows_of_another_environment_that_nothing_makes_this_ones_are_told(adopt, said, documents, origin, environment, words):
    """Only where that is sure: who has said adopt=false knows, and so does who restores what was here before."""
    adoption = None if documents is None else adopt(by=adoption_by, profile="generic", profile_version=None, variables={}, **documents)
    told = " ".join(unadopted(said, adoption, origin, environment))
    assert words in told and "come from %s" % origin in told and "adopt=false says that this is meant" in told if words else not told


def test_what_keeps_it_from_being_adopted_is_said_with_what_to_do(adopt, tmp_path):
    with pytest.raises(SlipwayError) as caught:
        adopt(adopt={"sql": ["UPDATE staff SET password = {developer_password_hash}"]})
    assert "adopt.sql" in caught.value.message and "{developer_password_hash}" in caught.value.message
    assert "slipway_variables" in caught.value.hint and caught.value.hint.endswith("adopt=false does without.")
    with pytest.raises(SlipwayError, match="No release is live .* Nothing was changed.* adopt=false does without"):
        adoption_by({"root": str(tmp_path / "nowhere"), "variables": {}, "python": None}, "uat")
