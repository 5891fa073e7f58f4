# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Make a database that comes from another environment this one's: its addresses, its passwords, its search index.

slipway.yml of the live release says how (adopt). Its SQL is run before the database is live; its commands once it is.
"""

from __future__ import annotations

from ansible_collections.slipway.app.plugins.module_utils._config.load import OVERLAY, PLACEHOLDER, expand_text
from ansible_collections.slipway.app.plugins.module_utils._config.schema import packaged
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError
from ansible_collections.slipway.app.plugins.module_utils._postgres.guard import ENVIRONMENTS
from ansible_collections.slipway.app.plugins.module_utils._postgres.manifest import REAL
from ansible_collections.slipway.app.plugins.module_utils._service.runtime import open_runtime


def adoption_by(application, environment):
    """The Adoption by the live release of an application, which premigration.APPLICATION describes."""
    try:
        runtime = open_runtime(dict(application, environment=environment))
        _refuse_those_of_all(runtime, application["variables"], environment)
        _refuse_those_of_nobody(runtime, environment)
        return Adoption(runtime)
    except SlipwayError as error:
        raise SlipwayError(error.message, untouched="Nothing was changed.", hint=" ".join(filter(None, [error.hint, "adopt=false does without."])),
                           **error.facts) from None


def _refuse_those_of_all(runtime, inventory, environment):
    """Raise where the SQL would take for this environment what slipway.yml says for all of them, so most likely the address of prod.

    Where slipway_prod.yml says another value, that of slipway.yml is the others'.
    """
    if environment in (None, REAL):  # not named, it counts as prod
        return
    documents = runtime.release.documents
    overlays = [packaged(documents["overlays"].get(name, {}), OVERLAY % name, overlay=True) for name in (environment, REAL)]
    own = set(inventory).union(*(overlay.get("variables", {}) for overlay in overlays))
    common = _placeholders(runtime) & set(documents["base"].get("variables", {})) - own
    if common:
        raise SlipwayError(
            "%s in adopt.sql would come to what slipway.yml says for all environments, prod among them as far as it knows, and nobody says it"
            " for %s." % (", ".join("{%s}" % name for name in sorted(common)), environment),
            hint="Say it in slipway_variables of the inventory, or under variables in %s, where what is not for prod belongs as well."
                 % (OVERLAY % environment))


def _refuse_those_of_nobody(runtime, environment):
    """Raise where the SQL asks for what has no value."""
    lacking = _placeholders(runtime) - set(runtime.variables)
    if lacking:
        raise SlipwayError(
            "adopt.sql has a placeholder that nobody says a value for: %s." % ", ".join("{%s}" % name for name in sorted(lacking)),
            hint="Say it in slipway_variables of the inventory, or under variables in %s." % (OVERLAY % (environment or REAL)))


def unadopted(adopt, adoption, origin, environment):
    """A sentence in a list where rows of another environment surely stay as they are there, and nobody has said that this is meant.

    adopt is what was asked for (None: nobody has said), adoption what came of it. An environment that is not known says nothing.
    """
    if adopt is False or adoption and any(adoption.told().values()) or origin not in ENVIRONMENTS or origin == (environment or REAL):
        return []
    why, cure = (("slipway.yml of the live release says nothing under adopt", "") if adoption else
                 ("nobody has said adopt", "adopt=true does what slipway.yml says of it, and "))
    return ["The rows come from %s, and %s: addresses of it and access to other services stay in them as they are. %sadopt=false says that this is meant."
            % (origin, why, cure)]


def _placeholders(runtime):
    """The names in the SQL, be they known or not."""
    return {match.group(1) for text in runtime.config["adopt"]["sql"] for match in PLACEHOLDER.finditer(text)} - {None}


class Adoption:
    """What slipway.yml has for it. sql are texts to run one after the other in one session that has settings, {name: value}.

    The value of a {placeholder} is no part of the SQL: it is a setting of the session, which an expression in its place reads.
    So it is right inside of a function or a DO block as well, and nothing that it has in it is run.
    """

    def __init__(self, runtime):
        self._runtime = runtime
        self._commands = runtime.config["adopt"]["commands"]
        texts = runtime.config["adopt"]["sql"]
        settings = {name: "slipway_variables.%s" % name for name in runtime.variables}
        self.sql = [expand_text(text, {name: "current_setting('%s')" % setting for name, setting in settings.items()}) for text in texts]
        self.settings = {settings[name]: str(runtime.variables[name]) for name in sorted(_placeholders(runtime))}
        for command in self._commands:  # what they lack is said before anything is done
            runtime.argv(command)

    def told(self):
        """How many texts of SQL and how many commands it is."""
        return {"sql": len(self.sql), "commands": len(self._commands)}

    def finish(self):
        """Run the commands: the database is live."""
        try:
            self._runtime.run_all(self._commands, self._runtime.config["timeouts"]["command"])
        except SlipwayError as error:
            raise SlipwayError(error.message, untouched="The restored database is live; what adopt.commands of slipway.yml say was not done with it.",
                               hint="Mend it, and run the commands by slipway.app.console, or restore again.") from error
