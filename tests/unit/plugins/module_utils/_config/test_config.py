# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""slipway.yml: what is refused and with which words, what an environment ends up with, how commands become argv."""

from __future__ import annotations

import copy
import pathlib

import pytest
import yaml

from ansible_collections.slipway.app.plugins.module_utils._config.load import (
    effective,
    expand,
    expand_text,
    read_documents,
)
from ansible_collections.slipway.app.plugins.module_utils._config.profiles import PROFILES, VERSIONS
from ansible_collections.slipway.app.plugins.module_utils._config.schema import ENVIRONMENTS, SCHEMA, validate
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

BASE = {"application": "shop", "profile": "generic"}


def base(**more):
    return dict(BASE, **more)


def service(**more):
    return base(services={"web": dict({"kind": "web", "command": "run me"}, **more)})


@pytest.mark.parametrize("document, words", [
    (["shop"], ["the document must be a mapping", "a list"]),
    (base(servces={}), ["unknown key servces", "Did you mean services?"]),
    (service(comand="x"), ["unknown key services.web.comand", "Did you mean command?"]),
    (base(zzzzzzzz=1), ["unknown key zzzzzzzz", "Known: application, profile"]),
    (service(count="two"), ["services.web.count must be a whole number of at least 0, but is the text 'two'"]),
    (service(count=True), ["services.web.count must be a whole number", "truth value true"]),
    (service(count=-1), ["services.web.count", "number -1"]),
    (service(kind="wbe"), ["services.web.kind must be one of web, websocket, consumer, cron", "Did you mean web?"]),
    (service(command=""), ["services.web.command must be a command", "the text ''"]),
    (service(command=["sleep", 3]), ["services.web.command must be a command", "put numbers in quotes"]),
    (service(command="a 'b"), ["services.web.command", "No closing quotation"]),
    (base(services={"Web 1": {}}), ["services has the text 'Web 1' as a name"]),
    (base(application="My Shop"), ["application must be a name of lower-case letters", "'My Shop'"]),
    (base(profile="djngo"), ["profile must be one of", "Did you mean django?"]),
    (base(environment={"PORT": 8080}), ["environment.PORT must be a text, but is the number 8080", "in quotes"]),
    (base(environment={"A-B": "x"}), ["environment has the text 'A-B' as a name"]),
    (base(shared="media"), ["shared must be a list, but is the text 'media'"]),
    (base(shared=["media", "/srv"]), ["shared[1] must be a path inside the release", "'/srv'"]),
    (base(shared=["a/../../b"]), ["shared[0] must be a path inside the release"]),
    (base(shared=["."]), ["shared[0] must be a path inside the release"]),
    (base(shared=["media", "media/"]), ["shared names the path media twice"]),
    (base(shared=["media/x", "media"]), ["in shared, media/x lies inside media"]),
    (base(layers={"dependencies": ["v"], "assets": ["v/"]}), ["layers names the path v twice"]),
    (base(commands=None), ["commands must be a mapping, but is empty"]),
    (base(commands={"migrate": "x"}), ["commands.migrate must be a list, but is the text 'x'"]),
    (base(health={"url": "localhost"}), ["health.url must be an address beginning with http://"]),
    (base(profile_version=6.0), ["profile_version must be the first two numbers of a version", "the number 6.0", "in quotes"]),
    (base(exit_codes={"install": {3: "x"}}), ["exit_codes.install has the number 3 as a name", "an exit status in quotes"]),
    (base(health={"interval": float("nan")}), ["health.interval must be a number"]),
    (base(sanitize=["x"]), ["sanitize must be a mapping, or a file of the repository that has it, but is a list"]),
    (base(sanitize="../rules.yml"), ["sanitize must be a path inside the release"]),
    (base(build={"exclude": [1]}), ["build.exclude[0] must be a text"]),
    (base(writable=["var", "var/cache"]), ["in writable, var/cache lies inside var"]),
    (service(schedule="hourly\n"), ["services.web.schedule must be a time", "the text 'hourly\\n'"]),
    (base(environment={"A\n": "x"}), ["environment has the text 'A\\n' as a name"]),
    (base(environment={"A": "x\0"}), ["environment.A must be a text", "no program can be given"]),
    (base(environment={"A": "\ud800"}), ["environment.A must be a text", "no program can be given"]),
    (service(command=["sleep", "\0"]), ["services.web.command must be a command", "no program can be given"]),
    (base(timeouts={"drain": 10 ** 10}), ["timeouts.drain must be", "At most 1000000000 makes sense"]),
    (base(health={"interval": float("inf")}), ["health.interval must be a number", "At most"]),
    (service(count=10 ** 6), ["services.web.count", "At most 1000 makes sense"]),
])
def test_a_bad_document_is_refused_by_name(document, words):
    with pytest.raises(SlipwayError) as caught:
        validate(document, "slipway.yml")
    for word in ["slipway.yml: "] + words:
        assert word in str(caught.value)


@pytest.mark.parametrize("key, value", [
    ("application", "shop"), ("profile", "generic"), ("profile_version", "6.0"), ("build", {}), ("layers", {}), ("shared", [])])
def test_an_overlay_cannot_change_what_is_built(key, value):
    with pytest.raises(SlipwayError, match="slipway_prod.yml: %s belongs into slipway.yml" % key):
        validate({key: value}, "slipway_prod.yml", overlay=True)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profiles_fit_the_schema(name):
    validate(PROFILES[name], name)
    for version, differs in VERSIONS.get(name, ("", ()))[1]:
        validate(differs, "%s %s" % (name, version))
        effective({"base": base(profile=name, profile_version=version), "overlays": {}})


def test_the_effective_configuration_has_every_key():
    config = effective({"base": BASE, "overlays": {}}, "dev")
    assert set(config) == set(SCHEMA.fields)
    for name, group in SCHEMA.fields.items():
        if hasattr(group, "fields"):
            assert set(config[name]) == set(group.fields)
    assert config["health"] == {"url": None, "status": 200, "contains": None, "timeout": 60, "interval": 0.2}
    assert config["commands"] == dict.fromkeys(
        ("install", "migrate", "upgrade_maintenance", "upgrade_rolling", "upgrade_source", "warm", "check", "check_upgrade"), [])
    assert config["console"] == ""
    assert config["services"] == {}


def test_profile_base_and_overlay_are_laid_on_each_other():
    documents = {
        "base": base(profile="django", environment={"A": "1", "B": "2"}, shared=["media/"],
                     services={"web": {"kind": "web", "command": "serve", "count": 2},
                               "tick": {"kind": "cron", "command": ["tick"], "on": "consumer"}}),
        "overlays": {"prod": {"environment": {"B": "3"}, "services": {"web": {"count": 4}}, "commands": {"check": []}}}}
    before = copy.deepcopy(documents)
    config = effective(documents, "prod")
    assert config["environment"] == {"A": "1", "B": "3"}
    assert config["commands"]["check"] == []
    assert config["commands"]["migrate"] == ["{python} manage.py migrate --noinput"]
    assert config["database"]["migrations_table"] == "django_migrations"
    assert config["shared"] == ["media"]
    assert config["services"]["web"] == {
        "kind": "web", "command": "serve", "on": "app", "count": 4, "stop_signal": "TERM", "stop_timeout": 65,
        "schedule": None}
    assert config["services"]["tick"]["on"] == "consumer"
    assert effective(documents, "dev")["services"]["web"]["count"] == 2
    assert documents == before


@pytest.mark.parametrize("kind, place", [
    ("web", "app"), ("websocket", "app"), ("consumer", "consumer"), ("cron", "leader")])
def test_a_service_runs_where_its_kind_belongs(kind, place):
    assert effective({"base": service(kind=kind), "overlays": {}})["services"]["web"]["on"] == place


@pytest.mark.parametrize("kind, seconds", [("web", 65), ("websocket", 30), ("consumer", 30), ("cron", 30)])
def test_a_service_has_the_time_to_end_of_its_kind_unless_it_says_otherwise(kind, seconds):
    assert effective({"base": service(kind=kind), "overlays": {}})["services"]["web"]["stop_timeout"] == seconds
    assert effective({"base": service(kind=kind, stop_timeout=7), "overlays": {}})["services"]["web"]["stop_timeout"] == 7


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_web_ends_later_than_the_web_servers_give_up_on_its_requests(profile):
    """What kills web sooner cuts off requests that everybody else still waits for, in a rolling upgrade."""
    roles = pathlib.Path(__file__).parents[5] / "roles"
    waited = [yaml.safe_load((roles / role / "defaults/main.yml").read_text())[role + "_request_seconds"] for role in ("host", "balancer")]
    version = {"profile_version": VERSIONS[profile][-1][-1][0]} if profile in VERSIONS else {}
    document = base(profile=profile, services={"web": {"kind": "web", "command": "serve"}}, **version)
    config = effective({"base": document, "overlays": {}})
    assert min(config["services"]["web"]["stop_timeout"], config["timeouts"]["drain"]) > max(waited)


def test_what_is_missing_in_the_whole_is_named_with_its_files():
    documents = {"base": BASE, "overlays": {"uat": {"services": {"web": {"kind": "web"}}}}}
    with pytest.raises(SlipwayError, match=r"slipway.yml with slipway_uat.yml: services.web.command is missing"):
        effective(documents, "uat")
    with pytest.raises(SlipwayError, match="slipway.yml: profile is missing"):
        effective({"base": {"application": "shop"}, "overlays": {}})


def test_an_unknown_environment_or_profile_is_refused():
    with pytest.raises(SlipwayError, match="no environment 'pord'. Did you mean prod?"):
        effective({"base": BASE, "overlays": {}}, "pord")
    with pytest.raises(SlipwayError, match="profile must be one of .* 'cobol'.* not built by this version of slipway.app"):
        effective({"base": base(profile="cobol"), "overlays": {}})


HOSTILE = "TERM\nUser=root\nExecStartPre=/bin/id"


@pytest.mark.parametrize("documents, words", [
    (service(stop_signal=HOSTILE), "slipway.yml: services.web.stop_signal must be one of TERM, "),
    (service(stop_timeout="30"), "slipway.yml: services.web.stop_timeout must be a whole number"),
    (service(kind="wbe"), "slipway.yml: services.web.kind must be one of web, "),
    (service(schedule="hourly\nUser=root"), "slipway.yml: services.web.schedule must be a time"),
    (base(services={"web\nUser=root": {"kind": "web", "command": "x"}}), "slipway.yml: services has the text 'web.nUser=root' as a name"),
    (base(services=[]), "slipway.yml: services must be a mapping"),
    (base(error_pages={"../../../etc/x": "a.html"}), "slipway.yml: error_pages has the text '../../../etc/x' as a name"),
    (base(profile=["oro"]), "slipway.yml: profile must be one of "),
    (base(profile="oro", profile_version=6), "slipway.yml: profile_version must be the first two numbers"),
    (base(profile="oro", profile_version="6.0", profile_flow=[]), "slipway.yml: profile_flow must be a name"),
    (base(migrations={"pattern": "("}), "slipway.yml: migrations.pattern must be a regular expression"),
    (base(sanitize="rules.yml"), "slipway.yml: sanitize must be a mapping.* not read when the package was built"),
    (["shop"], "slipway.yml: the document must be a mapping"),
])
def test_what_a_package_brings_is_checked_like_what_an_author_writes(documents, words):
    with pytest.raises(SlipwayError, match=words):
        effective({"base": documents, "overlays": {}}, "prod")


def test_overlays_of_a_package_are_checked_too():
    def overlaid(prod):
        return effective({"base": service(), "overlays": {"prod": prod, "dev": {"shared": 1}}}, "prod")

    assert overlaid({"services": {"web": {"stop_signal": "INT"}}})["services"]["web"]["stop_signal"] == "INT"
    with pytest.raises(SlipwayError, match="slipway_prod.yml: services.web.stop_signal must be one of TERM, "):
        overlaid({"services": {"web": {"stop_signal": HOSTILE}}})
    with pytest.raises(SlipwayError, match="slipway_prod.yml: profile belongs into slipway.yml"):
        overlaid({"profile": "django"})
    with pytest.raises(SlipwayError, match="slipway_prod.yml: the document must be a mapping"):
        overlaid([])
    for documents in (None, {}, {"base": service()}, {"base": service(), "overlays": []}):
        with pytest.raises(SlipwayError, match="The package has no documents"):
            effective(documents, "prod")


def test_keys_of_a_newer_version_in_a_package_are_passed_over():
    documents = {"base": dict(service(nice=7), health={"headers": {"Host": "x"}}, weather=["sunny"]),
                 "overlays": {"prod": {"weather": 1, "services": {"web": {"nice": "x"}}}}}
    assert effective(documents, "prod") == effective({"base": service(), "overlays": {}})


def test_documents_are_read_from_files(tmp_path):
    (tmp_path / "slipway.yml").write_text(
        "application: shop\nprofile: generic\nservices:\n  jobs: {kind: consumer, command: work, on: leader}\n"
        "environment: {DEBUG: no, DAY: 2026-11-21}\n")
    (tmp_path / "slipway_prod.yml").write_text("environment:\n  DEBUG: off\n")
    (tmp_path / "slipway_dev.yml").write_text("# nothing yet\n")
    documents = read_documents(str(tmp_path))
    assert sorted(documents["overlays"]) == ["dev", "prod"]
    assert documents["base"]["services"]["jobs"]["on"] == "leader"
    assert documents["base"]["environment"] == {"DEBUG": "no", "DAY": "2026-11-21"}
    assert [effective(documents, name)["environment"]["DEBUG"] for name in ENVIRONMENTS] == ["no", "no", "no", "off"]


@pytest.mark.parametrize("files, words", [
    ({}, "There is no slipway.yml"),
    ({"slipway.yml": "application: [shop"}, "slipway.yml is not valid YAML"),
    ({"slipway.yml": "application: shop\nprofile: generic\napplication: shop\n"}, "the key application comes twice"),
    ({"slipway.yml": ""}, "slipway.yml: application is missing"),
    ({"slipway.yml": "application: shop\nprofile: generic\n", "slipway_dev.yml": "helth: {}\n"},
     "slipway_dev.yml: unknown key helth. Did you mean health?"),
    ({"slipway.yml": "application: shop\nprofile: generic\n", "slipway_prod.yml": "services: {web: {count: 2}}\n"},
     "slipway.yml with slipway_prod.yml: services.web.kind is missing"),
])
def test_bad_files_are_refused(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(SlipwayError) as caught:
        read_documents(str(tmp_path))
    assert words in str(caught.value)


@pytest.mark.parametrize("command, argv", [
    ("{python} manage.py 'two words'", ["/opt/my python", "manage.py", "two words"]),
    (["{python}", "-c", "print({{}})"], ["/opt/my python", "-c", "print({})"]),
    ("serve --port={port}; echo $HOME", ["serve", "--port=8000;", "echo", "$HOME"]),
    ("", []),
])
def test_commands_become_argv(command, argv):
    assert expand(command, {"python": "/opt/my python", "port": 8000}) == argv


def test_unknown_placeholders_and_single_braces_are_refused():
    with pytest.raises(SlipwayError, match=r"unknown placeholder \{prot\}. Known: \{port\}, \{python\}."):
        expand_text("http://127.0.0.1:{prot}/", {"python": "x", "port": 1})
    with pytest.raises(SlipwayError, match="single brace"):
        expand(["{"], {})


def test_rules_of_sanitized_dumps_may_stand_in_a_file_of_their_own(tmp_path):
    (tmp_path / "slipway.yml").write_text("{application: shop, profile: generic, sanitize: rules/all.yml}", encoding="utf-8")
    (tmp_path / "slipway_uat.yml").write_text("sanitize: {policy: strict, tables: {a: {columns: {x: email}}}}", encoding="utf-8")
    with pytest.raises(SlipwayError, match="slipway.yml: sanitize names rules/all.yml, which is not there"):
        read_documents(str(tmp_path))
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "all.yml").write_text("tables: {a: {columns: {x: hash, y: null}}, b: truncate}", encoding="utf-8")
    documents = read_documents(str(tmp_path))
    assert documents["base"]["sanitize"] == {"tables": {"a": {"columns": {"x": "hash", "y": None}}, "b": "truncate"}}
    assert effective(documents, "uat")["sanitize"] == {
        "policy": "strict", "tables": {"a": {"columns": {"x": "email", "y": None}}, "b": "truncate"}}
