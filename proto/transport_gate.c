#include "proto/transport_gate.h"

#include "proto/gate.h"

#include <openssl/crypto.h>
#include <pthread.h>

/* Called by the library, in the thread that ends the process. */
static void close_gate(void)
{
    gate_close(GATE_TLS, TRANSPORT_GATE_END_WAIT_MS);
}

/* Not atexit(3): only the library knows when it goes. */
static void hear_of_the_end(void)
{
    (void)OPENSSL_atexit(close_gate);
}

void transport_gate_enter(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, hear_of_the_end);
    gate_enter(GATE_TLS);
}

void transport_gate_leave(void)
{
    gate_leave(GATE_TLS);
}
