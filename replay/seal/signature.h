/* signature: who sealed it: Ed25519, as `openssl pkeyutl -rawin` signs and verifies.
 *
 * Keys are PEM files, as `openssl genpkey -algorithm ed25519` writes the private one and `openssl pkey -pubout` the
 * public one. A key's id is the SHA-256 of the public key as DER: `openssl pkey -pubin -in FILE -outform DER |
 * sha256sum`. The only door to libcrypto's signatures. All failures are FATAL: "key", or "memory". */
#ifndef TASKLEDGER_REPLAY_SEAL_SIGNATURE_H
#define TASKLEDGER_REPLAY_SEAL_SIGNATURE_H

#include "proto/digest.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>

enum {
    SIGNATURE_BYTES = 64,
    SIGNATURE_TEXT_BYTES = 89, /* base64 with a NUL */
};

struct signature_key;

/* The private key of a file, which nobody but its owner may be able to read; without a passphrase, since nobody is
 * there to be asked. */
struct signature_key *signature_private_key(const char *path, struct error *error);

struct signature_key *signature_public_key(const char *path, struct error *error);

/* NULL is fine. */
void signature_key_free(struct signature_key *key);

const struct digest *signature_key_id(const struct signature_key *key);

/* Needs a private key. */
bool signature_sign(const struct signature_key *key, struct slice message, char text[SIGNATURE_TEXT_BYTES],
                    struct error *error);

/* Is `text` the signature of this message by this key? */
bool signature_holds(const struct signature_key *key, struct slice message, struct slice text);

#endif
