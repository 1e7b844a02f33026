-- The audit: what has to be kept so that a ledger can be rebuilt, pruned, redacted and proven.
--
-- Only adds; consumers that know version 2 alone keep working beside it.

-- ---- what was redacted ----------------------------------------------------------------------------------------------

-- What the redacted bytes carried of the event before, so that the chain can still be followed through them.
ALTER TABLE taskledger.redaction ADD COLUMN previous_digest bytea; -- empty: nothing, as in a producer's first event


-- ---- what was pruned ------------------------------------------------------------------------------------------------

-- What a pruned producer's events were: their unbroken runs of numbers, and every run that a seal given to prune told of.
-- A seal whose run stands here with the same digest still holds, by this record alone; the events are in the export.
CREATE TABLE taskledger.prune_boundary (
    producer_id    uuid NOT NULL,
    first_sequence bigint NOT NULL CHECK (first_sequence > 0),
    last_sequence  bigint NOT NULL CHECK (last_sequence >= first_sequence),
    digest         bytea NOT NULL CHECK (length(digest) = 32), -- of the bytes of the last event
    pruned_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (producer_id, first_sequence, last_sequence)
);


-- ---- partitions of the past -----------------------------------------------------------------------------------------

-- Makes the partition for producers born at this instant (Unix milliseconds), with the rights of the owner, unless
-- task_event_other holds events of that month or somebody holds a lock: it works without. Tells from when to when it goes.
-- Only of the last ten years, so that nobody can make any number of tables.
CREATE FUNCTION taskledger.ensure_month(born_ms bigint, OUT first_ms bigint, OUT end_ms bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
    month CONSTANT timestamptz := date_trunc('month', to_timestamp(least(born_ms, 253402300799999) / 1000.0));
    name CONSTANT text := to_char(month, '"task_event_y"YYYY"m"MM');
BEGIN
    first_ms := extract(epoch FROM month) * 1000;
    end_ms := extract(epoch FROM month + interval '1 month') * 1000;
    IF month NOT BETWEEN now() - interval '10 years' AND now() + interval '1 month'
        OR to_regclass('taskledger.' || name) IS NOT NULL
    THEN
        RETURN;
    END IF;

    BEGIN
        PERFORM pg_advisory_xact_lock(1953260647, 2); -- one maker at a time; class 'tldg'
        PERFORM taskledger.make_partition(name, month);
    EXCEPTION
        WHEN duplicate_table OR check_violation OR lock_not_available THEN
            NULL;
    END;
END
$$;
REVOKE ALL ON FUNCTION taskledger.ensure_month(bigint) FROM PUBLIC;


-- ---- tasks without a sign of life, tasks with children ---------------------------------------------------------------

-- Tasks that are RUNNING or in RETRY and of which nothing was heard for longer than `older`, by the clock of whoever said
-- the last thing; and what is known of him: when he ended, and when the ledger learnt anything from him last. Names are
-- looked up at each call, so it is the table of that moment also after a rebuild has put another in its place.
CREATE FUNCTION taskledger.stuck_tasks(older interval)
    RETURNS TABLE (task_id text, status taskledger.task_status, attempt integer, task_name text, queue text, worker text,
                   step text, started_at timestamptz, occurred_at timestamptz, silent_for interval, producer_id uuid,
                   sequence bigint, producer_host text, producer_pid bigint, producer_closed_at timestamptz,
                   producer_heard_at timestamptz)
    LANGUAGE sql STABLE AS $$
    SELECT task.task_id, task.status, task.attempt, task.task_name, task.queue, task.worker, task.step, task.started_at,
           task.occurred_at, now() - task.occurred_at, task.producer_id, task.sequence, producer.host, producer.pid,
           producer.closed_at, heard.recorded_at
        FROM taskledger.task AS task
        LEFT JOIN taskledger.producer AS producer USING (producer_id)
        LEFT JOIN LATERAL (SELECT event.recorded_at FROM taskledger.task_event AS event
                               WHERE event.producer_id = task.producer_id ORDER BY event.sequence DESC LIMIT 1)
            AS heard ON true
        WHERE task.status IN ('RUNNING', 'RETRY') AND task.occurred_at < now() - older
$$;

CREATE VIEW taskledger.stuck_task AS SELECT * FROM taskledger.stuck_tasks('5 minutes');

-- The children of a task, as they began. What is indexed hardly ever changes, so that updates stay within their page (HOT)
-- as before; a task without a parent is not in it.
CREATE INDEX task_parent_task_id_idx ON taskledger.task (parent_task_id, first_at, task_id)
    WHERE parent_task_id IS NOT NULL;


INSERT INTO taskledger.migration (version, name, serves_from) VALUES (3, 'audit', 1);
