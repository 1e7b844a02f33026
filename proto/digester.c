#include "proto/digester.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct digester {
    EVP_MD *sha256;
    EVP_MD_CTX *context;
};

/* Takes `sha256`, also when it fails. */
static struct digester *make(EVP_MD *sha256)
{
    struct digester *digester = calloc(1, sizeof *digester);

    if (digester == NULL) {
        EVP_MD_free(sha256);
        return NULL;
    }
    digester->sha256 = sha256;
    digester->context = EVP_MD_CTX_new();
    if (sha256 == NULL || digester->context == NULL || EVP_DigestInit_ex2(digester->context, sha256, NULL) != 1) {
        digester_free(digester);
        return NULL;
    }
    return digester;
}

struct digester *digester_new(void)
{
    /* Fetched once: in OpenSSL 3 the lookup costs more than hashing an event. */
    return make(EVP_MD_fetch(NULL, "SHA256", NULL));
}

struct digester *digester_another(const struct digester *digester)
{
    EVP_MD_up_ref(digester->sha256);
    return make(digester->sha256);
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
