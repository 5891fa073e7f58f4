# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules package_build and package_info, as processes, on a real repository and a real store."""

from __future__ import annotations

import json
import os

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.modules.package_build import package_name
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.repositories import shop

SLIPWAY = """
application: shop
profile: django
build: {commands: ["sh -c 'echo building with $TOKEN'"]}
services:
  web: {kind: web, command: "serve {port}"}
"""
ONLY_A_BUILD_CAN_TELL = ("digest", "size", "layers", "seconds")


@pytest.fixture
def repository(tmp_path):
    return shop(tmp_path / "repository", slipway=SLIPWAY, **{"slipway_prod.yml": "services: {web: {count: 3}}\n"})


@pytest.fixture
def build(run_module, repository, tmp_path):
    """build(reference, ...) -> result; a check comes first each time and has to tell what the real run then does."""

    def runner(reference, **params):
        params = dict({"name": "shop", "store": str(tmp_path / "store"), "repository": repository.path,
                       "reference": reference}, **params)
        before = files(tmp_path / "store")
        checked = run_module("package_build", params, check=True)
        assert files(tmp_path / "store") == before
        result = run_module("package_build", params)
        assert without(checked, *ONLY_A_BUILD_CAN_TELL) == without(result, *ONLY_A_BUILD_CAN_TELL)
        assert set(checked) == set(result)
        return result

    return runner


def files(folder):
    return sorted(os.path.join(path, name) for path, unused, names in os.walk(str(folder)) for name in names)


def without(result, *keys):
    return {key: value for key, value in result.items() if key not in keys}


@pytest.fixture
def info(run_module, tmp_path):
    return lambda **params: run_module("package_info", dict({"store": str(tmp_path / "store")}, **params))


def test_a_package_is_built_once(build, repository):
    first = build("1.0.0")
    assert (first["changed"], first["package"], first["label"]) == (True, "shop:1.0.0", "Reference: 1.0.0")
    assert first["commit"] == repository.git("rev-parse", "1.0.0")
    assert first["diff"]["before"] == {}
    again = build("1.0.0")
    assert again["changed"] is False
    assert again["digest"] == first["digest"]
    assert again["diff"]["before"] == again["diff"]["after"] == first["diff"]["after"]
    assert "output" not in first


@pytest.mark.one_core
def test_rules_of_sanitized_dumps_that_are_none_are_in_no_package(run_module, repository, tmp_path):
    """Also those of one environment."""
    repository.commit({"slipway_uat.yml": "sanitize: {tables: {customer: {columns: {email: e-mail}}}}"}, tag="1.1.0")
    result = run_module("package_build", {"name": "shop", "store": str(tmp_path / "store"), "repository": repository.path, "reference": "1.1.0"})
    assert result["failed"] and "slipway.yml: sanitize.tables.customer.email: e-mail is no rule. Did you mean email?" in result["msg"]
    assert not any("blobs" in path for path in files(tmp_path / "store"))


@pytest.mark.parametrize("name, tag, reference, package", [
    ("shop", None, "refs/heads/main", "shop:main"), ("shop:next", None, "main", "shop:next"),
    ("shop", "v1", "main", "shop:v1")])
def test_the_tag_comes_from_the_name_the_option_or_the_reference(name, tag, reference, package):
    assert str(package_name({"name": name, "tag": tag, "reference": reference})) == package


@pytest.mark.parametrize("name, tag, words", [
    ("shop:1", "2", "cannot be given to a package"), ("shop@sha256:" + "0" * 64, None, "cannot be given to a package"),
    ("Shop", None, "is not the name of a package"), ("shop", "not a tag", "is not the name of a package")])
def test_a_name_no_package_can_have_is_refused(name, tag, words):
    with pytest.raises(SlipwayError, match=words):
        package_name({"name": name, "tag": tag, "reference": "main"})


@pytest.mark.parametrize("params, words", [
    ({"store": "registry://localhost"}, "neither a folder nor the URL of a registry"),
    ({"reference": "2.0.0"}, "has no tag, branch or commit '2.0.0'. No package was written. Did you mean 1.0.0?"),
    ({"reference": "next"}, "has no tag, branch or commit 'next'. No package was written. It has main, 1.0.0. Push first what is not there yet."),
    ({"repository": "/nowhere"}, "The git repository /nowhere cannot be read"),
])
def test_bad_input_fails_with_reasons_and_makes_no_store(run_module, repository, tmp_path, params, words):
    params = dict({"name": "shop", "store": str(tmp_path / "store"), "repository": repository.path,
                   "reference": "1.0.0"}, **params)
    for check in (True, False):
        result = run_module("package_build", params, check=check)
        assert result["failed"]
        assert words in result["msg"]
    assert not (tmp_path / "store").exists()


@pytest.mark.one_core
def test_a_taken_tag_is_refused_and_force_moves_it(run_module, build, info, repository, tmp_path):
    first = build("1.0.0")
    second = repository.commit({"app.py": "print('bye')\n"})
    params = {"name": "shop:1.0.0", "store": str(tmp_path / "store"), "repository": repository.path,
              "reference": "main"}
    for check in (True, False):
        refused = run_module("package_build", params, check=check)
        assert refused["failed"]
        assert first["commit"] in refused["msg"] and second in refused["msg"]
    moved = build("main", name="shop:1.0.0", force=True)
    assert moved["diff"]["before"]["commit"] == first["commit"]
    assert moved["diff"]["after"]["commit"] == second
    assert [entry["package"] for entry in info()["packages"]] == ["shop:1.0.0", "shop@" + first["digest"]]


def test_secrets_are_hidden_and_harmless_values_harm_nothing(run_module, repository, tmp_path):
    """Ansible alone would put asterisks into every digest for a variable whose value is "1"."""
    params = {"name": "shop", "store": str(tmp_path / "store"), "reference": "1.0.0", "repository": repository.path,
              "build_environment_variables": {"TOKEN": "t0psecret", "CI": 1, "LABEL": "1.0.0"}, "_ansible_verbosity": 3}
    result = run_module("package_build", params)
    assert result["package"] == "shop:1.0.0"
    assert "*" not in result["digest"]
    assert "building with ********" in result["output"]
    assert "t0psecret" not in json.dumps(result)
    params["repository"] = "http://ada:t0psecret@127.0.0.1:1/shop.git"
    failed = run_module("package_build", params)
    assert failed["failed"]
    assert "t0psecret" not in json.dumps(failed)


def test_one_package_is_shown_with_its_effective_configuration(build, info):
    digest = build("1.0.0")["digest"]
    build("1.0.0", name="blog")
    for name in ("shop:1.0.0", "shop@" + digest, digest):
        found = info(name=name, environment="prod", verify=True)
        assert [entry["digest"] for entry in found["packages"]] == [digest]
        assert found["package"]["config"]["services"]["web"]["count"] == 3
        assert found["package"]["config"]["database"]["migrations_table"] == "django_migrations"
        assert found["package"]["verified"] is True
    assert info(name="shop:1.0.0")["package"]["config"]["services"]["web"]["count"] == 1


@pytest.mark.one_core
def test_packages_are_listed_by_name(build, info):
    build("1.0.0")
    build("1.0.0", name="blog")
    assert [entry["package"] for entry in info(name="")["packages"]] == ["blog:1.0.0", "shop:1.0.0"]
    found = info(name="shop")
    assert [entry["package"] for entry in found["packages"]] == ["shop:1.0.0"]
    assert set(found["packages"][0]) == {"package", "label", "digest", "reference", "commit", "pushed_at", "size"}
    assert "package" not in found


@pytest.mark.one_core
def test_what_is_missing_or_damaged_is_said(build, info, tmp_path):
    assert "There is no package store" in info()["msg"]
    layer = build("1.0.0")["layers"][0]["digest"]
    assert "There is no package shop:2.0.0" in info(name="shop:2.0.0")["msg"]
    with open(str(tmp_path / "store" / "blobs" / "sha256" / layer[7:]), "r+b") as stream:
        stream.write(b"?")
    assert "package" in info(name="shop:1.0.0")
    assert "Blob %s" % layer in info(name="shop:1.0.0", verify=True)["msg"]


def test_a_store_that_cannot_be_read_is_told(run_module, repository, tmp_path):
    (tmp_path / "store" / "index.json").mkdir(parents=True)
    for check in (True, False):
        told = run_module("package_build", {"name": "shop", "store": str(tmp_path / "store"), "repository": repository.path, "reference": "1.0.0"}, check=check)
        assert "Is a directory" in told["msg"] and "index.json" in told["msg"]
