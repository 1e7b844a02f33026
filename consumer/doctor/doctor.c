#include "consumer/doctor/doctor.h"

#include "consumer/doctor/doctor_postgres.h"
#include "consumer/doctor/doctor_redis.h"
#include "consumer/doctor/doctor_report.h"

#include <string.h>

/* What cannot be used at all is told instead of a report, whose beginning is then withheld where it is one object. */
bool doctor_run(const struct configuration *configuration, enum exit_code *code, struct error *error)
{
    struct doctor_report report;

    doctor_report_begin(&report, strcmp(configuration->format, "json") == 0);
    if (doctor_redis_examine(configuration, &report, error) && doctor_postgres_examine(configuration, &report, error))
        return doctor_report_end(&report, code, error);
    json_writer_close(&report.json);
    return false;
}
