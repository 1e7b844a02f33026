#include "tests/support/tls_front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 16 * 1024, DAY_S = 24 * 60 * 60 };

struct tls_front_identity {
    SSL_CTX *context;
    char file[40];
};

struct tls_front {
    struct tls_front_identity *identity;
    unsigned peer_port;
    unsigned port;
    int listener;
    int stop;     /* eventfd */
    int may_send; /* bytes, to the client */
    pthread_t thread;
};

static void insist(bool good)
{
    if (!good)
        abort();
}

/* ---- who it is ---- */

static X509 *sign(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_EXTENSION *host = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");

    insist(certificate != NULL && name != NULL && host != NULL && X509_set_version(certificate, X509_VERSION_3) == 1);
    insist(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"front", -1, -1, 0) == 1);
    insist(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
    insist(X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) != NULL);
    insist(X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S) != NULL);
    insist(X509_set_subject_name(certificate, name) == 1 && X509_set_issuer_name(certificate, name) == 1);
    insist(X509_add_ext(certificate, host, -1) == 1 && X509_set_pubkey(certificate, key) == 1);
    insist(X509_sign(certificate, key, EVP_sha256()) > 0);
    X509_EXTENSION_free(host);
    X509_NAME_free(name);
    return certificate;
}

static void write_file(struct tls_front_identity *identity, X509 *certificate)
{
    snprintf(identity->file, sizeof identity->file, "/tmp/tl-front-XXXXXX");
    FILE *file = fdopen(mkstemp(identity->file), "w");

    insist(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0);
}

struct tls_front_identity *tls_front_identity_new(void)
{
    struct tls_front_identity *identity = calloc(1, sizeof *identity);
    EVP_PKEY *key = EVP_EC_gen("P-256");

    insist(identity != NULL && key != NULL);
    X509 *certificate = sign(key);
    write_file(identity, certificate);
    identity->context = SSL_CTX_new(TLS_server_method());
    insist(identity->context != NULL && SSL_CTX_use_certificate(identity->context, certificate) == 1);
    insist(SSL_CTX_use_PrivateKey(identity->context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return identity;
}

void tls_front_identity_free(struct tls_front_identity *identity)
{
    unlink(identity->file);
    SSL_CTX_free(identity->context);
    free(identity);
}

const char *tls_front_ca_file(const struct tls_front_identity *identity)
{
    return identity->file;
}

/* ---- one connection ---- */

struct line {
    struct tls_front *front;
    int client;
    int peer;
    SSL *session; /* works in memory */
    BIO *incoming;
    BIO *outgoing;
};

/* What the session wrote goes to the client, as long as it may. */
static bool flush(struct line *line)
{
    char *data;
    long size = BIO_get_mem_data(line->outgoing, &data);
    long part = size < line->front->may_send ? size : line->front->may_send;

    if (part > 0 && send(line->client, data, (size_t)part, MSG_NOSIGNAL) != part)
        return false;
    (void)BIO_reset(line->outgoing);
    line->front->may_send -= line->front->may_send == TLS_FRONT_UNCUT ? 0 : (int)part;
    return part == size;
}

static bool pass_on(struct line *line)
{
    char buffer[BUFFER_BYTES];
    int count;

    while ((count = SSL_read(line->session, buffer, sizeof buffer)) > 0)
        if (send(line->peer, buffer, (size_t)count, MSG_NOSIGNAL) != count)
            return false;
    return flush(line) && SSL_get_error(line->session, count) == SSL_ERROR_WANT_READ;
}

static bool hear_client(struct line *line)
{
    char buffer[BUFFER_BYTES];
    ssize_t count = recv(line->client, buffer, sizeof buffer, 0);

    return count > 0 && BIO_write(line->incoming, buffer, (int)count) == (int)count && pass_on(line);
}

static bool hear_peer(struct line *line)
{
    char buffer[BUFFER_BYTES];
    ssize_t count = recv(line->peer, buffer, sizeof buffer, 0);

    return count > 0 && SSL_write(line->session, buffer, (int)count) == (int)count && flush(line);
}

static void carry(struct line *line)
{
    struct pollfd waiting[] = {
        {.fd = line->front->stop, .events = POLLIN},
        {.fd = line->client, .events = POLLIN},
        {.fd = line->peer, .events = POLLIN},
    };
    bool good = true;

    while (good && poll(waiting, 3, -1) > 0 && waiting[0].revents == 0) {
        if (waiting[1].revents != 0)
            good = hear_client(line);
        if (good && waiting[2].revents != 0)
            good = hear_peer(line);
    }
}

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static int make_socket(void)
{
    int on = 1;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    insist(made >= 0 && setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    return made;
}

static void serve(struct tls_front *front, int client)
{
    struct sockaddr_in address = loopback(front->peer_port);
    struct line line = {.front = front, .client = client, .peer = make_socket()};

    insist(connect(line.peer, (const struct sockaddr *)&address, sizeof address) == 0);
    line.session = SSL_new(front->identity->context);
    line.incoming = BIO_new(BIO_s_mem());
    line.outgoing = BIO_new(BIO_s_mem());
    insist(line.session != NULL && line.incoming != NULL && line.outgoing != NULL);
    BIO_set_mem_eof_return(line.incoming, -1);
    SSL_set_bio(line.session, line.incoming, line.outgoing);
    SSL_set_accept_state(line.session);
    carry(&line);
    SSL_free(line.session);
    close(line.peer);
}

static void *run(void *self)
{
    struct tls_front *front = self;
    struct pollfd waiting[] = {{.fd = front->stop, .events = POLLIN}, {.fd = front->listener, .events = POLLIN}};

    while (poll(waiting, 2, -1) > 0 && waiting[0].revents == 0) {
        int client = accept(front->listener, NULL, NULL);

        insist(client >= 0);
        serve(front, client);
        close(client);
        front->may_send = TLS_FRONT_UNCUT;
    }
    OPENSSL_thread_stop();
    return NULL;
}

/* ---- the front ---- */

struct tls_front *tls_front_start(struct tls_front_identity *identity, unsigned peer_port, int cut_bytes)
{
    struct tls_front *front = calloc(1, sizeof *front);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;

    insist(front != NULL);
    front->identity = identity;
    front->peer_port = peer_port;
    front->may_send = cut_bytes;
    front->listener = make_socket();
    front->stop = eventfd(0, EFD_CLOEXEC);
    insist(bind(front->listener, (const struct sockaddr *)&address, size) == 0 && listen(front->listener, 8) == 0);
    insist(getsockname(front->listener, (struct sockaddr *)&address, &size) == 0);
    front->port = ntohs(address.sin_port);
    insist(pthread_create(&front->thread, NULL, run, front) == 0);
    return front;
}

void tls_front_stop(struct tls_front *front)
{
    eventfd_write(front->stop, 1);
    pthread_join(front->thread, NULL);
    close(front->listener);
    close(front->stop);
    free(front);
}

unsigned tls_front_port(const struct tls_front *front)
{
    return front->port;
}
