-- Who owns the ledger and who may do what. Runs after the last migration, in its transaction; says the same again when it
-- runs again.

-- To the owner, if we may: otherwise the ledger stays with who migrated it.
DO $$
DECLARE
    owner CONSTANT oid := to_regrole('taskledger_owner');
    object record;
BEGIN
    IF NOT pg_has_role(current_user, owner, 'MEMBER') THEN
        RETURN;
    END IF;

    IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'taskledger') <> owner THEN
        ALTER SCHEMA taskledger OWNER TO taskledger_owner;
    END IF;
    FOR object IN
        SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class
            WHERE relnamespace = to_regnamespace('taskledger') AND relkind IN ('r', 'p', 'v') AND relowner <> owner
        UNION ALL
        SELECT 'TYPE', oid::regtype::text FROM pg_type
            WHERE typnamespace = to_regnamespace('taskledger') AND typtype = 'e' AND typowner <> owner
        UNION ALL
        SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
            WHERE pronamespace = to_regnamespace('taskledger') AND proowner <> owner
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO taskledger_owner', object.kind, object.name);
    END LOOP;

    -- Partitions made later are made by the owner, see taskledger.ensure_partitions.
    ALTER DEFAULT PRIVILEGES FOR ROLE taskledger_owner IN SCHEMA taskledger
        GRANT SELECT ON TABLES TO taskledger_writer, taskledger_reader;
END
$$;

GRANT USAGE ON SCHEMA taskledger TO taskledger_writer, taskledger_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA taskledger TO taskledger_writer, taskledger_reader;

GRANT INSERT ON taskledger.task_event TO taskledger_writer;
GRANT INSERT, UPDATE ON taskledger.task, taskledger.producer, taskledger.rejected_event, taskledger.loss
    TO taskledger_writer;
GRANT INSERT, UPDATE ON taskledger.stream_head TO taskledger_writer;
GRANT INSERT, UPDATE, DELETE ON taskledger.entry_trial TO taskledger_writer;
GRANT INSERT, UPDATE, DELETE ON taskledger.producer_run TO taskledger_writer; -- folding takes rows away
GRANT EXECUTE ON FUNCTION taskledger.ensure_partitions(integer) TO taskledger_writer;
GRANT EXECUTE ON FUNCTION taskledger.ensure_month(bigint) TO taskledger_writer;
