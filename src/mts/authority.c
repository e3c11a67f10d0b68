/*
 * What a peer may say. X.411 leaves it to bilateral agreements; what breaks
 * one has the diagnostic no-bilateral-agreement.
 *
 * An MTA of our own domain is trusted as we are. A foreign peer
 *
 *   speaks for its own domain, for the address spaces that are routed to it (who
 *   gets what we send to an address may send from it, so that the peer of a
 *   default route needs no list), and for its `originators`;
 *
 *   hands over what is for addresses of ours, and of its `destinations`.
 *
 * `transit` opens both. The originator counts, and the last list, to which reports
 * go. Histories and the trace are the peer's to write and prove nothing: whose
 * lists or users send third parties' messages to ours needs `originators`.
 *
 * Nobody but our own domain speaks for addresses of ours, `transit` or not: an
 * originator of ours passes no permission when a foreign peer names him. But a
 * message of ours that went out may be redirected or expanded there, and come
 * back. Two things must say so: the trace, which has an element of ours before
 * the peer's, and our record, which must know that the message is his, under an
 * MTS-identifier of our domain, and that a copy of it was sent to that peer (one
 * with `transit`: out of our domain). What the content was in between nobody can
 * tell without a signature. A message of somebody else's that went out to the
 * peer may come back in the same way.
 *
 * What did not come back bears an MTS-identifier of a domain for which the peer may
 * send: under another's, ours or a third one's, its message would stand in the
 * record before the one that is truly called so, and reports come to the wrong one.
 * A private domain's peer sends for the ADMD around it only where that is said.
 *
 * A report is believed of a recipient whose copy was sent to the peer that
 * brings it, as the record says. One that waits here, or was given up without a
 * try, is nothing that a peer could tell of. What is under way counts as sent: a
 * report on another association may overtake the end of the transfer. What the
 * record has forgotten nobody believes either. It goes to whom the record names:
 * the subject's originator, or a list that expanded it; and what was told once is
 * no news, so that one copy is not told of without end. The record's name of the
 * recipient stands in it, whomever the peer names.
 */
#include <stdlib.h>

#include "base/map.h"
#include "mts/mts_private.h"

/* ---- whose an address is ---- */

static bool hop_among(const struct mts_tables *tables, const struct route *route, int wanted) {
    for (size_t i = 0; i < route->choice_count; i++)
        if (wanted < 0 ? !tables->hops[route->choices[i].hop].foreign : route->choices[i].hop == wanted)
            return true;
    return false;
}

/* Of our own domain, wherever its user is. */
static bool is_ours(const struct mts_tables *tables, const struct address *address) {
    struct decision decision;
    if (!route_find(tables, address, &decision) || decision.route->action == MTS_ROUTE_REFUSE)
        return pattern_matches(&tables->own, &address->parts);
    return decision.route->action == MTS_ROUTE_LOCAL || hop_among(tables, decision.route, -1);
}

static bool matches_any(const struct pattern *patterns, size_t count, const struct address *address) {
    for (size_t i = 0; i < count; i++)
        if (pattern_matches(&patterns[i], &address->parts))
            return true;
    return false;
}

/* Somebody here has the address: he is ours whatever route there is for it. */
static bool is_user(const struct mts_tables *tables, const struct address *address) {
    const struct entry *entry = entry_find(tables, address->key);
    return entry && (entry->user || entry->dl);
}

/* An address of ours is none of these: authority_proves asks that first. */
static bool speaks_for(const struct mts_tables *tables, int peer, const struct address *address) {
    const struct hop *hop = &tables->hops[peer];
    struct decision decision;
    return hop->given.transit || pattern_matches(&hop->space, &address->parts) ||
           matches_any(hop->originators, hop->originator_count, address) ||
           (route_find(tables, address, &decision) && decision.route->action == MTS_ROUTE_TRANSFER &&
            hop_among(tables, decision.route, peer));
}

bool authority_is_limited(const struct mts_tables *tables, int peer) {
    return tables->hops[peer].foreign && !tables->hops[peer].given.transit;
}

/* What nobody serves goes to nobody: the rules then say that the address is unknown. */
bool authority_hands_over(const struct mts_tables *tables, int peer, const struct address *address) {
    const struct hop *hop = &tables->hops[peer];
    struct decision decision;
    return hop->given.transit || entry_find(tables, address->key) || is_ours(tables, address) ||
           matches_any(hop->destinations, hop->destination_count, address) ||
           !route_find(tables, address, &decision) || decision.route->action != MTS_ROUTE_TRANSFER;
}

bool authority_redirects(struct ruling *ruling, const struct subject *subject, const struct x411_ORName *to) {
    int peer = subject->from ? (int)(subject->from - ruling->tables->hops) : -1;
    struct address address;
    if (peer < 0 || !authority_is_limited(ruling->tables, peer))
        return true;
    if (!address_of(&ruling->scratch, to, &address)) {
        ruling->no_memory = true;
        return false;
    }
    return authority_hands_over(ruling->tables, peer, &address);
}

/* ---- messages of ours that come back ---- */

static bool trace_has_us(const struct ruling *ruling, const struct x411_TraceInformation *trace,
                         size_t count) {
    for (size_t i = 0; i < count; i++)
        if (domain_equal(&trace->items[i].global_domain_identifier, &ruling->tables->domain))
            return true;
    return false;
}

/* So many elements came with the object: those at the end that are ours were added here. */
static size_t trace_received(const struct ruling *ruling, const struct x411_TraceInformation *trace) {
    size_t count = trace->count;
    while (count && domain_equal(&trace->items[count - 1].global_domain_identifier, &ruling->tables->domain))
        count--;
    return count;
}

static bool record_of(struct ruling *ruling, struct span identifier, struct mts_history *history,
                      bool *is_long) {
    *history = (struct mts_history){0};
    *is_long = false;
    if (!ruling->run->record)
        return true;
    enum mts_record read =
        ruling->run->record(ruling->run->record_context, identifier, ruling->arena, history);
    bool is_read = read == MTS_RECORD_READ || read == MTS_RECORD_LONG;
    *is_long = read == MTS_RECORD_LONG;
    ruling->no_memory |= !is_read;
    ruling->no_record |= read == MTS_RECORD_FAILED;
    return is_read;
}

/* Of an address in the record; absent: none is recorded, or its text was cut, or there is no memory. */
static struct span recorded_key(struct ruling *ruling, struct span text) {
    struct error err = {0};
    struct span key = {NULL, 0};
    if (text.len)
        key = oraddress_key_of(text, &ruling->scratch, &err);
    ruling->no_memory |= err.code == ORADDRESS_MEMORY;
    return key;
}

static bool is_by(struct ruling *ruling, const struct mts_history *history,
                  const struct x411_ORName *originator) {
    struct address address;
    struct span known = recorded_key(ruling, history->originator);
    if (!known.data)
        return false;
    if (!address_of(&ruling->scratch, originator, &address))
        ruling->no_memory = true;
    return !ruling->no_memory && span_eq(known, address.key);
}

/* `peer` -1: not known any more, so that any foreign one will do. */
static bool went_out_to(struct ruling *ruling, const struct subject *subject, int peer) {
    const struct mts_tables *tables = ruling->tables;
    struct mts_history history;
    bool any = peer < 0 || tables->hops[peer].given.transit, is_long;
    if (!record_of(ruling, subject->identifier, &history, &is_long) ||
        !is_by(ruling, &history, &subject->envelope.originator_name))
        return false;
    for (size_t i = 0; i < history.count; i++)
        if (history.routed[i].sent &&
            (any ? history.routed[i].hop >= 0 && tables->hops[history.routed[i].hop].foreign
                 : history.routed[i].hop == peer))
            return true;
    return false;
}

static bool came_back(struct ruling *ruling, const struct subject *subject, int peer) {
    const struct x411_TraceInformation *trace = &subject->envelope.trace_information;
    return trace_has_us(ruling, trace, trace_received(ruling, trace)) && went_out_to(ruling, subject, peer);
}

/* Under another domain's identifier it is nothing that one of ours originated, whatever the record says. */
static bool is_numbered_here(const struct ruling *ruling, const struct subject *subject) {
    return domain_equal(&subject->envelope.message_identifier.global_domain_identifier,
                        &ruling->tables->domain);
}

/* ---- who stands behind a copy ---- */

void authority_sources(struct ruling *ruling, const struct subject *subject,
                       const recipient_fields *recipient,
                       const struct x411_ORName *sources[static MTS_SOURCES]) {
    struct x411_DLExpansionHistory lists = {0};
    struct x411_RedirectionHistory redirections = {0};
    sources[0] = &subject->envelope.originator_name;
    sources[1] = sources[2] = NULL;
    if (extension_decode(ruling->arena, &recipient->extensions, EXT_REDIRECTION_HISTORY,
                         &x411_RedirectionHistory_type, &redirections) &&
        redirections.count)
        sources[1] = &redirections.items[redirections.count - 1].intended_recipient_name.intended_recipient;
    if (extension_decode(ruling->arena, &subject->envelope.extensions, EXT_DL_EXPANSION_HISTORY,
                         &x411_DLExpansionHistory_type, &lists) &&
        lists.count)
        sources[2] = &lists.items[lists.count - 1].dl;
}

/* Redirected or expanded since it is in our domain. */
static bool done_here(const struct ruling *ruling, const struct subject *subject, unsigned action) {
    const struct x411_TraceInformation *trace = &subject->envelope.trace_information;
    for (size_t i = trace_received(ruling, trace); i < trace->count; i++)
        if (ber_bit(&trace->items[i].domain_supplied_information.other_actions, action))
            return true;
    return false;
}

bool authority_proves(struct ruling *ruling, const struct subject *subject, unsigned source,
                      const struct x411_ORName *name) {
    const struct x411_TraceInformation *trace = &subject->envelope.trace_information;
    struct address address;
    int peer = subject->from ? (int)(subject->from - ruling->tables->hops) : -1;
    if (!trace_received(ruling, trace) ||
        (source == MTS_REDIRECTED_BY && done_here(ruling, subject, x411_OtherActions_redirected)) ||
        (source == MTS_DL_EXPANDED_BY && done_here(ruling, subject, x411_OtherActions_dl_operation)))
        return true;
    if (!address_of(&ruling->scratch, name, &address)) {
        ruling->no_memory = true;
        return false;
    }
    if (is_user(ruling->tables, &address) || is_ours(ruling->tables, &address))
        return (source != MTS_ORIGINATED_BY || is_numbered_here(ruling, subject)) &&
               came_back(ruling, subject, peer);
    /* When the copy is looked at later nobody knows the peer; what it claimed was judged as it came in. */
    return peer < 0 || speaks_for(ruling->tables, peer, &address) || came_back(ruling, subject, peer);
}

/* ---- what comes in ---- */

/* What comes from a foreign peer has passed its domain last: elements of ours at the end would be taken for
 * what was done here. */
bool authority_trace(struct ruling *ruling, int peer, const struct x411_TraceInformation *trace) {
    if (!ruling->tables->hops[peer].foreign ||
        (trace->count && trace_received(ruling, trace) == trace->count))
        return true;
    ruling->out->result = MTS_INVALID;
    ruling->out->cause = "its trace does not end in a foreign domain, though the peer is of one";
    return false;
}

/* Whose name the peer used though it is not its to use: the originator's, or that of the last list, to which
 * reports would go; NULL: nobody's. */
static const struct x411_ORName *not_its(struct ruling *ruling, const struct subject *subject) {
    static const recipient_fields nobody;
    const struct x411_ORName *sources[MTS_SOURCES];
    authority_sources(ruling, subject, &nobody, sources);
    if (!authority_proves(ruling, subject, MTS_ORIGINATED_BY, sources[0]))
        return sources[0];
    return sources[2] && !authority_proves(ruling, subject, MTS_DL_EXPANDED_BY, sources[2]) ? sources[2]
                                                                                            : NULL;
}

/* The domain of the address, a private one or the ADMD around it. */
static bool is_in_domain(struct ruling *ruling, const struct x411_ORName *name,
                         const struct x411_GlobalDomainIdentifier *domain) {
    struct address address;
    struct x411_GlobalDomainIdentifier own;
    if (!address_of(&ruling->scratch, name, &address))
        return false;
    while (address.parts.count && address.parts.items[address.parts.count - 1].kind > ORADDRESS_PRMD)
        address.parts.count--;
    if (!domain_build(&address.parts, &ruling->scratch, &own, NULL))
        return false;
    if (domain_equal(&own, domain))
        return true;
    own.private_domain_identifier = NULL;
    return domain_equal(&own, domain);
}

/* An MTS-identifier names the domain that originated the message: a private one numbers its own, and not in
 * the name of the ADMD that it is attached to. (That of an originator elsewhere may have no MTA, so that the
 * ADMD numbers what is his.) */
static bool is_admd_of(const struct x411_GlobalDomainIdentifier *of,
                       const struct x411_GlobalDomainIdentifier *domain) {
    struct x411_GlobalDomainIdentifier around = *of;
    around.private_domain_identifier = NULL;
    return of->private_domain_identifier && domain_equal(&around, domain);
}

/* Whether the peer, or an originator for whom it sends, may be of that domain. */
static bool gives_identifiers(struct ruling *ruling, int peer, const struct subject *subject) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    const struct x411_GlobalDomainIdentifier *domain = &envelope->message_identifier.global_domain_identifier;
    struct address address;
    if (domain_equal(domain, &ruling->tables->hops[peer].domain))
        return true;
    if (!domain_of(domain, &ruling->scratch, &address.parts)) {
        ruling->no_memory = true;
        return false;
    }
    address.key = oraddress_key(&address.parts, &ruling->scratch);
    if (!address.key.data || is_ours(ruling->tables, &address))
        return false;
    return speaks_for(ruling->tables, peer, &address) ||
           (!is_admd_of(&ruling->tables->hops[peer].domain, domain) &&
            is_in_domain(ruling, &envelope->originator_name, domain));
}

bool authority_identifier(struct ruling *ruling, int peer, const struct subject *subject) {
    const struct x411_GlobalDomainIdentifier *domain =
        &subject->envelope.message_identifier.global_domain_identifier;
    if (!authority_is_limited(ruling->tables, peer) || gives_identifiers(ruling, peer, subject) ||
        came_back(ruling, subject, peer))
        return true;
    if (!ruling->no_memory) {
        ruling->out->result = MTS_INVALID;
        ruling->out->cause =
            domain_equal(domain, &ruling->tables->domain)
                ? "its MTS-identifier is one of our domain, from where no message of its originator "
                  "was sent to this peer under it"
                : "its MTS-identifier is one of a domain for which the peer may not send: see its options "
                  "`originators` and `transit`";
    }
    return false;
}

bool authority_originators(struct ruling *ruling, int peer, const struct subject *subject) {
    const struct x411_ORName *name =
        authority_is_limited(ruling->tables, peer) ? not_its(ruling, subject) : NULL;
    if (!name)
        return true;
    if (!ruling->no_memory) {
        struct span whom = ruling_address(ruling, name);
        const char *cause = arena_printf(
            ruling->arena,
            "the peer may not send for %s, whatever the histories say: see its options `originators` "
            "and `transit`",
            whom.len ? (const char *)whom.data : "this originator");
        ruling->out->result = MTS_INVALID;
        ruling->out->cause = cause ? cause : "the peer may not send for its originator";
    }
    return false;
}

/* ---- reports ---- */

static int compare_routed(const void *a, const void *b) {
    const struct mts_routed *left = a, *right = b;
    if (left->recipient != right->recipient)
        return left->recipient < right->recipient ? -1 : 1;
    if (left->hop != right->hop)
        return left->hop < right->hop ? -1 : 1;
    return (int)left->sent - (int)right->sent;
}

/* So many reports of one peer are believed for each copy that it got: one, and those on members of a list
 * behind it, which all have the copy's number. Never two on the same member. */
enum { REPORTS_OF_COPY = 16 };
/* So many that were discarded stand in their subject's record, and so many entries under the identifier of a
 * report, so that nobody makes one long. */
enum { DISCARDED_MOST = 16 };
/* Names in the record end here. */
enum { RECORDED_NAME = 512 };

struct evidence {
    struct mts_routed *routed; /* sorted */
    uint64_t *left;            /* for each: reports that are believed still */
    size_t count;
    struct map seen; /* recipients of whom the peer has told, by number and name */
    int peer;
    bool repeats; /* some field was no news */
    bool as_written;
};

/* The copy of that number that was sent to the peer; NULL: there is none. */
static uint64_t *left_of(const struct evidence *evidence, int64_t recipient) {
    size_t low = 0, high = evidence->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (evidence->routed[middle].recipient < recipient)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < evidence->count && evidence->routed[low].recipient == recipient; low++)
        if (evidence->routed[low].sent && evidence->routed[low].hop == evidence->peer)
            return &evidence->left[low];
    return NULL;
}

/* Sorted, each pair once. */
static size_t sort_routed(struct mts_routed *routed, size_t count) {
    size_t kept = 0;
    if (count)
        qsort(routed, count, sizeof *routed, compare_routed);
    for (size_t i = 0; i < count; i++)
        if (!kept || compare_routed(&routed[kept - 1], &routed[i]) != 0)
            routed[kept++] = routed[i];
        else
            routed[kept - 1].more += 1 + routed[i].more;
    return kept;
}

/* Takes the telling from what is left of its copy. False: it is no news. */
static bool take_news(struct ruling *ruling, struct evidence *evidence, uint64_t *left, int64_t recipient,
                      struct span name) {
    uint64_t key = span_hash(span_sub(name, 0, RECORDED_NAME)) * 31 + (uint64_t)recipient;
    struct map_slot *slot = *left ? map_at(&evidence->seen, key ? key : 1) : NULL;
    if (!slot) {
        ruling->no_memory |= *left != 0;
        return false;
    }
    if (slot->number)
        return false;
    slot->number = 1;
    --*left;
    return true;
}

static bool gather(struct ruling *ruling, int peer, const struct mts_history *history,
                   struct evidence *evidence) {
    *evidence = (struct evidence){.routed = history->routed,
                                  .count = sort_routed(history->routed, history->count),
                                  .peer = peer,
                                  .as_written = history->as_written};
    evidence->left = arena_array(ruling->arena, evidence->count + 1, sizeof *evidence->left);
    if (!evidence->left) {
        ruling->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < evidence->count; i++)
        evidence->left[i] = (uint64_t)REPORTS_OF_COPY * (1 + (uint64_t)evidence->routed[i].more);
    for (size_t i = 0; i < history->told_count; i++) {
        const struct mts_told *told = &history->told[i];
        uint64_t *left = told->hop == peer ? left_of(evidence, told->recipient) : NULL;
        if (left)
            take_news(ruling, evidence, left, told->recipient, told->name);
    }
    if (ruling->no_memory)
        map_free(&evidence->seen);
    return !ruling->no_memory;
}

/* ---- where a report may go ---- */

static bool is_recorded(struct ruling *ruling, const struct mts_history *history, struct span key) {
    struct span known = recorded_key(ruling, history->originator);
    bool found = known.data && span_eq(known, key);
    for (size_t i = 0; i < history->list_count && !found; i++) {
        known = recorded_key(ruling, history->lists[i]);
        found = known.data && span_eq(known, key);
    }
    return found;
}

/* Whether the record has the name as the originator or as a list. */
static bool is_recorded_name(struct ruling *ruling, const struct mts_history *history,
                             const struct x411_ORName *name) {
    struct address address;
    if (address_of(ruling->arena, name, &address))
        return is_recorded(ruling, history, address.key);
    ruling->no_memory = true;
    return false;
}

/* To the subject's originator, or to a list that the record says to have expanded it; and a list of ours
 * finds none but those in the history before it. */
static bool goes_right(struct ruling *ruling, const struct mts_history *history,
                       const struct x411_Report *report) {
    struct x411_OriginatorAndDLExpansionHistory written = {0};
    struct address address;
    if (!is_recorded_name(ruling, history, &report->envelope.report_destination_name))
        return false;
    extension_decode(ruling->arena, &report->envelope.extensions, EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
                     &x411_OriginatorAndDLExpansionHistory_type, &written);
    for (size_t i = 1; i < written.count; i++) {
        if (!address_of(ruling->arena, &written.items[i].originator_or_dl_name, &address)) {
            ruling->no_memory = true;
            return false;
        }
        const struct entry *entry = entry_find(ruling->tables, address.key);
        if (!entry || !entry->dl)
            continue;
        if (!is_recorded_name(ruling, history, &written.items[i - 1].originator_or_dl_name))
            return false;
        arena_reset(&ruling->scratch);
    }
    return true;
}

static bool is_called(struct ruling *ruling, const struct x411_ORName *name, struct span key) {
    struct address address;
    if (!address_of(&ruling->scratch, name, &address))
        ruling->no_memory = true;
    return !ruling->no_memory && span_eq(address.key, key);
}

/*
 * A copy's number alone ties what the peer says to a recipient, and users read names: the report shall bear
 * the one that the record has, or the peer's copy for one could be told of as another's. Whoever else the
 * peer names, as a list's member or after a redirection, may be true, so the recorded name is added as the
 * intended one. In place of another that the peer calls so it is put only where no redirection before the
 * peer can have made that.
 */
static bool name_by_record(struct ruling *ruling, const struct evidence *evidence,
                           const struct mts_routed *routed,
                           struct x411_PerRecipientReportTransferFields *fields) {
    struct x411_ORName *intended = fields->originally_intended_recipient_name;
    struct span key = routed->more ? (struct span){NULL, 0} : recorded_key(ruling, routed->name);
    if (!key.data || is_called(ruling, &fields->actual_recipient_name, key) ||
        (intended && (!evidence->as_written || is_called(ruling, intended, key))))
        return false;
    struct error err = {0};
    struct x411_ORName *name = arena_alloc(ruling->arena, sizeof *name);
    const char *text =
        arena_printf(ruling->arena, "%.*s", (int)routed->name.len, (const char *)routed->name.data);
    bool done = name && text && address_parse(ruling->arena, text, name, &err);
    ruling->no_memory |= !name || !text || err.code == ORADDRESS_MEMORY;
    if (done) {
        fields->originally_intended_recipient_name = name;
        fields->raw = (struct span){NULL, 0};
    }
    return done;
}

static bool judge(struct ruling *ruling, struct evidence *evidence,
                  struct x411_ReportTransferContent *content, enum authority_belief *beliefs) {
    bool any = false;
    for (size_t i = 0; i < content->per_recipient_fields.count; i++) {
        struct x411_PerRecipientReportTransferFields *fields = &content->per_recipient_fields.items[i];
        int64_t number = fields->originally_specified_recipient_number;
        uint64_t *left = left_of(evidence, number);
        struct span name = {NULL, 0};
        if (left && *left) {
            name = address_text(&ruling->scratch, &fields->actual_recipient_name);
            ruling->no_memory |= !name.data;
        }
        bool believed = left && take_news(ruling, evidence, left, number, name);
        if (believed && name_by_record(ruling, evidence, &evidence->routed[left - evidence->left], fields))
            content->raw = (struct span){NULL, 0};
        arena_reset(&ruling->scratch);
        beliefs[i] = believed ? AUTHORITY_SOME : left ? AUTHORITY_REPEATS : AUTHORITY_NONE;
        evidence->repeats |= left && !believed;
        any |= believed;
    }
    return any;
}

/* What is told of reports stands under their own identifiers as well. Under that of a message, of which all
 * is guessed, it would fill what is read of the message's record, and its true reports would not be believed.
 */
bool authority_report_identifier(struct ruling *ruling, int peer, const struct x411_Report *report) {
    const struct x411_GlobalDomainIdentifier *domain =
        &report->envelope.report_identifier.global_domain_identifier;
    struct mts_history history;
    bool is_long;
    if (!authority_is_limited(ruling->tables, peer) ||
        domain_equal(domain, &ruling->tables->hops[peer].domain))
        return true;
    if (domain_equal(domain, &ruling->tables->domain)) {
        ruling->out->result = MTS_INVALID;
        ruling->out->cause = "it is a report under an MTS-identifier of our domain";
        return false;
    }
    if (!record_of(ruling, identifier_text(ruling->arena, &report->envelope.report_identifier), &history,
                   &is_long))
        return false;
    if (!history.count && history.others < DISCARDED_MOST)
        return true;
    ruling->out->result = MTS_INVALID;
    ruling->out->cause =
        "it is a report under an MTS-identifier that a message or many reports had before it";
    return false;
}

enum authority_belief authority_report(struct ruling *ruling, int peer, struct x411_Report *report,
                                       enum authority_belief *beliefs, bool *strange) {
    const struct x411_ReportTransferContent *content = &report->content;
    bool is_long = false;
    struct mts_history history = {0};
    struct evidence evidence;
    *strange = false;
    if (!authority_is_limited(ruling->tables, peer)) {
        for (size_t i = 0; i < content->per_recipient_fields.count; i++)
            beliefs[i] = AUTHORITY_SOME;
        return content->per_recipient_fields.count ? AUTHORITY_SOME : AUTHORITY_NONE;
    }
    if (!record_of(ruling, identifier_text(ruling->arena, &content->subject_identifier), &history,
                   &is_long) ||
        !gather(ruling, peer, &history, &evidence))
        return AUTHORITY_NONE; /* and the ruling fails */
    *strange = !history.count || history.discarded >= DISCARDED_MOST;
    bool any = judge(ruling, &evidence, &report->content, beliefs);
    map_free(&evidence.seen);
    if (any && !goes_right(ruling, &history, report))
        return AUTHORITY_ELSEWHERE;
    return any                ? AUTHORITY_SOME
           : evidence.repeats ? AUTHORITY_REPEATS
           : is_long          ? AUTHORITY_LONG
           : history.count    ? AUTHORITY_NONE
                              : AUTHORITY_UNKNOWN;
}
