# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # How to reach the application's database; the names are those of community.postgresql.
    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Host of the database server, or the folder of its Unix socket when it starts with a slash.
      - Empty means the default Unix socket of the host the module runs on.
    type: str
    default: ''
  login_port:
    description:
      - Port of the database server.
    type: int
    default: 5432
  login_user:
    description:
      - Role to connect as; empty means the role named as the operating system's user.
    type: str
    default: ''
  login_password:
    description:
      - Password of the role. It reaches C(psql) in its environment only, never in its arguments.
    type: str
    default: ''
  login_db:
    description:
      - The application's database.
    type: str
    required: true
  maintenance_db:
    description:
      - Database to stay connected to while O(login_db) is copied or renamed.
    type: str
    default: postgres
  ssl_mode:
    description:
      - Whether and how the connection is encrypted; the words are those of libpq.
    type: str
    default: prefer
    choices: [allow, disable, prefer, require, verify-ca, verify-full]
  ca_cert:
    description:
      - File of certificate authorities the server's certificate is checked against.
    type: path
requirements:
  - The PostgreSQL client C(psql) on the host the module runs on.
notes:
  - Supports PostgreSQL 14 and later.
"""

    # How to reach it, where that is one option among others.
    DATABASE = r"""
options:
  database:
    description: How to reach the application's database.
    type: dict
    suboptions:
      login_host:
        description: Host of the server, or folder of its socket.
        type: str
        default: ""
      login_port:
        description: Port of the server.
        type: int
        default: 5432
      login_user:
        description: Role that owns the database and may create databases.
        type: str
        default: ""
      login_password:
        description: Password of the role; handed to the client programs in their environment only.
        type: str
        default: ""
      login_db:
        description: Name of the database.
        type: str
        required: true
      maintenance_db:
        description: Database to connect to while the application's is copied or swapped.
        type: str
        default: postgres
      ssl_mode:
        description: Whether and how TLS is used, as libpq's C(sslmode).
        type: str
        choices: [allow, disable, prefer, require, verify-ca, verify-full]
        default: prefer
      ca_cert:
        description: File with the certificate authorities the server's certificate must be signed by.
        type: path
"""


# Options are merged by their names, so one that is required is another text. (The linters read only plain texts in a class.)
ModuleDocFragment.REQUIRED_DATABASE = ModuleDocFragment.DATABASE.replace("    suboptions:", "    required: true\n    suboptions:")
