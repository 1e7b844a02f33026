-- What the peers store into: every field of an event in a column, and a row per task with its present state. What our
-- ledger has besides, and they have not: the bytes received, the stream and ID they came by, times of the task's phases,
-- a count, numbers held per producer, partitions. That is in their favour.

CREATE SCHEMA peer;

-- batches.py and node/: an event's identity is its producer's, so that a second delivery is no second row.
CREATE TABLE peer.task_event (
    producer_id    uuid NOT NULL,
    sequence       bigint NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    task_id        text NOT NULL,
    status         text NOT NULL,
    attempt        integer NOT NULL,
    task_name      text,
    parent_task_id text,
    queue          text,
    worker         text,
    step           text,
    progress       double precision,
    message        text,
    error_type     text,
    error_message  text,
    data           jsonb,
    traceparent    text,
    PRIMARY KEY (producer_id, sequence)
);
CREATE INDEX ON peer.task_event (task_id, occurred_at);

CREATE TABLE peer.task (
    task_id        text PRIMARY KEY,
    status         text NOT NULL,
    attempt        integer NOT NULL,
    task_name      text,
    parent_task_id text,
    queue          text,
    worker         text,
    step           text,
    progress       double precision,
    message        text,
    error_type     text,
    error_message  text,
    data           jsonb,
    occurred_at    timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- listener.py: what is said has no identity, so a row is whatever was received.
CREATE TABLE peer.status_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_request_id text NOT NULL,
    status          text NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    worker_source   text,
    step            text,
    progress        double precision,
    message         text,
    data            jsonb NOT NULL
);
CREATE INDEX ON peer.status_log (task_request_id, occurred_at);

CREATE TABLE peer.task_request (
    task_request_id    text PRIMARY KEY,
    status             text NOT NULL,
    worker_source      text,
    step               text,
    progress           double precision,
    message            text,
    data               jsonb NOT NULL,
    last_status_update timestamptz NOT NULL
) WITH (fillfactor = 50);
