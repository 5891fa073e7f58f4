# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Let a server read what it has not read yet; say how, where there was something. Decided by when each file came there and when the server
# last read, too, and not only by what this run has changed: one before may have been cut off in between, or its reload may have failed.
# UNIT  PID_FILE (written when it starts, touched when it has taken what it read)  AMISS, or ""  ASK, or ""  FILES...
# To systemd a reload is done once the server was told to read. It may then go on with what it had, as where a port is taken.
# AMISS is a command that says why it has not taken its settings yet; it knows since when, as begun. "" is for a server that starts new
# workers once it has.
# ASK is for a server whose restart is dear: a command that says something where the server itself has settings that wait for one.
# Clocks, and files that a backup or a restore has touched, cost no more than a reload.
# Environment: changed, where this run has changed a file; looks, where it is only to say what it would do; tell, a command that tells the
# server to read, where that need not be one of systemd's.
set -e
unit=$1 pid=$2 amiss=$3 ask=$4
shift 4
export begun=$(date +%s.%N)
unread='' waits='' why='' before=''
await() { for _turn in $(seq "$1"); do ! "$2" || return 0; sleep 0.1; done; return 1; } # tenths of a second, what for
workers() { grep -lsx "PPid:[[:blank:]]*$main" /proc/[0-9]*/status || :; }
# Both block signals while they read, which may take a while, as where another site has a name that nobody knows.
idle() { ! grep -qsE '^(ShdPnd|SigBlk):.*[1-9a-f]' "/proc/$main/status"; }
taken() {
    if [ -n "$amiss" ]; then
        why=$(/bin/sh -ec "$amiss" 2>&1) && [ -z "$why" ]
    else
        workers | grep -qvxF "$before"
    fi
}
reload() {
    if [ -n "$tell" ]; then
        # Where its pid file is elsewhere, it is not known whether it has taken them.
        main=$(cat "$pid") || { $tell; return; }
    elif [ -z "$amiss" ]; then
        main=$(systemctl show --property=MainPID --value "$unit")
    fi
    if [ -z "$amiss" ]; then
        await 1200 idle || : # what it was told to read before this must not pass for it
        before=$(workers)
    fi
    ${tell:-systemctl reload $unit}
    [ -n "$amiss" ] || await 1200 idle || :
    await 100 taken || {
        echo "$unit was told to read its settings, and has not taken them. It goes on with those that it had, and may not start with the" \
            "new ones. Mend what keeps it from them, and run this again.${why:+ $why}" >&2
        # What it says itself: users' requests, which are in its syslog and in nginx' log of errors, are for nobody who provisions.
        {
            journalctl -qn 5 -o cat -u "$unit" _TRANSPORT=stdout --since "@${begun%.*}"
            find "/var/log/$unit/error.log" -newermt "@$begun" -exec grep -F '[emerg]' {} + | tail -n 5
        } >&2 2> /dev/null || :
        return 1
    }
    touch -cd "@$begun" "$pid" || :
}
if [ -n "$changed" ] || [ ! -e "$pid" ] || [ -n "$(find "$@" -cnewer "$pid" 2> /dev/null)" ]; then
    unread=1
    [ -n "$looks" ] || reload
fi
# Where it only looks, there may be no server yet.
[ -z "$ask" ] || waits=$(/bin/sh -ec "$ask") || [ -n "$looks" ]
if [ -n "$waits" ]; then
    [ -n "$looks" ] || systemctl restart "$unit"
    echo "${looks:+to be }restarted"
elif [ -n "$unread" ]; then
    echo "${looks:+to be }reloaded${looks:+${ask:+, and restarted if a setting that changes needs it}}"
fi
