/* Of libcrypto's hashing the oldest part: it only computes. What came after it allocates for each hash, takes locks,
 * and asks whether the library is still there, which it is not while the process ends; and it may say no. */
#define OPENSSL_API_COMPAT 0x10101000L

#include "proto/digester.h"

#include <openssl/sha.h>
#include <stdlib.h>

struct digester {
    SHA256_CTX sha256;
};

struct digester *digester_new(void)
{
    return calloc(1, sizeof(struct digester));
}

void digester_free(struct digester *digester)
{
    free(digester);
}

void digester_begin(struct digester *digester)
{
    SHA256_Init(&digester->sha256);
}

void digester_add(struct digester *digester, struct slice bytes)
{
    SHA256_Update(&digester->sha256, bytes.data, bytes.size);
}

struct digest digester_so_far(const struct digester *digester)
{
    SHA256_CTX copy = digester->sha256;
    struct digest digest;

    SHA256_Final(digest.bytes, &copy);
    return digest;
}

struct digest digester_hash(struct digester *digester, struct slice bytes)
{
    struct digest digest;

    SHA256_Init(&digester->sha256);
    SHA256_Update(&digester->sha256, bytes.data, bytes.size);
    SHA256_Final(digest.bytes, &digester->sha256);
    return digest;
}
