# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # Where dumps are, and with which programs they are made and restored.
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Folder of dumps on the host; made where there is none. Needed unless the config says it. Only the user it belongs to can look into what is made in it.
      - Or a bucket of S3, C(s3://bucket) or C(s3://bucket/prefix), of AWS or with O(endpoint_url) of any other server that speaks S3.
    type: path
  bin_dir:
    description:
      - Folder of the client programs pg_dump and pg_restore. Without it, those of the folders of Debian's and Red Hat's packages and of
        C(PATH) are looked at, and the oldest version is taken that suits the server.
    type: path
requirements:
  - pg_dump and pg_restore on the host the module runs on, of the server's major version or a later one.
"""

    # How to reach a store in S3; the names are those of amazon.aws.
    S3 = r"""
options:
  endpoint_url:
    description:
      - URL of the S3 server, such as V(https://minio.example.com:9000); when not set, that of AWS.
    type: str
  region:
    description:
      - Region of the bucket; when not set, as the configuration of the host says.
    type: str
  access_key:
    description:
      - Access key. When not set, credentials are looked for where boto3 does, such as in the environment and the role of the machine.
    type: str
  secret_key:
    description:
      - Secret key that belongs to O(access_key).
    type: str
  session_token:
    description:
      - Token that belongs to temporary credentials.
    type: str
  aws_ca_bundle:
    description:
      - File of certificate authorities on the host that the server's certificate is checked against.
    type: path
  spool_dir:
    description:
      - Directory of the host for files on their way to or from S3; C(/var/tmp) when not set. They are in a folder of this user alone.
      - A dump is sent while it is written. It needs room for parts of 32 MiB, two for each table that is dumped at a time and eight more,
        however large it is; where the file system cannot free a part of a file, for the largest tables, too. It has to be there, and a disk of the host.
      - A restore needs room for the whole archive.
      - What a killed or failed call of this user has left there for a day is removed by the next dump, restore of a dump, or removal of dumps, also
        where the store is a folder. A warning names it, as it does in check mode and in a list of dumps, which remove nothing.
    type: path
requirements:
  - The Python library boto3 on the host, where the store is in S3.
"""
