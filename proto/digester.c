#include "proto/digester.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct digester {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

struct digester *digester_new(void)
{
    struct digester *digester = calloc(1, sizeof *digester);

    if (digester == NULL)
        return NULL;
    /* Fetched once: in OpenSSL 3 the lookup costs more than hashing an event. */
    digester->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digester->context = EVP_MD_CTX_new();
    if (digester->sha256 == NULL || digester->context == NULL ||
        EVP_DigestInit_ex2(digester->context, digester->sha256, NULL) != 1) {
        digester_free(digester);
        return NULL;
    }
    return digester;
}

void digester_free(struct digester *digester)
{
    if (digester == NULL)
        return;
    EVP_MD_CTX_free(digester->context);
    EVP_MD_free(digester->sha256);
    free(digester);
}

struct digest digester_hash(struct digester *digester, struct slice bytes)
{
    struct digest digest;

    /* These calls fail only when the context was not initialised; digester_new has seen to that. */
    int done = EVP_DigestInit_ex2(digester->context, NULL, NULL) == 1 &&
               EVP_DigestUpdate(digester->context, bytes.data, bytes.size) == 1 &&
               EVP_DigestFinal_ex(digester->context, digest.bytes, NULL) == 1;

    if (!done)
        abort();
    return digest;
}
