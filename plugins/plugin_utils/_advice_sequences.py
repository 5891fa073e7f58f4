# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the mode advisor for sequences: which ones are new, and what sets one that the old release counts on."""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.plugin_utils._advice_world import all_of, kind_of, name_of, table_of, type_words, uncast

SERIAL = ("serial", "serial2", "serial4", "serial8", "smallserial", "bigserial")


def make_sequence(table, column, definition, world):
    """What is serial or an identity has a sequence of its own."""
    identity = [item for item in all_of(definition, "Constraint") if kind_of(item.contype) == "identity"]
    types = [item.typeName for item in all_of(definition, "ColumnDef") if item.typeName is not None]
    if identity or any(type_words(item)[0] in SERIAL for item in types):
        named = [name_of(option.arg) for item in identity for option in item.options or () if option.defname == "sequence_name"]
        world.make_sequence(named[0] if named else "%s_%s_seq" % (table, column), table)


def set_sequence(named, world):
    """A sequence is named by a text, or by the two of pg_get_serial_sequence: the table and the column that it numbers."""
    named = uncast(named)
    by_column = type(named).__name__ == "FuncCall" and name_of(named.funcname) == "pg_get_serial_sequence"
    words = [getattr(getattr(uncast(word), "val", None), "sval", None) for word in (named.args or () if by_column else [named])]
    if None in words or len(words) != 1 + by_column:
        yield "behaviour", "the sequence meant", None
        return
    name = words[0].replace('"', "")
    if not by_column:
        if not _is_new_sequence(name, world):
            yield "behaviour", "the sequence " + name, None
    elif not (world.is_new("table", name) or world.column(name, words[1]) or _is_new_sequence("%s_%s_seq" % (name, words[1]), world)):
        yield "behaviour", "the sequence of %s.%s" % (name, words[1]), None


def _is_new_sequence(name, world):
    """Tools write CREATE TABLE without a schema and setval() with public, or the other way round."""
    short = name[len("public."):] if name.startswith("public.") else name
    return any(world.is_new("sequence", one) for one in ({name} if "." in short else {short, "public." + short}))


def alter_sequence(statement, world):
    name = table_of(statement.sequence)
    world.lock(name, "sequence")
    wide = {"owned_by", "maxvalue", "as", "cache", "cycle"}
    if not world.is_new("sequence", name) and {item.defname for item in statement.options or ()} - wide:
        yield "behaviour", "the sequence " + name, None
