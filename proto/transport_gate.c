#include "proto/transport_gate.h"

#include "proto/gate.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

/* Called by the library, in the thread that ends the process. */
static void close_gate(void)
{
    gate_close(GATE_TLS, TRANSPORT_GATE_END_WAIT_MS);
}

/* What it says then it will say again. Inside, too: the process may end just now. */
static void set_up(void)
{
    transport_gate_enter();
    (void)OPENSSL_init_ssl(0, NULL);
    transport_gate_leave();
}

/* Not atexit(3): only the library knows when it goes. It first notes that it goes and then calls those it was told of;
 * so we tell first and then ask, and one of the two sees the other. To be told of twice does no harm. */
bool transport_gate_watch(void)
{
    static atomic_bool told;

    if (atomic_load(&told))
        return true;
    if (OPENSSL_atexit(close_gate) != 1)
        return false;
    atomic_store(&told, true);
    set_up();
    if (OPENSSL_init_crypto(0, NULL) != 1)
        gate_close(GATE_TLS, 0);
    return true;
}

void transport_gate_enter(void)
{
    gate_enter(GATE_TLS);
}

void transport_gate_leave(void)
{
    gate_leave(GATE_TLS);
}
