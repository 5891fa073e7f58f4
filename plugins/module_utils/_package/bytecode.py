# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Python's bytecode in a package: what build.compile has made of the sources in it, and no other.

What else is there was compiled by whoever happened to import it: it holds the times of this checkout, or was made of what is
gone. And bytecode tells all that its source does, which may have to stay out.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil

FOLDER, SUFFIX = "__pycache__", ".pyc"
PATTERNS = (FOLDER, "*" + SUFFIX)  # in the notation of build.exclude
# The source's name may have dots, what follows it has none: importlib.util.cache_from_source makes such names.
_MADE = re.compile(r"(.*/|)%s/([^/]+?)\.[^./]+(?:\.opt-[^./]+)?%s" % (FOLDER, re.escape(SUFFIX)), re.DOTALL)


def remove(directory):
    """Remove all that has the name of bytecode, wherever it is in the folder."""
    for folder, folders, files in os.walk(directory):
        for name in filter(_is_bytecode, folders + files):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)


def with_sources(directory, paths):
    """The relative paths without bytecode whose source is none of them; of __pycache__ nothing else.

    What was made of a link stays out as well: the link may lead to what has to.
    """
    there = {path for path in paths if not any(map(_is_bytecode, path.split("/")))}
    made = {path for path in paths if _source(path) in there and not os.path.islink(os.path.join(directory, _source(path)))}
    kept = there | made | set(map(posixpath.dirname, made))
    return [path for path in paths if path in kept]


def _is_bytecode(name):
    return name == FOLDER or name.endswith(SUFFIX)


def _source(path):
    match = _MADE.fullmatch(path)
    return match and match.group(1) + match.group(2) + ".py"
