#include "producer/outbox_chain.h"

#include "producer/outbox_inside.h"

enum { HELP_EVENTS = 4 };

/* With the chain_lock held. */
static void link_some(struct outbox *outbox, int events)
{
    struct queue_record *record;
    size_t bytes = 0;

    while (events-- > 0 && bytes < OUTBOX_SLICE_BYTES && (record = queue_raw(&outbox->queue)) != NULL) {
        chain_link(&outbox->chain, record);
        bytes += record->body_bytes;
        queue_finish(&outbox->queue);
    }
}

void outbox_chain_some(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->chain_lock);
    link_some(outbox, OUTBOX_SLICE_EVENTS);
    pthread_mutex_unlock(&outbox->chain_lock);
}

void outbox_chain_help(struct outbox *outbox)
{
    if (pthread_mutex_trylock(&outbox->chain_lock) != 0)
        return;
    link_some(outbox, HELP_EVENTS);
    pthread_mutex_unlock(&outbox->chain_lock);
}
