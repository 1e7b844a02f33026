#!/bin/bash
# backup.sh FOLDER ARCHIVE: a cron job on several hosts, of which one does it, and which can be asked how it went.
#
#     REDIS_URL=redis://cache:6379/0
#     17 3 * * *  /usr/local/bin/backup.sh /srv/reports /backup/reports.tar.gz
#
#     taskledger-replay history "backup-$(date +%F)"
set -euo pipefail

# Begins again as a task: of this day, within two hours, tried three times. Who comes second leaves without a word.
# Without Redis nobody can tell who that is, and nobody begins (exit code 125): where it is to be done all the same,
# leave --claim out.
if [[ -z ${TASKLEDGER_TASK_ID:-} ]]; then
    exec taskledger-emit run --task-id "backup-$(date +%F)" --name backup --claim --claim-held-exit 0 \
        --timeout 2h --retries 2 --retry-delay "${RETRY_DELAY:-1m}" -- "$0" "$@"
fi

# Never fails us, whatever becomes of Redis.
step() {
    taskledger-emit status "$TASKLEDGER_TASK_ID" RUNNING --attempt "$TASKLEDGER_ATTEMPT" --step "$1" || true
}

step pack
tar --create --gzip --file "$2.part" --directory "$1" .

step check
gzip --test "$2.part"
mv "$2.part" "$2"
