<?php
// Copyright (c) 2026, Slipway contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

declare(strict_types=1);

namespace Oro\StandIn;

/** The message queue in the database. */
final class Queue
{
    public function __construct(private Application $application)
    {
    }

    public function send(string $topic, array $body, string $queue = 'oro.default'): void
    {
        $this->application->execute(
            'INSERT INTO oro_message_queue (queue, body) VALUES (?, ?)',
            [$queue, json_encode(['topic' => $topic] + $body)]
        );
    }

    /** Take one message of these queues (of all, when none is named) and do what it asks for; whether there was one. */
    public function work(array $queues): bool
    {
        $database = $this->application->database();
        $database->beginTransaction();
        $condition = $queues ? sprintf('WHERE queue IN (%s)', implode(', ', array_fill(0, count($queues), '?'))) : '';
        $row = $this->application->execute(
            "DELETE FROM oro_message_queue WHERE id = (SELECT id FROM oro_message_queue $condition
             ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING body",
            $queues
        )->fetchColumn();
        if ($row !== false) {
            $message = json_decode($row, true);
            $this->application->execute(
                'INSERT INTO standin_done (topic, subject, asked_at, process) VALUES (?, ?, ?, ?)',
                [$message['topic'], $message['subject'] ?? '', $message['asked_at'] ?? null, getmypid()]
            );
        }
        $database->commit();
        return $row !== false;
    }
}
