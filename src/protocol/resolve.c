#include "protocol/resolve.h"

#include <event2/dns.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/log.h"

struct resolver {
    struct event_base *loop;
    struct evdns_base *dns;
    unsigned cancelled; /* questions whose end libevent has not told yet */
};

struct resolve {
    struct resolver *resolver;
    struct evdns_getaddrinfo_request *request;
    struct event
        *deferred;      /* hosts of the hosts file are found at once: the answer waits for the next turn */
    resolve_done *done; /* NULL: cancelled */
    void *context;
    struct evutil_addrinfo *found;
    int status;
};

/* ---- name servers ---- */

bool resolver_server_is_address(const char *server) {
    struct sockaddr_storage address;
    int length = sizeof address;
    return evutil_parse_sockaddr_port(server, (struct sockaddr *)&address, &length) == 0;
}

static void add_servers(struct resolver *r, const char *const *servers, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (evdns_base_nameserver_ip_add(r->dns, servers[i]) != 0)
            log_warning("the name server '%s' can't be used", servers[i]);
}

struct resolver *resolver_new(struct event_base *loop, const char *const *servers, size_t server_count) {
    struct resolver *r = mem_alloc(sizeof *r);
    if (!r)
        return NULL;
    r->loop = loop;
    r->dns = evdns_base_new(loop, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!r->dns) {
        mem_free(r);
        return NULL;
    }
    evutil_secure_rng_init(); /* transaction identifiers; its seed may come from a file */
    int what = DNS_OPTION_SEARCH | DNS_OPTION_MISC | DNS_OPTION_HOSTSFILE;
    if (server_count == 0)
        what |= DNS_OPTION_NAMESERVERS;
    if (evdns_base_resolv_conf_parse(r->dns, what, "/etc/resolv.conf") != 0)
        log_info("/etc/resolv.conf can't be read: names are resolved by 'name-servers' and the hosts file");
    add_servers(r, servers, server_count);
    return r;
}

void resolver_set_servers(struct resolver *r, const char *const *servers, size_t server_count) {
    if (!r || server_count == 0)
        return;
    evdns_base_clear_nameservers_and_suspend(r->dns);
    add_servers(r, servers, server_count);
    evdns_base_resume(r->dns);
}

void resolver_free(struct resolver *r) {
    if (!r)
        return;
    /* libevent tells the end of a cancelled question in a turn of the loop, and needs its base for it. */
    for (unsigned turns = 0; r->cancelled > 0 && turns < 16; turns++)
        event_base_loop(r->loop, EVLOOP_NONBLOCK);
    evdns_base_free(r->dns, 0);
    mem_free(r);
}

/* ---- questions ---- */

static void destroy(struct resolve *q) {
    event_free(q->deferred);
    mem_free(q);
}

static const char *why_not(int status) {
    switch (status) {
    case EVUTIL_EAI_NONAME:
    case EVUTIL_EAI_NODATA:
        return "there is no such host";
    case EVUTIL_EAI_MEMORY:
        return "no memory";
    default:
        return "no name server answers";
    }
}

static void on_deferred(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct resolve *q = arg;
    resolve_done *done = q->done;
    void *context = q->context;
    struct evutil_addrinfo *found = q->found;
    const char *why = found ? "" : why_not(q->status ? q->status : EVUTIL_EAI_NONAME);
    destroy(q);
    done(context, found, why);
}

static void on_answer(int status, struct evutil_addrinfo *found, void *arg) {
    struct resolve *q = arg;
    q->request = NULL;
    if (!q->done) {
        if (found)
            evutil_freeaddrinfo(found);
        q->resolver->cancelled--;
        destroy(q);
        return;
    }
    q->status = status;
    q->found = found;
    event_active(q->deferred, EV_TIMEOUT, 0);
}

static void ask(struct resolve *q, const char *host, unsigned port) {
    struct evutil_addrinfo hints = {
        .ai_family = PF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    char service[8];
    snprintf(service, sizeof service, "%u", port & 0xFFFF);
    /* An answer that is known at once comes before this returns NULL. */
    q->request = evdns_getaddrinfo(q->resolver->dns, host, service, &hints, on_answer, q);
}

struct resolve *resolve_begin(struct resolver *r, struct event_base *loop, const char *host, unsigned port,
                              resolve_done *done, void *context) {
    struct resolve *q = mem_alloc(sizeof *q);
    if (!q)
        return NULL;
    *q = (struct resolve){.resolver = r, .done = done, .context = context};
    q->deferred = event_new(loop, -1, 0, on_deferred, q);
    if (!q->deferred) {
        mem_free(q);
        return NULL;
    }
    if (r)
        ask(q, host, port);
    else
        on_answer(EVUTIL_EAI_FAIL, NULL, q);
    return q;
}

void resolve_cancel(struct resolve *q) {
    if (!q)
        return;
    q->done = NULL;
    if (q->request) {
        q->resolver->cancelled++;
        evdns_getaddrinfo_cancel(q->request);
        return; /* on_answer frees it */
    }
    if (q->found)
        evutil_freeaddrinfo(q->found);
    destroy(q);
}
