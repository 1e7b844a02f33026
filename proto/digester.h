/* digester: SHA-256 that cannot fail: a hash allocates nothing, takes no lock and looks nothing up.
 *
 * So it is safe in the child of a fork() that happened while another thread was anywhere, and in a thread that is still
 * at it while the process ends. The only door to libcrypto's hashing; it uses the processor's SHA instructions where
 * there are any. Not for several threads at once. */
#ifndef TASKLEDGER_PROTO_DIGESTER_H
#define TASKLEDGER_PROTO_DIGESTER_H

#include "proto/digest.h"
#include "proto/slice.h"

struct digester;

/* NULL when memory is short. */
struct digester *digester_new(void);

/* NULL is fine. */
void digester_free(struct digester *digester);

/* SHA-256 of the bytes. */
struct digest digester_hash(struct digester *digester, struct slice bytes);

/* SHA-256 of what comes in parts: begin, add any number of times; the digest of what was added so far may be asked for
 * at any time. Nothing else may be hashed in between. */
void digester_begin(struct digester *digester);
void digester_add(struct digester *digester, struct slice bytes);
struct digest digester_so_far(const struct digester *digester);

#endif
