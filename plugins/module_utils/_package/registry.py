# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A package store in a registry that speaks the OCI distribution protocol: Harbor, docker-registry, GitLab, GHCR...

A location is the registry's URL and what its repositories begin with: at https://registry.example.com:5000/team, the
package shop:1.0.0 is tag 1.0.0 of the repository team/shop. The bytes and digests are those of a layout.

What a registry cannot do: compare and set a tag in one step (so of two who push one tag in the same moment, the later one
wins), and say when something was pushed (so the time of the commit stands for it).
"""

from __future__ import annotations

import copy
import functools
import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._package import artifact
from ansible_collections.slipway.app.plugins.module_utils._package.blob import VerifiedReader
from ansible_collections.slipway.app.plugins.module_utils._package.http_client import DELAYS, NETWORK, TIMEOUT, Client, as_json
from ansible_collections.slipway.app.plugins.module_utils._package.interface import DOCUMENT_LIMIT, PackageStore
from ansible_collections.slipway.app.plugins.module_utils._package.name import DIGEST, REPOSITORY, PackageName
from ansible_collections.slipway.app.plugins.module_utils._package.workspace import private_folder, workspace

MANIFESTS = ", ".join((artifact.MANIFEST, artifact.INDEX))
PART = 32 * 1024 * 1024  # bytes of a blob in one request; what reverse proxies refuse is larger as a rule
COMMIT = 300  # seconds for a registry to put a blob in its place: some copy all of it, within the last request of an upload
CHUNK = 256 * 1024
PARALLEL = 4  # requests at the same time
PAGE = 1000  # tags or repositories that are asked for at once
NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
DAMAGED = "The registry does not take one that it has: let whoever keeps it remove the blob or bring it back, then build the package again with force."


class RegistryStore(PackageStore):
    """Packages in the registry at location (a URL). auth as Client has it.

    Reading by digest needs a repository, since that is where registries keep blobs: of(name) gives a store that has it.
    """

    remote = True

    def __init__(self, location, auth=None):
        self.location = location.rstrip("/")
        base, self._prefix = _parse(self.location)
        self._client = Client(base, auth)
        self._repository = None
        self._manifests = {}  # {digest: bytes} of those that a tag led to

    def of(self, name):
        if not name.repository:
            raise SlipwayError("A digest alone does not say in which repository of the registry %s the package is."
                               % self.location, hint="Name it as in shop@%s." % name.digest)
        other = copy.copy(self)
        other._repository = name.repository
        return other

    # Reading

    def tag_digest(self, name):
        data = self._manifest(name.repository, name.tag)
        if data is None:
            return None
        digest = artifact.digest_of(data)
        self._manifests[digest] = data
        return digest

    def has_manifest(self, digest):
        with self._ask("HEAD", self._repository, "manifests/" + digest, {"Accept": MANIFESTS}, (200, 404)) as response:
            return response.code == 200

    def listed(self, name, digest):
        return artifact.entry(str(name), digest, self.manifest(digest))

    def list(self, repository=None):
        repositories = self._repositories() if repository is None else [repository]
        names = [PackageName(one, tag) for one in repositories for tag in self._pages(
            self._url(one, "tags/list?n=%d" % PAGE), self._path(one), "tags")]
        with ThreadPoolExecutor(PARALLEL) as executor:
            found = [entry for entry in executor.map(self._listed_tag, names) if entry]
        return sorted(found, key=lambda entry: (entry["pushed_at"], entry["package"]), reverse=True)

    def read_manifest(self, digest):
        data = self._manifests.get(digest) or self._manifest(self._repository, digest)
        if data is None:
            raise self._missing(digest)
        if artifact.digest_of(data) != digest:
            raise SlipwayError("Blob %s in the package store %s is damaged: its content is not that of its digest."
                               % (digest, self.location), untouched="Nothing of it was used.", hint=DAMAGED)
        return data

    def read_document(self, digest, size=None):
        if size is None or size > DOCUMENT_LIMIT:
            raise SlipwayError("Blob %s is too large for a config: %s bytes." % (digest, size))
        with self.open_blob({"digest": digest, "size": size}) as reader:
            return b"".join(iter(lambda: reader.read(CHUNK), b""))  # a connection that breaks ends one piece, not the document

    def open_blob(self, descriptor):
        return VerifiedReader(_Download(self, descriptor), descriptor, self.location, DAMAGED)

    def blob_from(self, digest, offset):
        """The response with a blob from an offset on; None where the blob ends there."""
        if not DIGEST.match(digest):
            raise SlipwayError("'%s' is not a digest (sha256: and 64 hex digits)." % digest)
        headers = {"Range": "bytes=%d-" % offset} if offset else {}
        response = self._ask("GET", self._repository, "blobs/" + digest, headers, (200, 206, 404, 416))
        if response.code in (404, 416):
            response.close()
            if response.code == 404:
                raise self._missing(digest)
            return None
        if offset and response.code == 200:  # it does not know ranges: read over what is here already
            while offset:
                offset -= len(response.read(min(offset, CHUNK))) or offset
        return response

    # Writing

    def workspace(self):
        return workspace(private_folder("builds"))

    def publish(self, name, files, documents, manifest, expected):
        digest, repository = artifact.digest_of(manifest), name.repository
        blobs = [(artifact.digest_of(data), len(data), _Bytes(data)) for data in documents]
        blobs += [(content, os.stat(path).st_size, _File(path)) for path, content in files]
        self._refuse_moved(name, expected, digest)
        with ThreadPoolExecutor(PARALLEL) as executor:
            list(executor.map(lambda blob: self._upload(repository, *blob), blobs))
        # As late as can be: a registry has no way to set a tag only if it is still what it was.
        if self._refuse_moved(name, expected, digest) == digest:
            return False
        headers = {"Content-Type": artifact.MANIFEST, "Content-Length": str(len(manifest))}
        self._ask("PUT", repository, "manifests/" + name.tag, headers, (201,), lambda: [manifest]).close()
        if self.tag_digest(name) != digest:
            raise _moved(name, self.location)
        return True

    def _refuse_moved(self, name, expected, digest):
        current = self.tag_digest(name)
        if current not in (expected, digest):
            raise _moved(name, self.location)
        return current

    def _upload(self, repository, digest, size, content):
        """Put a blob in unless it is there; a session that fails is begun again, for this blob alone."""
        for delay in DELAYS + (None,):
            # Each time: a session whose last answer was lost is forgotten, for it has done its work.
            with self._ask("HEAD", repository, "blobs/" + digest, {}, (200, 404)) as response:
                if response.code == 200:
                    return
            try:
                self._upload_once(repository, digest, size, content)
                return
            except SlipwayError as error:
                # 404: the session is forgotten; 416: another part was expected; 400: the bytes were damaged on the way.
                if delay is None or error.facts.get("status") not in (400, 404, 416):
                    raise
            time.sleep(delay)

    def _upload_once(self, repository, digest, size, content):
        # Where to go on is in each answer, and another one each time.
        place = self._session("POST", self._url(repository, "blobs/uploads/"), repository, (202,), 0)
        for begin in range(0, size, PART):
            length = min(PART, size - begin)
            part = functools.partial(content.read, begin, length)
            place = self._session("PATCH", place, repository, (202,), length, part, {
                "Content-Type": "application/octet-stream", "Content-Range": "%d-%d" % (begin, begin + length - 1)})
        self._session("PUT", "%s%sdigest=%s" % (place, "&" if "?" in place else "?", digest), repository, (201,), 0, timeout=COMMIT)

    def _session(self, method, url, repository, expected, length, body=None, headers=None, timeout=TIMEOUT):
        """One request of an upload; returns where the next one goes."""
        headers = dict(headers or {}, **{"Content-Length": str(length)})
        with self._client.ask(method, url, self._path(repository), headers, body, expected, timeout) as response:
            return urljoin(response.geturl(), response.headers.get("Location") or "")

    # How

    def _path(self, repository):
        return "/".join(part for part in (self._prefix, repository) if part)

    def _url(self, repository, what):
        return "/v2/%s/%s" % (self._path(repository), what)

    def _ask(self, method, repository, what, headers, expected, body=None):
        return self._client.ask(method, self._url(repository, what), self._path(repository), headers, body, expected)

    def _manifest(self, repository, reference):
        """The bytes of a manifest, or None."""
        response, data = self._client.read(self._url(repository, "manifests/" + reference), self._path(repository),
                                           {"Accept": MANIFESTS}, (200, 404), DOCUMENT_LIMIT)
        if response.code == 404:
            return None
        if len(data) > DOCUMENT_LIMIT:
            raise SlipwayError("The manifest %s in the package store %s is too large." % (reference, self.location))
        return data

    def _listed_tag(self, name):
        """What list says of a tag; None for a tag that is gone meanwhile, or is no package of ours."""
        data = self._manifest(name.repository, name.tag)
        try:
            return artifact.entry(str(name), artifact.digest_of(data), json.loads(data.decode("utf-8"))) if data is not None else None
        except (ValueError, AttributeError):
            return None

    def _repositories(self):
        """The repositories below the prefix, without it."""
        begin = self._prefix + "/" if self._prefix else ""
        try:
            names = self._pages("/v2/_catalog?n=%d" % PAGE, "_catalog", "repositories")
        except SlipwayError as error:
            raise SlipwayError("The registry %s does not say which repositories it has. %s" % (self.location, error.message),
                               hint="Name the packages to list, such as shop.") from error
        return [name[len(begin):] for name in names if name.startswith(begin)]

    def _pages(self, url, right, key):
        """All items of a list that comes in pages; nothing where there is no such list."""
        found, seen, url = [], set(), urljoin(self._client.base, url)
        while url and url not in seen:  # a registry that names a page twice would do so for ever
            seen.add(url)
            response, data = self._client.read(url, right, expected=(200, 404))
            if response.code == 404:
                break
            found += as_json(data, "the registry " + self.location).get(key) or []
            more = NEXT.search(response.headers.get("Link") or "")
            url = urljoin(response.geturl(), more.group(1)) if more else None
        return found

    def _missing(self, digest):
        return SlipwayError("Blob %s is missing in the package store %s." % (digest, self.location),
                            hint="Build the package again with force, or copy it from a store where it is whole.")


class _Download:
    """A blob as a stream that goes on where its connection broke."""

    def __init__(self, store, descriptor):
        self._store = store
        self._digest = descriptor["digest"]
        self._size = descriptor["size"]
        self._at = 0
        self._response = store.blob_from(self._digest, 0)

    def read(self, size=-1):
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        for delay in DELAYS + (None,):
            broken, data = None, b""
            try:
                if self._response is None:
                    self._response = self._store.blob_from(self._digest, self._at)
                if self._response is None:
                    return b""  # it ends here, whatever its size should be
                data = self._response.read(size)
            except NETWORK as error:
                broken = error
            self._at += len(data)
            if data or size == 0 or self._at >= self._size:
                return data
            self.close()
            time.sleep(delay or 0)
        raise SlipwayError("Reading blob %s from the package store %s broke off at %d of %d bytes: %s." % (
            self._digest, self._store.location, self._at, self._size, broken or "the connection ended")) from broken

    def close(self):
        if self._response is not None:
            self._response.close()
            self._response = None


class _Bytes:
    """A small blob to upload."""

    def __init__(self, data):
        self._data = data

    def read(self, begin, length):
        yield self._data[begin:begin + length]


class _File:
    """A blob to upload that is in a file."""

    def __init__(self, path):
        self._path = path

    def read(self, begin, length):
        """Yield length bytes from begin on, in pieces."""
        with open(self._path, "rb") as stream:
            stream.seek(begin)
            while length:
                piece = stream.read(min(length, CHUNK))
                if not piece:
                    return
                length -= len(piece)
                yield piece


def _parse(location):
    """(URL of the registry without a path, prefix of its repositories) of a location."""
    parts = urlsplit(location)
    prefix = parts.path.strip("/")
    try:
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.query or parts.fragment \
            or (prefix and not REPOSITORY.match(prefix)):
        # The location is not repeated: it may have a password in it.
        raise SlipwayError("The package store is not the URL of a registry.",
                           hint="It looks like https://registry.example.com:5000/team, in lower case; user name and password "
                                "go into store_auth.")
    return "%s://%s" % (parts.scheme, parts.netloc), prefix


def _moved(name, location):
    return SlipwayError("While package %s was built, somebody else changed its tag in the package store %s."
                        % (name, location), untouched="The package of the tag was left as it is.", hint="Build again.")
