# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Let a server read what it has not read yet; say how, where there was something. Decided by when each file came there and when the server
# last read, and not by what this run has changed: one before may have been cut off in between, or its reload may have failed.
# UNIT  PID_FILE (written when it starts, touched when it was reloaded)  FILE_READ_AT_ITS_START_ONLY, or ""  FILES...
set -e
unit=$1 pid=$2 at_start=$3
shift 3
begun=$(date +%s.%N)
unread() { [ ! -e "$pid" ] || [ -n "$(find "$@" -cnewer "$pid" 2> /dev/null)" ]; }
if [ -n "$at_start" ] && unread "$at_start"; then
    systemctl restart "$unit"
    echo restarted
elif unread "$@"; then
    systemctl reload "$unit"
    touch -cd "@$begun" "$pid"
    echo reloaded
fi
