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

# A password is read by psql itself: among its arguments ps would show it. The server is told not to log it.
add() {
    PASSWORD_FILE=$folder/$1 ask --set=user="$1" --set=role="$2" <<'SQL'
SELECT format('SET %s', setting)
    FROM unnest(ARRAY['log_statement = none', 'log_min_duration_statement = -1', 'log_min_error_statement = panic']) AS setting
    WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec
\set password `cat "$PASSWORD_FILE"`
SELECT format('CREATE ROLE %I LOGIN', :'user') WHERE to_regrole(:'user') IS NULL
\gexec
ALTER ROLE :"user" LOGIN PASSWORD :'password';
SELECT format('GRANT %I TO %I', :'role', :'user')
\gexec
SQL
}

members | while read -r user role; do
    if [ -s "$folder/$user" ]; then
        add "$user" "$role"
    fi
done
