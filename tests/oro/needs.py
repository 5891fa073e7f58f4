# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings onto this machine what tests/oro needs of it: Debian's packages of PHP, of symfony/console and of composer.

Only root can install them. Where they cannot be had it says so in one sentence and ends with 1.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys

PACKAGES = ("composer", "php-cli", "php-fpm", "php-pgsql", "php-symfony-console")
PROBE = ("require '/usr/share/php/Symfony/Component/Console/autoload.php';"
         "exit(extension_loaded('pdo_pgsql') && extension_loaded('pcntl') ? 0 : 1);")


def php_fpm():
    """PHP-FPM of the machine, the newest; None without one."""
    return max(glob.glob("/usr/sbin/php-fpm[0-9]*"), default=None)


def ready():
    if not (php_fpm() and shutil.which("php") and shutil.which("composer")):
        return False
    return subprocess.run(["php", "-r", PROBE], capture_output=True, check=False).returncode == 0


def bring():
    """Install what is missing."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for argv in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES]):
        subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, check=True)


def main():
    if not ready() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("slipway: installing %s" % ", ".join(PACKAGES), file=sys.stderr, flush=True)
        bring()
    if not ready():
        print("it needs the Debian packages %s" % ", ".join(PACKAGES))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
