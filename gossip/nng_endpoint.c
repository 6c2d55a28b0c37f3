/* nng_endpoint.c: listeners and dialers, as they are before they start; certificates. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* NNG's streams have nothing within a process: a socket without a file, which has the process's
 * number in its name. */
static void map_inproc(const char *url, char ret_url[288])
{
    if (begins(url, "inproc://")) {
        (void)snprintf(ret_url, 288, "abstract://concur-%ld-%s", (long)getpid(), url + 9);
    } else {
        (void)snprintf(ret_url, 288, "%s", url);
    }
}

static int unless_no_tcp(int rv)
{
    return rv == NNG_ENOTSUP ? 0 : rv;
}

int gossip__nng_make_listener(const gossip_nng *nng, const char *url,
                              nng_stream_listener **ret_listener)
{
    nng_stream_listener *l;
    nng_tls_config      *config;
    char                 mapped[288];
    map_inproc(url, mapped);
    int rv = nng_stream_listener_alloc(&l, mapped);
    if (rv != 0) return rv;
    rv = unless_no_tcp(nng_stream_listener_set_bool(l, NNG_OPT_TCP_NODELAY, true));
    if (rv == 0) rv = unless_no_tcp(nng_stream_listener_set_bool(l, NNG_OPT_TCP_KEEPALIVE, true));
    if (rv == 0 && nng->ca.data != NULL) {
        rv = make_config(nng, NNG_TLS_MODE_SERVER, &config);
        if (rv == 0) {
            rv = nng_stream_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, config);
            nng_tls_config_free(config); /* the listener holds it */
        }
    }
    if (rv == 0) *ret_listener = l;
    else nng_stream_listener_free(l);
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

int gossip__nng_make_dialer(const gossip_nng *nng, const char *url, nng_stream_dialer **ret_dialer)
{
    nng_stream_dialer *d;
    nng_tls_config    *config;
    char               mapped[288], host[256];
    map_inproc(url, mapped);
    int rv = nng_stream_dialer_alloc(&d, mapped);
    if (rv != 0) return rv;
    rv = unless_no_tcp(nng_stream_dialer_set_bool(d, NNG_OPT_TCP_NODELAY, true));
    if (rv == 0) rv = unless_no_tcp(nng_stream_dialer_set_bool(d, NNG_OPT_TCP_KEEPALIVE, true));
    if (rv == 0 && nng->ca.data != NULL) {
        rv = make_config(nng, NNG_TLS_MODE_CLIENT, &config);
        if (rv == 0) {
            host_of(url, host);
            rv = nng_tls_config_server_name(config, host);
            if (rv == 0) rv = nng_stream_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, config);
            nng_tls_config_free(config); /* the dialer holds it */
        }
    }
    if (rv == 0) *ret_dialer = d;
    else nng_stream_dialer_free(d);
    return rv;
}

void gossip__nng_name(nng_stream *stream, char ret_name[64])
{
    nng_sockaddr sa;
    char         host[INET6_ADDRSTRLEN] = "";
    sa.s_family = NNG_AF_UNSPEC;
    (void)nng_stream_get_addr(stream, NNG_OPT_REMADDR, &sa);
    if (sa.s_family == NNG_AF_INET) {
        (void)inet_ntop(AF_INET, &sa.s_in.sa_addr, host, sizeof host);
        (void)snprintf(ret_name, 64, "%s:%u", host, ntohs(sa.s_in.sa_port));
    } else if (sa.s_family == NNG_AF_INET6) {
        (void)inet_ntop(AF_INET6, sa.s_in6.sa_addr, host, sizeof host);
        (void)snprintf(ret_name, 64, "[%s]:%u", host, ntohs(sa.s_in6.sa_port));
    } else {
        (void)snprintf(ret_name, 64, "%s",
                       sa.s_family == NNG_AF_UNSPEC ? "already gone" : "a process of this machine");
    }
}
