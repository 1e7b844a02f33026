#include "replay/scan.h"

#include <assert.h>

enum { PARAMETERS = 2 };

static bool fetch(struct scan *scan, struct error *error)
{
    scan_close(scan);
    if (!postgres_query(scan->postgres, &scan->statements->fetch, NULL, 0, &scan->page, error))
        return false;
    scan->row = 0;
    if (postgres_rows(scan->page) == 0)
        scan_close(scan);
    return true;
}

bool scan_open(struct scan *scan, struct postgres *postgres, const struct scan_statements *statements,
               const struct postgres_parameter parameters[PARAMETERS], struct error *error)
{
    *scan = (struct scan){.postgres = postgres, .statements = statements};
    return postgres_query(postgres, &statements->declare, parameters, parameters == NULL ? 0 : PARAMETERS, NULL,
                          error) &&
           fetch(scan, error);
}

bool scan_next(struct scan *scan, struct error *error)
{
    assert(!scan_has_ended(scan));
    scan->row++;
    return scan->row < postgres_rows(scan->page) || fetch(scan, error);
}

void scan_close(struct scan *scan)
{
    postgres_result_free(scan->page);
    scan->page = NULL;
}
