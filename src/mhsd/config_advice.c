/*
 * The one place of warnings about the file, which all who read it tell.
 * What no single option shows: combinations that the table allows and that can't
 * work, or do nothing. Only what is certain is said, for a warning that is wrong
 * once is not read again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "mhsd/config_private.h"
#include "osi/context.h"

/* A peer, its section and what was read of it. */
struct advised {
    struct loader *l;
    const struct config_section *section;
    const struct protocol_peer *called;
    struct mta_peer *peer;
    bool is_next_hop;
};

__attribute__((format(printf, 3, 4))) static void advise(const struct advised *s, const char *option,
                                                         const char *format, ...) {
    char what[400];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    const char *text = arena_printf(&s->l->arena, "%s: %s", option, what);
    const char **grown = arena_array(&s->l->arena, s->peer->warning_count + 1, sizeof *grown);
    if (!text || !grown)
        return;
    if (s->peer->warning_count)
        memcpy(grown, s->peer->warnings, s->peer->warning_count * sizeof *grown);
    grown[s->peer->warning_count++] = text;
    s->peer->warnings = grown;
    config_warn(s->l, s->section, option, what);
}

static bool is_set(const struct advised *s, const char *option) {
    return config_value(s->section, option) != NULL;
}

static bool is_of_1984(const struct advised *s) {
    return config_word(s->section, "edition") ||
           config_words(s->section, "application-contexts") & OSI_MTS_TRANSFER_PROTOCOL_1984;
}

static int compare_titles(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The peers that routes name, sorted. */
static size_t next_hops(struct loader *l, const char ***names) {
    size_t count = 0, at = 0;
    struct config_section *route, *hop;
    for (route = config_first(l->tree, "route"); route; route = config_next(route))
        count += config_count(route, "next-hop");
    *names = arena_array(&l->arena, count + 1, sizeof **names);
    for (route = config_first(l->tree, "route"); *names && route; route = config_next(route))
        for (hop = config_first(route, "next-hop"); hop; hop = config_next(hop))
            (*names)[at++] = hop->title;
    if (at)
        qsort(*names, at, sizeof **names, compare_titles);
    return at;
}

/* ---- one peer ---- */

/* Nobody can call it, and while it calls it gets nothing of ours, in neither dialogue. */
static void advise_on_address(const struct advised *s) {
    if (s->called->endpoint_count)
        return;
    if (config_flag(s->section, "permanent"))
        advise(s, "permanent", "there is no `address` to call");
    if (config_flag(s->section, "check-address"))
        advise(s, "check-address",
               "without `address` it can call from nowhere: each of its binds is refused");
    if (s->is_next_hop)
        advise(
            s, "address",
            "it is a next hop without one, and nothing is sent over the associations that it opens: what is "
            "routed to it waits until it expires");
}

static bool is_ia5(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] > 0x7F)
            return false;
    return true;
}

/* Whoever knows the name may call then, from anywhere. An empty password is passed by who gives none. */
static void advise_on_password(const struct advised *s) {
    static const char *const options[] = {"password", "former-password"};
    const struct mta_bind *bind = &s->peer->bind;
    bool asked = false;
    if (bind->unauthenticated || bind->check_address)
        return;
    for (size_t i = 0; i < 2; i++) {
        asked = asked || bind->passwords[i].data;
        if (bind->passwords[i].data && !bind->passwords[i].len)
            advise(
                s, options[i],
                "it is empty: without one, or 'check-address', whoever gives its MTA name is taken for it");
    }
    if (!asked)
        advise(s, "password",
               "there is none: without one, or 'check-address', whoever gives its MTA name is taken for it");
}

static void advise_on_bind(const struct advised *s) {
    bool over_1984 = config_words(s->section, "application-contexts") & OSI_MTS_TRANSFER_PROTOCOL_1984;
    const struct ipc_credentials *ours = &s->peer->bind.ours;
    if (config_flag(s->section, "unauthenticated")) {
        if (is_set(s, "password") || is_set(s, "our-password"))
            advise(s, "unauthenticated", "no password is asked or given then, though one is set");
        return;
    }
    if (!is_ia5(ours->password) && (ours->form == IPC_CREDENTIALS_IA5_STRING || over_1984))
        advise(s, "our-password", "%s writes it as an IA5String, which lacks some of its characters",
               ours->form == IPC_CREDENTIALS_IA5_STRING ? "`password-form`" : "mts-transfer-protocol-1984");
    if (!is_ia5(ours->name))
        advise(s, "our-mta-name", "it is an IA5String, which lacks some of its characters");
}

static void advise_on_edition(const struct advised *s) {
    bool of_1984 = is_of_1984(s);
    bool over_1984 = config_words(s->section, "application-contexts") & OSI_MTS_TRANSFER_PROTOCOL_1984;
    bool old_content =
        is_set(s, "content-1984-only") ? config_flag(s->section, "content-1984-only") : over_1984;
    if (of_1984 && config_flag(s->section, "old-extension-form"))
        advise(s, "old-extension-form", "it does nothing: what goes to a peer of 1984 has no extensions");
    if (config_flag(s->section, "rfc1328") && !of_1984 && !old_content)
        advise(s, "rfc1328", "it does nothing: the peer is of edition 1988, and takes contents of 1988");
    for (size_t i = 0; i < 2; i++) {
        const char *way = i ? "rfc1328-replace" : "rfc1328-encapsulate";
        if (config_flag(s->section, way) && !(config_flag(s->section, "rfc1328") && old_content))
            advise(s, way, "it does nothing: P22 is rewritten only with `rfc1328` and `content-1984-only`");
    }
}

/* ---- two peers ---- */

static bool same_hosts(const struct mta_bind *a, const struct mta_bind *b) {
    if (a->host_count != b->host_count)
        return false;
    for (size_t i = 0; i < a->host_count; i++) {
        bool found = false;
        for (size_t k = 0; k < b->host_count && !found; k++)
            found = strcmp(a->hosts[i].text, b->hosts[k].text) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool same_selectors(const struct ipc_selectors *a, const struct ipc_selectors *b) {
    return span_eq(a->t, b->t) && span_eq(a->s, b->s) && span_eq(a->p, b->p);
}

static bool passes(const struct mta_bind *peer, struct span password) {
    return !password.data || span_eq(password, peer->passwords[0]) || span_eq(password, peer->passwords[1]);
}

/* A bind of the later one is always taken for the earlier one's: nothing that it shows differs (mta/bind.h).
 */
static bool hides(const struct mta_bind *first, const struct mta_bind *later) {
    bool open = !first->passwords[0].data && !first->passwords[1].data;
    bool same_password = open || (later->passwords[0].data && passes(first, later->passwords[0]) &&
                                  passes(first, later->passwords[1]));
    return same_password && first->unauthenticated == later->unauthenticated &&
           (first->modes & later->modes) == later->modes &&
           (first->two_way_alternate || !later->two_way_alternate) &&
           (!first->check_address || later->check_address) && same_hosts(first, later) &&
           same_selectors(&first->calling, &later->calling) && same_selectors(&first->called, &later->called);
}

static int compare_names(const void *a, const void *b) {
    const struct advised *left = a, *right = b;
    int order = span_cmp(left->peer->bind.mta_name, right->peer->bind.mta_name);
    return order ? order : (left->peer > right->peer) - (left->peer < right->peer);
}

/* How many peers of one MTA name are compared with each: the cost of a file must not grow with its square. */
#define COMPARED_MOST 8

static void advise_on_others(const struct advised *sections, size_t at) {
    const struct advised *s = &sections[at];
    for (size_t i = at; i-- > 0 && at - i <= COMPARED_MOST;) {
        const struct mta_peer *other = sections[i].peer;
        if (!span_eq(other->bind.mta_name, s->peer->bind.mta_name))
            return;
        if (!hides(&other->bind, &s->peer->bind))
            continue;
        advise(s, "mta-name",
               "its binds are taken for those of peer \"%.60s\": of one MTA name, `password`, "
               "`accepted-contexts`, `dialogue`, `address` or `calling-address` must differ",
               other->name);
        return;
    }
}

/* ---- the files ---- */

static bool others_may_read(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

/* The first value in each file that is a secret, of this section and those in it. */
static void find_secrets(const struct loader *l, const struct config_section *section,
                         struct config_place *first) {
    for (const struct config_value *value = section->values; value; value = value->next) {
        struct config_place *place = &first[value->place.file];
        if (value->option->flags & CONFIG_SECRET && (!place->line || value->place.line < place->line))
            *place = value->place;
    }
    for (const struct config_section *inner = section->first; inner; inner = inner->next)
        find_secrets(l, inner, first);
}

void config_advise_on_secrets(struct loader *l) {
    struct config_place *first = config_array(l, l->file_count, sizeof *first);
    if (first)
        find_secrets(l, l->tree, first);
    for (unsigned i = 0; first && i < l->file_count; i++)
        if (first[i].line && others_may_read(l->files[i]))
            config_warn_at(l, first[i],
                           "the file holds passwords, and others may read it; close it: chmod 600 %s",
                           l->files[i]);
}

/* ---- the peers ---- */

void config_advise(struct loader *l, struct mta_peer *peers, size_t count) {
    const char **hops;
    size_t hop_count = next_hops(l, &hops), i = 0;
    struct advised *sections = arena_array(&l->arena, count + 1, sizeof *sections);
    for (struct config_section *section = config_first(l->tree, "peer"); sections && section;
         section = config_next(section), i++) {
        sections[i] = (struct advised){
            l, section, &l->config.protocol.peers[i], &peers[i],
            hop_count && bsearch(&section->title, hops, hop_count, sizeof *hops, compare_titles)};
        advise_on_address(&sections[i]);
        advise_on_password(&sections[i]);
        advise_on_bind(&sections[i]);
        advise_on_edition(&sections[i]);
    }
    if (i)
        qsort(sections, i, sizeof *sections, compare_names);
    for (size_t k = 1; k < i; k++)
        advise_on_others(sections, k);
}
