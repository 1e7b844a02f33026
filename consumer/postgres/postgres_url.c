#include "consumer/postgres/postgres_url.h"

#include <libpq-fe.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) == 0)
            return option->val;
    }
    return NULL;
}

/* What the string says, else what the environment does. */
static char *setting(const PQconninfoOption *given, const PQconninfoOption *defaults, const char *keyword)
{
    const char *value = value_of(given, keyword);

    if (value == NULL)
        value = value_of(defaults, keyword);
    return value == NULL ? NULL : strdup(value);
}

static size_t count_of(const char *list)
{
    size_t count = 1;

    for (const char *c = list; c != NULL && *c != '\0'; c++)
        count += *c == ',';
    return count;
}

/* The n-th piece of the list, cut to fit. */
static void piece(const char *list, size_t index, char *text, size_t size)
{
    const char *from = list == NULL ? "" : list;

    while (index > 0 && *from != '\0') {
        from += strcspn(from, ",");
        from += *from == ',';
        index--;
    }
    size_t length = strcspn(from, ",");
    length = length < size ? length : size - 1;
    memcpy(text, from, length);
    text[length] = '\0';
}

static bool looks_right(const struct postgres_url *url)
{
    bool ports_are_numbers = url->ports == NULL || url->ports[strspn(url->ports, "0123456789,")] == '\0';
    bool hosts_are_names = url->hosts == NULL || strchr(url->hosts, '@') == NULL;

    return ports_are_numbers && hosts_are_names;
}

static void take_settings(struct postgres_url *url, const PQconninfoOption *given)
{
    PQconninfoOption *defaults = PQconndefaults();

    *url = (struct postgres_url){
        .hosts = setting(given, defaults, "host"),
        .addresses = setting(given, defaults, "hostaddr"),
        .ports = setting(given, defaults, "port"),
        .database = setting(given, defaults, "dbname"),
    };
    url->count = count_of(url->addresses != NULL ? url->addresses : url->hosts);
    PQconninfoFree(defaults);
}

bool postgres_url_init(struct postgres_url *url, const char *text, struct error *error)
{
    char *why = NULL;
    PQconninfoOption *given = PQconninfoParse(text == NULL ? "" : text, &why);

    PQfreemem(why); /* it quotes */
    if (given == NULL)
        return error_set(error, ERROR_FATAL, "config",
                         "cannot read the connection string of PostgreSQL: it is neither "
                         "postgresql://user:password@host:port/database nor key=value pairs");

    struct postgres_url read;
    take_settings(&read, given);
    PQconninfoFree(given);
    if (!looks_right(&read)) {
        postgres_url_close(&read);
        return error_set(error, ERROR_FATAL, "config",
                         "cannot read the connection string of PostgreSQL: its host or port "
                         "is not valid; special characters in a password must be written as %%XX");
    }
    *url = read;
    return true;
}

void postgres_url_close(struct postgres_url *url)
{
    free(url->hosts);
    free(url->addresses);
    free(url->ports);
    free(url->database);
    *url = (struct postgres_url){.count = 1};
}

struct postgres_host postgres_url_host(const struct postgres_url *url, size_t index)
{
    struct postgres_host host;
    bool one_port = count_of(url->ports) == 1;

    piece(url->hosts, index, host.name, sizeof host.name);
    piece(url->addresses, index, host.address, sizeof host.address);
    piece(url->ports, one_port ? 0 : index, host.port, sizeof host.port);
    return host;
}
