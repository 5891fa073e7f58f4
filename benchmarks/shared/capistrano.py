# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capistrano 3 (Debian's package, git strategy), set up to deploy a tag of a repository to hosts over SSH."""

from __future__ import annotations

from pathlib import Path

CAPFILE = """\
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
"""

DEPLOY = """\
set :application, "shop"
set :repo_url, "{repository}"
set :branch, ENV["TAG"]
set :deploy_to, "{root}"
set :tmp_dir, "{home}"
set :linked_dirs, %w[{shared}]
set :keep_releases, {keep}
set :ssh_options, {{
  keys: ["{key}"], keys_only: true, config: false, verify_host_key: :never, user_known_hosts_file: "/dev/null"
}}
"""

ARGV = ["cap", "production", "deploy"]  # with the tag in the environment variable TAG


def write(folder, addresses, port=22, **settings):
    """Write the project into a folder, from which ARGV then deploys to the addresses.

    settings: repository, root (where on the hosts), home (for temporary files there), shared (paths), keep (releases), key.
    """
    folder = Path(folder)
    (folder / "config" / "deploy").mkdir(parents=True)
    (folder / "Capfile").write_text(CAPFILE, encoding="utf-8")
    settings["shared"] = " ".join(settings["shared"])
    (folder / "config" / "deploy.rb").write_text(DEPLOY.format(**settings), encoding="utf-8")
    servers = ["server \"%s\", user: \"root\", port: %d, roles: %%w[app]\n" % (address, port) for address in addresses]
    (folder / "config" / "deploy" / "production.rb").write_text("".join(servers), encoding="utf-8")
