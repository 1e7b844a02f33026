#include "replay/seal/signature.h"

#include "proto/digester.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_FILE_BYTES_MAX = 16 * 1024, RAW_KEY_BYTES = 32 };

struct signature_key {
    EVP_PKEY *pkey;
    struct digest id;
};

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* What stands before the 32 bytes of a public key in its DER. */
static const uint8_t der_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static bool identify(struct signature_key *key)
{
    uint8_t der[sizeof der_head + RAW_KEY_BYTES];
    size_t size = RAW_KEY_BYTES;
    struct digester *digester = digester_new();

    memcpy(der, der_head, sizeof der_head);
    bool good = digester != NULL && EVP_PKEY_get_raw_public_key(key->pkey, der + sizeof der_head, &size) == 1;
    if (good)
        key->id = digester_hash(digester, slice_of(der, sizeof der));
    digester_free(digester);
    return good;
}

/* Takes pkey, also when it fails. */
static struct signature_key *new_key(EVP_PKEY *pkey, struct error *error)
{
    struct signature_key *key = calloc(1, sizeof *key);

    if (key == NULL) {
        EVP_PKEY_free(pkey);
        error_set(error, ERROR_FATAL, "memory", "cannot keep a key: out of memory");
        return NULL;
    }
    key->pkey = pkey;
    if (!identify(key)) {
        signature_key_free(key);
        error_set(error, ERROR_FATAL, "memory", "cannot tell the id of a key");
        return NULL;
    }
    return key;
}

/* As ssh does: a key of ours that others can read is no secret. What is not ours we could not change. */
static bool check_secret(FILE *file, const char *path, struct error *error)
{
    struct stat about;

    if (fstat(fileno(file), &about) != 0)
        return error_set_errno(error, ERROR_FATAL, "key", "cannot look at %s", path);
    if (!S_ISREG(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return true;
    return error_set(error, ERROR_FATAL, "key", "others can read the private key %s (mode %04o); chmod 600 %s", path,
                     (unsigned)(about.st_mode & 07777), path);
}

static int refuse_passphrase(char *buffer, int size, int writes, void *self)
{
    (void)buffer, (void)size, (void)writes, (void)self;
    return -1;
}

typedef EVP_PKEY *pem_reader(BIO *bio, EVP_PKEY **key, pem_password_cb *ask, void *self);

/* NULL: there is no such key in it. */
static EVP_PKEY *read_pem(FILE *file, pem_reader *read)
{
    char text[KEY_FILE_BYTES_MAX];

    setvbuf(file, NULL, _IONBF, 0); /* no copy of a secret stays behind */
    size_t size = fread(text, 1, sizeof text, file);
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *pkey = bio == NULL ? NULL : read(bio, NULL, refuse_passphrase, NULL);

    BIO_free(bio);
    OPENSSL_cleanse(text, sizeof text);
    return pkey;
}

static struct signature_key *check_type(EVP_PKEY *pkey, const char *path, struct error *error)
{
    if (EVP_PKEY_get_id(pkey) == EVP_PKEY_ED25519)
        return new_key(pkey, error);
    error_set(error, ERROR_FATAL, "key",
              "%s holds a key of the type %s, and seals are signed with Ed25519; `openssl genpkey -algorithm ed25519 "
              "-out FILE` makes one",
              path, EVP_PKEY_get0_type_name(pkey));
    EVP_PKEY_free(pkey);
    return NULL;
}

struct signature_key *signature_private_key(const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        error_set_errno(error, ERROR_FATAL, "key", "cannot read the key %s", path);
        return NULL;
    }
    EVP_PKEY *pkey = read_pem(file, PEM_read_bio_PrivateKey);
    bool is_secret = pkey == NULL || check_secret(file, path, error);
    fclose(file);
    if (pkey != NULL && is_secret)
        return check_type(pkey, path, error);
    EVP_PKEY_free(pkey);
    if (is_secret)
        error_set(error, ERROR_FATAL, "key",
                  "%s holds no private key without a passphrase; `openssl genpkey -algorithm ed25519 -out FILE` makes "
                  "one",
                  path);
    return NULL;
}

struct signature_key *signature_public_key(const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        error_set_errno(error, ERROR_FATAL, "key", "cannot read the public key %s", path);
        return NULL;
    }
    EVP_PKEY *pkey = read_pem(file, PEM_read_bio_PUBKEY);
    fclose(file);
    if (pkey != NULL)
        return check_type(pkey, path, error);
    error_set(error, ERROR_FATAL, "key",
              "%s holds no public key; `openssl pkey -in PRIVATE -pubout -out FILE` makes it of the private one", path);
    return NULL;
}

void signature_key_free(struct signature_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

const struct digest *signature_key_id(const struct signature_key *key)
{
    return &key->id;
}

/* ---- signatures -------------------------------------------------------------------------------------------------- */

bool signature_sign(const struct signature_key *key, struct slice message, char text[SIGNATURE_TEXT_BYTES],
                    struct error *error)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[SIGNATURE_BYTES];
    size_t size = sizeof signature;
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
                EVP_DigestSign(context, signature, &size, message.data, message.size) == 1 && size == sizeof signature;

    EVP_MD_CTX_free(context);
    if (!good)
        return error_set(error, ERROR_FATAL, "key", "cannot sign with this key");
    EVP_EncodeBlock((unsigned char *)text, signature, sizeof signature);
    return true;
}

/* One spelling only: what would be written. */
static bool decode(struct slice text, uint8_t signature[SIGNATURE_BYTES])
{
    uint8_t bytes[SIGNATURE_BYTES + 2]; /* with what the two padding letters stand for */
    unsigned char again[SIGNATURE_TEXT_BYTES];

    if (text.size != SIGNATURE_TEXT_BYTES - 1 || EVP_DecodeBlock(bytes, text.data, (int)text.size) != sizeof bytes)
        return false;
    EVP_EncodeBlock(again, bytes, SIGNATURE_BYTES);
    memcpy(signature, bytes, SIGNATURE_BYTES);
    return memcmp(again, text.data, text.size) == 0;
}

bool signature_holds(const struct signature_key *key, struct slice message, struct slice text)
{
    uint8_t signature[SIGNATURE_BYTES];

    if (!decode(text, signature))
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool holds = context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
                 EVP_DigestVerify(context, signature, sizeof signature, message.data, message.size) == 1;
    EVP_MD_CTX_free(context);
    return holds;
}
