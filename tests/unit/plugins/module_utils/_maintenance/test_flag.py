# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import html.parser
import json
import os
import time

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._maintenance import pages
from ansible_collections.slipway.app.plugins.module_utils._maintenance.flag import Maintenance


def read(root, name):
    with open(os.path.join(str(root), "maintenance", "on", name), encoding="utf-8") as stream:
        return stream.read()


def test_on_and_off_are_idempotent(tmp_path):
    maintenance = Maintenance(str(tmp_path))
    facts = ("since", "by", "message", "expected_seconds", "lifetime", "seconds", "overdue", "held_by")
    assert maintenance.status() == dict(dict.fromkeys(facts), on=False)
    assert not maintenance.off()
    assert maintenance.on("Moving", 60, "ann")
    first = maintenance.status()
    assert (first["on"], first["message"], first["expected_seconds"], first["by"]) == (True, "Moving", 60, "ann")
    assert not maintenance.on("Moving", 60, "bob")
    time.sleep(0.01)
    assert maintenance.on("Still moving", 90, "bob")
    second = maintenance.status()
    assert (second["message"], second["expected_seconds"]) == ("Still moving", 90)
    assert (second["since"], second["by"]) == (first["since"], "ann")
    assert second["seconds"] > first["seconds"]
    assert maintenance.off() and not maintenance.off()
    assert not maintenance.status()["on"]


def test_it_is_overdue_when_its_lifetime_is_over(tmp_path):
    maintenance = Maintenance(str(tmp_path))
    maintenance.on("Moving", 60, "ann")
    assert (maintenance.status()["lifetime"], maintenance.status()["overdue"]) == (60, False)
    assert maintenance.on("Moving", 60, "ann", lifetime=600) and not maintenance.on("Moving", 60, "ann", lifetime=600)
    path = os.path.realpath(str(tmp_path / "maintenance" / "on" / "status.json"))
    with open(path, encoding="utf-8") as stream:
        facts = json.load(stream)
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(dict(facts, since="2026-01-01T00:00:00.000Z"), stream)
    assert maintenance.status()["overdue"] and maintenance.status()["seconds"] > 600


def test_check_mode_tells_and_writes_nothing(tmp_path):
    maintenance = Maintenance(str(tmp_path))
    assert maintenance.on("Moving", 60, "ann", check=True) and os.listdir(str(tmp_path)) == []
    maintenance.on("Moving", 60, "ann")
    assert not maintenance.on("Moving", 60, "ann", check=True)
    assert maintenance.off(check=True) and maintenance.status()["on"]


def test_pages_do_not_pile_up(tmp_path):
    maintenance = Maintenance(str(tmp_path))
    for number in range(6):
        maintenance.on("Message %d" % number, 60, "ann")
        if number % 2:
            maintenance.off()
    assert len(os.listdir(str(tmp_path / "maintenance" / "pages"))) <= 3


def test_the_message_cannot_become_markup(tmp_path):
    message = "<script>alert('x')</script> & \"Käse\" @end@"
    Maintenance(str(tmp_path)).on(message, 60, "ann")
    page = read(tmp_path, "index.html")
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "@end@" in page
    shown = []
    parser = html.parser.HTMLParser()
    parser.handle_data = shown.append
    parser.feed(page)
    assert message in "".join(shown)
    assert json.loads(read(tmp_path, "index.json"))["message"] == message


def test_the_page_needs_nothing_from_elsewhere_and_names_the_end():
    page = pages.html("Moving", "2026-11-21T10:00:00.000Z", 1800)
    assert "10:30 UTC" in page and 'datetime="2026-11-21T10:30:00Z"' in page
    assert "http://" not in page and "https://" not in page and " src=" not in page and " href=" not in page
    answer = json.loads(pages.json_text("Moving", "2026-11-21T10:00:00.000Z", 1800))
    assert answer["expected_end"] == "2026-11-21T10:30:00Z" and answer["retry_after"] == 1800


def test_a_page_of_the_release_is_shown_as_it_is(tmp_path):
    (tmp_path / "down.html").write_text("<h1>Own ä</h1>\r\n", encoding="utf-8", newline="")
    maintenance = Maintenance(str(tmp_path / "root"))
    page = pages.page_of(str(tmp_path), "down.html")
    assert maintenance.on("Moving", 60, "ann", page_html=page)
    assert "<h1>Own ä</h1>" in read(tmp_path / "root", "index.html")
    assert not maintenance.on("Moving", 60, "ann", page_html=page)
    assert maintenance.on("Moving", 60, "ann")
    assert pages.page_of(str(tmp_path), None) is None
    with pytest.raises(SlipwayError, match="no-such.html cannot be read"):
        pages.page_of(str(tmp_path), "no-such.html")
    told = []
    assert pages.page_or_ours(str(tmp_path), "no-such.html", told.append) is None and "no-such.html cannot be read" in told[0]


SECRET = "only root may read it"


def _package(folder):
    """What somebody may have put into a package, or into a folder of the release that the application writes to."""
    (folder / "secret").write_text(SECRET)
    release = folder / "release"
    (release / "pages").mkdir(parents=True)
    (release / "link.html").symlink_to("../secret")
    (release / "inside.html").symlink_to("pages/own.html")
    (release / "elsewhere").symlink_to("..")
    (release / "pages" / "own.html").write_text("own")
    (release / "latin.html").write_bytes(b"\xfc")
    (release / "large.html").write_bytes(b"x" * (pages.LARGEST + 1))
    os.mkfifo(release / "pipe.html")
    return str(release)


@pytest.mark.parametrize("page", ["../secret", "pages/../../secret", "link.html", "inside.html", "elsewhere/secret", "pages", "pipe.html",
                                  "latin.html", "large.html", "absolute"])
def test_nothing_but_a_file_of_the_release_is_a_page(tmp_path, page):
    """The configuration of a package says which file it is; root reads it, and everybody is shown it."""
    release = _package(tmp_path)
    page = str(tmp_path / "secret") if page == "absolute" else page
    with pytest.raises(SlipwayError, match="cannot be read: .*without links on its way") as raised:
        pages.page_of(release, page)
    assert SECRET not in str(raised.value)
    with pytest.raises(SlipwayError, match="error_pages.502"):
        pages.put_error_pages(release, {"403": "pages/own.html", "502": page})
    assert pages.page_of(release, "pages/own.html") == "own"
    assert not os.path.exists(os.path.join(release, ".slipway", "errors"))


def test_error_pages_are_copied_for_the_web_server_to_read(tmp_path):
    release = _package(tmp_path)
    for _turn in range(2):
        pages.put_error_pages(release, {"403": "pages/own.html"})
    path, = (tmp_path / "release" / ".slipway" / "errors").iterdir()
    assert (path.name, path.read_text(), path.stat().st_mode & 0o777) == ("403.html", "own", 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be led astray")
@pytest.mark.parametrize("work", [
    lambda maintenance: maintenance.off(), lambda maintenance: maintenance.release(), lambda maintenance: maintenance.note_locked(),
    lambda maintenance: maintenance.forget_locked(), lambda maintenance: maintenance.hold("two", "Upgrade", 60, "bob"),
    lambda maintenance: maintenance.on("Moving", 60, "ann"), lambda maintenance: maintenance.off(check=True),
], ids=["off", "release", "note_locked", "forget_locked", "hold", "on", "check"])
def test_root_changes_nothing_where_a_folder_that_the_applications_user_put_there_leads(tmp_path, work):
    maintenance = Maintenance(str(tmp_path / "shop"))
    maintenance.on("Moving", 60, "ann")
    (tmp_path / "shop" / "maintenance").rename(tmp_path / "etc")
    (tmp_path / "etc" / "on" / "locked").touch()
    (tmp_path / "shop" / "maintenance").mkdir()
    (tmp_path / "shop" / "maintenance" / "on").symlink_to(tmp_path / "etc" / "on")
    os.chown(tmp_path / "shop" / "maintenance", 65534, 65534)
    before = sorted(os.walk(tmp_path))
    with pytest.raises(SlipwayError, match="maintenance is not root's alone.*chown"):
        work(maintenance)
    assert sorted(os.walk(tmp_path)) == before
