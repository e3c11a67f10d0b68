/* What a reload can't change: it keeps its value until the daemon is started anew. */
#include "mhsd/config_private.h"

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_selectors(const struct osi_address *a, const struct osi_address *b) {
    return span_eq(a->t, b->t) && span_eq(a->s, b->s) && span_eq(a->p, b->p);
}

static bool same_listeners(const struct protocol_config *a, const struct protocol_config *b) {
    if (a->listener_count != b->listener_count)
        return false;
    for (size_t i = 0; i < a->listener_count; i++) {
        const struct protocol_endpoint *one = &a->listeners[i].endpoint, *two = &b->listeners[i].endpoint;
        if (one->length != two->length || one->port != two->port || !same_text(one->host, two->host) ||
            memcmp(&one->address, &two->address, one->length) != 0 ||
            !same_selectors(&a->listeners[i].selectors, &b->listeners[i].selectors))
            return false;
    }
    return true;
}

/* The old values are copied: what they stand in is freed after the reload. */
static bool keep_text(struct loader *l, const char **fresh, const char *old) {
    struct span copy = arena_dup(&l->arena, span_of(old, old ? strlen(old) + 1 : 0));
    *fresh = old ? (const char *)copy.data : NULL;
    return !old || copy.data;
}

static struct span keep_octets(struct loader *l, struct span octets, bool *ok) {
    struct span copy = octets.data ? arena_dup(&l->arena, octets) : octets;
    *ok = *ok && (!octets.data || copy.data);
    return copy;
}

static bool keep_listeners(struct loader *l, const struct protocol_config *old) {
    struct protocol_listener *listeners = config_array(l, old->listener_count, sizeof *listeners);
    bool ok = listeners != NULL;
    for (size_t i = 0; ok && i < old->listener_count; i++) {
        listeners[i] = old->listeners[i];
        ok = keep_text(l, &listeners[i].endpoint.host, old->listeners[i].endpoint.host);
        struct osi_address *selectors = &listeners[i].selectors;
        selectors->t = keep_octets(l, selectors->t, &ok);
        selectors->s = keep_octets(l, selectors->s, &ok);
        selectors->p = keep_octets(l, selectors->p, &ok);
    }
    l->config.protocol.listeners = listeners;
    l->config.protocol.listener_count = old->listener_count;
    return ok;
}

bool config_keep(struct config *fresh, const struct config *old, void (*changed)(const char *option)) {
    struct loader *l = (struct loader *)fresh;
    const struct {
        const char *option;
        const char **fresh;
        const char *old;
    } texts[] = {{"store", &fresh->mta.store_directory, old->mta.store_directory},
                 {"node", &fresh->mta.node, old->mta.node},
                 {"socket", &fresh->socket, old->socket},
                 {"run-as", &fresh->user, old->user}};
    bool ok = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (same_text(*texts[i].fresh, texts[i].old))
            continue;
        if (changed)
            changed(texts[i].option);
        ok = ok && keep_text(l, texts[i].fresh, texts[i].old);
    }
    fresh->mta.service_uid = old->mta.service_uid;
    if (fresh->net_processes != old->net_processes && changed)
        changed("net-processes");
    if (fresh->reader_processes != old->reader_processes && changed)
        changed("reader-processes");
    if (fresh->work_processes != old->work_processes && changed)
        changed("work-processes");
    fresh->net_processes = old->net_processes;
    fresh->reader_processes = old->reader_processes;
    fresh->work_processes = old->work_processes;
    if (same_listeners(&fresh->protocol, &old->protocol))
        return ok;
    if (changed)
        changed("listen");
    return ok && keep_listeners(l, &old->protocol);
}
