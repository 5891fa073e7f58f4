# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's side of the shelf: a step run from the library that lies on the host already.

It takes the way of a module that is pipelined: the program comes on standard input, its arguments with it. What is not
made for that way (no pipelining, check mode, a library that is not there) takes the module's own.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.slipway.app.plugins.module_utils._operation import arguments as options

ANSWER = "slipway-step:"  # begins the line of the output that is the result
GONE = "slipway-shelf: gone"  # what the program says when there is no library; it has done nothing then

PROGRAM = """\
import os, sys
user = os.geteuid()
folder = os.path.join("/run" if user == 0 else "/run/user/%%d" %% user, "slipway", %(name)r)
try:
    found = [os.lstat(path) for path in (os.path.dirname(folder), folder)]
except OSError:
    found = []
if not found or any(one.st_uid != user or one.st_mode & 0o077 for one in found):
    sys.exit(print(%(gone)r))
sys.path = [folder] + [path for path in sys.path if path]
from ansible_collections.slipway.app.plugins.module_utils._operation.steps import main
main(%(arguments)r, %(answer)r)
"""


def _name():
    """Stands for the content of the library that this controller's modules bring along."""
    digest = hashlib.sha256()
    library = Path(options.__file__).resolve().parents[1]
    for path in sorted(library.rglob("*.py")):
        content = path.read_bytes()
        digest.update(b"%s %d\n%s" % (str(path.relative_to(library)).encode("utf-8"), len(content), content))
    return digest.hexdigest()[:32]


# Once for a run: workers are forked from the process that loads this.
NAME = _name()
VALIDATOR = ArgumentSpecValidator(options.OPERATION_ARGUMENTS)


def run_from_shelf(action, python, arguments):
    """The result of the steps, as the module would return it; None when it has to be asked."""
    usable = python and not action._task.check_mode and action._is_pipelining_enabled("new")
    params = validated(arguments) if usable else None
    if not params:
        return None
    # Not by the shell plugin's build_module_command(): some releases of ansible-core quote there what is quoted already.
    command = ("%s %s" % (action._compute_environment_string(), shlex.quote(python))).strip()
    done = action._low_level_execute_command(command, in_data=program(params).encode("utf-8"))
    answers = [line for line in done["stdout"].splitlines() if line.startswith((ANSWER, GONE))]
    if not answers:
        return {"failed": True, "msg": "The step ended without a result (exit status %s): %s" % (
            done["rc"], (done["stderr"] or done["stdout"]).strip()[-2000:])}
    if answers[-1] == GONE:
        return None
    result = remove_values(json.loads(answers[-1][len(ANSWER):]), _passwords(params))
    return dict(result, shelf=python)


def configured_python(action, task_vars):
    """The host's Python where the inventory says which it is, or Ansible has found out; else None."""
    found = (task_vars.get("ansible_facts") or {}).get("discovered_interpreter_python")
    said = action._templar.template(C.config.get_config_value("INTERPRETER_PYTHON", variables=task_vars))
    return said if str(said).startswith("/") else found


def program(params, name=NAME):
    """What Python reads to run the steps of params."""
    return PROGRAM % {"name": name, "gone": GONE, "answer": ANSWER, "arguments": json.dumps(params, cls=_encoder())}


def validated(arguments):
    """The options as the module would see them; None when only the host can say what they mean."""
    if _depends_on_host(options.OPERATION_ARGUMENTS, arguments):
        return None
    result = VALIDATOR.validate(arguments)
    if result.error_messages:
        raise AnsibleError("; ".join(result.error_messages))
    return result.validated_parameters


def _depends_on_host(spec, values):
    """Whether a path is written with a home folder or a variable in it, which are the host's."""
    for name, option in spec.items():
        value = values.get(name)
        if option.get("options") and isinstance(value, dict):
            if _depends_on_host(option["options"], value):
                return True
        elif option["type"] == "path" and isinstance(value, str) and (value.startswith("~") or "$" in value):
            return True
    return False


def _passwords(params):
    """What Ansible itself would look for in a result and hide."""
    given = [params["database"].get("login_password"), (params["store_auth"] or {}).get("password")]
    return [str(value) for value in given if value]


def _encoder():
    """What turns the controller's values into JSON, secrets of a vault among them."""
    try:
        from ansible.module_utils.common.json import Direction, get_module_encoder
    except ImportError:  # before ansible-core 2.19
        import functools

        from ansible.parsing.ajson import AnsibleJSONEncoder

        return functools.partial(AnsibleJSONEncoder, vault_to_text=True)
    return get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
