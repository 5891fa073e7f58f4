# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What stands for a media file in a sanitized set: of an image an empty one of its type and dimensions.

Of a file nothing but its type, its width and its height is looked at: no byte of it gets any further, nor what it says of the
camera, the place and the people. Anybody may have uploaded it, so whatever is strange about it makes it no image.
"""

from __future__ import annotations

import collections
import contextlib
import io
import re
import sys
import threading
import warnings

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# Types that are read and written, and of what pixels the placeholder is: as few bytes as the type allows.
PIXELS = {"JPEG": "L", "PNG": "L", "GIF": "L", "WEBP": "RGB", "BMP": "1", "TIFF": "1"}
GRAY = {"L": 192, "RGB": (192, 192, 192), "1": 1}
MOST = 50 * 1000 * 1000  # pixels: more would have to be made in memory, and are what an attack looks like
LARGE = 4 * 1000 * 1000  # pixels from which on one image is made at a time
KEPT = 16 * 1024 * 1024  # bytes of placeholders that are kept for the next image of their dimensions
LARGEST = 64 * 1024 * 1024  # bytes that are read of a file for its dimensions: some types have them behind anything, or are read as a whole
HEAD = 64 * 1024  # bytes in which the dimensions of an SVG have to be
_NUMBER = r"\d{1,5}(?:\.\d{1,3})?"
_SVG = re.compile(r"<svg(?=[\s>])[^<>]*>")  # no further than the next one begins, or many of them would take the square of their time
_SIDE = re.compile(r"\s(width|height)\s*=\s*[\"']\s*(%s)(?:px)?\s*[\"']" % _NUMBER)
_BOX = re.compile(r"\sviewBox\s*=\s*[\"']\s*(%s[ ,]+%s[ ,]+%s[ ,]+%s)\s*[\"']" % (("-?" + _NUMBER,) * 4))


class _Sparing:
    """What Pillow sees of a file: LARGEST bytes in all, then it is none."""

    def __init__(self, stream):
        self._stream = stream
        self._left = LARGEST
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size=-1):
        data = self._stream.read(self._left + 1 if size is None or size < 0 else min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise OSError("too much to read")
        return data


class Placeholders:
    """Makes them, in several threads at a time."""

    def __init__(self):
        try:
            from PIL import Image
        except ImportError as error:
            raise SlipwayError("Placeholders of images need the Python library Pillow, and %s does not find it: %s." % (sys.executable, error),
                               untouched="Nothing was changed.", hint="Install Pillow there (Debian's package is python3-pil).") from error
        Image.init()
        warnings.filterwarnings("ignore", module="PIL")  # of too many pixels, which are counted here, and of what is strange
        self._image = Image
        self._known = [name for name in PIXELS if name in Image.OPEN and name in Image.SAVE]
        self._made, self._size = collections.OrderedDict(), 0  # {(type, dimensions): bytes}
        self._turn, self._large = threading.Lock(), threading.Lock()

    def of(self, stream, name):
        """The bytes that stand for the image in a file that is open for reading; None where it is none, or one of too many pixels."""
        try:
            return _svg(stream.read(HEAD)) if name.lower().endswith(".svg") else self._of_pixels(stream)
        except Exception:  # whatever a decoder makes of what somebody has uploaded
            return None

    def _of_pixels(self, stream):
        found = self._look(stream)
        if not 0 < found[1][0] * found[1][1] <= MOST:
            return None
        with self._turn:
            made = self._made.get(found)
        if made is None:
            made = self._make(*found)
            self._keep(found, made)
        return made

    def _look(self, stream):
        """(type, (width, height)), as its head says; no pixel is read."""
        with self._image.open(_Sparing(stream), formats=self._known) as image:
            return image.format if image.format in PIXELS else "JPEG", image.size  # MPO is a JPEG with others behind it

    def _make(self, kind, size):
        with self._large if size[0] * size[1] > LARGE else contextlib.nullcontext():
            made = io.BytesIO()
            self._image.new(PIXELS[kind], size, GRAY[PIXELS[kind]]).save(made, kind)
            return made.getvalue()

    def _keep(self, found, made):
        with self._turn:
            if found not in self._made and len(made) <= KEPT // 4:
                self._made[found] = made
                self._size += len(made)
            while self._size > KEPT:
                self._size -= len(self._made.popitem(last=False)[1])


def _svg(head):
    """An SVG with the sides and the box of one, which are the only things that are read of it, and only where they are numbers."""
    tag = _SVG.search(head.decode("utf-8", "replace"))
    if not tag:
        return None
    told = dict(_SIDE.findall(tag.group(0)))
    box = _BOX.search(tag.group(0))
    if box:
        told["viewBox"] = " ".join(re.split("[ ,]+", box.group(1)))
    said = "".join(' %s="%s"' % item for item in sorted(told.items()))
    return ('<svg xmlns="http://www.w3.org/2000/svg"%s><rect width="100%%" height="100%%" fill="#c0c0c0"/></svg>\n' % said).encode("ascii")
