# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Classes that are their fields, for a library that is started anew for each step on each host.

Python's own dataclasses need modules by which programs are read (inspect, ast, tokenize) and compile their methods
whenever they are imported: together a quarter of what a step took before it did anything.
"""

from __future__ import annotations


class Record:
    """Base of classes that annotate their fields, in the order in which they are given; a value beside one is its default.

    Two are equal whose class and fields are. A field is not changed once it is set, unless the class says changeable;
    those that are hidden are not shown by repr.
    """

    def __init_subclass__(cls, hidden=(), changeable=False):
        cls._fields = tuple(cls.__annotations__)
        cls._hidden = hidden
        cls._changeable = changeable

    def __init__(self, *values, **named):
        given = dict(zip(self._fields, values))
        twice, unknown = set(given) & set(named), set(named) - set(self._fields)
        if twice or unknown or len(values) > len(self._fields):
            raise TypeError("%s is %s." % (type(self).__name__, ", ".join(self._fields)))
        given.update(named)
        for name in self._fields:
            vars(self)[name] = given[name] if name in given else self._default(name)

    def _default(self, name):
        try:
            return getattr(type(self), name)
        except AttributeError:
            raise TypeError("%s is without %s." % (type(self).__name__, name)) from None

    def __setattr__(self, name, value):
        if not self._changeable or name not in self._fields:
            raise AttributeError("%s of %s is not to be changed." % (name, type(self).__name__))
        vars(self)[name] = value

    def __eq__(self, other):
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self):
        return hash(tuple(vars(self).values()))

    def __repr__(self):
        shown = ("%s=%r" % (name, value) for name, value in vars(self).items() if name not in self._hidden)
        return "%s(%s)" % (type(self).__name__, ", ".join(shown))
