# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # Where dumps are, and with which programs they are made and restored.
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Folder of dumps on the host; made where there is none. Only the user it belongs to can look into what is made in it.
    type: path
    required: true
  bin_dir:
    description:
      - Folder of the client programs pg_dump and pg_restore. Without it, those of the folders of Debian's and Red Hat's packages and of
        C(PATH) are looked at, and the oldest version is taken that suits the server.
    type: path
requirements:
  - pg_dump and pg_restore on the host the module runs on, of the server's major version or a later one.
"""
