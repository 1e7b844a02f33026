#include "proto/transport_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

/* From the error at the root of it. */
static const char *library_reason(char *buffer, size_t size)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);

    if (ERR_SYSTEM_ERROR(code))
        return strerror_r(ERR_GET_REASON(code), buffer, size);
    return reason == NULL ? "unknown reason" : reason;
}

static bool ran_out_of_memory(void)
{
    unsigned long code = ERR_get_error();

    while (code != 0 && ERR_GET_REASON(code) != ERR_R_MALLOC_FAILURE)
        code = ERR_get_error();
    return code != 0;
}

static bool out_of_memory(struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "memory", "could not go on with TLS: out of memory");
}

/* What was set is replaced when it came of that. */
static bool judge(struct error *error)
{
    return ran_out_of_memory() && out_of_memory(error);
}

bool transport_error_set(struct error *error, enum error_kind kind, const char *reason, const char *what)
{
    char buffer[128];

    error_set(error, kind, reason, "%s: %s", what, library_reason(buffer, sizeof buffer));
    return judge(error);
}

bool transport_error_set_file(struct error *error, const char *what, const char *file)
{
    char buffer[128];

    error_set(error, ERROR_FATAL, "config", "cannot use the %s \"%s\": %s", what, file,
              library_reason(buffer, sizeof buffer));
    return judge(error);
}

static bool distrust(struct error *error, long verdict)
{
    bool is_for_another = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
    const char *why = is_for_another ? "its certificate is for another host" : X509_verify_cert_error_string(verdict);

    if (verdict == X509_V_ERR_OUT_OF_MEM)
        return out_of_memory(error);
    error_set(error, ERROR_FATAL, "tls", "cannot trust the server: %s", why);
    return judge(error);
}

bool transport_error_set_end(struct error *error, int status, long verdict, bool established)
{
    if (status == SSL_ERROR_ZERO_RETURN)
        return error_set(error, ERROR_TRANSIENT, "connection", "the server closed the connection");
    if (verdict != X509_V_OK)
        return distrust(error, verdict);
    if (established)
        return transport_error_set(error, ERROR_TRANSIENT, "connection", "could not go on with TLS");
    return transport_error_set(error, ERROR_FATAL, "tls", "cannot agree on TLS with the server");
}
