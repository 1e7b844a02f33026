#!/bin/sh
# users: who may log in to a ledger, with no more rights than each needs. As an administrator of the server:
#
#     PGDATABASE=ledger users.sh FOLDER
#
# FOLDER has a file for each user that shall be there, with its password: taskledger_migrator, taskledger_consumer,
# taskledger_auditor, taskledger_monitor, taskledger_retention. A user who is there gets the password that the file has: so
# this is also how passwords are changed. The roles are those of deploy/schema/roles.sql, made here if they are not there.
set -eu

folder=${1:?usage: users.sh FOLDER}

# user                   member of
members() {
    cat <<'TABLE'
taskledger_migrator      taskledger_owner
taskledger_consumer      taskledger_writer
taskledger_auditor       taskledger_reader
taskledger_monitor       taskledger_reader
taskledger_retention     taskledger_owner
TABLE
}

ask() {
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@"
}

ask <<'SQL'
SELECT format('CREATE ROLE %I NOLOGIN', name)
    FROM unnest(ARRAY['taskledger_owner', 'taskledger_writer', 'taskledger_reader']) AS name
    WHERE to_regrole(name) IS NULL
\gexec
SELECT format('GRANT CREATE ON DATABASE %I TO taskledger_owner', current_database())
\gexec
SQL

# The password goes to psql by its standard input, and to the server as a SCRAM verifier, which psql's \password makes of it:
# so it is neither among the arguments that ps shows, nor in a statement that a server may log or pg_stat_statements keep.
# Without a terminal of its own, which setsid takes from it, \password reads what it is given: twice, as it asks twice.
add() {
    ask --set=user="$1" --set=role="$2" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'user') WHERE to_regrole(:'user') IS NULL
\gexec
ALTER ROLE :"user" LOGIN;
SELECT format('GRANT %I TO %I', :'role', :'user')
\gexec
SQL
    said=$(sed -n '1{p;p;}' "$folder/$1" | setsid --wait psql --no-psqlrc --quiet --command="\\password $1" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

members | while read -r user role; do
    if [ -s "$folder/$user" ]; then
        add "$user" "$role"
    fi
done
