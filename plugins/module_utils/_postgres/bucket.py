# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""A bucket of S3, whoever serves it. Errors that may be temporary, such as a broken connection or a 503, are retried at growing intervals.

No object is ever in memory as a whole, but for manifests and locks. None is given rights of its own: it is as private as
the bucket.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import os
import random
import sys
import time

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

ATTEMPTS = 8  # after the last of them, some 35 seconds have passed if they fail at once
CONNECTIONS = 16
CONNECT_TIMEOUT = 15  # seconds
READ_TIMEOUT = 60  # seconds
CHUNK = 1024 * 1024
LONGEST_PAUSE = 20  # seconds between two attempts
MISSING = ("404", "NoSuchKey", "NoSuchUpload", "NotFound")
# What a user says of the server; the names are those of amazon.aws.
OPTIONS = ("endpoint_url", "region", "access_key", "secret_key", "session_token", "aws_ca_bundle")


class StoreError(SlipwayError):
    """A store that cannot be asked, or refuses; code is what S3 calls the reason, None where nobody has answered."""

    def __init__(self, message, code=None):
        self.code = code
        super().__init__(message)


class Bucket:
    """The objects of a bucket whose names begin with a prefix, named without it.

    options may have each of OPTIONS; without access_key boto3 finds credentials where it does. location is for messages.
    """

    def __init__(self, name, prefix="", options=None, attempts=ATTEMPTS):
        self.name = name
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.location = ("s3://%s/%s" % (name, self.prefix)).rstrip("/")
        self._attempts = attempts
        self._client, self._errors = _client(self.location, options or {}, attempts)

    # Looking

    def folders(self, prefix):
        """The names below a prefix up to the next slash, of those that have one."""
        found = []
        for page in self._pages("list_objects_v2", Prefix=self.prefix + prefix, Delimiter="/"):
            found += [item["Prefix"][len(self.prefix + prefix):].rstrip("/") for item in page.get("CommonPrefixes", ())]
        return sorted(found)

    def objects(self, prefix):
        """{name: (bytes, age in seconds by the server's clock)} of all objects below a prefix."""
        found = {}
        for page in self._pages("list_objects_v2", Prefix=self.prefix + prefix):
            now = _clock(page)
            for item in page.get("Contents", ()):
                found[item["Key"][len(self.prefix):]] = item["Size"], (now - item["LastModified"]).total_seconds()
        return found

    def uploads(self, prefix):
        """[(name, id)] of the uploads below a prefix that were not completed."""
        found = []
        for page in self._pages("list_multipart_uploads", Prefix=self.prefix + prefix):
            found += [(item["Key"][len(self.prefix):], item["UploadId"]) for item in page.get("Uploads", ())]
        return found

    def exists(self, name):
        return self._or_none("looked at", "head_object", name) is not None

    # Reading

    def read(self, name, most):
        """The content of a small object, at most so many bytes and one, or None where there is none."""
        content = bytearray()
        try:
            with contextlib.closing(self.chunks(name)) as chunks:
                for piece in chunks:
                    content += piece
                    if len(content) > most:
                        break
        except StoreError as error:
            if error.code in MISSING:
                return None
            raise
        return bytes(content[:most + 1])

    def chunks(self, name, start=0):
        """The content of an object from a byte on, piece by piece; where a connection breaks it goes on at the same byte."""
        done, size, broken = start, None, 0
        while size is None or done < size:
            with self._spoken("read"):
                found = self._client.get_object(Bucket=self.name, Key=self.prefix + name, **({"Range": "bytes=%d-" % done} if done else {}))
                if size is None:
                    size = done + found["ContentLength"]
                elif found["ContentLength"] != size - done:
                    raise SlipwayError("%s/%s was replaced while it was read." % (self.location, name))
            try:
                for piece in found["Body"].iter_chunks(CHUNK):
                    done, broken = done + len(piece), 0
                    yield piece
                if done < size:
                    raise EOFError("it ended after %d of %d bytes" % (done, size))
            except (*self._errors, EOFError, OSError) as error:
                broken += 1
                if broken >= self._attempts:
                    raise self._failure("read", error) from error
                time.sleep(min(LONGEST_PAUSE, 2 ** broken) * random.random())
            finally:
                found["Body"].close()

    # Writing

    def write(self, name, body):
        """Make an object of bytes or of a Section."""
        self._call("written", "put_object", name, Body=body)

    def copy(self, name, to):
        """Make an object of another one, which the server does by itself."""
        self._call("written", "copy_object", to, CopySource={"Bucket": self.name, "Key": self.prefix + name})

    def begin(self, name):
        """Begin to make an object part by part; the id of the upload."""
        return self._call("written", "create_multipart_upload", name)["UploadId"]

    def write_part(self, name, upload, number, body):
        """Send a part; what finish() needs to know of it."""
        return {"PartNumber": number, "ETag": self._call("written", "upload_part", name, UploadId=upload, PartNumber=number, Body=body)["ETag"]}

    def finish(self, name, upload, parts, size):
        """Make the object, which then has this size, of its parts."""
        if self._or_none("written", "complete_multipart_upload", name, UploadId=upload, MultipartUpload={"Parts": parts}) is None:
            # It was asked a second time, since the answer to the first was lost.
            found = self._call("read", "head_object", name)
            if found["ContentLength"] != size:
                raise SlipwayError("%s/%s was not written as it was sent." % (self.location, name))

    def abort(self, name, upload):
        """Remove the parts of an upload, if they are still there."""
        self._or_none("written", "abort_multipart_upload", name, UploadId=upload)

    def delete(self, name):
        self._call("written", "delete_object", name)

    # Asking

    def _call(self, done, operation, name, **more):
        with self._spoken(done):
            return getattr(self._client, operation)(Bucket=self.name, Key=self.prefix + name, **more)

    def _or_none(self, done, operation, name, **more):
        """What an operation on an object returns, or None where there is no such thing."""
        with self._spoken(done):
            try:
                return getattr(self._client, operation)(Bucket=self.name, Key=self.prefix + name, **more)
            except self._client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in MISSING:
                    return None
                raise

    def _pages(self, operation, **request):
        with self._spoken("read"):
            yield from self._client.get_paginator(operation).paginate(Bucket=self.name, **request)

    @contextlib.contextmanager
    def _spoken(self, done):
        """Say in words for people what boto3 raises."""
        try:
            yield
        except self._errors as error:
            raise self._failure(done, error) from error

    def _failure(self, done, error):
        said = (getattr(error, "response", None) or {}).get("Error")  # those of a connection have a response, too: None
        words = "%s: %s" % (said.get("Code"), said.get("Message")) if said else str(error)
        return StoreError("%s cannot be %s: %s." % (self.location, done, words.rstrip(".")), said and said.get("Code"))


class Section:
    """Some bytes of a file, as a file to read that is never in memory as a whole."""

    def __init__(self, descriptor, start, length):
        self._descriptor, self._start, self._length, self._at = descriptor, start, length, 0

    def __len__(self):
        return self._length

    def tell(self):
        return self._at

    def seek(self, offset, whence=os.SEEK_SET):
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return self._at

    def read(self, size=-1):
        rest = max(0, self._length - self._at)
        data = os.pread(self._descriptor, rest if size is None or size < 0 else min(size, rest), self._start + self._at)
        self._at += len(data)
        return data


def _client(location, options, attempts):
    """boto3's client for the options, and the errors that it raises. Only who has a store in S3 needs boto3."""
    try:
        import boto3
        import botocore.config
        import botocore.exceptions
    except ImportError as error:
        raise SlipwayError("The store %s needs the Python library boto3, and %s does not find it: %s." % (location, sys.executable, error),
                           untouched="Nothing was changed.", hint="Install boto3 there (Debian's package is python3-boto3).") from error
    if bool(options.get("access_key")) != bool(options.get("secret_key")):
        raise SlipwayError("access_key and secret_key belong together.", untouched="Nothing was changed.")
    bundle = options.get("aws_ca_bundle")
    if bundle and not os.path.isfile(bundle):
        raise SlipwayError("There is no file %s of certificate authorities (aws_ca_bundle)." % bundle, untouched="Nothing was changed.")
    settings = {
        "connect_timeout": CONNECT_TIMEOUT, "read_timeout": READ_TIMEOUT, "max_pool_connections": CONNECTIONS,
        "retries": {"mode": "standard", "max_attempts": attempts},
        # The server compares what it got with a digest, over HTTP and HTTPS, whether it knows newer checksums or not.
        "s3": {"payload_signing_enabled": True, "addressing_style": "path" if options.get("endpoint_url") else "auto"},
        "request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    known = botocore.config.Config.OPTION_DEFAULTS
    errors = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
    try:
        session = boto3.session.Session(
            aws_access_key_id=options.get("access_key"), aws_secret_access_key=options.get("secret_key"),
            aws_session_token=options.get("session_token"), region_name=options.get("region"))
        return session.client("s3", endpoint_url=options.get("endpoint_url"), verify=bundle or None,
                              config=botocore.config.Config(**{name: settings[name] for name in settings if name in known})), errors
    except (*errors, ValueError) as error:
        raise SlipwayError("The store %s cannot be asked: %s." % (location, str(error).rstrip(".")), untouched="Nothing was changed.") from error


def _clock(answer):
    """What time it is where an answer comes from."""
    try:
        return email.utils.parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, TypeError, ValueError):
        return datetime.datetime.now(datetime.timezone.utc)
