/* The tables as the rules read them. */
#ifndef MTS_TABLES_PRIVATE_H
#define MTS_TABLES_PRIVATE_H

#include "base/arena.h"
#include "mts/address_private.h"
#include "mts/tables.h"
#include "names/pattern.h"
#include "schema/x411.h"
#include "schema/x411p3.h"

/* Content types or encoded information types: contents octets of OBJECT IDENTIFIERs. */
struct name_set {
    struct span *items;
    size_t count; /* 0: everything */
};

struct hop {
    struct mts_hop given;
    struct x411_GlobalDomainIdentifier domain;
    bool foreign;
    struct name_set content_types;
    struct name_set eits;
    struct span bilateral;
    struct pattern space; /* its domain's addresses */
    struct pattern *originators;
    size_t originator_count;
    struct pattern *destinations;
    size_t destination_count;
};

struct choice {
    int hop;
    uint32_t rank;
    uint32_t weight;
};

struct route {
    const char *text;
    struct pattern pattern;
    enum mts_route_action action;
    struct choice *choices;
    size_t choice_count;
    int reason;
    int diagnostic;
    const char *supplementary;
    struct route *next; /* in its bucket, most specific first */
};

struct restriction {
    bool permitted;
    unsigned sources;
    struct pattern *pattern; /* that the source matches, or */
    struct span exact;       /* the key of its address; neither: any source */
};

struct user_redirection {
    struct mts_class class;
    struct name_set content_types;
    struct name_set acceptable_eits;
    struct name_set exclusive_eits;
    struct name_set unacceptable_eits;
    struct x411_SecurityLabel *labels;
    size_t label_count;
    struct restriction *applies_only_to;
    size_t applies_only_to_count;
    struct x411_ORName *alternate;
};

/* What the user registered himself (registration.c), in an arena of its own. */
struct registration {
    struct arena arena;
    struct x411p3_RegisterArgument given;
    struct user_redirection *classes; /* deliverable-class; their alternates are nobody's */
    size_t class_count;
    struct user_redirection *redirections;
    size_t redirection_count;
    struct restriction *restrictions;
    size_t restriction_count;
};

struct user {
    struct mts_user given;
    struct name_set content_types;
    struct name_set eits;
    struct user_redirection *redirections;
    size_t redirection_count;
    struct x411_ORName *domain_alternate;
    struct restriction *restrictions;
    size_t restriction_count;
    struct x411_SecurityLabel *labels;
    size_t label_count;
    struct registration *registration; /* or NULL */
};

struct dl {
    struct x411_ORName name;
    struct span key;
    struct x411_ORName *members;
    struct span *member_keys; /* canonical addresses; empty for a directory name */
    size_t member_count;
    struct pattern *submitters;
    size_t submitter_count;
    struct x411_ORName *owner;
    struct mts_dl given;
};

/* Somebody at an address of ours. */
struct entry {
    struct entry *next; /* in its hash bucket */
    struct span key;    /* canonical address */
    const char *text;
    struct user *user;
    struct dl *dl;
    struct x411_ORName *alias;
};

enum { ROUTE_BUCKETS = 4096 };

struct mts_tables {
    struct arena arena;
    struct mts_self self;
    struct x411_GlobalDomainIdentifier domain;
    struct pattern own; /* our domain's addresses */
    struct span mta_name;
    struct oraddress *rfc1328_address; /* or NULL */
    struct hop *hops;
    size_t hop_count;
    struct route *routes[ROUTE_BUCKETS]; /* with an exact country and ADMD, by hash (routing.c) */
    struct route *wild_routes;           /* the others */
    struct entry **entries;
    size_t entry_buckets; /* a power of two */
    size_t entry_count;
    struct x411_ORName *catch_all;
};

/* The entry at a canonical address, or NULL. */
const struct entry *entry_find(const struct mts_tables *tables, struct span key);

/* registration.c: of BER of RegisterArgument, by the user with that canonical address. NULL with an error. */
struct registration *registration_new(struct span octets, struct span own, struct error *err);
void registration_free(struct registration *registration);

/* routing.c */
void route_insert(struct mts_tables *tables, struct route *route);

/* type_sets.c */
bool name_set_read(struct arena *arena, const struct mts_names *names, bool content_types,
                   struct name_set *set, struct error *err);

#endif
