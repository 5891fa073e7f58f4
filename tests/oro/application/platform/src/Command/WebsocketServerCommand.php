<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** gos:websocket:server: notes what is pushed to open pages. */
final class WebsocketServerCommand extends Command
{
    protected static $defaultName = 'gos:websocket:server';

    protected function configure(): void
    {
        $this->values('host', 'port');
    }

    protected function execute(Input $input, Output $output): int
    {
        $server = stream_socket_server(getenv('ORO_WEBSOCKET_BACKEND_DSN'));
        while ($connection = stream_socket_accept($server, -1)) {
            $message = trim((string) fgets($connection));
            $this->application->execute('INSERT INTO standin_pushed (message) VALUES (?)', [$message]);
            fwrite($connection, "ok\n");
            fclose($connection);
        }
        return 1;
    }
}
