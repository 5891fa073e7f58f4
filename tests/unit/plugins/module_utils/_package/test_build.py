# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building: one commit, one digest; and a build that fails, is killed or has no room leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._core.process import start_ticks
from ansible_collections.slipway.app.plugins.module_utils._package.build import build
from ansible_collections.slipway.app.plugins.module_utils._package.name import parse
from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.repositories import shop
from ansible_collections.slipway.app.tests.waiting import until

NAME = parse("shop:1.0.0")
SLIPWAY = """
application: shop
profile: generic
build:
  commands:
    - "{python} -c 'import os; os.makedirs(\\"vendor/lib\\"); open(\\"vendor/lib/x.py\\", \\"w\\").write(\\"x\\")'"
  assets:
    - ["cp", "app.py", "bundle.js"]
  exclude: ["*.md"]
layers:
  dependencies: [vendor]
  assets: [bundle.js]
shared: [media]
"""
IN_A_PROCESS = (
    "import sys, resource\n"
    "from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError\n"
    "from ansible_collections.slipway.app.plugins.module_utils._package.build import build\n"
    "from ansible_collections.slipway.app.plugins.module_utils._package.name import parse\n"
    "from ansible_collections.slipway.app.plugins.module_utils._package.store import open_store\n"
    "repository, store, limit = sys.argv[1:]\n"
    "if int(limit):\n"
    "    import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))\n"
    "try:\n"
    "    print(build(repository, 'main', parse('shop:1.0.0'), open_store(store))['changed'])\n"
    "except SlipwayError as error:\n"
    "    print(error)\n")


def in_a_process(repository, store, limit=0):
    return subprocess.Popen([sys.executable, "-c", IN_A_PROCESS, repository.path, store.location, str(limit)],
                            stdout=subprocess.PIPE, text=True)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def repository(tmp_path):
    return shop(tmp_path / "repository", slipway=SLIPWAY, **{
        "README.md": "read", "media/.keep": "", "web/style.css": "", "pkg/__pycache__/x.pyc": ""})


def layer_names(store, digest):
    """{layer: names of its files}"""
    found = {}
    for layer in store.config(digest)["layers"]:
        with store.open_blob(layer) as reader, tarfile.open(fileobj=reader, mode="r|gz") as archive:
            found[layer["name"]] = [member.name for member in archive]
    return found


def blobs(store):
    return sorted(os.listdir(os.path.join(store.location, "blobs", "sha256")))


def nothing_left(store):
    """Whether the store holds no package, no blob and no working folder."""
    return not store.list() and not blobs(store) and os.listdir(os.path.join(store.location, ".slipway")) == ["lock"]


def test_a_django_project_has_its_bytecode_with_it(tmp_path, store):
    """Valid for these sources and no others; the same in every build; and in the layers of the sources."""
    slipway = ("application: shop\nprofile: django\nlayers: {dependencies: [vendor]}\n"
               "build: {commands: [[mv, third, vendor], ['{python}', -m, compileall, -q, vendor], [rm, vendor/gone.py], [ln, -s, gone, vendor/link.py]],"
               " exclude: [settings.local.py, 'hidden/*.py', link.py]}")
    repository = shop(tmp_path / "repository", slipway=slipway, **{
        "third/x.py": "def f(one):\n    return one in {'a', 'b', 'c', one.d}\n", "token.py": "raise SystemExit", "pkg/types.py": "",
        "pkg/broken.py": "def", "third/gone.py": "", "settings.py": "", "settings.local.py": "KEY = 1", "hidden/x.py": "KEY = 2",
        "pkg/__pycache__/token.tag.pyc": ""})
    result = build(repository.path, "1.0.0", NAME, store)
    tag = sys.implementation.cache_tag
    found = layer_names(store, result["digest"])
    assert [name for name in found["dependencies"] if "pyc" in name] == ["vendor/__pycache__", "vendor/__pycache__/x.%s.pyc" % tag]
    assert [name for name in found["source"] if "pyc" in name] == [
        "__pycache__", *("__pycache__/%s.%s.pyc" % (name, tag) for name in ("app", "settings", "token")),
        "pkg/__pycache__", "pkg/__pycache__/types.%s.pyc" % tag]
    assert "pkg/broken.py" in result["output"]
    shutil.copytree(repository.path, tmp_path / "elsewhere" / "copy")
    again = build(str(tmp_path / "elsewhere" / "copy"), "1.0.0", NAME, open_store(str(tmp_path / "another")))
    assert again["digest"] == result["digest"]


@pytest.mark.parametrize("own, bytecode", [("[['{python}', -m, compileall, -q, lib]]", ["lib/__pycache__", "lib/__pycache__/y.%s.pyc"]), ("[]", [])])
def test_a_package_has_the_bytecode_of_those_who_are_to_compile_and_no_other(tmp_path, own, bytecode):
    """What programs compile for themselves holds the time of the checkout."""
    repository = shop(tmp_path / "repository", **{"pkg/x.py": "", "lib/y.py": "", "slipway": (
        "application: shop\nprofile: django\nbuild: {commands: [['{python}', -c, 'import pkg.x, lib.y']], compile: %s}" % own)})
    digests = set()
    for name in ("one", "two"):
        store = open_store(str(tmp_path / name))
        digests.add(build(repository.path, "1.0.0", NAME, store, environment_variables={"PYTHONDONTWRITEBYTECODE": ""})["digest"])
        time.sleep(1.1)  # whole seconds are what bytecode knows
    assert len(digests) == 1
    tag = sys.implementation.cache_tag
    assert [name for name in layer_names(store, *digests)["source"] if "pyc" in name] == [name.replace("%s", tag) for name in bytecode]


def test_bytecode_is_not_of_the_machine_that_builds(tmp_path, store):
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('what this machine has Python do at its start')", encoding="utf-8")
    repository = shop(tmp_path / "repository", slipway="application: shop\nprofile: django\n", **{"x" * 245 + ".py": ""})
    result = build(repository.path, "1.0.0", NAME, store, environment_variables={"PYTHONPATH": str(tmp_path)})
    assert "File name too long" in result["output"] and [name for name in layer_names(store, result["digest"])["source"] if "app." in name and "pyc" in name]


@pytest.mark.parametrize("fails", ["kill -9 $$", "exec /gone", "shift; ulimit -f 0; exec \"$@\""], ids=["killed", "gone", "full"])
def test_bytecode_is_whole_or_there_is_no_package(tmp_path, store, fails):
    """In the place of setarch, a program by which Python is run with what goes wrong."""
    (tmp_path / "setarch").write_text('#!/bin/sh\n[ "$2" = true ] && exit\n%s\n' % fails, encoding="utf-8")
    (tmp_path / "setarch").chmod(0o755)
    repository = shop(tmp_path / "repository", slipway="application: shop\nprofile: django\n")
    with pytest.raises(SlipwayError, match="The build command 'sh -c"):
        build(repository.path, "1.0.0", NAME, store, environment_variables={"PATH": "%s:%s" % (tmp_path, os.environ["PATH"])})
    assert nothing_left(store)


def test_a_package_holds_what_it_should_in_its_layers(repository, store):
    result = build(repository.path, "1.0.0", NAME, store)
    assert result["changed"] is True
    assert layer_names(store, result["digest"]) == {
        "assets": ["bundle.js"],
        "dependencies": ["vendor", "vendor/lib", "vendor/lib/x.py"],
        "source": ["app.py", "pkg", "slipway.yml", "web", "web/style.css"]}
    config = store.config(result["digest"])
    assert config["documents"]["base"]["shared"] == ["media"]
    assert (config["application"], config["profile"], config["reference"], config["commit"], config["label"]) == (
        "shop", "generic", "1.0.0", result["commit"], "Reference: 1.0.0")
    manifest = store.manifest(result["digest"])
    assert manifest["annotations"]["org.opencontainers.image.created"] == "2023-11-14T22:14:20Z"
    assert os.listdir(os.path.join(store.location, ".slipway")) == ["lock"]


def test_two_builds_of_a_commit_have_one_digest(repository, tmp_path):
    clone = str(tmp_path / "elsewhere" / "clone")
    shutil.copytree(repository.path, clone)
    stores = [open_store(str(tmp_path / name)) for name in ("one", "two")]
    first = build(repository.path, "1.0.0", NAME, stores[0])
    time.sleep(1.1)  # whole seconds are what archives and headers know
    umask = os.umask(0o077)
    try:
        second = build("file://" + clone, "1.0.0", NAME, stores[1], environment_variables={"HOME": str(tmp_path)})
    finally:
        os.umask(umask)
    assert first["digest"] == second["digest"]
    assert blobs(stores[0]) == blobs(stores[1])
    assert first["layers"] == second["layers"]


def test_a_layer_that_no_commit_has_changed_keeps_its_digest(repository, store):
    first = build(repository.path, "1.0.0", NAME, store)
    repository.commit({"pkg/new.py": "print('new')\n"})
    second = build(repository.path, "main", parse("shop:main"), store)
    before, after = ({layer["name"]: layer["digest"] for layer in built["layers"]} for built in (first, second))
    assert {name for name in before if before[name] != after[name]} == {"source"}


def test_submodules_are_packaged_without_git(repository, store, tmp_path):
    inner = shop(tmp_path / "inner")
    repository.git("submodule", "--quiet", "add", inner.path, "inner")
    repository.commit()
    result = build(repository.path, "main", NAME, store)
    assert [name for name in layer_names(store, result["digest"])["source"] if "inner" in name or ".git" in name] == [
        ".gitmodules", "inner", "inner/app.py", "inner/slipway.yml"]


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 6\n" % ("0" * 64)


@pytest.mark.parametrize("how, packaged", [
    ("", None), ("exclude: [logo.png]", []), ("commands: [[cp, app.py, logo.png]]", ["logo.png"])])
def test_a_file_that_git_lfs_keeps_is_no_file_of_a_package(tmp_path, store, how, packaged):
    slipway = "application: shop\nprofile: generic\nbuild: {%s}\n" % how  # a command may well bring what LFS keeps
    repository = shop(tmp_path / "repository", slipway=slipway, **{".gitattributes": "*.png filter=lfs\n", "logo.png": POINTER})
    if packaged is None:
        with pytest.raises(SlipwayError, match="only pointers to them: logo.png. No package was written. Install git-lfs"):
            build(repository.path, "main", NAME, store)
        assert nothing_left(store)
    else:
        digest = build(repository.path, "main", NAME, store)["digest"]
        assert [name for name in layer_names(store, digest)["source"] if name.endswith(".png")] == packaged


def test_a_package_that_is_there_is_not_built_again(repository, store):
    first = build(repository.path, "1.0.0", NAME, store, label="First")
    before = os.stat(os.path.join(store.location, "index.json")).st_mtime_ns
    again = build(repository.path, "main", NAME, store)
    assert again["changed"] is False
    assert os.stat(os.path.join(store.location, "index.json")).st_mtime_ns == before
    for key in ("package", "digest", "commit", "reference", "label", "size", "layers"):
        assert again[key] == first[key]


@pytest.mark.parametrize("check", [False, True])
def test_a_tag_of_another_commit_is_refused(repository, store, check):
    first = build(repository.path, "1.0.0", NAME, store)
    second = repository.commit({"app.py": "print('bye')\n"})
    with pytest.raises(SlipwayError) as caught:
        build(repository.path, "main", NAME, store, check=check)
    for word in (first["commit"], second, "The package of the tag was left untouched."):
        assert word in str(caught.value)
    assert store.resolve(NAME) == first["digest"]


def test_force_moves_the_tag_and_keeps_the_old_package(repository, store):
    first = build(repository.path, "1.0.0", NAME, store)
    repository.commit({"app.py": "print('bye')\n"})
    second = build(repository.path, "main", NAME, store, force=True)
    assert second["changed"] is True
    assert store.resolve(NAME) == second["digest"] != first["digest"]
    store.verify(first["digest"])
    assert build(repository.path, "main", NAME, store, force=True)["changed"] is False


def test_other_assets_or_another_label_are_another_package(repository, store):
    bare = build(repository.path, "1.0.0", NAME, store, skip_assets_build=True)
    assert [layer["name"] for layer in bare["layers"]] == ["dependencies", "source"]
    with pytest.raises(SlipwayError, match="there already, without its assets"):
        build(repository.path, "1.0.0", NAME, store)
    with pytest.raises(SlipwayError, match="with the label 'Reference: 1.0.0'"):
        build(repository.path, "1.0.0", NAME, store, skip_assets_build=True, label="Other")


def test_force_repairs_a_damaged_package(repository, store):
    digest = build(repository.path, "1.0.0", NAME, store)["digest"]
    for damaged in blobs(store):
        with open(os.path.join(store.location, "blobs", "sha256", damaged), "r+b") as stream:
            stream.write(b"?")
    with pytest.raises(SlipwayError, match="is damaged.*with force"):
        build(repository.path, "1.0.0", NAME, store)
    build(repository.path, "1.0.0", NAME, store, force=True)
    store.verify(digest)


def test_check_mode_predicts_and_writes_nothing(repository, store):
    checked = build(repository.path, "1.0.0", NAME, store, check=True)
    assert not os.path.exists(store.location)
    real = build(repository.path, "1.0.0", NAME, store)
    assert set(checked) == set(real)
    for key in ("changed", "diff", "package", "commit", "reference", "label"):
        assert checked[key] == real[key]
    checked, real = (build(repository.path, "1.0.0", NAME, store, check=check) for check in (True, False))
    assert dict(checked, seconds=0) == dict(real, seconds=0)


@pytest.mark.parametrize("commands, words", [
    ('[["sh", "-c", "echo to the log; echo and the error >&2; exit 3"]]',
     ["failed with exit status 3", "to the log\nand the error", "Mend what the command complains about, then build again."]),
    ('["sh -c \'kill -9 $$\'"]', ["was ended by signal 9", "(no output)"]),
    ('["no-such-program"]', ["Cannot start no-such-program"]),
    ('["{pyhton} x"]', ["unknown placeholder {pyhton}", "{python}"]),
    ('["ln -s /etc/passwd link"]', ["link points to /etc/passwd, outside of the package"]),
    ('["sh -c \'mkdir -p d/e; touch d/e/f; chmod 500 d/e d; exit 1\'"]', ["failed with exit status 1"]),
])
def test_a_broken_build_leaves_nothing(tmp_path, store, commands, words):
    slipway = "application: shop\nprofile: generic\nbuild: {commands: %s}\n" % commands
    broken = shop(tmp_path / "broken", slipway=slipway)
    with pytest.raises(SlipwayError) as caught:
        build(broken.path, "main", NAME, store)
    for word in words + ["No package was written."]:
        assert word in str(caught.value)
    assert nothing_left(store)


def test_a_build_that_hangs_is_ended(tmp_path, store):
    hanging = shop(tmp_path / "hanging", slipway=(
        "application: shop\nprofile: generic\nbuild: {commands: [sleep 60]}\ntimeouts: {build: 1}\n"))
    with pytest.raises(SlipwayError, match=r"(?s)'sleep 60' was ended after 1 seconds \(timeouts.build\).*give it more time"):
        build(hanging.path, "main", NAME, store)
    assert nothing_left(store)


@pytest.mark.parametrize("files, words", [
    ({"slipway": "application: shop\nprofile: generic\nbiuld: {}\n"}, "unknown key biuld. Did you mean build?"),
    ({"slipway": "application: shop\nprofile: generic\nshared: media\n"},
     "shared must be a list, but is the text 'media'"),
    ({"slipway_prod.yml": "health: {status: ok}\n"}, "slipway_prod.yml: health.status must be a whole number"),
])
def test_a_bad_slipway_yml_is_refused(tmp_path, store, files, words):
    bad = shop(tmp_path / "bad", **files)
    with pytest.raises(SlipwayError) as caught:
        build(bad.path, "main", NAME, store)
    assert words in str(caught.value)
    assert nothing_left(store)


def test_secrets_stay_out_of_output_and_errors(tmp_path, store):
    slipway = ("application: shop\nprofile: generic\nbuild:\n  commands:\n"
               "    - sh -c 'echo the token is $TOKEN; echo from https://ada:pw@example.com/x'\n%s")
    good = shop(tmp_path / "good", slipway=slipway % "")
    bad = shop(tmp_path / "bad", slipway=slipway % "    - sh -c 'echo $TOKEN; exit 1'\n")
    result = build(good.path, "main", NAME, store, environment_variables={"TOKEN": "t0psecret"})
    assert "the token is ********" in result["output"]
    assert "from https://example.com/x" in result["output"]
    with pytest.raises(SlipwayError) as caught:
        build(bad.path, "main", parse("shop:bad"), store, environment_variables={"TOKEN": "t0psecret"})
    assert "t0psecret" not in str(caught.value) + json.dumps(caught.value.facts)
    assert "the token is" in caught.value.facts["output"]


def test_commands_get_no_shell_and_a_temporary_folder_of_their_own(tmp_path, store):
    slipway = ('application: shop\nprofile: generic\nbuild:\n  commands:\n    - touch "$HOME;x" *\n'
               "    - sh -c 'echo $TMPDIR > $TMPDIR/left; echo $SOURCE_DATE_EPOCH $TMPDIR > said'\n")
    repository = shop(tmp_path / "repository", slipway=slipway)
    digest = build(repository.path, "main", NAME, store)["digest"]
    assert layer_names(store, digest)["source"] == ["$HOME;x", "*", "app.py", "said", "slipway.yml"]
    with store.open_blob(store.config(digest)["layers"][0]) as reader:
        with tarfile.open(fileobj=reader, mode="r|gz") as archive:
            said = [archive.extractfile(member).read() for member in archive if member.name == "said"][0].split()
    assert said[0] == b"1700000060"
    assert os.fsencode(store.location) in said[1]
    assert not os.path.exists(said[1])


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, store):
    """A limit on the size of files stands for the full disk: the kernel refuses the write in the same place."""
    large = shop(tmp_path / "large", slipway=(
        "application: shop\nprofile: generic\nbuild:\n  commands:\n"
        "    - [sh, -c, 'for n in 1 2 3; do head -c 200000 /dev/urandom > $n; done']\n"))
    process = in_a_process(large, store, limit=300000)
    said = process.communicate(timeout=60)[0]
    assert "Building shop:1.0.0 in the package store %s failed" % store.location in said
    assert "File too large" in said
    assert nothing_left(store)


def test_a_killed_build_leaves_no_package_and_the_next_one_cleans_up(tmp_path, store):
    begun = tmp_path / "begun"
    slow = shop(tmp_path / "slow", slipway=(
        "application: shop\nprofile: generic\nbuild:\n  commands:\n"
        "    - [sh, -c, 'if ! test -e {0}; then sleep 60 & echo $$ $! > {0}.part; mv {0}.part {0}; wait; fi']\n".format(begun)))
    process = in_a_process(slow, store)
    try:
        until(begun.exists)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # What the build had started ends too, although it is in a session of its own.
        programs = [int(pid) for pid in begun.read_text().split()]
        until(lambda: [start_ticks(pid) for pid in programs] == [None, None])
    finally:
        process.kill()
        process.communicate()
    assert not store.list()
    assert len(os.listdir(os.path.join(store.location, ".slipway"))) == 2
    assert build(slow.path, "main", NAME, store)["changed"] is True
    assert os.listdir(os.path.join(store.location, ".slipway")) == ["lock"]
    store.verify(store.resolve(NAME))


def test_two_builds_of_one_package_at_once_end_well(tmp_path, store):
    repository = shop(tmp_path / "repository", slipway=(
        "application: shop\nprofile: generic\nbuild: {commands: [sleep 1]}\n"))
    builds = [in_a_process(repository, store) for unused in range(2)]
    said = sorted(process.communicate(timeout=60)[0].strip() for process in builds)
    assert said == ["False", "True"]
    assert [entry["package"] for entry in store.list()] == ["shop:1.0.0"]
    store.verify(store.resolve(NAME))
