<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

use Symfony\Component\Console\Application as Symfony;
use Symfony\Component\Console\Input\InputOption;

/** bin/console, with the options that every command has. */
final class Console extends Symfony
{
    public function __construct()
    {
        parent::__construct('Stand-in for the Oro platform', Application::platform());
        $options = $this->getDefinition();
        $options->addOption(new InputOption('env', 'e', InputOption::VALUE_REQUIRED, 'The environment', 'dev'));
        $options->addOption(new InputOption('no-debug', null, InputOption::VALUE_NONE, 'Without debugging'));
        $options->addOption(new InputOption('timeout', null, InputOption::VALUE_REQUIRED, 'Of child processes', '3600'));
        $application = new Application();
        foreach (glob(__DIR__ . '/Command/*Command.php') as $file) {
            $class = __NAMESPACE__ . '\\Command\\' . basename($file, '.php');
            $this->add(new $class($application));
        }
    }
}
