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

/** oro:entity-extend:update: apply changes of entities made in the back office, as its button does. */
final class EntityExtendUpdateCommand extends Command
{
    protected static $defaultName = 'oro:entity-extend:update';

    protected function configure(): void
    {
        $this->flags('dry-run');
    }

    protected function execute(Input $input, Output $output): int
    {
        $changed = $this->application->execute(
            "SELECT class_name FROM oro_entity_config WHERE state <> 'Active'")->fetchAll(\PDO::FETCH_COLUMN);
        $output->writeln($changed ? 'The following entities have changes:' : 'There are no changes to apply.');
        $output->writeln($changed);
        if ($input->getOption('dry-run')) {
            return 0;
        }
        // Whoever holds the lock: the button unlocks when it is done.
        $maintenance = new Maintenance($this->application);
        $maintenance->on();
        register_shutdown_function([$maintenance, 'off']);
        $this->application->execute("UPDATE oro_entity_config SET state = 'Active'");
        return 0;
    }
}
