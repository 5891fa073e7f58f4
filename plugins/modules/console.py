#!/usr/bin/python
# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: console
short_description: Run one of the application's own commands
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Runs a command of the application in a release, with the environment that its services have. For the profile
    C(django) this is a command of C(manage.py).
  - No shell is involved.
  - It is refused while an operation such as an upgrade is open on the host, and while the command runs no operation begins there.
    A long one has to end before an upgrade, or to be ended; it ends with this module.
extends_documentation_fragment:
  - slipway.app._attributes
  - slipway.app._attributes.actiongroup_app
  - slipway.app._application
  - slipway.app._service.runtime
attributes:
  check_mode:
    support: partial
    details:
      - The command is not run. The result tells which one would be, and has RV(rc) null and no output.
  diff_mode:
    support: none
    details:
      - Nobody can know what a command changes.
  idempotent:
    support: partial
    details:
      - The command is run every time, unless O(creates) is there.
options:
  command:
    description:
      - The command, as a text that is split into words as a shell does it, or as a list of words.
      - It comes after what C(slipway.yml) says as C(console), or its profile, for C(django) C({python} manage.py).
    type: raw
    required: true
  release:
    description:
      - Id of the release to run it in. Without it, the live one.
    type: str
  timeout:
    description:
      - How many seconds it may take, before it is stopped with all it started.
      - Without it, C(timeouts.command) of C(slipway.yml).
    type: int
  environment_variables:
    description:
      - Further environment variables for the command. Their values are hidden in the output.
    type: dict
    default: {}
  creates:
    description:
      - The command is not run when this file is there. A relative path is meant below the release.
    type: path
seealso:
  - module: slipway.app.release_info
"""

EXAMPLES = r"""
---
- name: Look at the migrations of the live release
  slipway.app.console:
    root: /srv/shop
    command: showmigrations --list
    environment: prod
  register: result
  changed_when: false

- name: Show them
  ansible.builtin.debug:
    var: result.stdout_lines

- name: Add a user, with words that have spaces
  slipway.app.console:
    root: /srv/shop
    command: [createsuperuser, --noinput, --username, Ann Smith, --email, ann@example.com]
    environment: prod
    environment_variables:
      DJANGO_SUPERUSER_PASSWORD: "{{ vaulted_password }}"
    timeout: 30
"""

RETURN = r"""
argv:
  description: The words of the command, with secrets hidden.
  returned: success or failure of the command
  type: list
  elements: str
  sample: [/srv/shop/venv/bin/python, manage.py, showmigrations, --list]
release:
  description: Id of the release it was run in.
  returned: success or failure of the command
  type: str
  sample: 1.1.0-3f2a9c0d1e4b
rc:
  description: Its exit status; negative, the signal that ended it, such as V(-15) when it was stopped. Null when it was not run, and in check mode.
  returned: success or failure of the command
  type: int
  sample: 0
stdout:
  description: What it printed, with secrets hidden. Empty in check mode.
  returned: success or failure of the command
  type: str
  sample: "shop [X] 0001_initial"
stderr:
  description: What it printed as errors, with secrets hidden. Empty in check mode.
  returned: success or failure of the command
  type: str
  sample: ""
seconds:
  description: How long it took. V(0) when it was not run.
  returned: success or failure of the command
  type: float
  sample: 1.25
"""

import os
import shlex

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError, harmless
from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._core.process import redact, tail
from ansible_collections.slipway.app.plugins.module_utils._operation.action import action
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import RUNTIME_ARGUMENTS, open_runtime


def run(module):
    with action(module.params["root"], "console", check=module.check_mode):
        return _run(module)


def _run(module):
    options = module.params
    runtime = open_runtime(options, options["release"])
    argv = runtime.argv(runtime.config["console"]) + _words(options["command"])
    extra = {name: str(value) for name, value in options["environment_variables"].items()}
    secrets = runtime.secrets() + list(extra.values())
    _hide(module, secrets)
    result = {"argv": [redact(word, secrets) for word in argv], "release": runtime.release.id,
              "rc": None, "stdout": "", "stderr": "", "seconds": 0.0, "changed": True}
    if options["creates"] and os.path.exists(os.path.join(runtime.release.path, options["creates"])):
        return dict(result, changed=False)
    if module.check_mode:
        return result
    timeout = options["timeout"] or runtime.config["timeouts"]["command"]
    done = runtime.run(argv, timeout, extra, dies_with_us=True)  # nobody would know of it any more
    result.update(rc=done.rc, stdout=redact(done.stdout, secrets), stderr=redact(done.stderr, secrets),
                  seconds=round(done.seconds, 3))
    if not done.ok:
        module.fail_json(msg=harmless(_failure(done, result, timeout, runtime.meaning(argv, done.rc))), **result)
    return result


def _hide(module, secrets):
    """Hide secrets in the options that Ansible shows with -vvv, by our own means.

    Ansible's means would hide them in numbers as well: with DEBUG=1 in the environment, rc=1 could not be read.
    """
    command, variables = module.params["command"], module.params["environment_variables"]
    if isinstance(command, list):
        command = [redact(str(word), secrets) for word in command]
    else:
        command = redact(str(command), secrets)
    module.params = dict(module.params, command=command, environment_variables=dict.fromkeys(variables, "********"))
    module.no_log_values.clear()


def _words(command):
    if isinstance(command, str):
        try:
            command = shlex.split(command)
        except ValueError as error:
            raise SlipwayError("The command cannot be split into words: %s." % error,
                               untouched="It was not run.") from error
    if not isinstance(command, list) or not command:
        raise SlipwayError("The command must be a text or a list of words.", untouched="It was not run.")
    return [str(word) for word in command]


def _failure(done, result, timeout, meaning):
    if done.timed_out:
        what = "did not end within %d seconds and was stopped" % timeout
    elif done.rc < 0:
        what = "was ended by signal %d" % -done.rc
    else:
        what = "failed with exit status %d" % done.rc
    output = tail(result["stdout"] + result["stderr"], 25)
    return "The command %s %s.%s %s" % (" ".join(shlex.quote(word) for word in result["argv"]), what, meaning,
                                        "It printed:\n" + output if output else "It printed nothing.")


def main():
    module = AnsibleModule(
        argument_spec=dict(
            root=dict(type="path", required=True),
            command=dict(type="raw", required=True),
            release=dict(type="str"),
            timeout=dict(type="int"),
            environment_variables=dict(type="dict", default={}, no_log=True),
            creates=dict(type="path"),
            **RUNTIME_ARGUMENTS,
        ),
        supports_check_mode=True,
    )
    finish(module, run, "The command cannot be run")


if __name__ == "__main__":
    main()
