# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations

import re
import textwrap


class ModuleDocFragment:

    # How to reach the application's database; the names are those of community.postgresql.
    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Host of the database server, or the folder of its Unix socket when it starts with a slash.
      - Empty means the default Unix socket of the host the module runs on.
      - The server itself, not a pooler such as PgBouncer, which is refused. It would lend connections with the settings of these sessions to the
        application.
    type: str
    default: ''
  login_unix_socket:
    description:
      - Folder of the server's Unix socket, which can be said as C(login_host) as well.
    type: path
  login_port:
    description:
      - Port of the database server; 5432 where nothing says it.
    type: int
  login_user:
    description:
      - Role to connect as; empty means the role named as the operating system's user.
    type: str
    default: ''
  login_password:
    description:
      - Password of the role. It reaches the client programs in their environment only, never in their arguments.
      - When empty, they look into C(~/.pgpass) of the host, or do without where the server asks for none.
    type: str
    default: ''
  login_db:
    description:
      - The application's database.
    type: str
    required: true
  maintenance_db:
    description:
      - Database to stay connected to while the application's is copied or renamed.
      - All who work on the databases of a server have to name the same one. They take their turns in it, and do not see each other in two.
    type: str
    default: postgres
  session_role:
    description:
      - Role to be in after the login, as by C(SET ROLE). The role that logs in must be a member of it.
    type: str
  ssl_mode:
    description:
      - Whether and how the connection is encrypted; the words are those of libpq. It is V(prefer) where nothing says it.
    type: str
    choices: [allow, disable, prefer, require, verify-ca, verify-full]
  ca_cert:
    description:
      - File of certificate authorities the server's certificate is checked against.
    type: path
    aliases: [ssl_rootcert]
  ssl_cert:
    description:
      - File with the certificate of the client.
    type: path
  ssl_key:
    description:
      - File with the key of C(ssl_cert), without a passphrase. Nobody but the user may be able to read it.
    type: path
  connect_params:
    description:
      - Other settings of a connection by their names in libpq, such as C(target_session_attrs) or C(passfile). They come before all that is
        said otherwise. A password is refused here.
    type: dict
    default: {}
  pg_service:
    description:
      - Name of a service in a file C(pg_service.conf) of the host. It says what the other options do not say, but for the database, which is
        always C(login_db).
    type: str
  pg_service_file:
    description:
      - File that has C(pg_service). Without it, C(~/.pg_service.conf) is looked at, and the files of the system's packages in C(/etc).
      - The variables C(PGSERVICE) and C(PGSERVICEFILE) of the host are passed over, as are all others of libpq.
    type: path
  lock_timeout:
    description:
      - Seconds that a statement waits for a lock which somebody else holds, then it fails; V(0) for ever. While it waits, others who want the
        same table wait behind it.
      - An error for a table that somebody else keeps to himself names the table and who that is.
      - A restore reads the privileges of the live database when the rows are there. For that it waits as long as the restore took, if that is longer.
      - A swap waits at most 30 seconds for a database as a whole. What brings it back to its clients has all of these.
    type: int
    default: 30
  statement_timeout:
    description:
      - Seconds after which the server gives up a copy of a whole database; V(0) for no limit. Those that it waits for sessions in it to end count.
      - All else takes its time, above all what reads or writes rows, as dumps and restores do.
    type: int
    default: 0
requirements:
  - The PostgreSQL client C(psql) on the host the module runs on.
notes:
  - Supports PostgreSQL 14 and later.
  - There is no C(trust_input) as in community.postgresql, since every name and value is quoted, whatever is in it.
"""

    # Of what replaces a database.
    OPERATION = r"""
options:
  operation:
    description:
      - The operation that this is a part of, as M(slipway.app.operation) has begun it on this host. Its lease is extended for as long as
        this works.
      - Nothing is begun unless it holds the lock of the application, and what is live is not replaced unless it holds it still. An
        upgrade that somebody has begun meanwhile would be undone by that.
    type: dict
    suboptions:
      root:
        description: Folder of the application.
        type: path
        required: true
      id:
        description: Id of the operation.
        type: str
        required: true
"""


def _inside(option, description, *left_out):
    """Those options as the ones of a dict. (The linters read only plain texts in a class.)"""
    text = ModuleDocFragment.DOCUMENTATION.split("options:\n", 1)[1].split("requirements:\n")[0]
    parts = [part for part in re.split(r"(?m)^(?=  \w)", text) if part and not part.startswith(tuple("  %s:" % name for name in left_out))]
    return "options:\n  %s:\n    description: %s\n    type: dict\n    suboptions:\n%s" % (
        option, description, textwrap.indent("".join(parts), "    "))


ModuleDocFragment.DATABASE = _inside("database", "How to reach the application's database.")
# Options are merged by their names, so one that is required is another text.
ModuleDocFragment.REQUIRED_DATABASE = ModuleDocFragment.DATABASE.replace("    suboptions:", "    required: true\n    suboptions:", 1)
ModuleDocFragment.SOURCE_SERVER = _inside("source_server", (
    "How to reach the server of O(source), where that is another one than that of O(login_db). The module connects to both of them from the "
    "host it runs on. O(lock_timeout) holds there, too."), "login_db", "maintenance_db", "lock_timeout", "statement_timeout")
ModuleDocFragment.TARGET = _inside("target", (
    "How to reach the database whose place the dump is made for. Nothing is dumped when it cannot be reached from the host the module runs on, when "
    "a restore would be refused there for what an earlier one has left (unless C(remove_leftovers) is true) or for want of rights, or when it is "
    "the very database that would be dumped, unless C(confirm) has its name."))
