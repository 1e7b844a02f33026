/* adoption: sending on what producers left behind that are gone.
 *
 * One spool at a time. It is taken over when its lock is free (producer/spool/spool.h), its records are sent again as
 * they are, whether or not Redis had them (the ledger knows them by their identity), and for each identity in it that
 * did not say goodbye the adopter says ProducerAdopted in its own chain, before the last records are forgotten: so far
 * its producer got. Nothing is said where the spool does not know that. Nothing is ever made under an adopted identity.
 * A spool of `always` is kept until the ledger has it, like one's own (producer/confirm.h), one of `overflow` until
 * Redis has.
 *
 * Its user sends, and calls in this order: look; fill, send, sent, until fill finds nothing; identities, which it then
 * says, waiting until Redis has that; meanwhile what confirm wants; finish. A spool that the disk does not give is left
 * alone, and the next one is taken.
 *
 * Used by the sender, in its thread, between its own parcels; looking for a next spool every ADOPTION_LOOK_MS, with
 * jitter, or at once when somebody sweeps. Bounded: ADOPTION_IDENTITIES_MAX identities are told for one spool, and
 * ADOPTION_TRIES_MAX sub-folders tried in one look, since most will be those of the living. */
#ifndef TASKLEDGER_PRODUCER_ADOPTION_H
#define TASKLEDGER_PRODUCER_ADOPTION_H

#include "producer/confirm.h"
#include "producer/parcel.h"
#include "producer/spool/spool.h"
#include "proto/clock.h"
#include "proto/digest.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ADOPTION_FIRST_LOOK_MS = 1000,
    ADOPTION_LOOK_MS = 60 * 1000,
    ADOPTION_TRIES_MAX = 64,
    ADOPTION_IDENTITIES_MAX = 64,
};

/* What ProducerAdopted says. */
struct adopted_identity {
    struct uuid producer_id;
    uint64_t last_sequence;
    struct digest last_digest; /* of the event with that number */
    bool closed;               /* it said goodbye itself: nothing need be said */
};

struct adoption;

struct adoption_options {
    struct spool_options spool; /* directory, stream, target and bytes_max; borrowed as long as the adoption lives */
    const struct clock *clock;  /* borrowed */
    uint64_t seed;              /* any */
    int64_t patience_ms;        /* see confirm_init */

    /* SHA-256 of the payload; false: not now. */
    bool (*hash)(void *self, struct slice payload, struct digest *digest);

    /* Have spool_release and spool_close called by another thread, since they remove files and a disk may be stuck; the
     * latter takes the spool. False: that is not possible, and it is done here. NULL: so are both. */
    bool (*release)(void *self, struct spool *spool, uint64_t ordinal);
    bool (*close)(void *self, struct spool *spool);
    void *self;
};

/* NULL: memory is short. */
struct adoption *adoption_new(const struct adoption_options *options);

/* Hands back what is held; NULL is fine. */
void adoption_free(struct adoption *adoption);

/* In a forked child; see spool_abandon. */
void adoption_abandon(struct adoption *adoption);

/* ---- taking over ------------------------------------------------------------------------------------------------- */

/* Look for a spool to take over, if it is time to, or at once and among all that there are; not when one is held. One
 * after the other, in rounds: one that was tried in vain is not tried again in the same round. False: some could not be
 * read, and none was found (TRANSIENT, "disk"). */
bool adoption_look(struct adoption *adoption, bool now, struct error *error);

/* Begin a new round with the next look. */
void adoption_begin_round(struct adoption *adoption);

/* One is held. */
bool adoption_is_busy(const struct adoption *adoption);

/* When adoption_look wants to be called again (monotonic microseconds). */
int64_t adoption_due_us(const struct adoption *adoption);

/* The one that is held, or NULL; for reading. */
struct spool *adoption_spool(struct adoption *adoption);

/* ---- sending on -------------------------------------------------------------------------------------------------- */

/* The next records to be sent, those among them as answered that Redis has; an empty parcel: all are sent. On an error the
 * spool is handed back. */
bool adoption_fill(struct adoption *adoption, struct parcel *parcel, struct error *error);

/* Redis has answered for the whole parcel. */
void adoption_sent(struct adoption *adoption, const struct parcel *parcel);

/* Or for a part of it: the next one has the rest. */
void adoption_sent_some(struct adoption *adoption, const struct parcel *parcel);

/* All is sent. */
bool adoption_is_sent(const struct adoption *adoption);

/* Whether the last events in the spool that is held are the last that its owner accepted, when all is sent. Not in one
 * of `overflow`: what was only in memory went with the process. Nor where the newest segment is damaged; one that is
 * merely torn lacks what was being written, which nobody was told was accepted. */
bool adoption_knows_end(const struct adoption *adoption);

/* The identities in the spool that is held; complete when all is sent. */
const struct adopted_identity *adoption_identities(const struct adoption *adoption, size_t *count);

/* For asking and looking; NULL when the spool that is held need not be confirmed. */
struct confirm *adoption_confirm(struct adoption *adoption);
void adoption_confirmed(struct adoption *adoption, uint64_t ordinal);

/* Everything from this ordinal on has to be sent again. */
void adoption_rewind(struct adoption *adoption, uint64_t ordinal);

/* What ProducerAdopted had to say is with Redis. If everything else is done as well the spool is removed; then true. */
bool adoption_finish(struct adoption *adoption);

/* Hand it back, for the next adopter. */
void adoption_let_go(struct adoption *adoption);

/* ---- looking on -------------------------------------------------------------------------------------------------- */

struct adoption_counters {
    uint64_t spools;  /* adopted and done with */
    uint64_t events;  /* sent from them */
    uint64_t damaged; /* segments of them that were damaged, or that somebody removed */
};

const struct adoption_counters *adoption_counters(const struct adoption *adoption);

/* How many records of the spool that is held are still wanted there. It is read for that. TRANSIENT, "disk". */
bool adoption_left(struct adoption *adoption, uint64_t *events, struct error *error);

/* What lies in all spools whose owners are gone and which nobody is adopting. */
struct adoption_left {
    uint64_t events;
    uint64_t others;                               /* spools that are of our stream, but of another target, */
    char other_target[SPOOL_TARGET_BYTES_MAX + 1]; /* one of them of this */
};

/* TRANSIENT, "disk": in those that can be read. */
bool adoption_count(const struct spool_options *options, struct adoption_left *left, struct error *error);

#endif
