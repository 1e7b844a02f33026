/* loss: the kinds of rows in the table `loss`. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_LOSS_H
#define TASKLEDGER_CONSUMER_RECOVERY_LOSS_H

enum loss_kind {
    LOSS_GAP, /* numbers of a producer that have not come, see consumer/recovery/gaps.h */
    /* What happened, not what it cost: that is told by gaps. */
    LOSS_DELETED_WHILE_PENDING, /* an entry that was gone from the stream before it was applied */
    LOSS_STREAM_WENT_BACK,      /* see consumer/recovery/heads.h */
    LOSS_LEDGER_WENT_BACK,      /* see consumer/recovery/setback.h and retrace.h */
    LOSS_KINDS,
};

/* "gap", "deleted_while_pending" ... as in loss.kind. */
extern const char *const loss_kind_names[LOSS_KINDS];

#endif
