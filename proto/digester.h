/* digester: SHA-256 without an allocation per hash.
 *
 * The only door to libcrypto's hashing; it uses the processor's SHA instructions where there are any. A digester owns
 * the library's state. Not for several threads at once. */
#ifndef TASKLEDGER_PROTO_DIGESTER_H
#define TASKLEDGER_PROTO_DIGESTER_H

#include "proto/digest.h"
#include "proto/slice.h"

struct digester;

/* NULL when libcrypto refuses SHA-256 or memory is short. */
struct digester *digester_new(void);

/* One more of the same kind, for another thread. Looks nothing up in libcrypto and waits for none of its locks, so it is
 * safe in the child of a fork() that happened while another thread held one. NULL when memory is short. */
struct digester *digester_another(const struct digester *digester);

/* NULL is fine. */
void digester_free(struct digester *digester);

/* SHA-256 of the bytes. */
struct digest digester_hash(struct digester *digester, struct slice bytes);

#endif
