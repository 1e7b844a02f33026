-- The three roles of a ledger. None can log in: grant them to those who do.
--
--   taskledger_owner   owns everything: migrations, partitions, retention, redaction
--   taskledger_writer  consumers: adds events, updates what they add up to
--   taskledger_reader  everybody who only asks
--
-- Roles belong to the whole server, so another database may have made them. Whoever makes them becomes a member of the
-- owner, to be able to migrate again.

DO $$
DECLARE
    missing text[] := ARRAY(SELECT name FROM unnest(ARRAY['taskledger_owner', 'taskledger_writer', 'taskledger_reader'])
                            AS name WHERE to_regrole(name) IS NULL);
    name text;
BEGIN
    IF missing <> '{}' AND NOT (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'role % has no CREATEROLE to create the missing %: have an administrator do it, or migrate '
                        'with --no-roles', quote_ident(current_user), array_to_string(missing, ', ')
            USING ERRCODE = 'insufficient_privilege';
    END IF;

    FOREACH name IN ARRAY missing LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database did, just now
        END;
    END LOOP;

    IF missing <> '{}' AND NOT pg_has_role(current_user, 'taskledger_owner', 'MEMBER') THEN
        EXECUTE format('GRANT taskledger_owner TO %I', current_user);
    END IF;
END
$$;
