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


INSERT INTO taskledger.migration (version, name, serves_from) VALUES (3, 'audit', 1);
