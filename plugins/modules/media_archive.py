#!/usr/bin/python

# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: media_archive
short_description: Make an archive of placeholders out of a folder of media
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - Makes an archive that goes with a sanitized dump. In the place of each image it has an empty one of the same type and dimensions, at the same
    path. Not a byte of an original is in it, and so nothing of what images say of cameras, places and people.
  - JPEG, PNG, GIF, WebP, BMP, TIFF and SVG are images. A broken one, one of more than 50 million pixels, and one of which more than 64 MB
    would have to be read for its dimensions, is no image.
  - B(Paths are kept as they are), since the database refers to them. Where users name the files they upload, these names are in the archive.
  - The archive is a tar file that is compressed by gzip. It gets its name when all of it is on the disk. The same files give the same bytes.
extends_documentation_fragment:
  - slipway.app._attributes
attributes:
  check_mode:
    support: full
    details:
      - Does all that the real run does, but for writing.
  diff_mode:
    support: none
    details:
      - An archive is written anew as a whole. RV(images), RV(emptied) and RV(left_out) tell what became of the files.
options:
  src:
    description:
      - Folder of the media on the host, which may be a link itself. Links in it are not followed, and are not in the archive.
    type: path
    required: true
  dest:
    description:
      - File of the archive on the host, in a folder that exists and is not in O(src). One that is there is replaced.
      - It is written as C(.part-) and sixteen digits beside it. What a killed call leaves there is written over by the next one.
    type: path
    required: true
  others:
    description:
      - What becomes of files that are no images; V(omit) leaves them out, V(empty) has an empty file in their place.
    type: str
    choices: [omit, empty]
    default: omit
  jobs:
    description:
      - How many files are looked at at the same time; as many as the host has cores, at most 4, when not set.
      - Each may take some 130 MB of memory when somebody has uploaded what is made for it.
    type: int
  only_look:
    description:
      - Only finds out whether there are O(src), Pillow and a place to write to, and makes no archive, such as before a dump that goes with it
        and takes hours.
    type: bool
    default: false
notes:
  - Files are opened as the user the module runs as. What cannot be read is left out and named in a warning.
requirements:
  - The Python library Pillow on the host.
seealso:
  - module: slipway.app.postgres_dump
"""

EXAMPLES = r"""
---
- name: Make placeholders of the shop's media
  slipway.app.media_archive:
    src: /srv/shop/shared/media
    dest: /srv/dumps/media.tar.gz

- name: Put them in the place of media elsewhere
  ansible.builtin.unarchive:
    src: /srv/dumps/media.tar.gz
    dest: /srv/shop/shared/media
    remote_src: true
"""

RETURN = r"""
archive:
  description: Path of the archive.
  type: str
  returned: when O(only_look=false)
  sample: /srv/dumps/media.tar.gz
size:
  description: Its bytes.
  type: int
  returned: when O(only_look=false)
  sample: 1834000
images:
  description: How many placeholders of images it has.
  type: int
  returned: when O(only_look=false)
  sample: 18211
emptied:
  description: How many empty files it has in the place of what is no image.
  type: int
  returned: when O(only_look=false)
  sample: 0
left_out:
  description: How many files, links and other things are not in it.
  type: int
  returned: when O(only_look=false)
  sample: 314
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.slipway.app.plugins.module_utils._core.outcome import finish
from ansible_collections.slipway.app.plugins.module_utils._media.archive import OTHERS, TOLD, MediaArchive


def run(module):
    params = module.params
    archive = MediaArchive(params["src"], params["dest"], params["others"], params["jobs"])
    if params["only_look"]:
        archive.look(module.check_mode)
        return {"changed": False}
    changed, size = archive.write(module.check_mode)
    unread = archive.unread
    warnings = ["%d files and folders could not be read, and are left out: %s." % (len(unread), ", ".join(unread[:TOLD]))] if unread else []
    return dict(archive.count, changed=changed, archive=params["dest"], size=size, warnings=warnings)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            src={"type": "path", "required": True},
            dest={"type": "path", "required": True},
            others={"type": "str", "choices": list(OTHERS), "default": "omit"},
            jobs={"type": "int"},
            only_look={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    finish(module, run)


if __name__ == "__main__":
    main()
