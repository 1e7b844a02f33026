#include "proto/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

void descriptors_fill_standard(void)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO)
        close(descriptor);
}
