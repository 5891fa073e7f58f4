# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's shop on the hosts of a lab, as the demo's customers (client.py) and questions (check.py) know one.

    with Lab("mine") as lab:
        shop = Shop(lab)
        shop.playbook("provision")
        Client({"balancer": shop.balancer})
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import repository


class Shop:
    """One installation; lab is the Lab whose hosts it is on."""

    def __init__(self, lab):
        self.lab = lab
        self.apps, self.consumers = lab.groups["app"], lab.groups["consumer"]

    @property
    def hosts(self):
        return self.apps + self.consumers

    @property
    def balancer(self):
        """Where users come in."""
        return "http://" + self.lab.address("lb1")

    def address(self, host):
        """The web server of one app host, past the balancer."""
        return "http://" + self.lab.address(host)

    def in_rotation(self):
        """The app hosts that the balancer sends users to; it needs a moment to see that one has left or is back."""
        asked = "echo show servers state healthy | socat - /run/haproxy/admin.sock"
        servers = [line.split() for line in self.lab.inside("lb1", ["sh", "-c", asked]).stdout.splitlines()]
        return {server[3] for server in servers if len(server) > 5 and server[5] == "2"}

    def playbook(self, name, *options, **variables):
        return self.lab.playbook(name, *options, **variables)

    def add_versions(self, count, base="1.0.0"):
        """Add versions that can run beside each other to the repository on the build host; see repository.py."""
        build = self.lab.groups["build"][0]
        folder = Path(self.lab.repository)
        with tempfile.TemporaryDirectory(prefix="slipway-shop-") as made:
            directory = repository.make(Path(made) / folder.name)
            tags = repository.rolling_versions(directory, count, base)
            self.lab.inside(build, ["rm", "-rf", folder])
            self.lab.copy(directory, build, folder.parent)
        self.lab.inside(build, ["chown", "-R", "root:root", folder])
        return tags

    def sql(self, query, *values):
        """Rows of the shop's database as dictionaries, asked as the superuser; a value is a list of strings."""
        return rows(self.lab, "shop", query, *values)


def rows(lab, database, query, *values):
    """Rows of a database of a lab as dictionaries, asked as the superuser; a value is a list of strings."""
    # psql quotes what it knows as a variable.
    sets = "".join("\\set v%d '%s'\n" % (number, _array(value)) for number, value in enumerate(values))
    query = query % tuple(":'v%d'" % number for number in range(len(values)))
    asked = "%sSELECT coalesce(json_agg(found), '[]') FROM (%s) found;\n" % (sets, query)
    done = lab.ssh("db1", ["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", database], input=asked)
    return json.loads(done.stdout)


def _array(strings):
    """In the words of PostgreSQL, within quotes of psql's."""
    text = "{%s}" % ",".join(json.dumps(string) for string in strings)
    return text.replace("\\", "\\\\").replace("'", "\\'")
