-- The ledger: what happened, what it adds up to, and what is known about how complete that is.
--
-- Runs once, in one transaction. Migrations only add (a table, a column with a default, an index), so that the consumers
-- of yesterday keep working beside those of today; a migration that older binaries cannot serve says so in `serves_from`.
-- Who owns all this, and who may do what, is said in roles.sql and grants.sql.
--
-- Times are timestamptz, written by clients in UTC. Identities are compared bytewise: task_id has COLLATE "C" everywhere.

DO $$
BEGIN
    IF to_regnamespace('taskledger') IS NULL THEN
        CREATE SCHEMA taskledger;
    END IF;
END
$$;

CREATE TYPE taskledger.task_status AS ENUM
    ('PENDING', 'QUEUED', 'RUNNING', 'RETRY', 'SUCCESS', 'PARTIAL_FAILURE', 'FAILURE', 'CANCELLED');

-- Waiting 0, active 1, final 2: within one attempt a later phase outranks an earlier one, whatever the clocks say.
CREATE FUNCTION taskledger.phase(status taskledger.task_status) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN status <= 'QUEUED' THEN 0 WHEN status <= 'RETRY' THEN 1 ELSE 2 END;


-- Which migrations this ledger has. A binary serves it when its own newest version is at least every `serves_from`.
CREATE TABLE taskledger.migration (
    version     integer PRIMARY KEY CHECK (version > 0),
    name        text NOT NULL,
    serves_from integer NOT NULL CHECK (serves_from <= version),
    applied_at  timestamptz NOT NULL DEFAULT now()
);


-- ---- events ---------------------------------------------------------------------------------------------------------

-- Every event that was said, once. Rows are only ever added.
CREATE TABLE taskledger.task_event (
    producer_id    uuid NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence > 0),
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    task_id        text COLLATE "C",          -- NULL for what a producer says about itself
    status         taskledger.task_status,
    attempt        integer,                   -- as it counts: at least 1
    task_name      text,
    parent_task_id text COLLATE "C",
    queue          text,
    worker         text,
    step           text,
    progress       double precision,
    message        text,
    error_type     text,
    error_message  text,
    data           jsonb,
    traceparent    text,
    stream         text NOT NULL,             -- the key it was first read from, and its ID there
    stream_ms      bigint NOT NULL,
    stream_seq     bigint NOT NULL,
    payload        bytea NOT NULL,            -- the bytes received; holds the digest of the producer's previous event
    PRIMARY KEY (producer_id, sequence),
    CHECK ((task_id IS NULL) = (status IS NULL) AND (task_id IS NULL) = (attempt IS NULL))
) PARTITION BY RANGE (producer_id);

CREATE INDEX task_event_task_id_occurred_at_idx ON taskledger.task_event (task_id, occurred_at);

-- Identities that are no UUIDv7, or older than the oldest partition, or of a month whose partition is missing.
CREATE TABLE taskledger.task_event_other PARTITION OF taskledger.task_event DEFAULT;


-- Append-only is enforced here, against every role, the owner's too. Its only door is for retention and redaction:
--
--     SET LOCAL taskledger.maintenance = 'on'
--
-- in a transaction of a role that owns the table or is a member of the owner. Anybody can set the setting; it opens
-- nothing for the others. What no trigger can stop: the owner may drop or alter the table, and a superuser may do
-- anything. That is what seals are for, which are kept elsewhere.
CREATE FUNCTION taskledger.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('taskledger.maintenance', true) = 'on'
        AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;

    RAISE EXCEPTION '% on %.% is refused: events are only ever added', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Say what is true now in a new event.';
END
$$;

-- Partitions inherit this one, those made later too ...
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON taskledger.task_event
    FOR EACH ROW EXECUTE FUNCTION taskledger.refuse_change();

-- ... but not this one: whoever makes a partition makes its trigger.
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON taskledger.task_event
    FOR EACH STATEMENT EXECUTE FUNCTION taskledger.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON taskledger.task_event_other
    FOR EACH STATEMENT EXECUTE FUNCTION taskledger.refuse_change();


-- The least UUIDv7 of an instant: its 48 bits of milliseconds, then zeros.
CREATE FUNCTION taskledger.first_uuid(instant timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

-- One month's partition. ATTACH, unlike CREATE ... PARTITION OF, lets inserts and readers of the other partitions go on.
CREATE FUNCTION taskledger.make_partition(name text, first_month timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    EXECUTE format('CREATE TABLE taskledger.%I (LIKE taskledger.task_event'
                   ' INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)', name);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON taskledger.%I'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION taskledger.refuse_change()', name);
    EXECUTE format('ALTER TABLE taskledger.task_event ATTACH PARTITION taskledger.%I FOR VALUES FROM (%L) TO (%L)',
                   name, taskledger.first_uuid(first_month), taskledger.first_uuid(first_month + interval '1 month'));
END
$$;

-- Makes the partitions task_event_y2026m11 ... of this month and the next ones, with the rights of the owner. Tells
-- what became of each month:
--   present   it was there
--   made      it is there now
--   blocked   task_event_other holds events of that month; it works without, but cannot be pruned by itself
--   locked    somebody held a lock for too long; call again
CREATE FUNCTION taskledger.ensure_partitions(months_ahead integer DEFAULT 3)
    RETURNS TABLE (partition_name text, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
    month timestamptz := date_trunc('month', now());
BEGIN
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months_ahead must be between 0 and 120' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    FOR ahead IN 0 .. months_ahead LOOP
        partition_name := to_char(month, '"task_event_y"YYYY"m"MM');
        outcome := 'present';
        IF to_regclass('taskledger.' || partition_name) IS NULL THEN
            BEGIN
                PERFORM pg_advisory_xact_lock(1953260647, 2); -- one maker at a time; class 'tldg'
                PERFORM taskledger.make_partition(partition_name, month);
                outcome := 'made';
            EXCEPTION
                WHEN duplicate_table THEN
                    NULL; -- somebody else made it while we waited
                WHEN check_violation THEN
                    outcome := 'blocked';
                    RAISE NOTICE 'cannot make partition %: task_event_other holds events of that month', partition_name;
                WHEN lock_not_available THEN
                    outcome := 'locked';
            END;
        END IF;
        RETURN NEXT;
        month := month + interval '1 month';
    END LOOP;
END
$$;


-- ---- what the events add up to --------------------------------------------------------------------------------------

-- One row per task: the fold of its events. Every newly stored event merges into it, in any order. Half of each page is left
-- free, since a large batch writes nearly all its rows anew, and nothing but the key is indexed, so that updates stay within
-- the page (HOT).
CREATE TABLE taskledger.task (
    task_id        text COLLATE "C" PRIMARY KEY,
    status         taskledger.task_status NOT NULL,
    attempt        integer NOT NULL,
    step           text,
    progress       double precision,
    message        text,
    worker         text,
    queue          text,
    task_name      text COLLATE "C",
    parent_task_id text COLLATE "C",
    error_type     text,
    error_message  text,
    data           jsonb,
    first_at       timestamptz NOT NULL,
    queued_at      timestamptz,
    started_at     timestamptz,
    finished_at    timestamptz,
    occurred_at    timestamptz NOT NULL,
    producer_id    uuid NOT NULL,
    sequence       bigint NOT NULL,
    event_count    bigint NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What the pruned events of a task had folded to: where rebuild, verify and state start.
CREATE TABLE taskledger.task_base (LIKE taskledger.task INCLUDING ALL);


-- ---- who said it, and what is complete ------------------------------------------------------------------------------

CREATE TABLE taskledger.producer (
    producer_id       uuid PRIMARY KEY,
    host              text,
    pid               bigint,
    worker            text,
    library_version   text,
    confirms          boolean,
    opened_at         timestamptz,
    closed_at         timestamptz,                            -- its end was told, by itself or by its spool's adopter
    last_sequence     bigint,                                 -- that end
    archived_sequence bigint NOT NULL DEFAULT 0,              -- 1 up to this are held without a gap
    folded_at         timestamptz,                            -- when that was last looked at
    held              int8multirange NOT NULL DEFAULT '{}',   -- all that is held: stored, declared dropped or set aside
    pruned_at         timestamptz
) WITH (fillfactor = 75);

-- Numbers that became held, as each batch adds them; the watermark holder folds them into `producer` and takes them
-- away. Ranges may overlap after a redelivery.
CREATE TABLE taskledger.producer_run (
    producer_id    uuid NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);


-- ---- what went wrong ------------------------------------------------------------------------------------------------

-- What came and can never be an event. Its digest makes a second delivery of the same bytes one row:
--   whole payload      SHA-256 of the bytes
--   larger than kept   SHA-256 of the bytes kept, then the true size as 8 bytes, most significant first
--   malformed entry    the same, then the stream's key, then the entry's ID as text
CREATE TABLE taskledger.rejected_event (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream        text NOT NULL,
    stream_id     text NOT NULL,
    producer_id   uuid,
    sequence      bigint,
    digest        bytea NOT NULL UNIQUE,
    payload       bytea NOT NULL,             -- its first 64 KiB
    payload_bytes bigint NOT NULL,            -- all of it
    reason        text NOT NULL,
    detail        text NOT NULL,
    deliveries    bigint NOT NULL DEFAULT 1,  -- before it was set aside; 1 until a later version counts
    rejected_at   timestamptz NOT NULL DEFAULT now(),
    resolved_at   timestamptz,
    resolution    text
);
CREATE INDEX rejected_event_producer_id_sequence_idx ON taskledger.rejected_event (producer_id, sequence);

-- Every loss that was ever detected, also when it was repaired later.
CREATE TABLE taskledger.loss (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    detected_at    timestamptz NOT NULL DEFAULT now(),
    kind           text NOT NULL,
    producer_id    uuid,
    first_sequence bigint,
    last_sequence  bigint,
    stream         text,
    stream_id      text,
    detail         text NOT NULL,
    repaired_at    timestamptz
);
CREATE UNIQUE INDEX loss_deleted_while_pending_idx ON taskledger.loss (stream, stream_id)
    WHERE kind = 'deleted_while_pending';

-- Events whose content was blanked. The digest is of the bytes that were there, so chains and seals still hold.
CREATE TABLE taskledger.redaction (
    producer_id uuid NOT NULL,
    sequence    bigint NOT NULL,
    digest      bytea NOT NULL,
    reason      text NOT NULL,
    redacted_at timestamptz NOT NULL DEFAULT now(),
    redacted_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (producer_id, sequence)
);


REVOKE ALL ON FUNCTION taskledger.make_partition(text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION taskledger.ensure_partitions(integer) FROM PUBLIC;

INSERT INTO taskledger.migration (version, name, serves_from) VALUES (1, 'ledger', 1);
