# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # The process manager of the services.
    DOCUMENTATION = r"""
options:
  driver:
    description:
      - The process manager that runs the services on this host.
      - With V(systemd), each program has a unit of the system, such as C(shop-consumer@2.service), that runs as the owner of
        O(root). The module has to be run as root, so with C(become).
    type: str
    choices: [supervisor, systemd]
    default: systemd
  supervisor_socket:
    description:
      - Unix socket on which C(supervisord) listens; the user of this task must be allowed to use it.
    type: path
    default: /run/supervisor.sock
  supervisor_conf_dir:
    description:
      - Folder whose C(*.conf) files C(supervisord) includes; the user of this task must be allowed to write there.
      - Where C(supervisord) runs as root, services run as the owner of O(root). What they print is in C(/var/lib/slipway/logs) then, and in
        C(logs) below O(root) where they run as the user of C(supervisord). C(/var/lib/slipway) has to be root's alone then, so it cannot be O(root).
    type: path
    default: /etc/supervisor/conf.d
"""

    # How programs of the application are run.
    RUNTIME = r"""
options:
  environment:
    description:
      - The environment whose overlay applies, for V(prod) C(slipway_prod.yml) over C(slipway.yml).
      - Without it, C(slipway.yml) alone, which is not how playbooks run the application; they take V(prod) where nothing is said.
    type: str
    choices: [dev, stag, uat, prod]
  variables:
    description:
      - Values for placeholders in commands and in the environment of the application, such as C({port}).
      - C({python}), C({release}), C({root}), C({shared}) and C({namespace}) are there by themselves.
      - One that is said neither in C(slipway.yml) nor here is an error, also where services are only stopped.
    type: dict
    default: {}
  python:
    description:
      - Python of the application, the value of C({python}).
      - Without it, the one that runs this task.
    type: path
"""
