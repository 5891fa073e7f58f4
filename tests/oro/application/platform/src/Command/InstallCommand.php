<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn\Command;

use Oro\StandIn\Command;
use Symfony\Component\Console\Input\InputInterface as Input;
use Symfony\Component\Console\Output\OutputInterface as Output;

/** oro:install: into an empty database, with an administrator; exit status 3 when it is installed already. */
final class InstallCommand extends Command
{
    private const NEEDED = ['user-email', 'user-firstname', 'user-lastname', 'user-password'];

    protected static $defaultName = 'oro:install';

    protected function configure(): void
    {
        $this->flags('skip-translations', 'skip-download-translations', 'drop-database')->values(
            'application-url', 'organization-name', 'user-name', 'user-email', 'user-firstname', 'user-lastname',
            'user-password', 'sample-data', 'language', 'formatting-code'
        );
        if (\Oro\StandIn\Application::isFrom('6.0')) {
            $this->values('default-currency');
        }
    }

    protected function execute(Input $input, Output $output): int
    {
        if ($this->application->isInstalled()) {
            $output->writeln('<error>An Oro application is already installed.</error>');
            $output->writeln('<error>To proceed with install - run command with --drop-database option</error>');
            return 3;
        }
        foreach (self::NEEDED as $name) {
            if (!$input->getOption($name)) {
                $output->writeln("<error>The \"$name\" option is required in non-interactive mode.</error>");
                return 1;
            }
        }
        if (strlen($input->getOption('organization-name') ?? '') > 15) {
            $output->writeln('<error>The organization name must have 15 characters at most.</error>');
            return 1;
        }
        $this->tables();
        $this->getApplication()->find('oro:migration:load')->run(
            new \Symfony\Component\Console\Input\ArrayInput(['--force' => true]), $output);
        $this->getApplication()->find('oro:migration:data:load')->run(
            new \Symfony\Component\Console\Input\ArrayInput([]), $output);
        $this->application->execute('INSERT INTO oro_user (username, email, password) VALUES (?, ?, ?)', [
            $input->getOption('user-name'), $input->getOption('user-email'),
            password_hash($input->getOption('user-password'), PASSWORD_DEFAULT)]);
        $this->application->execute("INSERT INTO oro_config_value (section, name, text_value)
            VALUES ('oro_distribution', 'is_installed', now()::text)");
        $output->writeln('The application has been successfully installed.');
        return 0;
    }

    private function tables(): void
    {
        $this->application->database()->exec("
            CREATE TABLE oro_migrations (id serial PRIMARY KEY, bundle text, version text, loaded_at timestamp);
            CREATE TABLE oro_migrations_data (id serial PRIMARY KEY, class_name text);
            CREATE TABLE oro_config_value (id serial PRIMARY KEY, section text, name text, text_value text);
            CREATE TABLE oro_user (id serial PRIMARY KEY, username text, email text, password text);
            CREATE TABLE oro_entity_config (id serial PRIMARY KEY, class_name text, state text);
            CREATE TABLE oro_message_queue (id bigserial PRIMARY KEY, queue text, body text);
            CREATE TABLE oro_message_queue_state (id text PRIMARY KEY, updated_at timestamptz);
            CREATE TABLE standin_done (id bigserial PRIMARY KEY, topic text, subject text, asked_at timestamptz,
                                       done_at timestamptz DEFAULT clock_timestamp(), process int);
            CREATE TABLE standin_seen (id bigserial PRIMARY KEY, what text, lock boolean, front int,
                                       at timestamptz DEFAULT clock_timestamp());
            CREATE TABLE standin_pushed (id bigserial PRIMARY KEY, message text)
        ");
    }
}
