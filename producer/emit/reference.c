#include "producer/emit/reference.h"

#include "producer/emit/metric.h"
#include "producer/emit/permits_page.h"
#include "producer/emit/stats_page.h"
#include "producer/environment.h"
#include "proto/exit_code.h"
#include "proto/options.h"

#include <stdio.h>

int reference_print_library(const char *unused)
{
    (void)unused;
    options_print_markdown(&environment_table, stdout);
    return EXIT_OK;
}

int reference_print_metrics(const char *unused)
{
    (void)unused;
    metric_print_markdown_head(stdout);
    stats_page_print_markdown(stdout);
    permits_page_print_markdown(stdout);
    return EXIT_OK;
}
