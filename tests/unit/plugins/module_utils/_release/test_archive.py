# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers that nobody made with good intentions, and what an honest one looks like when unpacked."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import tracemalloc

import pytest

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._release.archive import unpack
from ansible_collections.slipway.app.tests.unit.plugins.module_utils._release.packages import (
    entry, folder, hard_link, layer, link)


@pytest.fixture
def release(tmp_path):
    """The folder to unpack into, with something beside it that nobody may touch."""
    (tmp_path / "outside").write_text("mine")
    (tmp_path / "release").mkdir()
    return tmp_path / "release"


def unpacked(data, directory, size=10000, files=10):
    return unpack(io.BytesIO(data), str(directory), "Layer source (sha256:abc)", size, files)


def test_an_honest_layer(release):
    umask = os.umask(0o077)
    try:
        written = unpacked(layer(
            folder("./"), folder("shop/"), entry("shop/manage.py", b"#!", mode=0o755, mtime=1000), entry("./a/b/c", b"deep"),
            entry("empty", b""), link("shop/link", "../a/b/c"), link("shop/home", ".."), hard_link("again", "a/b/c"),
            entry("new\nline \u00e9", b"odd"), entry("x" * 150 + "/" + "y" * 200, b"long")), release)
    finally:
        os.umask(umask)
    assert written == 2 + 4 + 3 + 4
    assert (release / "shop" / "link").read_bytes() == b"deep"
    assert (release / "again").samefile(release / "a/b/c")
    assert (release / "new\nline \u00e9").read_bytes() == b"odd"
    assert stat.S_IMODE((release / "shop/manage.py").stat().st_mode) == 0o755
    assert (release / "shop/manage.py").stat().st_mtime == 1000
    assert stat.S_IMODE((release / "a/b").stat().st_mode) == 0o755
    assert stat.S_IMODE((release / "a/b/c").stat().st_mode) == 0o644


def test_modes_are_reduced_to_executable_or_not(release):
    unpacked(layer(entry("tool", b"x", mode=0o6777), entry("secret", b"x", mode=0o600), folder("open", mode=0o7777)), release)
    assert [stat.S_IMODE((release / name).stat().st_mode) for name in ("tool", "secret", "open")] == [0o755, 0o644, 0o755]


@pytest.mark.parametrize("entries, words", [
    ([entry("/etc/cron.d/x", b"x")], "absolute"),
    ([entry("../outside", b"x")], "'..' in its path"),
    ([entry("a/../../outside", b"x")], "'..' in its path"),
    ([folder("..")], "'..' in its path"),
    ([entry(".", b"x")], "has no name"),
    ([link("evil", "/etc/passwd")], "leaves the release"),
    ([link("evil", "../outside")], "leaves the release"),
    ([link("a/evil", "../../outside")], "leaves the release"),
    ([link("evil", "a/../../outside")], "leaves the release"),
    ([link("a/b/up", "../.."), link("evil", "a/b/up/../outside")], "leaves the release"),
    ([link("evil", "")], "leaves the release"),
    ([hard_link("evil", "../outside")], "'..' in its path"),
    ([hard_link("evil", "/etc/passwd")], "absolute"),
    ([hard_link("evil", "nothing")], "no file of this layer"),
    ([folder("a"), link("a/l", ".."), hard_link("evil", "a/l")], "no file of this layer"),
    ([folder("a"), link("b", "a"), entry("a/f", b"x"), hard_link("evil", "b/f")], "no file of this layer"),
    ([folder("a"), link("b", "a"), entry("b/f", b"x")], "goes through 'b'"),
    ([folder("a"), link("b", "a"), folder("b")], "goes through 'b'"),
    ([folder("a"), link("a", "b")], "is there already"),
    ([link("a", "b"), entry("a", b"x")], "is there already"),
    ([entry("a", b"x"), entry("a", b"y")], "is there already"),
    ([entry("a", b"x"), entry("./a", b"y")], "is there already"),
    ([entry("a", b"x"), entry("a/b", b"y")], "goes through 'a'"),
    ([entry("pipe", type=tarfile.FIFOTYPE)], "neither a file"),
    ([entry("disk", type=tarfile.BLKTYPE, devmajor=8)], "neither a file"),
    ([entry("tty", type=tarfile.CHRTYPE, devmajor=5)], "neither a file"),
    ([entry("odd", type=b"Z")], "neither a file"),
    ([entry(".slipway/release.json", b"{}")], "reserved for Slipway"),
    ([folder("./.slipway")], "reserved for Slipway"),
    ([entry("x", b"x", pax_headers={"path": "a\0b"})], "NUL"),
    ([entry("a", b"x" * 6000), entry("b", b"x" * 6000)], "more than the 10000 bytes"),
    ([entry("n" * 300, b"x")], "File name too long"),
    ([entry("/".join("d" * 300), b"x")], "more than 200 folders deep"),
])
def test_hostile_entries_are_refused(release, entries, words):
    with pytest.raises(SlipwayError) as refused:
        unpacked(layer(*entries), release)
    assert words in str(refused.value)
    assert "Layer source (sha256:abc)" in str(refused.value)
    assert (release.parent / "outside").read_text() == "mine"
    assert sorted(path.name for path in release.parent.iterdir()) == ["outside", "release"]


def test_a_second_layer_cannot_reach_through_a_link_of_the_first(release):
    unpacked(layer(folder("a"), link("media", "a")), release)
    with pytest.raises(SlipwayError, match="goes through 'media'"):
        unpacked(layer(entry("media/f", b"x")), release)
    with pytest.raises(SlipwayError, match="is there already"):
        unpacked(layer(link("a", "elsewhere")), release)
    assert (release / "a").is_dir()


def test_a_bomb_of_headers_ends_early(release):
    member = tarfile.TarInfo("comment")
    member.pax_headers = {"comment": "x" * (80 * 1024 * 1024)}
    with pytest.raises(SlipwayError, match="more than 65536 bytes of headers"):
        unpacked(layer((member, None)), release, 100, 1)


def header(kind, size, name="././@LongLink"):
    """The block with which something begins that tarfile reads before it says that there is an entry."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def sparse(blocks):
    """A file with holes, whose map goes on for so many blocks of 21 pieces each."""
    head = bytearray(header(tarfile.GNUTYPE_SPARSE, 0, "x"))
    head[482] = 1
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + (b"00000000001\0" * 42 + b"\1" + bytes(7)) * blocks


@pytest.mark.parametrize("bomb", [
    header(tarfile.GNUTYPE_LONGNAME, 30 << 20) + bytes(30 << 20), header(tarfile.GNUTYPE_LONGLINK, 30 << 20) + bytes(30 << 20),
    header(tarfile.XHDTYPE, 30 << 20) + bytes(30 << 20), header(tarfile.XGLTYPE, 30 << 20) + bytes(30 << 20), sparse(20000)],
    ids=["name", "link", "pax", "global-pax", "sparse"])
def test_what_a_package_states_is_for_files_and_not_for_what_the_memory_has_to_hold(release, bomb):
    """tarfile reads all of a header before anybody sees the entry; the first file is honest, and what it may take is not for the next."""
    data = gzip.compress(gzip.decompress(layer(entry("a", b"x" * 100000)))[:100864] + bomb, 1)
    tracemalloc.start()
    try:
        with pytest.raises(SlipwayError, match="more than 65536 bytes of headers"):
            unpacked(data, release, 100 << 20, 100000)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE], ids=["pax", "global-pax"])
def test_nothing_of_an_entry_stays_in_memory(release, kind):
    data = b"".join(header(kind, 61440, "pax") + (b"61440 key%04d=" % number).ljust(61439, b"x") + b"\n" + header(tarfile.REGTYPE, 0, "f%d" % number)
                    for number in range(200))
    data = gzip.compress(data + bytes(1024), 1)
    tracemalloc.start()
    try:
        unpacked(data, release, 0, 200)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()
    assert len(os.listdir(release)) == 200


def test_more_entries_than_stated_are_refused(release):
    """Each takes an inode of the host's disk, whether or not there are bytes in it."""
    with pytest.raises(SlipwayError, match="holds more than the 0 bytes or the 2 entries"):
        unpacked(layer(entry("a", b""), folder("b"), link("c", "a")), release, 0, 2)
    assert sorted(path.name for path in release.iterdir()) == ["a", "b"]


def negative_size():
    """A header whose size field says -512: old tarfile modules read the same header for ever."""
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return gzip.compress(bytes(header) * 2 + bytes(1024))


@pytest.mark.parametrize("data", [
    b"", b"not gzip at all", gzip.compress(b""), gzip.compress(b"not tar" * 100), layer(entry("a", b"x" * 3000))[:-100],
    layer(entry("a", b"x")) + b"rubbish", gzip.compress(gzip.decompress(layer(entry("a", b"x" * 3000)))[:1024]),
    negative_size(), gzip.compress(sparse(0))],
    ids=["empty", "text", "nothing", "no-tar", "cut", "rubbish-after", "cut-inside", "negative-size", "cut-sparse"])
def test_broken_archives_are_named(release, data):
    with pytest.raises(SlipwayError, match="Layer source .sha256:abc. (is no valid archive|is refused)"):
        unpacked(data, release)


def test_the_stream_is_always_read_to_its_end(release):
    """Only there it can say that the bytes are the wrong ones; and that explains a broken archive better."""

    class Checked(io.BytesIO):
        def read(self, size=-1):
            data = super().read(size)
            if not data and size:
                raise SlipwayError("wrong digest")
            return data

    for data in (layer(entry("a", b"x")), layer(entry("../a", b"x")), b"rubbish", layer(entry("b", b"x" * 300))[:-100]):
        with pytest.raises(SlipwayError, match="wrong digest"):
            unpack(Checked(data), str(release), "Layer", 1000, 10)
