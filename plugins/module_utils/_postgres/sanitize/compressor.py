# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Write a file that is compressed as pg_dump compresses those of an archive; other threads work on meanwhile."""

from __future__ import annotations

import ctypes
import os
import zlib

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

SUFFIXES = {"none": "", "gzip": ".gz", "zstd": ".zst"}
ROOM = 256 * 1024  # bytes of what is compressed that are taken at once
_LEVEL, _GO_ON, _END = 100, 0, 2  # ZSTD_c_compressionLevel, ZSTD_e_continue, ZSTD_e_end


def known():
    """The methods that this host can do."""
    return [method for method in SUFFIXES if method != "zstd" or _libzstd()]


class File:
    """A new file of an archive, by its path less the suffix of its method; settled is a compression such as zstd:3."""

    def __init__(self, path, settled):
        method, _colon, level = settled.partition(":")
        self.path = path + SUFFIXES[method]
        self._compressor = {"none": _None, "gzip": _Gzip, "zstd": _Zstd}[method](int(level or 0))
        self._stream = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb", buffering=0)

    def write(self, data):
        for part in self._compressor.take(data):
            self._put(part)

    def close(self):
        """Write what is left. Who takes the archive over brings its files to the disk."""
        for part in self._compressor.end():
            self._put(part)
        self._stream.close()

    def _put(self, data):
        view = memoryview(data)
        while view:
            view = view[self._stream.write(view):]


class _None:
    def __init__(self, _level):
        pass

    @staticmethod
    def take(data):
        return [data]

    @staticmethod
    def end():
        return []


class _Gzip:
    def __init__(self, level):
        self._zlib = zlib.compressobj(level, zlib.DEFLATED, 31)

    def take(self, data):
        return [self._zlib.compress(data)]

    def end(self):
        return [self._zlib.flush()]


class _Buffer(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t), ("at", ctypes.c_size_t)]


def _libzstd():
    """The library that pg_dump compresses with, or None where there is none; Python has it from 3.14 on only."""
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        return None
    library.ZSTD_createCCtx.restype = ctypes.c_void_p
    library.ZSTD_freeCCtx.argtypes = [ctypes.c_void_p]
    library.ZSTD_CCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    library.ZSTD_CCtx_setParameter.restype = ctypes.c_size_t
    library.ZSTD_compressStream2.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Buffer), ctypes.POINTER(_Buffer), ctypes.c_int]
    library.ZSTD_compressStream2.restype = ctypes.c_size_t
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    return library


class _Zstd:
    def __init__(self, level):
        self._library = _libzstd()
        self._context = self._library.ZSTD_createCCtx()
        self._out = ctypes.create_string_buffer(ROOM)
        self._judge(self._library.ZSTD_CCtx_setParameter(self._context, _LEVEL, level))

    def take(self, data):
        return self._run(data, _GO_ON)

    def end(self):
        parts = list(self._run(b"", _END))
        self._library.ZSTD_freeCCtx(self._context)
        return parts

    def _run(self, data, how):
        given = _Buffer(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data), 0)
        while True:
            out = _Buffer(ctypes.addressof(self._out), ROOM, 0)
            left = self._judge(self._library.ZSTD_compressStream2(self._context, out, given, how))
            if out.at:
                yield self._out.raw[:out.at] if out.at == ROOM else ctypes.string_at(self._out, out.at)
            if given.at == len(data) and (how == _GO_ON and out.at < ROOM or how == _END and not left):
                return

    def _judge(self, result):
        if self._library.ZSTD_isError(result):
            raise SlipwayError("libzstd cannot compress: error %d." % (2 ** (8 * ctypes.sizeof(ctypes.c_size_t)) - result))
        return result
