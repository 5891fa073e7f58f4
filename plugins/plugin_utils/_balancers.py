# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the balancers in front of the app hosts say whom they send users to."""

from __future__ import annotations

from ansible.errors import AnsibleError

PATH = "/.slipway/balancer/{host}"  # the role balancer teaches HAProxy to answer there


def status_urls(wanted, task_vars):
    """URLs with {host} in the place of a host's name: those that are named, or where "auto" those of the group balancer."""
    if wanted in (None, "auto"):  # None: who asks without the role
        hosts, variables = task_vars["groups"].get("balancer", ()), task_vars["hostvars"]
        return ["http://%s%s" % (_at(variables[host].get("ansible_host", host), variables[host].get("balancer_port", 80)), PATH) for host in hosts]
    urls = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(urls, list) or not all(isinstance(url, str) and url.startswith(("http://", "https://")) for url in urls):
        raise AnsibleError("Nothing was changed. slipway_balancer_status is auto, or a list of URLs such as http://lb1%s." % PATH)
    return urls


def _at(address, port):
    return ("[%s]" if ":" in address else "%s") % address + ("" if int(port) == 80 else ":%d" % int(port))
