<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Application;
use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;
use Symfony\Component\Console\Style\SymfonyStyle;

/** dbal:run-sql, which Doctrine brings: a table of what a query found, or with Doctrine's version of Oro 5.1 a dump of it. */
final class RunSqlCommand extends Command
{
    protected static $defaultName = 'dbal:run-sql';

    protected function configure(): void
    {
        $this->addArgument('sql', InputArgument::REQUIRED);
    }

    protected function execute(Input $input, Output $output): int
    {
        $rows = $this->application->execute($input->getArgument('sql'))->fetchAll(\PDO::FETCH_ASSOC);
        if (Application::isFrom('6.0')) {
            (new SymfonyStyle($input, $output))->table(array_keys($rows[0]), $rows);
        } else {
            ob_start();
            var_dump($rows);
            $output->write(ob_get_clean(), false, Output::OUTPUT_RAW);
        }
        return 0;
    }
}
