# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this fragment is PRIVATE to the collection; it can be changed or removed without notice.

from __future__ import annotations


class ModuleDocFragment:

    # Where packages are kept.
    DOCUMENTATION = r"""
options:
  store:
    description:
      - Where packages are kept, a folder or a registry.
      - A folder, such as V(/srv/packages), holds an OCI image layout, which C(skopeo) and others can read.
      - A registry is named by its URL and by what its repositories begin with. With V(https://registry.example.com:5000/team) the
        package V(shop:1.0.0) is the tag V(1.0.0) of the repository C(team/shop). Plain C(http://) works as well, but credentials
        are then sent to nobody but this machine itself.
      - Packages have the same digests in both, and C(skopeo copy) brings them from one to the other.
      - A host that unpacks packages of a registry keeps what it has fetched in C(state/blobs) below the application's folder, for
        as long as a release needs it.
    type: str
    required: true
  store_auth:
    description:
      - What a registry wants to see. Not needed for a folder, or where everybody may read.
      - Both of the usual ways are spoken, a password for each request (Basic) and a token that it is exchanged for (Bearer). The
        credentials are written nowhere, and sent to nobody but the registry and the token server that it names.
    type: dict
    suboptions:
      username:
        description: Name of the user, or of the robot account.
        type: str
      password:
        description: Its password or access token.
        type: str
      ca_path:
        description:
          - File with certificates that the registry's may be signed by, beside those the machine trusts anyway. On the
            machine that asks the registry.
        type: path
      client_cert:
        description: File with a client certificate, and its key if O(store_auth.client_key) is not set.
        type: path
      client_key:
        description: File with the key of the client certificate.
        type: path
"""

    # For hosts that cannot reach the store.
    RELAY = r"""
options:
  relay:
    description:
      - Let the controller read the package and send what the host lacks of it, over the connection that Ansible has to the host.
        For hosts that cannot reach the registry, or do not see the folder.
      - With V(auto), which is the default, a host tries by itself, and the controller helps only when no connection to the registry comes
        about. What a registry answers (such as a refused password), a certificate that is not trusted, or a blob that is damaged is an
        error all the same.
      - O(store) and O(store_auth) are then read on the controller, and the credentials stay there. What it has fetched, the
        controller keeps for a while in C($XDG_CACHE_HOME/slipway/blobs) of its user (C(~/.cache) when not set).
      - With V(true) the host does not even try, with V(false) it gets no help.
    type: raw
    default: auto
  relayed:
    description:
      - Set by the action plugin. What it has read of the package for this host.
    type: dict
"""
