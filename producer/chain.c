#include "producer/chain.h"

#include "proto/event.h"

bool chain_init(struct chain *chain)
{
    *chain = (struct chain){.digester = digester_new()};
    return chain->digester != NULL;
}

void chain_close(struct chain *chain)
{
    digester_free(chain->digester);
    chain->digester = NULL;
}

static int64_t later_us(struct chain *chain, int64_t taken_us)
{
    chain->time_us = taken_us > chain->time_us ? taken_us : chain->time_us + 1;
    return chain->time_us;
}

void chain_link(struct chain *chain, struct queue_record *record)
{
    const struct queue_raw raw = record->raw; /* the head is written over it */
    struct event event;

    event.producer_id = raw.producer_id;
    event.sequence = raw.sequence;
    event.previous_digest = raw.sequence == 1 ? slice_of(NULL, 0) : digest_slice(&chain->last);
    event.occurred_at_us = raw.time_is_given ? raw.occurred_at_us : later_us(chain, raw.occurred_at_us);

    record->head_bytes = (uint16_t)event_encode_head(&event, record->head).size;
    chain->last = digester_hash(chain->digester, queue_payload(record));
}
