# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""No debugging where users are: it shows them the inside of the application, its settings and secrets among it."""

from __future__ import annotations

import os

from ansible_collections.slipway.app.plugins.module_utils._config.profiles import DEBUG_FILES, DEBUG_SWITCHES
from ansible_collections.slipway.app.plugins.module_utils._core.errors import SlipwayError

OFF = ("", "0", "false", "f", "no", "n", "off", "none", "null")
ALLOWED = "dev"  # the environment where debugging may be on


def refuse(site, candidate):
    """Raise when the environment that a release would run in, of slipway.yml and of the inventory, turns debugging on."""
    if site.environment == ALLOWED:
        return
    runtime = site.runtime(candidate)
    environment = runtime.environment({name: str(value) for name, value in (site.params["environment_variables"] or {}).items()})
    switched_on = [name for name in DEBUG_SWITCHES.get(runtime.config["profile"], ())
                   if environment.get(name, "").strip().lower() not in OFF]
    if switched_on:
        raise SlipwayError("%s turns debugging on, which shows the application's inside to users; that is for the environment %s only, "
                           "and this one is %s." % (", ".join(switched_on), ALLOWED, site.environment),
                           hint="Take it out of environment in slipway.yml, or of slipway_environment_variables.")


def refuse_files(site, release):
    """Raise when an unpacked release has a program for developers that a web server would run for everybody.

    One that is live here, or was before the one that is, can be gone back to, whatever is in it.
    """
    lived = [one.id for one in (site.releases.current(), site.releases.previous()) if one]
    if site.environment == ALLOWED or release.id in lived:
        return
    profile = site.config(release.documents)["profile"]
    there = [path for path in DEBUG_FILES.get(profile, ()) if os.path.lexists(os.path.join(release.path, path))]
    if there:
        raise SlipwayError("The package has %s, which shows the application's inside to users; that is for the environment %s only, "
                           "and this one is %s." % (", ".join(there), ALLOWED, site.environment),
                           hint="Name it under build.exclude in slipway.yml.")
