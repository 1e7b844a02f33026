#include "replay/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum { SECOND_US = 1000000, NAME_BYTES_MAX = 64 };

/* The C library takes a zone it does not find for UTC, and a path for a file: neither is what the user meant. */
static bool is_a_name(const char *name)
{
    return name[0] != '\0' && name[0] != '/' && name[0] != '.' && strstr(name, "..") == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/.") == strlen(name) &&
           strlen(name) <= NAME_BYTES_MAX;
}

static bool is_there(const char *name)
{
    char path[sizeof ZONE_FOLDER + NAME_BYTES_MAX + 2], magic[4];

    snprintf(path, sizeof path, "%s/%s", ZONE_FOLDER, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool is_zone = fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
    fclose(file);
    return is_zone;
}

bool zone_use(struct zone *zone, const char *name, struct error *error)
{
    if (strcmp(name, "UTC") == 0) {
        zone->is_local = false;
        return true;
    }
    if (access(ZONE_FOLDER, X_OK) != 0)
        return error_set(error, ERROR_FATAL, "config", "cannot use time zone \"%s\": this machine has no %s (tzdata)",
                         name, ZONE_FOLDER);
    if (!is_a_name(name) || !is_there(name))
        return error_set(error, ERROR_FATAL, "usage",
                         "there is no time zone \"%s\": --zone takes a name like UTC or Europe/Berlin", name);

    setenv("TZ", name, 1); /* NOLINT(concurrency-mt-unsafe): before anything else runs */
    tzset();
    zone->is_local = true;
    return true;
}

/* "Z" or "+01:00". */
static void format_offset(const struct zone *zone, long seconds, char text[16])
{
    if (!zone->is_local) {
        snprintf(text, 16, "Z");
        return;
    }
    long minutes = (seconds < 0 ? -seconds : seconds) / 60;
    snprintf(text, 16, "%c%02ld:%02ld", seconds < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
}

static void format(const struct zone *zone, int64_t unix_us, bool is_short, char text[ZONE_TEXT_BYTES])
{
    int64_t fraction = (unix_us % SECOND_US + SECOND_US) % SECOND_US;
    time_t seconds = (unix_us - fraction) / SECOND_US;
    struct tm tm = {.tm_year = 0};
    char date[32] = "", offset[16];

    if (zone->is_local)
        localtime_r(&seconds, &tm);
    else
        gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, is_short ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%S", &tm);
    format_offset(zone, tm.tm_gmtoff, offset);
    if (is_short)
        snprintf(text, ZONE_TEXT_BYTES, "%s.%03d%s", date, (int)(fraction / 1000), offset);
    else
        snprintf(text, ZONE_TEXT_BYTES, "%s.%06d%s", date, (int)fraction, offset);
}

void zone_format(const struct zone *zone, int64_t unix_us, char text[ZONE_TEXT_BYTES])
{
    format(zone, unix_us, false, text);
}

void zone_format_short(const struct zone *zone, int64_t unix_us, char text[ZONE_TEXT_BYTES])
{
    format(zone, unix_us, true, text);
}
