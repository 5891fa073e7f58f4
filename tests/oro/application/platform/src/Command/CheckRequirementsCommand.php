<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** oro:check-requirements: exit status 1 when this machine does not have what the application needs. */
final class CheckRequirementsCommand extends Command
{
    protected static $defaultName = 'oro:check-requirements';

    protected function execute(Input $input, Output $output): int
    {
        $missing = $this->application->missing();
        foreach ($missing as $line) {
            $output->writeln("<error>$line</error>");
        }
        $output->writeln($missing
            ? '<error>Some system requirements are not fulfilled. Please check output messages and fix them.</error>'
            : 'The application meets all mandatory requirements');
        return $missing ? 1 : 0;
    }
}
