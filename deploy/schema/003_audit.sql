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


-- Events of pruned producers that came afterwards. They are held and not stored; one that is delivered twice may count twice.
ALTER TABLE taskledger.producer ADD COLUMN late_events bigint NOT NULL DEFAULT 0;

-- What was done: one row a partition.
CREATE TABLE taskledger.prune (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition_name text NOT NULL,
    before_at      timestamptz NOT NULL,               -- --before: all in it was older
    events         bigint NOT NULL,
    producers      bigint NOT NULL,
    tasks          bigint NOT NULL,                    -- that had events in it
    is_sealed      boolean NOT NULL,                   -- and these seals held
    is_exported    boolean NOT NULL,
    reason         text,
    pruned_at      timestamptz NOT NULL DEFAULT now(),
    pruned_by      text NOT NULL DEFAULT session_user
);

-- Partitions into which something came since somebody began to prune them. Rows are only added, so that nobody waits.
CREATE TABLE taskledger.prune_touched (
    partition_name text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- With the owner's rights: consumers may not write there.
CREATE FUNCTION taskledger.prune_note() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO taskledger.prune_touched VALUES (TG_TABLE_NAME);
    RETURN NULL;
END
$$;

-- From here on it is known whether something comes into a partition. False: somebody held a lock; call again.
CREATE FUNCTION taskledger.prune_watch(partition_name text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER prune_note AFTER INSERT ON taskledger.%I'
                   ' FOR EACH ROW EXECUTE FUNCTION taskledger.prune_note()', partition_name);
    DELETE FROM taskledger.prune_touched t WHERE t.partition_name = prune_watch.partition_name;
    RETURN true;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RETURN false;
END
$$;

-- Takes a partition away, as the end of the transaction that has folded it. What became of it:
--   dropped
--   locked    somebody held a lock; everybody goes on, call again
--   touched   something came into it after it was watched: what was folded is not all
CREATE FUNCTION taskledger.prune_drop(partition_name text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE ONLY taskledger.task_event IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE taskledger.%I IN ACCESS EXCLUSIVE MODE', partition_name);
    IF EXISTS (SELECT FROM taskledger.prune_touched t WHERE t.partition_name = prune_drop.partition_name) THEN
        RETURN 'touched';
    END IF;
    EXECUTE format('ALTER TABLE taskledger.task_event DETACH PARTITION taskledger.%I', partition_name);
    EXECUTE format('DROP TABLE taskledger.%I', partition_name);
    RETURN 'dropped';
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        RETURN 'locked';
END
$$;

-- The events of a pruned producer are gone, so what comes now has no partition of its month. A consumer that does not know
-- learns it here, by a code of our own: class P0, so that one of yesterday takes it for a refusal of this event alone.
CREATE FUNCTION taskledger.refuse_pruned() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM taskledger.producer p WHERE p.producer_id = NEW.producer_id AND p.pruned_at IS NOT NULL) THEN
        RAISE EXCEPTION 'producer % was pruned: number % came too late', NEW.producer_id, NEW.sequence
            USING ERRCODE = 'P0L01';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER refuse_pruned BEFORE INSERT ON taskledger.task_event_other
    FOR EACH ROW EXECUTE FUNCTION taskledger.refuse_pruned();

-- Who is marked as pruned says nothing any more: consumers, who write all else there, may neither set the mark nor move it.
-- The door is the one of taskledger.refuse_change. After the row, so that statements that leave it alone pay nothing.
CREATE FUNCTION taskledger.refuse_prune_mark() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('taskledger.maintenance', true) = 'on'
        AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        RETURN NULL;
    END IF;

    RAISE EXCEPTION '% on %.% is refused: only the owner marks a producer as pruned', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'It is done by taskledger-replay prune, and by the import of a ledger that was pruned.';
END
$$;

CREATE TRIGGER refuse_prune_mark_insert AFTER INSERT ON taskledger.producer
    FOR EACH ROW WHEN (NEW.pruned_at IS NOT NULL) EXECUTE FUNCTION taskledger.refuse_prune_mark();
CREATE TRIGGER refuse_prune_mark_update AFTER UPDATE OF producer_id, pruned_at ON taskledger.producer
    FOR EACH ROW WHEN ((OLD.producer_id, OLD.pruned_at) IS DISTINCT FROM (NEW.producer_id, NEW.pruned_at))
    EXECUTE FUNCTION taskledger.refuse_prune_mark();

REVOKE ALL ON FUNCTION taskledger.prune_note(), taskledger.prune_watch(text), taskledger.prune_drop(text) FROM PUBLIC;


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
        IF EXISTS (SELECT FROM taskledger.producer WHERE pruned_at IS NOT NULL AND producer_id
                   BETWEEN taskledger.first_uuid(month) AND taskledger.first_uuid(month + interval '1 month'))
        THEN
            EXECUTE format('CREATE TRIGGER refuse_pruned BEFORE INSERT ON taskledger.%I'
                           ' FOR EACH ROW EXECUTE FUNCTION taskledger.refuse_pruned()', name);
        END IF;
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


-- ---- the projection made anew ---------------------------------------------------------------------------------------

-- One row a run of `taskledger-replay rebuild`: how far it came, so that the next process goes on there. The new rows are
-- made in task_rebuild; when both tables have changed places the previous one is kept as task_before until it is dropped.
-- See replay/rebuild/rebuild.h.
CREATE TABLE taskledger.rebuild (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('rebuild', 'rollback')),
    stage             text NOT NULL DEFAULT 'prepare'
                      CHECK (stage IN ('prepare', 'replay', 'catch up', 'verify', 'swap', 'done', 'aborted')),
    turn              integer NOT NULL DEFAULT 1,  -- of the process at work; one that finds a later turn has to stop
    started_at        timestamptz NOT NULL DEFAULT now(),
    started_by        text NOT NULL DEFAULT session_user,
    ended_at          timestamptz,
    events            bigint,                      -- folded
    tasks             bigint,
    events_per_second bigint,                      -- of the process that ended it
    changed_since     xid8,                        -- of swaps: no transaction that wrote before them is as new as this
    server            bigint,                      -- that numbers its transactions so
    dropped_at        timestamptz                  -- when the previous table was dropped
);
CREATE UNIQUE INDEX rebuild_unfinished_idx ON taskledger.rebuild ((true)) WHERE stage NOT IN ('done', 'aborted');

-- Its parts: tasks from first_task_id up to, without, before_task_id; NULL: to the end.
CREATE TABLE taskledger.rebuild_range (
    rebuild_id     bigint NOT NULL REFERENCES taskledger.rebuild ON DELETE CASCADE,
    number         integer NOT NULL,
    first_task_id  text COLLATE "C" NOT NULL,
    before_task_id text COLLATE "C",
    loaded_at      timestamptz,
    verified_at    timestamptz,
    events         bigint,
    tasks          bigint,
    PRIMARY KEY (rebuild_id, number)
);

-- Tasks that changed while one was made. Rows are only added, by the trigger, and taken away by who has seen them: there
-- is no key, so that nobody ever waits for anybody here.
CREATE TABLE taskledger.rebuild_touched (
    task_id text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- With the owner's rights: consumers may not write there.
CREATE FUNCTION taskledger.rebuild_note() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO taskledger.rebuild_touched SELECT task_id FROM changed;
    RETURN NULL;
END
$$;

-- The last statement of a transaction: writers of `task` wait from here to its end.
CREATE FUNCTION taskledger.rebuild_watch() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CREATE TRIGGER rebuild_note_insert AFTER INSERT ON taskledger.task REFERENCING NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION taskledger.rebuild_note();
    CREATE TRIGGER rebuild_note_update AFTER UPDATE ON taskledger.task REFERENCING NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION taskledger.rebuild_note();
    CREATE TRIGGER rebuild_note_delete AFTER DELETE ON taskledger.task REFERENCING OLD TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION taskledger.rebuild_note();
END
$$;

CREATE FUNCTION taskledger.rebuild_unwatch() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DROP TRIGGER IF EXISTS rebuild_note_insert ON taskledger.task;
    DROP TRIGGER IF EXISTS rebuild_note_update ON taskledger.task;
    DROP TRIGGER IF EXISTS rebuild_note_delete ON taskledger.task;
    TRUNCATE taskledger.rebuild_touched;
END
$$;

-- task_rebuild as `task` is, with what LIKE leaves out.
CREATE FUNCTION taskledger.rebuild_make_table() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    options text := (SELECT string_agg(format('%I = %L', option_name, option_value), ', ')
                     FROM pg_class, pg_options_to_table(reloptions) WHERE oid = 'taskledger.task'::regclass);
    place   text := (SELECT spcname FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace
                     WHERE c.oid = 'taskledger.task'::regclass);
BEGIN
    CREATE TABLE taskledger.task_rebuild (LIKE taskledger.task INCLUDING ALL);
    IF options IS NOT NULL THEN
        EXECUTE format('ALTER TABLE taskledger.task_rebuild SET (%s)', options);
    END IF;
    IF place IS NOT NULL THEN
        EXECUTE format('ALTER TABLE taskledger.task_rebuild SET TABLESPACE %I', place);
    END IF;
END
$$;

-- Indexes of a table by what they are, whatever they are called.
CREATE FUNCTION taskledger.rebuild_indexes(indexed regclass) RETURNS TABLE (name name, definition text, rank bigint)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relname, d.definition, row_number() OVER (PARTITION BY d.definition ORDER BY c.oid)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid,
    regexp_replace(pg_get_indexdef(c.oid), ' INDEX .* USING ', ' INDEX USING ') AS d (definition)
    WHERE i.indrelid = indexed
$$;

-- Views that stand on `task` and belong to its owner: they are made again when the tables change places.
CREATE FUNCTION taskledger.rebuild_views() RETURNS SETOF regclass
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT v.oid::regclass
    FROM pg_depend d
    JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
    JOIN pg_class t ON t.oid = d.refobjid AND pg_has_role(t.relowner, v.relowner, 'USAGE')
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'taskledger.task'::regclass
$$;

-- What hangs on `task` and would stay with the previous table, or is not the same in the new one. Indexes, constraints
-- and the views above come along.
CREATE FUNCTION taskledger.rebuild_obstacles() RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH task AS (SELECT * FROM pg_class WHERE oid = 'taskledger.task'::regclass),
    columns AS (
        SELECT c.relname, a.attname, a.atttypid, a.attnotnull FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.oid IN ('taskledger.task'::regclass, to_regclass('taskledger.task_rebuild'))
            AND a.attnum > 0 AND NOT a.attisdropped
    )
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
    FROM task
    JOIN pg_depend d ON d.deptype IN ('n', 'a')
        AND ((d.refclassid = 'pg_class'::regclass AND d.refobjid = task.oid)
            OR (d.refclassid = 'pg_type'::regclass AND d.refobjid = task.reltype))
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_constraint n ON d.classid = 'pg_constraint'::regclass AND n.oid = d.objid
    LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    WHERE d.classid NOT IN ('pg_attrdef'::regclass, 'pg_statistic_ext'::regclass)
        AND c.relkind IS DISTINCT FROM 'i'
        AND (n.oid IS NULL OR n.conrelid <> task.oid OR n.contype = 'f')
        AND (t.oid IS NULL OR t.tgname NOT LIKE 'rebuild\_note\_%')
        AND (r.oid IS NULL OR r.ev_class::regclass NOT IN (SELECT taskledger.rebuild_views()))
    UNION ALL
    SELECT 'row security' FROM task WHERE relrowsecurity
    UNION ALL
    SELECT 'a replica identity of its own' FROM task WHERE relreplident <> 'd'
    UNION ALL
    SELECT format('column %s, which only one of both tables has so', attname) FROM columns
    WHERE to_regclass('taskledger.task_rebuild') IS NOT NULL
    GROUP BY attname, atttypid, attnotnull HAVING count(*) <> 2
    UNION ALL
    SELECT format('index %s, which only one of both tables has', coalesce(a.name, b.name))
    FROM taskledger.rebuild_indexes('taskledger.task') a
    FULL JOIN taskledger.rebuild_indexes(to_regclass('taskledger.task_rebuild')) b USING (definition, rank)
    WHERE to_regclass('taskledger.task_rebuild') IS NOT NULL AND (a.name IS NULL OR b.name IS NULL)
$$;

-- task_rebuild gets the grants of `task`.
CREATE FUNCTION taskledger.rebuild_grant() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('REVOKE ALL ON taskledger.task_rebuild FROM %s', r.who)
        FROM pg_class c, aclexplode(c.relacl) a,
            LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END) r (who)
        WHERE c.oid = 'taskledger.task_rebuild'::regclass
        UNION ALL
        SELECT format('GRANT %s%s ON taskledger.task_rebuild TO %s%s', a.privilege_type, a.columns, r.who,
                      CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM (
            SELECT '' AS columns, a.* FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'taskledger.task'::regclass
            UNION ALL
            SELECT format(' (%I)', t.attname), a.* FROM pg_attribute t, aclexplode(t.attacl) a
            WHERE t.attrelid = 'taskledger.task'::regclass
        ) a, LATERAL (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END) r (who)
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- task_rebuild becomes `task`, which becomes task_before. Whoever calls this has locked `task`; readers wait from here to
-- the transaction's end.
CREATE FUNCTION taskledger.rebuild_swap() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    views text[];
    view  text;
    a     name;
    b     name;
BEGIN
    LOCK TABLE taskledger.task, taskledger.task_rebuild IN ACCESS EXCLUSIVE MODE;
    views := ARRAY(SELECT format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
                                 ' WITH (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid))
                   FROM pg_class v WHERE v.oid::regclass IN (SELECT taskledger.rebuild_views()));
    PERFORM taskledger.rebuild_grant();
    PERFORM taskledger.rebuild_unwatch();

    FOR a, b IN SELECT i.name, n.name FROM taskledger.rebuild_indexes('taskledger.task') i
                JOIN taskledger.rebuild_indexes('taskledger.task_rebuild') n USING (definition, rank)
                ORDER BY 1 -- all of them are known before the first is renamed
    LOOP
        EXECUTE format('ALTER INDEX taskledger.%I RENAME TO rebuild_swapped_idx', a);
        EXECUTE format('ALTER INDEX taskledger.%I RENAME TO %I', b, a);
        EXECUTE format('ALTER INDEX taskledger.rebuild_swapped_idx RENAME TO %I', b);
    END LOOP;
    ALTER TABLE taskledger.task RENAME TO task_before;
    ALTER TABLE taskledger.task_rebuild RENAME TO task;

    FOREACH view IN ARRAY views LOOP
        EXECUTE view;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION taskledger.rebuild_note(), taskledger.rebuild_watch(), taskledger.rebuild_unwatch(),
    taskledger.rebuild_make_table(), taskledger.rebuild_grant(), taskledger.rebuild_swap() FROM PUBLIC;


INSERT INTO taskledger.migration (version, name, serves_from) VALUES (3, 'audit', 1);
