<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

/** The application's own lock: a file that is there or not, nothing is read from it. */
final class Maintenance
{
    public function __construct(private Application $application)
    {
    }

    public function file(): string
    {
        $default = Application::isFrom('6.0') ? 'var/maintenance/maintenance_lock' : 'var/cache/maintenance_lock';
        return getenv('ORO_MAINTENANCE_LOCK_FILE_PATH') ?: $this->application->path($default);
    }

    public function isOn(): bool
    {
        clearstatcache();
        return file_exists($this->file());
    }

    /** Idempotent, as in current branches; the pages that are open hear of it if the websocket server is there. */
    public function on(): bool
    {
        if ($this->isOn()) {
            return false;
        }
        @mkdir(dirname($this->file()), 0777, true);
        touch($this->file());
        $this->push('on');
        return true;
    }

    public function off(): bool
    {
        return $this->isOn() && unlink($this->file()) && $this->push('off');
    }

    private function push(string $state): bool
    {
        $connection = @stream_socket_client(getenv('ORO_WEBSOCKET_BACKEND_DSN') ?: 'tcp://127.0.0.1:1', $number, $text, 1);
        if ($connection) {
            fwrite($connection, "oro/maintenance $state\n");
            fgets($connection);
        }
        return true;
    }
}
