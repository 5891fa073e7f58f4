<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

use Oro\StandIn\Maintenance;

/** standin:look: the eye of the tests, not a command of Oro's. Notes what is seen at this moment of an upgrade. */
final class LookCommand extends Command
{
    protected static $defaultName = 'standin:look';

    protected function configure(): void
    {
        $this->addArgument('what', \Symfony\Component\Console\Input\InputArgument::REQUIRED);
    }

    protected function execute(Input $input, Output $output): int
    {
        $context = stream_context_create(['http' => ['ignore_errors' => true]]);
        @file_get_contents(getenv('STANDIN_FRONT'), false, $context);
        $this->application->execute('INSERT INTO standin_seen (what, lock, front) VALUES (?, ?, ?)', [
            $input->getArgument('what'),
            (new Maintenance($this->application))->isOn() ? 't' : 'f',
            (int) explode(' ', $http_response_header[0] ?? 'none 0')[1],
        ]);
        return 0;
    }
}
