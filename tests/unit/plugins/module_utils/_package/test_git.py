# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One commit out of a real repository, over the ways git has to fetch it; and what must not get through."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from urllib.parse import quote

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package.git import POINTER, checkout, pointers, public, resolve
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.git_server import serving
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._package.repositories import Repository

USER, PASSWORD = "ada lovelace", "sword:fish@/%'$(id)"  # what an address must have in %xx, and what a shell could stumble over


@pytest.fixture
def repository(tmp_path):
    """Three commits: first (tag 1.0.0), second (annotated tag 1.1.0), third (branch main); a branch called side."""
    repository = Repository(tmp_path / "shop.git-work")
    repository.first = repository.commit({"version": "1", "old": "gone later"}, tag="1.0.0")
    os.unlink(os.path.join(repository.path, "old"))
    repository.second = repository.commit({"version": "2"})
    repository.git("tag", "--annotate", "--message", "Release", "1.1.0")
    repository.git("branch", "side")
    repository.third = repository.commit({"version": "3"})
    return repository


def version(directory):
    with open(os.path.join(directory, "version"), encoding="utf-8") as stream:
        return stream.read()


@pytest.fixture
def git_config(tmp_path, monkeypatch):
    """git_config(text): the configuration of the user who builds."""

    def setter(text):
        (tmp_path / "gitconfig").write_text(text)
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    return setter


def test_tags_branches_and_commit_ids_mean_a_commit(repository):
    expected = {"1.0.0": repository.first, "1.1.0": repository.second, "side": repository.second,
                "main": repository.third, "refs/heads/main": repository.third, "refs/tags/1.1.0": repository.second,
                repository.first: repository.first, repository.second[:8]: repository.second,
                repository.second.upper(): repository.second}
    assert {reference: resolve(repository.path, reference) for reference in expected} == expected
    assert resolve("file://" + repository.path, repository.first[:10]) == repository.first


def test_a_tag_comes_before_a_branch_of_its_name(repository):
    repository.git("branch", "1.0.0", repository.third)
    assert resolve(repository.path, "1.0.0") == repository.first
    assert resolve(repository.path, "refs/heads/1.0.0") == repository.third


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_one_commit_is_fetched_without_the_others(repository, tmp_path, scheme):
    for number, sha in enumerate([repository.first, repository.second, repository.third]):
        target = str(tmp_path / str(number))
        commit = checkout(scheme + repository.path, sha, target)
        assert commit.sha == sha
        assert commit.time == 1700000060 + 60 * number
        assert version(target) == str(number + 1)
        assert os.path.exists(os.path.join(target, "old")) == (number == 0)
        with open(os.path.join(target, ".git", "shallow"), encoding="utf-8") as stream:
            assert stream.read().split() == [sha]


def test_a_server_that_gives_only_tips_is_asked_for_everything(repository, tmp_path, git_config):
    git_config("[protocol]\nversion = 0\n")
    target = str(tmp_path / "target")
    repository.git("tag", "--delete", "1.0.0")
    assert checkout("file://" + repository.path, repository.first, target).sha == repository.first
    assert version(target) == "1"
    assert resolve(repository.path, repository.first[:9]) == repository.first


def test_a_plain_web_server_will_do(repository, tmp_path):
    repository.git("update-server-info")
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=repository.path)
    serve.log_message = None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = "http://127.0.0.1:%d/.git" % server.server_port
        assert resolve(address, "1.1.0") == repository.second
        checkout(address, repository.first, str(tmp_path / "target"))
        assert version(str(tmp_path / "target")) == "1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("relative", [True, False])
def test_submodules_come_at_their_commits(repository, tmp_path, relative):
    inner, outer = Repository(tmp_path / "inner"), Repository(tmp_path / "outer")
    inner.commit({"version": "inner 1"})
    outer.commit({"version": "outer 1"})
    outer.git("submodule", "--quiet", "add", "../inner" if relative else inner.path, "deep/inner")
    outer.commit()
    inner.commit({"version": "inner 2"})
    repository.git("submodule", "--quiet", "add", "../outer" if relative else "file://" + outer.path, "outer")
    sha = repository.commit()
    outer.commit({"version": "outer 2"})
    target = str(tmp_path / "target")
    checkout(repository.path, sha, target)
    assert version(os.path.join(target, "outer")) == "outer 1"
    assert version(os.path.join(target, "outer", "deep", "inner")) == "inner 1"


def test_what_git_lfs_has_kept_to_itself_is_told_from_texts_that_only_look_like_it(repository, tmp_path):
    pointer = POINTER.decode() + "0" * 64 + "\nsize 12345\n"
    inner = Repository(tmp_path / "inner")
    inner.commit({".gitattributes": "*.mp4 filter=lfs diff=lfs merge=lfs -text\n", "film.mp4": pointer})
    repository.git("submodule", "--quiet", "add", inner.path, "inner")
    repository.commit({
        ".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\nsmall.png -filter\n", "web/new\nhäuser.png": pointer,
        "fetched.png": "pixels", "small.png": pointer, "long.png": pointer + "x" * 1024, "examples/pointer.txt": pointer})
    os.symlink("web/new\nhäuser.png", os.path.join(repository.path, "link.png"))
    sha = repository.commit()
    target = str(tmp_path / "target")
    checkout(repository.path, sha, target)
    paths = [os.path.relpath(os.path.join(folder, name), target)
             for folder, folders, files in os.walk(target) for name in folders + files]
    assert sorted(pointers(target, paths)) == ["inner/film.mp4", "web/new\nhäuser.png"]


def test_a_server_cannot_send_the_builder_to_its_own_disk(repository, tmp_path, git_config):
    private = Repository(tmp_path / "private")
    private.commit({"version": "private"})
    repository.git("submodule", "--quiet", "add", private.path, "private")
    sha = repository.commit()
    git_config('[url "file://%s"]\n  insteadOf = https://git.example.com/shop\n' % repository.path)
    with pytest.raises(SlipwayError, match="submodules of https://git.example.com/shop cannot be checked out"):
        checkout("https://git.example.com/shop", sha, str(tmp_path / "target"))
    assert not os.path.exists(str(tmp_path / "target" / "private" / "version"))


def test_a_submodule_cannot_start_a_program(repository, tmp_path):
    other = Repository(tmp_path / "other")
    other.commit({"version": "x"})
    repository.git("submodule", "--quiet", "add", other.path, "other")
    repository.git("config", "--file", ".gitmodules", "submodule.other.url", "ext::touch %s" % (tmp_path / "owned"))
    sha = repository.commit()
    with pytest.raises(SlipwayError, match="(?s)submodules of .* cannot be checked out.*Check their addresses in .gitmodules"):
        checkout(repository.path, sha, str(tmp_path / "target"))
    assert not (tmp_path / "owned").exists()


def test_the_user_s_hooks_and_line_endings_have_no_say(repository, tmp_path, git_config):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text("#!/bin/sh\ntouch %s\n" % (tmp_path / "owned"))
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / "attributes").write_text("* text eol=crlf\n")
    git_config("[core]\nhooksPath = %s\nautocrlf = true\nattributesFile = %s\n" % (hooks, tmp_path / "attributes"))
    sha = repository.commit({"version": "one\ntwo\n"})
    checkout(repository.path, sha, str(tmp_path / "target"))
    assert (tmp_path / "target" / "version").read_bytes() == b"one\ntwo\n"
    assert not (tmp_path / "owned").exists()


def test_an_environment_that_belongs_to_another_repository_has_no_say(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    checkout(repository.path, resolve(repository.path, "1.0.0"), str(tmp_path / "target"))
    assert version(str(tmp_path / "target")) == "1"


def test_an_unknown_reference_is_said_with_the_nearest_ones(repository):
    with pytest.raises(SlipwayError, match=r"has no tag, branch or commit '1.1.1'. Did you mean 1.1.0"):
        resolve(repository.path, "1.1.1")
    for commit_id in ("0" * 40, "abcdef0"):
        with pytest.raises(SlipwayError, match="has no tag, branch or commit '%s'. It has main, side, 1.0.0, 1.1.0. Push first" % commit_id):
            resolve(repository.path, commit_id)
    repository.git("tag", "tree", "HEAD^{tree}")
    with pytest.raises(SlipwayError):
        checkout(repository.path, resolve(repository.path, "tree"), repository.path + "-target")


def test_of_many_references_some_are_said_and_of_none_that_there_is_none(repository, tmp_path):
    for number in range(20):
        repository.git("branch", "later%02d" % number)
    with pytest.raises(SlipwayError, match="It has later00, .*, later09 and others. Push first"):
        resolve(repository.path, "abcdef0")
    with pytest.raises(SlipwayError, match="It has none at all. Push first"):
        resolve(Repository(tmp_path / "empty").path, "main")


@pytest.mark.parametrize("reference", [
    "", "-x", "--upload-pack=touch owned", "a b", "a..b", "main~1", "main^", "x:y", "a\n"])
def test_what_is_no_reference_is_refused(repository, reference):
    with pytest.raises(SlipwayError, match="is not the name of a tag, branch or commit"):
        resolve(repository.path, reference)


@pytest.mark.parametrize("address", ["", "--upload-pack=touch owned", "ext::sh -c true", "fd::17", "https://x\n/y"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(SlipwayError, match="is not the address of a git repository"):
        resolve(address, "main")


def test_a_repository_out_of_reach_is_said_without_its_password(tmp_path):
    with pytest.raises(SlipwayError, match="cannot be read"):
        resolve(str(tmp_path / "nowhere"), "main")
    with pytest.raises(SlipwayError) as caught:
        resolve("http://ada:se@cret@127.0.0.1:1/shop.git", "main")
    assert "The git repository http://127.0.0.1:1/shop.git cannot be read" in str(caught.value)
    assert "cret" not in str(caught.value)
    assert "ada" not in str(caught.value)


@pytest.fixture
def private_server(tmp_path, git_config):
    """A server that asks for a password, for all repositories of tmp_path; another one's lies in the user's own helper."""
    git_config('[credential]\n  helper = "!echo username=bob; echo password=wrong; echo >&2"\n')
    with serving(tmp_path, USER, PASSWORD) as server:
        server.address = "http://%s:%s@%s/" % (quote(USER), quote(PASSWORD, safe=""), server.authority)
        yield server


def test_a_password_reaches_its_server_and_nobody_else(repository, private_server, tmp_path):
    inner = Repository(tmp_path / "inner")
    inner.commit({"version": "inner"})
    repository.git("submodule", "--quiet", "add", inner.path, "inner")
    repository.git("config", "--file", ".gitmodules", "submodule.inner.url", "../inner")
    sha, target = repository.commit(), tmp_path / "target"
    address = private_server.address + "shop.git-work"
    assert resolve(address, "1.0.0") == repository.first
    assert resolve(address, sha[:10]) == sha
    checkout(address, sha, str(target))
    assert version(str(target)) == "3" and version(str(target / "inner")) == "inner"
    assert private_server.seen == []
    written = [path for path in target.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in written if any(secret in path.read_bytes() for secret in private_server.secrets)] == []


def test_a_wrong_password_is_said_without_it(repository, private_server):
    with pytest.raises(SlipwayError, match="cannot be read: .*Authentication failed for 'http://%s/" % private_server.authority) as caught:
        resolve("http://ada:swordfish@%s/shop.git-work" % private_server.authority, "main")
    assert "swordfish" not in str(caught.value) and "ada" not in str(caught.value)


@pytest.mark.parametrize("address", ["ssh://git:swordfish@127.0.0.1/shop.git", "https://ada:sword%0afish@127.0.0.1/shop.git"])
def test_a_password_that_git_has_no_use_for_is_refused(address):
    with pytest.raises(SlipwayError, match="has a password that git cannot use") as caught:
        resolve(address, "main")
    assert "fish" not in str(caught.value)


def test_addresses_in_a_text_lose_user_and_password():
    text = "fatal: 'https://ada:token@git.example.com/x@y' and ssh://git@host/a, mail ada@example.com"
    assert public(text) == "fatal: 'https://git.example.com/x@y' and ssh://host/a, mail ada@example.com"
