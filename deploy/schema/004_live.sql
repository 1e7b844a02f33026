-- The live page: what the list of tasks and the feed look up.
--
-- Only adds indexes; consumers that know version 1 alone keep working beside it. Each is taken as it is when it is there
-- already, so that whoever runs a large ledger makes them beforehand, CONCURRENTLY and partition by partition, and no writer
-- waits: see deploy/README.md. The names are those that PostgreSQL would choose.

-- ---- the list of tasks, newest first ---------------------------------------------------------------------------------

-- When a task was first heard of hardly ever changes, so updates stay within their page (HOT) as before.
CREATE INDEX IF NOT EXISTS task_first_at_task_id_idx ON taskledger.task (first_at, task_id);

-- A rebuild that is under way now, or is to be undone, changes places only with a table that has the same indexes.
DO $$
DECLARE
    other text;
BEGIN
    FOREACH other IN ARRAY ARRAY['task_rebuild', 'task_before'] LOOP
        IF to_regclass('taskledger.' || other) IS NOT NULL THEN
            EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON taskledger.%I (first_at, task_id)',
                           other || '_first_at_task_id_idx', other);
        END IF;
    END LOOP;
END
$$;


-- ---- what came after a place in the stream ---------------------------------------------------------------------------

-- Events are stored about in the order of the stream, so that a summary of each stretch of pages finds what came after an
-- ID, and costs an insert next to nothing. It is lossy: a stretch not summarised yet is read.
CREATE INDEX IF NOT EXISTS task_event_stream_ms_idx ON taskledger.task_event USING brin (stream_ms)
    WITH (pages_per_range = 32, autosummarize = on);


-- ---- whether it is still the same history ----------------------------------------------------------------------------

-- See replay/web/feed/feed_epoch.h.
CREATE INDEX IF NOT EXISTS loss_epoch_idx ON taskledger.loss (id)
    WHERE kind IN ('stream_went_back', 'ledger_went_back');


INSERT INTO taskledger.migration (version, name, serves_from) VALUES (4, 'live', 1);
