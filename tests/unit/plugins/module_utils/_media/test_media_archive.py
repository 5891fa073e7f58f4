# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders of media: of the same type and dimensions, and nothing of the originals."""

from __future__ import annotations

import builtins
import contextlib
import gzip
import io
import os
import struct
import tarfile
import zlib

import pytest
from PIL import Image

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._media import archive as archives
from ansible_collections.slipway.app.plugins.module_utils._media import placeholders
from ansible_collections.slipway.app.plugins.module_utils._media.archive import MediaArchive

SECRET = b"Ada Lovelace, 52.5 N 13.4 E"


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "media"
    (folder / "deep" / "er").mkdir(parents=True)
    return folder


def picture(path, kind, size, **more):
    """A file of noise that has a secret in it wherever its type lets it."""
    image = Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))
    if kind == "GIF":
        image = image.convert("P")
    if kind in ("JPEG", "WEBP", "PNG", "TIFF"):
        exif = Image.Exif()
        exif[0x010E] = SECRET.decode("ascii")
        more["exif"] = exif
    if kind == "JPEG":
        more["comment"] = SECRET
    image.save(path, kind, **more)
    with open(path, "ab") as stream:
        stream.write(SECRET)


def unpacked(path):
    """{name: bytes} of an archive."""
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


@pytest.mark.parametrize("kind, name", [
    ("JPEG", "a.jpg"), ("PNG", "b.PNG"), ("GIF", "c"), ("WEBP", "d.webp"), ("BMP", "e.bmp"), ("TIFF", "f.tif"), ("MPO", "g.jpg")])
def test_an_image_becomes_another_one_that_its_type_and_dimensions_alone_decide(media, tmp_path, kind, name):
    made = []
    for _number in range(2):
        picture(media / "deep" / name, kind, (67, 31))
        assert SECRET in (media / "deep" / name).read_bytes()
        archive = MediaArchive(media, tmp_path / "media.tar.gz")
        archive.write()
        assert archive.count == {"images": 1, "emptied": 0, "left_out": 0}
        made += unpacked(tmp_path / "media.tar.gz").items()
    assert made[0] == made[1] and made[0][0] == "deep/" + name and SECRET not in made[0][1]
    with Image.open(io.BytesIO(made[0][1])) as image:
        assert image.size == (67, 31) and image.format == {"MPO": "JPEG"}.get(kind, kind) and 0x010E not in image.getexif()
        darkest, brightest = image.convert("L").getextrema()
        assert darkest == brightest


def test_the_same_files_give_the_same_bytes_and_check_mode_tells_it(media, tmp_path):
    for number in range(40):
        picture(media / "deep" / ("%d.png" % number), "PNG", (5 + number % 3, 7))
    (media / "deep" / "er" / "letter.pdf").write_bytes(SECRET)
    dest = tmp_path / "media.tar.gz"
    foretold = MediaArchive(media, dest, "empty", jobs=3).write(check=True)
    assert not dest.exists() and os.listdir(tmp_path) == ["media"]
    assert MediaArchive(media, dest, "empty", jobs=1).write() == foretold and foretold == (True, dest.stat().st_size)
    assert dest.read_bytes()[4:8] == bytes(4)  # of no time
    there = dest.stat().st_ino
    assert MediaArchive(media, dest, "empty", jobs=4).write() == (False, foretold[1]) and dest.stat().st_ino == there
    assert sorted(os.listdir(tmp_path)) == ["media", "media.tar.gz"]
    found = unpacked(dest)
    assert len(found) == 41 and found["deep/er/letter.pdf"] == b"" and SECRET not in gzip.decompress(dest.read_bytes())
    archive = MediaArchive(media, dest)
    assert archive.write()[0] and archive.count == {"images": 40, "emptied": 0, "left_out": 1} and len(unpacked(dest)) == 40


def png(width, height):
    """The head of a PNG, and nothing behind it."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 10) + b"IDAT"


HOSTILE = {
    "bomb.png": png(60000, 60000), "larger.png": png(8000, 8000), "nothing.png": png(0, 0), "half.jpg": b"\xff\xd8\xff\xe0", "none.gif": b"GIF89a",
    "text.jpg": b"<?php echo 1;", "empty.png": b"", "tiff.tif": b"II*\0\xff\xff\xff\xff", "ps.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "laughs.svg": b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>&a;', "new\nline.png": b"x", "-rf.png": b"x", b"\xff.png": b"x"}


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_what_is_strange_is_no_image(media, tmp_path, name):
    with open(os.path.join(os.fsencode(media), os.fsencode(name)), "wb") as stream:
        stream.write(HOSTILE[name])
    archive = MediaArchive(media, tmp_path / "media.tar.gz", "empty")
    archive.write()
    assert archive.count == {"images": 0, "emptied": 1, "left_out": 0}
    assert list(unpacked(tmp_path / "media.tar.gz").items()) == [(os.fsdecode(name), b"")]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("name", ["chunk.png", "whole.webp"])
def test_no_more_than_so_much_is_read_for_dimensions(media, tmp_path, monkeypatch, name):
    """A file of holes takes no disk and may say that it is of any size."""
    head = png(5, 5)[:33]
    with open(media / name, "wb") as stream:
        stream.write(head + chunk(b"prIv", bytes(3000)) + chunk(b"IDAT", b"") if name == "chunk.png" else b"RIFF" + struct.pack("<I", 5000) + b"WEBPVP8 ")
        stream.truncate(5000)
    with open(media / "good.png", "wb") as stream:  # it is of some kilobytes, too, but they are not looked at
        stream.write(head + chunk(b"IDAT", bytes(9000)))
    read = []
    monkeypatch.setattr(placeholders, "LARGEST", 1000)
    monkeypatch.setattr(archives.os, "fdopen", lambda descriptor, mode, opened=os.fdopen: Counted(opened(descriptor, mode), read))
    archive = MediaArchive(media, tmp_path / "media.tar.gz", jobs=1)
    archive.write(check=True)
    assert archive.count == {"images": 1, "emptied": 0, "left_out": 1} and max(read) <= 1001, read


class Counted:
    """An open file that tells how much is read at a time."""

    def __init__(self, stream, read):
        self._stream, self._read = stream, read
        self.seek, self.tell = stream.seek, stream.tell

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._stream.close()

    def read(self, size=-1):
        data = self._stream.read(size)
        self._read.append(len(data))
        return data


def test_an_svg_of_many_beginnings_takes_no_time(media, tmp_path):
    """In steps of the expression, which is what it took: each began a look at all that followed."""
    (media / "a.svg").write_text("<svg " * 13000, encoding="utf-8")
    matched = placeholders._SVG.search("<svg " * 13000 + ">")
    assert matched.group(0) == "<svg >"  # the last one, and not from the first on
    archive = MediaArchive(media, tmp_path / "media.tar.gz")
    archive.write()
    assert archive.count["left_out"] == 1


def test_the_folder_may_be_named_by_a_link(media, tmp_path):
    picture(media / "own.png", "PNG", (3, 3))
    os.symlink(media, tmp_path / "current")
    MediaArchive(tmp_path / "current", tmp_path / "media.tar.gz").write()
    assert list(unpacked(tmp_path / "media.tar.gz")) == ["own.png"]
    with pytest.raises(SlipwayError, match="among the media"):
        MediaArchive(tmp_path / "current", media / "media.tar.gz").write()


def test_what_a_killed_one_has_left_is_written_over_by_the_next(media, tmp_path):
    picture(media / "own.png", "PNG", (3, 3))
    dest = tmp_path / "media.tar.gz"
    child = os.fork()
    if not child:
        with archives._Sink(str(dest)) as sink:
            sink.write(b"half" * 1000000)
            os._exit(9)  # as if it was killed
    os.waitpid(child, 0)
    left = set(os.listdir(tmp_path)) - {"media"}
    assert len(left) == 1 and not dest.exists()
    MediaArchive(media, dest).write()
    assert list(unpacked(dest)) == ["own.png"] and set(os.listdir(tmp_path)) == {"media", dest.name}


def test_the_file_beside_is_neither_another_ones_nor_anything_else(media, tmp_path):
    picture(media / "own.png", "PNG", (3, 3))
    dest, victim = tmp_path / "media.tar.gz", tmp_path / "victim"
    with archives._Sink(str(dest)) as sink:
        beside = sink._beside
        with pytest.raises(SlipwayError, match="somebody else is writing it"):
            MediaArchive(media, dest).write()
    victim.write_bytes(SECRET)
    for put in (os.symlink, os.link):
        put(victim, beside)
        with pytest.raises(SlipwayError, match="cannot be begun"):
            MediaArchive(media, dest).write()
        os.unlink(beside)
    assert victim.read_bytes() == SECRET and not dest.exists()


def test_an_svg_keeps_numbers_alone(media, tmp_path):
    (media / "a.svg").write_text('<?xml version="1.0"?><!-- %s --><svg viewBox="0 0 10.5, 20" width="10px" height="&x;" onload="evil()"><text>%s</text></svg>'
                                 % (SECRET, SECRET), encoding="utf-8")
    MediaArchive(media, tmp_path / "media.tar.gz").write()
    made = unpacked(tmp_path / "media.tar.gz")["a.svg"].decode("ascii")
    assert made == ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10.5 20" width="10"><rect width="100%" height="100%" fill="#c0c0c0"/></svg>\n')


def test_links_pipes_and_what_cannot_be_read_are_left_out(media, tmp_path):
    picture(tmp_path / "outside.png", "PNG", (3, 3))
    (tmp_path / "elsewhere").mkdir()
    picture(tmp_path / "elsewhere" / "a.png", "PNG", (3, 3))
    os.symlink(tmp_path / "outside.png", media / "file.png")
    os.symlink(tmp_path / "elsewhere", media / "folder")
    os.symlink("/nowhere", media / "broken")
    os.mkfifo(media / "pipe.png")
    picture(media / "own.png", "PNG", (3, 3))
    archive = MediaArchive(media, tmp_path / "media.tar.gz", "empty")
    archive.write()
    assert list(unpacked(tmp_path / "media.tar.gz")) == ["own.png"]
    assert archive.count == {"images": 1, "emptied": 0, "left_out": 4} and archive.unread == []


def test_what_cannot_be_opened_is_named(media, tmp_path, monkeypatch):
    picture(media / "own.png", "PNG", (3, 3))
    opened = os.open

    def refuse(path, *arguments, **more):
        if path == "own.png":
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *arguments, **more)

    monkeypatch.setattr(archives.os, "open", refuse)
    archive = MediaArchive(media, tmp_path / "media.tar.gz")
    archive.write()
    assert archive.unread == ["own.png"] and archive.count["left_out"] == 1


def test_folders_without_end_are_not_gone_into(media, tmp_path):
    deep = media.joinpath(*(["d"] * 110))
    deep.mkdir(parents=True)
    picture(deep / "a.png", "PNG", (3, 3))
    archive = MediaArchive(media, tmp_path / "media.tar.gz")
    archive.write()
    assert unpacked(tmp_path / "media.tar.gz") == {} and len(archive.unread) == 1


def test_large_ones_are_made_one_after_the_other_and_kept_within_bounds(media, tmp_path, monkeypatch):
    monkeypatch.setattr(placeholders, "LARGE", 10)
    monkeypatch.setattr(placeholders, "KEPT", 1000)
    for number in range(12):
        picture(media / ("%d.png" % number), "PNG", (10 + number, 10))
    MediaArchive(media, tmp_path / "media.tar.gz", jobs=4).write()
    assert [Image.open(io.BytesIO(made)).size for _name, made in sorted(unpacked(tmp_path / "media.tar.gz").items(), key=lambda item: int(item[0][:-4]))] == [
        (10 + number, 10) for number in range(12)]


@pytest.mark.parametrize("check", [False, True])
def test_whether_it_can_be_made_is_looked_at_without_a_look_at_the_media(media, tmp_path, check):
    picture(media / "own.png", "PNG", (3, 3))
    dest = tmp_path / "media.tar.gz"
    dest.write_bytes(b"old")
    archive = MediaArchive(media, dest)
    archive.look(check)
    assert dest.read_bytes() == b"old" and set(os.listdir(tmp_path)) == {"media", dest.name} and not archive.count["images"]
    with pytest.raises(SlipwayError, match="no folder"):
        MediaArchive(media / "none", dest).look(check)
    with archives._Sink(str(dest)), contextlib.nullcontext() if check else pytest.raises(SlipwayError, match="somebody else is writing it"):
        archive.look(check)


@pytest.mark.parametrize("dest, words", [
    ("media/a.tar.gz", "among the media"), ("media/deep/a", "among the media"), ("no/a", "in none"), ("media", "is a folder")])
def test_what_cannot_be_meant_is_refused(media, tmp_path, dest, words):
    with pytest.raises(SlipwayError, match=words):
        MediaArchive(media, tmp_path / dest).write()
    with pytest.raises(SlipwayError, match="no folder"):
        MediaArchive(media / "none", tmp_path / "a").write()


def test_an_error_leaves_the_old_archive(media, tmp_path, monkeypatch):
    dest = tmp_path / "media.tar.gz"
    dest.write_bytes(b"old")
    picture(media / "a.png", "PNG", (3, 3))

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        MediaArchive(media, dest).write()
    assert dest.read_bytes() == b"old" and sorted(os.listdir(tmp_path)) == ["media", "media.tar.gz"]


def test_without_pillow_it_says_so(media, tmp_path, monkeypatch):
    imported = builtins.__import__

    def refuse(name, *arguments, **more):
        if name.startswith("PIL"):
            raise ImportError("No module named 'PIL'")
        return imported(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SlipwayError, match="Pillow") as caught:
        MediaArchive(media, tmp_path / "a").write()
    assert "python3-pil" in caught.value.hint
