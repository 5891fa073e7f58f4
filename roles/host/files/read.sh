# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Let a server read what it has not read yet; say how, where there was something. Decided by when each file came there and when the server
# last read, too, and not only by what this run has changed: one before may have been cut off in between, or its reload may have failed.
# UNIT  PID_FILE (written when it starts, touched when it was reloaded)  ASK, or ""  FILES...
# ASK is for a server whose restart is dear: a command that says something where the server itself has settings that wait for one.
# Clocks, and files that a backup or a restore has touched, cost no more than a reload.
# Environment: changed, where this run has changed a file; looks, where it is only to say what it would do.
set -e
unit=$1 pid=$2 ask=$3
shift 3
begun=$(date +%s.%N) unread='' waits=''
if [ -n "$changed" ] || [ ! -e "$pid" ] || [ -n "$(find "$@" -cnewer "$pid" 2> /dev/null)" ]; then
    unread=1
    if [ -z "$looks" ]; then
        systemctl reload "$unit"
        touch -cd "@$begun" "$pid"
    fi
fi
# Where it only looks, there may be no server yet.
[ -z "$ask" ] || waits=$(/bin/sh -ec "$ask") || [ -n "$looks" ]
if [ -n "$waits" ]; then
    [ -n "$looks" ] || systemctl restart "$unit"
    echo "${looks:+to be }restarted"
elif [ -n "$unread" ]; then
    echo "${looks:+to be }reloaded${looks:+${ask:+, and restarted if a setting that changes needs it}}"
fi
