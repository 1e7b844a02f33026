#!/bin/sh
# Run once by the image of PostgreSQL, when there is no cluster yet.
set -eu
PGUSER=$POSTGRES_USER PGDATABASE=$POSTGRES_DB sh /usr/local/bin/taskledger-users /run/secrets/postgresql
