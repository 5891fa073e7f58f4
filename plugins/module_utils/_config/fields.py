# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the values of slipway.yml may be: each kind of value checks itself and fills in what is not said.

check() looks at what somebody wrote and refuses it by name; filled() turns a checked value into one with every key
present. A field knows nothing of files: where is the name of the document, key the dotted path inside it.
"""

from __future__ import annotations

import posixpath
import re
import shlex

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

# NUL ends a text, and UTF-8 has no place for half a pair of surrogates; JSON can write both.
_IMPOSSIBLE = re.compile(r"[\0\ud800-\udfff]")
MOST = 10 ** 9  # of seconds, and of whatever is counted: a moment that many seconds away has a date
_WHY = "It has a character in it that no program can be given."


class Field:
    """One value. expected is the word for it in an error message."""

    expected = "a value"
    types = ()

    def __init__(self, default=None, nullable=False, required=False):
        self.default = default
        self.nullable = nullable
        self.required = required

    def check(self, value, where, key):
        if value is None and self.nullable:
            return
        # In Python True is an int; in a configuration it never is.
        if not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types):
            raise self.wrong(value, where, key)
        self.check_content(value, where, key)

    def check_content(self, value, where, key):
        """Refuse a value of the right type that makes no sense."""

    def known(self, value):
        """The value without the keys that this version does not know."""
        return value

    def filled(self, value, where, key):
        return value

    def wrong(self, value, where, key, advice=None):
        words = "%s: %s must be %s, but is %s." % (where, key or "the document", self.expected, describe(value))
        return SlipwayError("%s %s" % (words, advice) if advice else words)


class Text(Field):
    """A text, of a list of choices or a pattern when there is one; pattern is (regular expression, words for it)."""

    types = (str,)

    def __init__(self, default=None, choices=None, pattern=None, **options):
        super().__init__(default, **options)
        self.choices = choices
        self.pattern = pattern
        self.expected = "a text"
        if choices:
            self.expected = "one of %s" % ", ".join(choices)
        elif pattern:
            self.expected = pattern[1]

    def check_content(self, value, where, key):
        if self.choices and value not in self.choices:
            raise self.wrong(value, where, key, nearest(value, self.choices))
        if self.pattern and not re.fullmatch(self.pattern[0], value):
            raise self.wrong(value, where, key)
        if _IMPOSSIBLE.search(value):
            raise self.wrong(value, where, key, _WHY)

    def wrong(self, value, where, key, advice=None):
        if isinstance(value, (bool, int, float)) and not self.choices:
            advice = "Put the value in quotes."
        return super().wrong(value, where, key, advice)


class Pattern(Text):
    """A regular expression of Python, or nothing."""

    def __init__(self):
        super().__init__(nullable=True)
        self.expected = "a regular expression"

    def check_content(self, value, where, key):
        super().check_content(value, where, key)
        try:
            re.compile(value, re.MULTILINE)
        except re.error as error:
            raise self.wrong(value, where, key, "It is wrong at character %s: %s." % (error.pos, error.msg)) from error


class RelativePath(Text):
    """A path inside the release, written back in its shortest form."""

    def __init__(self, **options):
        super().__init__(**options)
        self.expected = "a path inside the release, relative and without '..'"

    def check_content(self, value, where, key):
        super().check_content(value, where, key)
        parts = value.split("/")
        if value.startswith("/") or ".." in parts or posixpath.normpath(value) == ".":
            raise self.wrong(value, where, key)

    def filled(self, value, where, key):
        return None if value is None else posixpath.normpath(value)


class Number(Field):
    """A number of at least minimum, whole unless said otherwise; of at most maximum."""

    def __init__(self, default=None, minimum=0, maximum=MOST, whole=True, **options):
        super().__init__(default, **options)
        self.minimum = minimum
        self.maximum = maximum
        self.types = (int,) if whole else (int, float)
        self.expected = "a %s of at least %s" % ("whole number" if whole else "number", minimum)

    def check_content(self, value, where, key):
        if not value >= self.minimum:
            raise self.wrong(value, where, key)
        if value > self.maximum:
            raise self.wrong(value, where, key, "At most %s makes sense." % self.maximum)


class Flag(Field):
    expected = "true or false"
    types = (bool,)


class Command(Field):
    """A program and its arguments: one text, split as a shell would split it (but never run by one), or a list."""

    expected = "a command (a text, or a list of texts)"
    types = (str, list)

    def __init__(self, may_be_empty=False, **options):
        super().__init__(**options)
        self.may_be_empty = may_be_empty

    def check_content(self, value, where, key):
        if isinstance(value, list) and not all(isinstance(word, str) for word in value):
            raise self.wrong(value, where, key, "Every word of it must be a text; put numbers in quotes.")
        try:
            words = shlex.split(value) if isinstance(value, str) else value
        except ValueError as error:
            raise self.wrong(value, where, key, "It cannot be split into words: %s." % error) from error
        if not words and not self.may_be_empty or words and not words[0]:
            raise self.wrong(value, where, key)
        if any(map(_IMPOSSIBLE.search, words)):
            raise self.wrong(value, where, key, _WHY)


class ListOf(Field):
    """A list whose items are all of one kind."""

    expected = "a list"
    types = (list,)

    def __init__(self, item, **options):
        super().__init__([], **options)
        self.item = item

    def check_content(self, value, where, key):
        for index, item in enumerate(value):
            self.item.check(item, where, "%s[%d]" % (key, index))

    def known(self, value):
        return [self.item.known(item) for item in value] if isinstance(value, list) else value

    def filled(self, value, where, key):
        return [self.item.filled(item, where, "%s[%d]" % (key, index)) for index, item in enumerate(value)]


class MapOf(Field):
    """Names the user chooses, each with a value of one kind; names is (regular expression, words for it)."""

    expected = "a mapping"
    types = (dict,)

    def __init__(self, value, names):
        super().__init__({})
        self.value = value
        self.names = names

    def check_content(self, value, where, key):
        for name, content in value.items():
            if not isinstance(name, str) or not re.fullmatch(self.names[0], name):
                raise SlipwayError("%s: %s has %s as a name; it must be %s." % (
                    where, key, describe(name), self.names[1]))
            self.value.check(content, where, join(key, name))

    def known(self, value):
        return {name: self.value.known(content) for name, content in value.items()} if isinstance(value, dict) else value

    def filled(self, value, where, key):
        return {name: self.value.filled(content, where, join(key, name)) for name, content in value.items()}


class Group(Field):
    """A mapping with known keys."""

    expected = "a mapping"
    types = (dict,)

    def __init__(self, fields, **options):
        super().__init__({}, **options)
        self.fields = fields

    def check_content(self, value, where, key):
        for name, content in value.items():
            if name not in self.fields:
                raise SlipwayError("%s: unknown key %s. %s" % (where, join(key, name), nearest(name, self.fields)))
            self.fields[name].check(content, where, join(key, name))

    def known(self, value):
        if not isinstance(value, dict):
            return value
        return {name: self.fields[name].known(content) for name, content in value.items() if name in self.fields}

    def filled(self, value, where, key):
        result = {}
        for name, field in self.fields.items():
            if field.required and name not in value:
                raise SlipwayError("%s: %s is missing; it must be %s." % (where, join(key, name), field.expected))
            result[name] = field.filled(value.get(name, field.default), where, join(key, name))
        return result


class Document(Field):
    """A mapping whose content somebody else checks, or a file of the repository that has it."""

    expected = "a mapping, or a file of the repository that has it"
    types = (dict, str)
    path = RelativePath()

    def __init__(self):
        super().__init__({})

    def check_content(self, value, where, key):
        if isinstance(value, str):
            self.path.check(value, where, key)

    def filled(self, value, where, key):
        if isinstance(value, str):
            raise self.wrong(value, where, key, "The file was not read when the package was built.")
        return value


def join(key, name):
    return "%s.%s" % (key, name) if key else str(name)


def describe(value):
    """A value somebody wrote, in words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "the truth value %s" % str(value).lower()
    if isinstance(value, str):
        return "the text " + ("'%s'" % value if value.isprintable() else repr(value))
    if isinstance(value, (int, float)):
        return "the number %s" % value
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    return "of type %s" % type(value).__name__


def nearest(name, known):
    """What somebody may have meant: the known name that is near, else all of them."""
    import difflib  # only for a mistake: not compiled and loaded in every run

    near = difflib.get_close_matches(str(name), list(known), 1)
    return "Did you mean %s?" % near[0] if near else "Known: %s." % ", ".join(known)
