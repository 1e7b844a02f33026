#include "consumer/recovery/loss.h"

const char *const loss_kind_names[LOSS_KINDS] = {
    [LOSS_GAP] = "gap",
    [LOSS_DELETED_WHILE_PENDING] = "deleted_while_pending",
    [LOSS_STREAM_WENT_BACK] = "stream_went_back",
    [LOSS_LEDGER_WENT_BACK] = "ledger_went_back",
};
