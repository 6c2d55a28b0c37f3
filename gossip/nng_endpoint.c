/* nng_endpoint.c: what listeners and dialers are given before they start: limits, certificates. */
#include <errno.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>

#include "gossip/nng_impl.h"

#define PEM_MAX (1 << 20)

/* -- Certificates ------------------------------------------------------------------------------ */

static crdt_err read_text(gossip_nng *nng, const char *what, const char *path,
                          gossip__nng_text *text, char ret_problem[256])
{
    crdt_err err = CRDT_OK;
    FILE    *file = fopen(path, "rb");
    if (file == NULL) {
        (void)snprintf(ret_problem, 256, "cannot read the %s %.150s: %s", what, path,
                       strerror(errno));
        return CRDT_EIO;
    }
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    if (end > 0 && end <= PEM_MAX) {
        text->size = (size_t)end + 1;
        text->data = nng->mem->alloc(nng->mem->user, text->size);
        if (text->data == NULL) err = CRDT_ENOMEM;
    }
    if (err == CRDT_OK &&
        (text->data == NULL || fread(text->data, 1, text->size - 1, file) != text->size - 1)) {
        err = CRDT_EIO;
    }
    if (text->data != NULL) text->data[err == CRDT_OK ? text->size - 1 : 0] = 0;
    if (err == CRDT_OK && strstr(text->data, "-----BEGIN ") == NULL) err = CRDT_EIO;
    if (err == CRDT_EIO) {
        (void)snprintf(ret_problem, 256, "the %s %.150s is not a PEM file", what, path);
    }
    (void)fclose(file);
    return err;
}

static int make_config(const gossip_nng *nng, nng_tls_mode mode, nng_tls_config **ret_config)
{
    nng_tls_config *config;
    int             rv = nng_tls_config_alloc(&config, mode);
    if (rv != 0) return rv;
    rv = nng_tls_config_ca_chain(config, nng->ca.data, NULL);
    if (rv == 0) rv = nng_tls_config_own_cert(config, nng->cert.data, nng->key.data, NULL);
    if (rv == 0) rv = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (rv == 0) *ret_config = config;
    else nng_tls_config_free(config);
    return rv;
}

/* What NNG does not look at: a wrong key would show as refusals everywhere. */
static bool is_pair(const gossip_nng *nng)
{
    mbedtls_x509_crt   cert;
    mbedtls_pk_context key;
    mbedtls_x509_crt_init(&cert);
    mbedtls_pk_init(&key);
    const unsigned char *c = (const unsigned char *)nng->cert.data;
    const unsigned char *k = (const unsigned char *)nng->key.data;
    bool                 is = mbedtls_x509_crt_parse(&cert, c, nng->cert.size) == 0 &&
              mbedtls_pk_parse_key(&key, k, nng->key.size, NULL, 0) == 0 &&
              mbedtls_pk_check_pair(&cert.pk, &key) == 0;
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&cert);
    return is;
}

crdt_err gossip__nng_read_pem(gossip_nng *nng, char ret_problem[256])
{
    const gossip_nng_options *o = &nng->options;
    crdt_err                  err = read_text(nng, "CA", o->tls_ca, &nng->ca, ret_problem);
    if (err == CRDT_OK) err = read_text(nng, "certificate", o->tls_cert, &nng->cert, ret_problem);
    if (err == CRDT_OK) err = read_text(nng, "key", o->tls_key, &nng->key, ret_problem);
    if (err != CRDT_OK) return err;
    nng_tls_config *config;
    int             rv = make_config(nng, NNG_TLS_MODE_SERVER, &config);
    if (rv == NNG_ENOMEM) return CRDT_ENOMEM;
    if (rv != 0) {
        (void)snprintf(ret_problem, 256, "CA, certificate and key cannot be used: %s",
                       nng_strerror(rv));
        return CRDT_EIO;
    }
    nng_tls_config_free(config);
    if (is_pair(nng)) return CRDT_OK;
    (void)snprintf(ret_problem, 256, "the key %.200s is not that of the certificate", o->tls_key);
    return CRDT_EIO;
}

static void forget_text(gossip_nng *nng, gossip__nng_text *text)
{
    if (text->data == NULL) return;
    for (volatile char *p = text->data; p < text->data + text->size; p++) *p = 0;
    nng->mem->release(nng->mem->user, text->data, text->size);
    text->data = NULL;
}

void gossip__nng_forget_pem(gossip_nng *nng)
{
    forget_text(nng, &nng->ca);
    forget_text(nng, &nng->cert);
    forget_text(nng, &nng->key);
}

/* -- Endpoints --------------------------------------------------------------------------------- */

static bool begins(const char *url, const char *scheme)
{
    return strncmp(url, scheme, strlen(scheme)) == 0;
}

bool gossip__nng_fits(const gossip_nng *nng, const char *url)
{
    if (nng->ca.data != NULL) return begins(url, "tls+tcp://");
    return begins(url, "tcp://") || begins(url, "ipc://") || begins(url, "inproc://");
}

/* inproc has no limit of its own: what comes is measured again when it has come. */
static int unless_inproc(const char *url, int rv)
{
    return rv == NNG_ENOTSUP && begins(url, "inproc://") ? 0 : rv;
}

int gossip__nng_set_listener(const gossip_nng *nng, nng_listener listener)
{
    size_t max = nng->options.frame_max + (size_t)GOSSIP__NNG_HEADERS;
    int    rv = unless_inproc(nng->url, nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, max));
    if (rv != 0 || nng->ca.data == NULL) return rv;
    nng_tls_config *config;
    rv = make_config(nng, NNG_TLS_MODE_SERVER, &config);
    if (rv != 0) return rv;
    rv = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config);
    nng_tls_config_free(config); /* the listener holds it */
    return rv;
}

/* The host of tls+tcp://HOST:PORT, without the brackets of an IPv6 address. */
static void host_of(const char *url, char ret_host[256])
{
    const char *from = strstr(url, "://") + 3;
    size_t      size = strcspn(from, "/");
    for (size_t i = size; i > 0; i--) {
        if (from[i - 1] == ']') break;
        if (from[i - 1] == ':') {
            size = i - 1;
            break;
        }
    }
    if (size > 2 && from[0] == '[' && from[size - 1] == ']') {
        from++;
        size -= 2;
    }
    (void)snprintf(ret_host, 256, "%.*s", (int)size, from);
}

int gossip__nng_set_dialer(const gossip_nng *nng, nng_dialer dialer, const char *url, bool self)
{
    size_t max = nng->options.frame_max + (size_t)GOSSIP__NNG_HEADERS;
    int    rv = unless_inproc(url, nng_dialer_set_size(dialer, NNG_OPT_RECVMAXSZ, max));
    if (rv != 0 || nng->ca.data == NULL) return rv;
    nng_tls_config *config;
    char            host[256];
    rv = make_config(nng, NNG_TLS_MODE_CLIENT, &config);
    if (rv != 0) return rv;
    host_of(url, host);
    rv = nng_tls_config_server_name(config, host);
    if (rv == 0 && self) rv = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_NONE);
    if (rv == 0) rv = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
    nng_tls_config_free(config); /* the dialer holds it */
    return rv;
}
