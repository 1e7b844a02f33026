#include "proto/resident.h"

#include <stdio.h>
#include <unistd.h>

int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long all = 0;
    long long pages = -1;

    if (file == NULL)
        return -1;
    if (fscanf(file, "%lld %lld", &all, &pages) != 2) /* NOLINT(cert-err34-c): the kernel's own numbers */
        pages = -1;
    fclose(file);
    return pages < 0 ? -1 : (int64_t)pages * sysconf(_SC_PAGESIZE);
}
