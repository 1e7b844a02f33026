#include "proto/rfc3339.h"

enum {
    SECOND_US = 1000000,
    MINUTE_S = 60,
    HOUR_S = 3600,
    DAY_S = 86400,
    DAYS_IN_400_YEARS = 146097,
    /* From 0000-03-01 to 1970-01-01. */
    EPOCH_DAY = 719468,
};

struct moment {
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int microsecond;
};

/* Years are counted from March, so that the leap day is the last one of its year and every month begins at a day that
 * a line through the months gives: 153 days for each five of them. */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t march_year = year - (month <= 2);
    int march_month = (month + 9) % 12;
    int64_t leap_days = floor_divide(march_year, 4) - floor_divide(march_year, 100) + floor_divide(march_year, 400);

    return 365 * march_year + leap_days + (153 * march_month + 2) / 5 + day - 1 - EPOCH_DAY;
}

static void date_from_days(int64_t days, struct moment *moment)
{
    int64_t era = floor_divide(days + EPOCH_DAY, DAYS_IN_400_YEARS);
    int64_t day = days + EPOCH_DAY - era * DAYS_IN_400_YEARS;

    /* Without the leap days before it, the day tells its year of the era. */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;

    moment->day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    moment->month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    moment->year = (int)(era * 400 + year + (moment->month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (leap && month == 2);
}

/* Reading */

static bool is_digit(struct slice text, size_t at)
{
    return at < text.size && text.data[at] >= '0' && text.data[at] <= '9';
}

static bool take(struct slice *text, char wanted)
{
    if (text->size == 0 || text->data[0] != (uint8_t)wanted)
        return false;
    *text = slice_of(text->data + 1, text->size - 1);
    return true;
}

/* Exactly `digits` digits, from `minimum` to `maximum`. */
static bool take_number(struct slice *text, size_t digits, int minimum, int maximum, int *number)
{
    int value = 0;

    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(*text, i))
            return false;
        value = 10 * value + (text->data[i] - '0');
    }
    if (value < minimum || value > maximum)
        return false;

    *number = value;
    *text = slice_of(text->data + digits, text->size - digits);
    return true;
}

static bool take_date(struct slice *text, struct moment *moment)
{
    return take_number(text, 4, 0, 9999, &moment->year) && take(text, '-') &&
           take_number(text, 2, 1, 12, &moment->month) && take(text, '-') &&
           take_number(text, 2, 1, days_in_month(moment->year, moment->month), &moment->day);
}

static bool take_fraction(struct slice *text, struct moment *moment)
{
    size_t digits = 0;

    moment->microsecond = 0;
    if (!take(text, '.'))
        return true;

    for (int unit = SECOND_US / 10; is_digit(*text, digits); unit /= 10, digits++)
        moment->microsecond += unit * (text->data[digits] - '0');
    *text = slice_of(text->data + digits, text->size - digits);
    return digits > 0;
}

static bool take_time(struct slice *text, struct moment *moment)
{
    return take_number(text, 2, 0, 23, &moment->hour) && take(text, ':') &&
           take_number(text, 2, 0, 59, &moment->minute) && take(text, ':') &&
           take_number(text, 2, 0, 60, &moment->second) && take_fraction(text, moment);
}

static bool take_offset(struct slice *text, int64_t *offset_s)
{
    int hours;
    int minutes;

    *offset_s = 0;
    if (take(text, 'Z') || take(text, 'z'))
        return true;

    bool west = take(text, '-');
    if (!west && !take(text, '+'))
        return false;
    if (!take_number(text, 2, 0, 23, &hours) || !take(text, ':') || !take_number(text, 2, 0, 59, &minutes))
        return false;

    *offset_s = hours * HOUR_S + minutes * MINUTE_S;
    if (west)
        *offset_s = -*offset_s;
    return true;
}

/* Where second 60 ends in UTC: midnight of a month's first day. */
static bool may_be_leap_second(int64_t end_s)
{
    struct moment end;

    if (floor_divide(end_s, DAY_S) * DAY_S != end_s)
        return false;
    date_from_days(floor_divide(end_s, DAY_S), &end);
    return end.day == 1;
}

bool rfc3339_parse(struct slice text, int64_t *unix_us)
{
    struct moment moment;
    int64_t offset_s;

    if (!take_date(&text, &moment) || !(take(&text, 'T') || take(&text, 't')) || !take_time(&text, &moment) ||
        !take_offset(&text, &offset_s) || text.size > 0)
        return false;

    int64_t seconds = days_from_date(moment.year, moment.month, moment.day) * DAY_S + moment.hour * HOUR_S +
                      moment.minute * MINUTE_S + moment.second - offset_s;
    if (moment.second == 60 && !may_be_leap_second(seconds))
        return false;

    int64_t parsed_us = seconds * SECOND_US + moment.microsecond;
    if (parsed_us < RFC3339_MIN_US || parsed_us > RFC3339_MAX_US)
        return false;
    *unix_us = parsed_us;
    return true;
}

/* Writing */

static struct moment moment_from_unix(int64_t unix_us)
{
    int64_t seconds = floor_divide(unix_us, SECOND_US);
    int64_t days = floor_divide(seconds, DAY_S);
    int64_t second_of_day = seconds - days * DAY_S;
    struct moment moment = {
        .hour = (int)(second_of_day / HOUR_S),
        .minute = (int)(second_of_day % HOUR_S / MINUTE_S),
        .second = (int)(second_of_day % MINUTE_S),
        .microsecond = (int)(unix_us - seconds * SECOND_US),
    };

    date_from_days(days, &moment);
    return moment;
}

/* The digits and what stands behind them. */
static char *put(char *out, int digits, int number, char behind)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        out[i] = (char)('0' + number % 10);
    out[digits] = behind;
    return out + digits + 1;
}

void rfc3339_format(int64_t unix_us, char text[RFC3339_TEXT_BYTES])
{
    if (unix_us < RFC3339_MIN_US)
        unix_us = RFC3339_MIN_US;
    if (unix_us > RFC3339_MAX_US)
        unix_us = RFC3339_MAX_US;

    struct moment moment = moment_from_unix(unix_us);
    char *out = put(text, 4, moment.year, '-');

    out = put(out, 2, moment.month, '-');
    out = put(out, 2, moment.day, 'T');
    out = put(out, 2, moment.hour, ':');
    out = put(out, 2, moment.minute, ':');
    out = put(out, 2, moment.second, '.');
    out = put(out, 6, moment.microsecond, 'Z');
    *out = '\0';
}
