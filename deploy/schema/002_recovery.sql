-- Recovery: what has to be remembered to tell a loss from a delay, and a crash from bad luck.
--
-- Only adds; a consumer that knows version 1 alone keeps working beside it.

-- ---- numbers that do not come ---------------------------------------------------------------------------------------

-- A producer of which more is known than is held: `gap_since` leads there. What is missing is noted in `gap`; what of that
-- is missing still when the grace has passed is entered in `loss`. See consumer/recovery/gaps.h.
ALTER TABLE taskledger.producer
    ADD COLUMN gap_since      timestamptz,     -- when `gap` was noted, or something began to be missing; NULL: nothing is
    ADD COLUMN gap            int8multirange,  -- what was missing then; NULL: nobody has looked yet
    ADD COLUMN known_sequence bigint;          -- a number that it has used, although nothing here tells of it

-- Updates of producers that have no gap stay within their page: neither the column nor the predicate changes.
CREATE INDEX producer_gap_since_idx ON taskledger.producer (gap_since) WHERE gap_since IS NOT NULL;

-- What stands open, by kind.
CREATE INDEX loss_open_idx ON taskledger.loss (kind, producer_id) WHERE repaired_at IS NULL;

-- What is missing of those whose last word came before this migration.
UPDATE taskledger.producer SET gap_since = now()
    WHERE pruned_at IS NULL AND archived_sequence < greatest(upper(held) - 1, last_sequence);


-- ---- watermarks of producers that are gone --------------------------------------------------------------------------

-- When the field of a producer that is gone was taken out of Redis again; NULL: it may be there. See consumer/recovery/forget.h.
ALTER TABLE taskledger.producer ADD COLUMN watermark_removed_at timestamptz;

CREATE INDEX producer_watermark_idx ON taskledger.producer (producer_id)
    WHERE closed_at IS NOT NULL AND watermark_removed_at IS NULL;
CREATE INDEX producer_unclosed_watermark_idx ON taskledger.producer (producer_id)
    WHERE closed_at IS NULL AND watermark_removed_at IS NULL;


-- ---- what went back -------------------------------------------------------------------------------------------------

-- How far each stream had come when it was last looked at. See consumer/recovery/heads.h.
CREATE TABLE taskledger.stream_head (
    stream        text PRIMARY KEY,                    -- its key
    last_id       text NOT NULL,                       -- the greatest ID that it ever gave
    entries_added bigint,                              -- ever; NULL: Redis does not tell
    unread        bigint NOT NULL,                     -- by the group
    pending       bigint NOT NULL,                     -- read by the group, and not settled
    seen_at       timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);


-- ---- entries that nobody gets through -------------------------------------------------------------------------------

-- What was delivered so often that it may be what ends the consumers: written before such an entry is decoded, removed by
-- the transaction that applies it. See consumer/ledger/suspects.h.
CREATE TABLE taskledger.entry_trial (
    stream        text NOT NULL,
    stream_id     text NOT NULL,
    trials        integer NOT NULL,                    -- alone; 0: together with others
    backend_pid   integer NOT NULL,                    -- the session of the last one who tried: does it live?
    backend_start timestamptz NOT NULL,
    last_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, stream_id)
);


-- ---- what a later version may understand ----------------------------------------------------------------------------

CREATE INDEX rejected_event_unknown_idx ON taskledger.rejected_event (id)
    WHERE resolved_at IS NULL AND reason IN ('unknown_body', 'unknown_status');


INSERT INTO taskledger.migration (version, name, serves_from) VALUES (2, 'recovery', 1);
