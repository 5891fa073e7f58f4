# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Files that say nothing, by kind: what stands in a masked column in the place of somebody's picture or document.

Each is the smallest whole one of its kind: a picture of one pixel, a document of one empty page. Adding a kind is adding its bytes.
"""

from __future__ import annotations

import base64


def _pdf():
    """A document of one empty page; its table of contents says where in it each of its parts begins."""
    parts = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
    data, places = b"%PDF-1.4\n", [b"0000000000 65535 f \n"]
    for number, part in enumerate(parts, 1):
        places.append(b"%010d 00000 n \n" % len(data))
        data += b"%d 0 obj%sendobj\n" % (number, part)
    return data + b"xref\n0 %d\n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(places), b"".join(places), len(places), len(data))


# kind: (MIME type, bytes)
KINDS = {
    "png": ("image/png", base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg==")),
    "gif": ("image/gif", base64.b64decode("R0lGODdhAQABAIAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw==")),
    "jpeg": ("image/jpeg", base64.b64decode(
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP////////////////////////////////////////////////////////////////////////////////////"
        "//wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AR//Z")),
    "pdf": ("application/pdf", _pdf()),
    "txt": ("text/plain", b"left out\n"),
}
FORMS = ("base64", "data")  # how bytes are written in a text: by themselves, or as an address of the scheme data


def written(kind, form):
    """The file of a kind as a text."""
    mime, data = KINDS[kind]
    return ("data:%s;base64," % mime if form == "data" else "") + base64.b64encode(data).decode("ascii")


def all_written():
    """All that a mask can write, to know it again."""
    return [written(kind, form) for kind in KINDS for form in FORMS]
