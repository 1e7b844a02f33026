#include "consumer/http/server_inside.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAPPED_IPV4[] = "::ffff:";

static int hexadecimal(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool server_decode(struct slice text, char *decoded, size_t *size)
{
    size_t written = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            if (text.size - i < 3)
                return false;
            int high = hexadecimal(text.data[i + 1]);
            int low = hexadecimal(text.data[i + 2]);
            if (high < 0 || low < 0)
                return false;
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (byte == '\0')
            return false;
        decoded[written++] = (char)byte;
    }
    *size = written;
    return true;
}

/* ---- the query --------------------------------------------------------------------------------------------------- */

static bool put(struct server_query *query, const char *text, struct slice *decoded)
{
    char *start = query->bytes + query->used;
    size_t size;

    if (!server_decode(slice_from_text(text), start, &size))
        return false;
    start[size] = '\0';
    query->used += size + 1;
    *decoded = slice_of(start, size);
    return true;
}

/* The library has split it and made blanks of '+', and left the rest to us. */
static enum MHD_Result take_pair(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct server_query *query = self;
    struct slice key;

    (void)kind;
    if (query->count == SERVER_QUERY_MAX) {
        query->is_too_long = true;
        return MHD_NO;
    }
    if (!put(query, name, &key) || !put(query, value == NULL ? "" : value, &query->pairs[query->count].value)) {
        query->is_bad = true;
        return MHD_NO;
    }
    query->pairs[query->count++].name = (const char *)key.data;
    return MHD_YES;
}

/* Two NULs a pair are more than the '?', '&' and '=' that the pair had when it has no '='. */
static size_t room(const struct server *server)
{
    return server->options.memory_bytes + SERVER_QUERY_MAX;
}

bool server_query_read(struct server_exchange *exchange)
{
    if (MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) == 0)
        return true;

    exchange->query = calloc(1, sizeof *exchange->query + room(exchange->server));
    if (exchange->query == NULL)
        return false;
    MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, take_pair, exchange->query);
    return true;
}

bool server_query(const struct server_exchange *exchange, const char *name, size_t index, struct slice *value)
{
    const struct server_query *query = exchange->query;

    for (size_t i = 0; query != NULL && i < query->count; i++) {
        if (strcmp(query->pairs[i].name, name) != 0)
            continue;
        if (index-- > 0)
            continue;
        *value = query->pairs[i].value;
        return true;
    }
    return false;
}

const char *server_query_name(const struct server_exchange *exchange, size_t index)
{
    const struct server_query *query = exchange->query;

    return query != NULL && index < query->count ? query->pairs[index].name : NULL;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

const char *server_method(const struct server_exchange *exchange)
{
    return exchange->method;
}

struct slice server_path(const struct server_exchange *exchange)
{
    return slice_from_text(exchange->path);
}

bool server_header(const struct server_exchange *exchange, const char *name, struct slice *value)
{
    const char *text = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);

    if (text == NULL)
        return false;
    *value = slice_from_text(text);
    return true;
}

struct slice server_body(const struct server_exchange *exchange)
{
    return slice_of(exchange->body, exchange->body_size);
}

void server_peer(const struct server_exchange *exchange, char peer[SERVER_PEER_BYTES_MAX])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
    char text[SERVER_PEER_BYTES_MAX];

    peer[0] = '\0';
    if (address == NULL)
        return;
    socklen_t size = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo(address, size, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    bool is_mapped = strncmp(text, MAPPED_IPV4, strlen(MAPPED_IPV4)) == 0 && strchr(text, '.') != NULL;
    snprintf(peer, SERVER_PEER_BYTES_MAX, "%s", is_mapped ? text + strlen(MAPPED_IPV4) : text);
}

int server_connections(const struct server_exchange *exchange)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_DAEMON);
    const union MHD_DaemonInfo *daemon =
        info == NULL ? NULL : MHD_get_daemon_info(info->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return daemon == NULL ? 0 : (int)daemon->num_connections;
}

void server_question_forget(struct server_exchange *exchange)
{
    free(exchange->query);
    free(exchange->body);
    exchange->query = NULL;
    exchange->body = NULL;
    exchange->body_size = 0;
}
