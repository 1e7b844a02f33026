#include "proto/transport.h"

#include "proto/transport_error.h"
#include "proto/transport_gate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES_MAX = 16 * 1024 };

struct transport_tls {
    SSL_CTX *context;
    SSL *session;     /* owns the two below */
    BIO *incoming;    /* received, not yet decrypted */
    BIO *outgoing;    /* encrypted, not yet sent */
    bool established; /* the server has sent something of the application: it accepts us */
};

/* ---- between the library's memory and the socket: outside of the gate while waiting ---- */

static bool flush(struct transport *transport, const struct deadline *deadline, struct error *error)
{
    char *data;
    long size = BIO_get_mem_data(transport->tls->outgoing, &data);

    if (size <= 0)
        return true;
    transport_gate_leave();
    bool sent = socket_send(&transport->socket, slice_of(data, (size_t)size), deadline, error);
    transport_gate_enter();

    /* What could not be sent never will be; what the server said before it hung up can still be received. */
    (void)BIO_reset(transport->tls->outgoing);
    return sent;
}

static bool fetch(struct transport *transport, const struct deadline *deadline, struct error *error)
{
    uint8_t buffer[RECORD_BYTES_MAX];
    size_t received;
    size_t kept;

    transport_gate_leave();
    bool got_some = socket_receive(&transport->socket, buffer, sizeof buffer, &received, deadline, error);
    transport_gate_enter();
    if (!got_some)
        return false;
    if (!BIO_write_ex(transport->tls->incoming, buffer, received, &kept) || kept != received)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not receive: out of memory");
    return true;
}

/* After an operation: send what the library wrote, an alert too, then fetch what it waits for. */
static bool go_on(struct transport *transport, int result, const struct deadline *deadline, struct error *error)
{
    struct transport_tls *tls = transport->tls;
    int status = SSL_get_error(tls->session, result);

    if (status != SSL_ERROR_WANT_READ) {
        struct error unsent;

        (void)flush(transport, deadline, &unsent); /* the alert is a courtesy */
        return transport_error_set_end(error, status, SSL_get_verify_result(tls->session), tls->established);
    }
    return flush(transport, deadline, error) && fetch(transport, deadline, error);
}

/* ---- the session ---- */

/* Without this the library would ask for the password of an encrypted key on the terminal. */
static int refuse_passphrase(char *buffer, int size, int writing, void *self)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)self;
    return -1;
}

static bool load_trust(SSL_CTX *context, const char *ca_file, struct error *error)
{
    if (ca_file == NULL)
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               transport_error_set(error, ERROR_FATAL, "tls", "cannot read the certificates that the system trusts");
    return SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1 ||
           transport_error_set_file(error, "CA file", ca_file);
}

static bool load_identity(SSL_CTX *context, const struct transport_options *options, struct error *error)
{
    if (options->certificate_file == NULL)
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate_file) != 1)
        return transport_error_set_file(error, "certificate", options->certificate_file);
    if (SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return transport_error_set_file(error, "key", options->key_file);
    return true;
}

/* Whom the certificate must be for: the address itself, or the name, which is also sent as SNI. */
static bool expect_host(SSL *session, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char name[REDIS_URL_HOST_MAX]; /* the library's macro casts const away */

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;

    snprintf(name, sizeof name, "%s", host);
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, name) == 1 && SSL_set_tlsext_host_name(session, name) == 1;
}

static bool prepare_context(struct transport_tls *tls, const struct transport_options *options, struct error *error)
{
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1)
        return transport_error_set(error, ERROR_TRANSIENT, "memory", "could not prepare TLS");

    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_default_passwd_cb(tls->context, refuse_passphrase);
    return load_trust(tls->context, options->ca_file, error) && load_identity(tls->context, options, error);
}

static bool prepare_session(struct transport_tls *tls, const char *host, struct error *error)
{
    tls->session = SSL_new(tls->context);
    tls->incoming = BIO_new(BIO_s_mem());
    tls->outgoing = BIO_new(BIO_s_mem());
    if (tls->session == NULL || tls->incoming == NULL || tls->outgoing == NULL || !expect_host(tls->session, host)) {
        BIO_free(tls->incoming);
        BIO_free(tls->outgoing);
        return transport_error_set(error, ERROR_TRANSIENT, "memory", "could not prepare TLS");
    }
    BIO_set_mem_eof_return(tls->incoming, -1); /* empty is not the end */
    BIO_set_mem_eof_return(tls->outgoing, -1);
    SSL_set_bio(tls->session, tls->incoming, tls->outgoing);
    SSL_set_connect_state(tls->session);
    return true;
}

static void tls_free(struct transport_tls *tls)
{
    SSL_free(tls->session);
    SSL_CTX_free(tls->context);
    free(tls);
}

static bool tls_new(struct transport *transport, const struct transport_options *options, struct error *error)
{
    struct transport_tls *tls = calloc(1, sizeof *tls);

    ERR_clear_error();
    if (tls == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not prepare TLS: out of memory");
    if (!prepare_context(tls, options, error) || !prepare_session(tls, options->server.node->host, error)) {
        tls_free(tls);
        return false;
    }
    transport->tls = tls;
    return true;
}

static bool tls_handshake(struct transport *transport, const struct deadline *deadline, struct error *error)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(transport->tls->session);

        if (result == 1)
            return flush(transport, deadline, error);
        if (go_on(transport, result, deadline, error))
            continue;

        /* A Redis without TLS waits for the rest of what it takes for a command. */
        if (strcmp(error->reason, "timeout") == 0)
            error_wrap(error, "could not agree on TLS with the server (a port without TLS keeps silent)");
        else if (error->kind == ERROR_TRANSIENT)
            error_wrap(error, "could not agree on TLS with the server");
        return false;
    }
}

static bool tls_send(struct transport *transport, struct slice bytes, const struct deadline *deadline,
                     struct error *error)
{
    while (bytes.size > 0) {
        int part = bytes.size < RECORD_BYTES_MAX ? (int)bytes.size : RECORD_BYTES_MAX;

        ERR_clear_error();
        int written = SSL_write(transport->tls->session, bytes.data, part);
        if (written > 0 ? !flush(transport, deadline, error) : !go_on(transport, written, deadline, error))
            return false;
        if (written > 0)
            bytes = slice_of(bytes.data + written, bytes.size - (size_t)written);
    }
    return true;
}

static bool tls_receive(struct transport *transport, void *buffer, size_t size, size_t *received,
                        const struct deadline *deadline, struct error *error)
{
    int room = size < INT_MAX ? (int)size : INT_MAX;

    for (;;) {
        ERR_clear_error();
        int count = SSL_read(transport->tls->session, buffer, room);

        if (count > 0) {
            transport->tls->established = true;
            *received = (size_t)count;
            return true;
        }
        if (!go_on(transport, count, deadline, error))
            return false;
    }
}

/* ---- with or without ---- */

void transport_init(struct transport *transport)
{
    *transport = (struct transport){.tls = NULL};
    socket_init(&transport->socket);
}

static bool open_tcp(struct transport *transport, const struct transport_options *options,
                     const struct deadline *deadline, struct error *error)
{
    const struct redis_url_node *node = options->server.node;

    return socket_open_tcp(&transport->socket, node->host, node->port, deadline, error);
}

static bool open_tls(struct transport *transport, const struct transport_options *options,
                     const struct deadline *deadline, struct error *error)
{
    transport_gate_enter();
    bool prepared = tls_new(transport, options, error);
    transport_gate_leave();
    if (!prepared || !open_tcp(transport, options, deadline, error))
        return false;

    transport_gate_enter();
    bool agreed = tls_handshake(transport, deadline, error);
    transport_gate_leave();
    return agreed;
}

/* What an operator would have to mend is found twice: now and then the library swallows that memory ran out, and a file
 * may have been about to be replaced. */
static bool open_tls_surely(struct transport *transport, const struct transport_options *options,
                            const struct deadline *deadline, struct error *error)
{
    struct error first = {.kind = ERROR_NONE};

    if (open_tls(transport, options, deadline, &first))
        return true;
    if (first.kind != ERROR_FATAL) {
        *error = first;
        return false;
    }
    transport_close(transport);
    return open_tls(transport, options, deadline, error);
}

static bool open_stages(struct transport *transport, const struct transport_options *options,
                        const struct deadline *deadline, struct error *error)
{
    const struct redis_url_server *server = &options->server;

    if (server->path[0] != '\0')
        return socket_open_unix(&transport->socket, server->path, deadline, error);
    if (!server->tls)
        return open_tcp(transport, options, deadline, error);
    return open_tls_surely(transport, options, deadline, error);
}

bool transport_open(struct transport *transport, const struct transport_options *options,
                    const struct deadline *deadline, struct error *error)
{
    assert(transport->tls == NULL);
    if (open_stages(transport, options, deadline, error))
        return true;

    transport_close(transport);
    return false;
}

bool transport_send(struct transport *transport, struct slice bytes, const struct deadline *deadline,
                    struct error *error)
{
    if (transport->tls == NULL)
        return socket_send(&transport->socket, bytes, deadline, error);

    transport_gate_enter();
    bool sent = tls_send(transport, bytes, deadline, error);
    transport_gate_leave();
    return sent;
}

bool transport_receive(struct transport *transport, void *buffer, size_t size, size_t *received,
                       const struct deadline *deadline, struct error *error)
{
    if (transport->tls == NULL)
        return socket_receive(&transport->socket, buffer, size, received, deadline, error);

    transport_gate_enter();
    bool got_some = tls_receive(transport, buffer, size, received, deadline, error);
    transport_gate_leave();
    return got_some;
}

static bool tls_has_input(const struct transport_tls *tls)
{
    transport_gate_enter();
    bool has_some = SSL_has_pending(tls->session) || BIO_pending(tls->incoming) > 0;
    transport_gate_leave();
    return has_some;
}

bool transport_has_input(const struct transport *transport)
{
    return (transport->tls != NULL && tls_has_input(transport->tls)) || socket_has_input(&transport->socket);
}

int transport_descriptor(const struct transport *transport)
{
    return atomic_load(&transport->socket.descriptor);
}

void transport_close(struct transport *transport)
{
    if (transport->tls != NULL) {
        transport_gate_enter();
        tls_free(transport->tls);
        transport_gate_leave();
    }
    transport->tls = NULL;
    socket_close(&transport->socket);
}

void transport_free(struct transport *transport)
{
    transport_close(transport);
    socket_free(&transport->socket);
}

void transport_abandon(struct transport *transport)
{
    socket_abandon(&transport->socket);
}
