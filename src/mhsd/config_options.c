/*
 * Every option of chasqui.conf with its type and default. A number that is 0
 * leaves the default to the room that uses it, where it is documented too.
 */
#include "mhsd/config_options.h"

static cfg_opt_t limit_options[] = {
    CFG_INT("connections", 2000, CFGF_NONE),
    CFG_INT("opening", 200, CFGF_NONE),
    CFG_INT("clients", 100, CFGF_NONE),
    CFG_INT("associations-in", 2000, CFGF_NONE),
    CFG_INT("envelope-octets", 8 * 1024 * 1024, CFGF_NONE),
    CFG_INT("envelope-memory", 64 * 1024 * 1024, CFGF_NONE),
    CFG_INT("content-octets", 0, CFGF_NONE),
    CFG_INT("mailbox-octets", 2L << 30, CFGF_NONE),
    CFG_INT("submission-octets", 4L << 30, CFGF_NONE),
    CFG_INT("requests", 512, CFGF_NONE),
    CFG_INT("recipients", 0, CFGF_NONE),
    CFG_INT("dl-depth", 16, CFGF_NONE),
    CFG_INT("gather-us", 500, CFGF_NONE),
    CFG_BOOL("relax-bounds", cfg_false, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t timer_options[] = {
    CFG_INT("connect", 60, CFGF_NONE),
    CFG_INT("transfer", 300, CFGF_NONE),
    CFG_INT("release", 30, CFGF_NONE),
    CFG_INT("repeat-keys", 20 * 86400, CFGF_NONE),
    CFG_INT("resume", 3 * 86400, CFGF_NONE),
    CFG_INT("tracking", 30 * 86400, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t schedule_options[] = {
    CFG_INT("expiry", 0, CFGF_NONE),
    CFG_INT("first-retry", 0, CFGF_NONE),
    CFG_INT("longest-retry", 0, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t peer_options[] = {
    /* the wire */
    CFG_STR_LIST("address", "{}", CFGF_NONE),
    CFG_STR("calling-address", NULL, CFGF_NONE),
    CFG_STR("mta-name", NULL, CFGF_NONE),
    CFG_STR("password", NULL, CFGF_NONE),
    CFG_STR("our-mta-name", NULL, CFGF_NONE),
    CFG_STR("our-password", NULL, CFGF_NONE),
    CFG_STR("password-form", "octet-string", CFGF_NONE),
    CFG_BOOL("unauthenticated", cfg_false, CFGF_NONE),
    CFG_BOOL("check-address", cfg_false, CFGF_NONE),
    CFG_STR_LIST("application-contexts", "{mts-transfer}", CFGF_NONE),
    CFG_STR_LIST("accepted-contexts", "{mts-transfer, mts-transfer-protocol, mts-transfer-protocol-1984}",
                 CFGF_NONE),
    CFG_STR("dialogue", "monologue", CFGF_NONE),
    CFG_INT("tpdu-size", 0, CFGF_NONE),
    CFG_BOOL("checkpoints", cfg_true, CFGF_NONE),
    CFG_INT("checkpoint-size", 0, CFGF_NONE),
    CFG_INT("window-size", 0, CFGF_NONE),
    /* the queue */
    CFG_INT("associations-in", 0, CFGF_NONE),
    CFG_INT("associations-out", 0, CFGF_NONE),
    CFG_BOOL("permanent", cfg_false, CFGF_NONE),
    CFG_INT("idle", 0, CFGF_NONE),
    CFG_INT("first-retry", 0, CFGF_NONE),
    CFG_INT("longest-retry", 0, CFGF_NONE),
    CFG_INT("queue-per-association", 0, CFGF_NONE),
    /* the message transfer service */
    CFG_STR("domain", NULL, CFGF_NONE),
    CFG_STR("edition", "1988", CFGF_NONE),
    CFG_BOOL("content-1984-only", cfg_false, CFGF_NONE),
    CFG_BOOL("rfc1328", cfg_false, CFGF_NONE),
    CFG_BOOL("rfc1328-encapsulate", cfg_false, CFGF_NONE),
    CFG_BOOL("rfc1328-replace", cfg_false, CFGF_NONE),
    CFG_BOOL("defers", cfg_false, CFGF_NONE),
    CFG_BOOL("keep-internal-trace", cfg_false, CFGF_NONE),
    CFG_BOOL("service-messages", cfg_false, CFGF_NONE),
    CFG_BOOL("physical-delivery", cfg_false, CFGF_NONE),
    CFG_BOOL("check-loops", cfg_true, CFGF_NONE),
    CFG_INT("max-length", 0, CFGF_NONE),
    CFG_INT("max-recipients", 0, CFGF_NONE),
    CFG_STR_LIST("content-types", "{}", CFGF_NONE),
    CFG_STR_LIST("encoded-information-types", "{}", CFGF_NONE),
    CFG_STR("bilateral-information", NULL, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t choice_options[] = {
    CFG_INT("rank", 0, CFGF_NONE),
    CFG_INT("weight", 1, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t route_options[] = {
    CFG_SEC("next-hop", choice_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_BOOL("local", cfg_false, CFGF_NONE),
    CFG_STR("non-delivery", NULL, CFGF_NONE),
    CFG_STR("diagnostic", NULL, CFGF_NONE),
    CFG_STR("supplementary-information", NULL, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t restriction_options[] = {
    CFG_BOOL("permitted", cfg_true, CFGF_NONE),
    CFG_STR_LIST("source-type", "{}", CFGF_NONE),
    CFG_STR("source-name", NULL, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t redirection_options[] = {
    CFG_STR("alternate", NULL, CFGF_NONE),
    CFG_STR_LIST("content-types", "{}", CFGF_NONE),
    CFG_STR_LIST("acceptable-eits", "{}", CFGF_NONE),
    CFG_STR_LIST("exclusively-acceptable-eits", "{}", CFGF_NONE),
    CFG_STR_LIST("unacceptable-eits", "{}", CFGF_NONE),
    CFG_STR_LIST("security-labels", "{}", CFGF_NONE),
    CFG_INT("max-length", 0, CFGF_NONE),
    CFG_STR_LIST("priorities", "{}", CFGF_NONE),
    CFG_STR("objects", "both", CFGF_NONE),
    CFG_SEC("applies-only-to", restriction_options, CFGF_MULTI),
    CFG_END(),
};

static cfg_opt_t user_options[] = {
    CFG_STR("login", NULL, CFGF_NONE),
    CFG_BOOL("available", cfg_true, CFGF_NONE),
    CFG_BOOL("may-submit", cfg_true, CFGF_NONE),
    CFG_BOOL("implicit-conversion", cfg_true, CFGF_NONE),
    CFG_INT("max-length", 0, CFGF_NONE),
    CFG_STR_LIST("content-types", "{}", CFGF_NONE),
    CFG_STR_LIST("encoded-information-types", "{}", CFGF_NONE),
    CFG_STR_LIST("security-labels", "{}", CFGF_NONE),
    CFG_SEC("redirection", redirection_options, CFGF_MULTI),
    CFG_STR("domain-alternate", NULL, CFGF_NONE),
    CFG_SEC("restriction", restriction_options, CFGF_MULTI),
    CFG_STR("directory-name", NULL, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t list_options[] = {
    CFG_STR_LIST("members", "{}", CFGF_NONE),
    CFG_STR_LIST("submitters", "{}", CFGF_NONE),
    CFG_STR("owner", NULL, CFGF_NONE),
    CFG_STR("reports", "originator", CFGF_NONE),
    CFG_BOOL("expansion-is-delivery", cfg_false, CFGF_NONE),
    CFG_BOOL("remove-originator", cfg_false, CFGF_NONE),
    CFG_STR("directory-name", NULL, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t directory_options[] = {
    CFG_STR("address", NULL, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t alias_options[] = {
    CFG_STR("target", NULL, CFGF_NONE),
    CFG_END(),
};

cfg_opt_t config_options[] = {
    CFG_STR("mta-name", NULL, CFGF_NONE),
    CFG_STR("domain", NULL, CFGF_NONE),
    CFG_STR("node", "a", CFGF_NONE),
    CFG_STR("store", "/var/lib/chasqui", CFGF_NONE),
    CFG_STR("socket", "/run/chasqui/mhsd.sock", CFGF_NONE),
    CFG_STR("run-as", "chasqui", CFGF_NONE),
    CFG_STR("operators", NULL, CFGF_NONE),
    CFG_INT("net-processes", 1, CFGF_NONE),
    CFG_INT("reader-processes", 1, CFGF_NONE),
    CFG_INT("work-processes", 1, CFGF_NONE),
    CFG_STR("log-level", "info", CFGF_NONE),
    CFG_STR_LIST("listen", "{}", CFGF_NONE),
    CFG_STR_LIST("name-servers", "{}", CFGF_NONE),
    CFG_BOOL("internal-trace", cfg_true, CFGF_NONE),
    CFG_BOOL("physical-delivery", cfg_false, CFGF_NONE),
    CFG_STR("catch-all", NULL, CFGF_NONE),
    CFG_STR("rfc1328-address", NULL, CFGF_NONE),
    CFG_SEC("limits", limit_options, CFGF_NONE),
    CFG_SEC("timers", timer_options, CFGF_NONE),
    CFG_SEC("schedule", schedule_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_SEC("peer", peer_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_SEC("route", route_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_SEC("user", user_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_SEC("list", list_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_SEC("directory", directory_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_SEC("alias", alias_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    CFG_BOOL(CONFIG_END, cfg_false, CFGF_NONE),
    CFG_END(),
};
