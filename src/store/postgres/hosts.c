#include "store/postgres/hosts.h"

#include <netdb.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "store/postgres/libpq.h"
#include "store/store.h"

static unsigned count_of(const char *list) {
    unsigned count = list != NULL;
    for (const char *c = list; c && *c; c++)
        count += *c == ',';
    return count;
}

/* The one of that number; the absent span beyond the last. */
static struct span element(const char *list, unsigned number) {
    for (; list && number; number--) {
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    return list ? span_of(list, strcspn(list, ",")) : (struct span){NULL, 0};
}

static void note(char **out, const PQconninfoOption *options, const char *keyword) {
    for (; options->keyword; options++)
        if (!strcmp(options->keyword, keyword) && options->val)
            *out = mem_strdup(options->val);
}

static void take_options(PQconninfoOption *options, struct pg_hosts *hosts) {
    *hosts = (struct pg_hosts){0};
    if (!options)
        return;
    note(&hosts->host, options, "host");
    note(&hosts->hostaddr, options, "hostaddr");
    note(&hosts->port, options, "port");
    hosts->count = count_of(hosts->hostaddr ? hosts->hostaddr : hosts->host);
    PQconninfoFree(options);
}

void pg_hosts_of(const char *uri, struct pg_hosts *hosts) {
    take_options(libpq_load(NULL) ? PQconninfoParse(uri, NULL) : NULL, hosts);
}

void pg_hosts_called(PGconn *conn, struct pg_hosts *hosts) {
    take_options(PQconninfo(conn), hosts);
}

bool pg_hosts_have_addresses(const struct pg_hosts *hosts) {
    return hosts->hostaddr && hosts->hostaddr[strspn(hosts->hostaddr, ",")];
}

void pg_hosts_free(struct pg_hosts *hosts) {
    mem_free(hosts->host);
    mem_free(hosts->hostaddr);
    mem_free(hosts->port);
    *hosts = (struct pg_hosts){0};
}

/* ---- names to addresses ---- */

struct lists {
    struct buf host, hostaddr, port;
    unsigned count;
};

static void put(struct buf *list, unsigned count, struct span s) {
    buf_printf(list, "%s%.*s", count ? "," : "", (int)s.len, s.len ? (const char *)s.data : "");
}

static void add(struct lists *lists, struct span host, struct span address, struct span port) {
    put(&lists->host, lists->count, host);
    put(&lists->hostaddr, lists->count, address);
    put(&lists->port, lists->count++, port);
}

static bool is_name(struct span host, struct span address) {
    return host.len && !address.len && *host.data != '/' && *host.data != '@';
}

/* What could not be looked up is named; the others may do. */
static void resolve(struct lists *lists, struct span host, struct span port, struct error *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char name[NI_MAXHOST], address[NI_MAXHOST];
    snprintf(name, sizeof name, "%.*s", (int)host.len, (const char *)host.data);
    int failed = getaddrinfo(name, NULL, &hints, &found);
    for (const struct addrinfo *at = failed ? NULL : found; at; at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
            add(lists, host, span_str(address), port);
    if (failed)
        error_set(err, STORE_IO, "the address of the server's host %s can't be found: %s", name,
                  gai_strerror(failed));
    else
        freeaddrinfo(found);
}

static char *string_of(struct buf *list) {
    return buf_append_byte(list, 0) ? mem_strdup((const char *)list->data) : NULL;
}

static bool take(struct lists *lists, struct pg_hosts *hosts, struct error *err) {
    bool port = hosts->port != NULL;
    pg_hosts_free(hosts);
    hosts->host = string_of(&lists->host);
    hosts->hostaddr = string_of(&lists->hostaddr);
    hosts->port = port ? string_of(&lists->port) : NULL;
    hosts->count = lists->count;
    return (hosts->host && hosts->hostaddr && (!port || hosts->port)) ||
           error_set(err, STORE_NO_MEMORY, "out of memory");
}

bool pg_hosts_resolve(struct pg_hosts *hosts, struct error *err) {
    struct lists lists = {0};
    bool one_port = count_of(hosts->port) == 1;
    struct error why = {0};
    buf_init(&lists.host, 0);
    buf_init(&lists.hostaddr, 0);
    buf_init(&lists.port, 0);
    for (unsigned i = 0; i < hosts->count; i++) {
        struct span host = element(hosts->host, i), address = element(hosts->hostaddr, i);
        struct span port = element(hosts->port, one_port ? 0 : i);
        if (is_name(host, address))
            resolve(&lists, host, port, &why);
        else
            add(&lists, host, address, port);
    }
    bool found = lists.count || !hosts->count;
    if (why.code && lists.count)
        log_warning("%s: it is not called until the next start", why.text);
    bool ok = found ? !hosts->count || take(&lists, hosts, err) : error_set(err, why.code, "%s", why.text);
    buf_free(&lists.host);
    buf_free(&lists.hostaddr);
    buf_free(&lists.port);
    return ok;
}

bool pg_hosts_are_alike(const struct pg_hosts *hosts) {
    bool alike = true;
    struct span port = element(hosts->port, 0), host = element(hosts->host, 0);
    for (unsigned i = 1; i < hosts->count; i++) {
        struct span other = element(hosts->host, i);
        alike = alike && (host.len && *host.data == '/') == (other.len && *other.data == '/');
    }
    for (unsigned i = 1; i < count_of(hosts->port); i++)
        alike = alike && span_eq(port, element(hosts->port, i));
    return alike;
}

/* ---- their order ---- */

char *pg_hosts_from(const char *list, unsigned first) {
    unsigned count = count_of(list);
    struct buf out;
    buf_init(&out, 0);
    for (unsigned i = 0; i < count; i++)
        put(&out, i, element(list, (first + i) % count));
    char *text = string_of(&out);
    buf_free(&out);
    return text;
}
