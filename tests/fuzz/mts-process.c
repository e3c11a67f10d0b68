/*
 * The rules of the MTS on whatever decodes: octet 0 chooses the sender and the
 * circumstances, the rest is an MTS-APDU, or (with bit 7) the envelope of a
 * submission. What is held then goes all the ways that work can go; each outbound APDU must be the same
 * twice, and decode.
 */
#include "asn1/ber.h"
#include "mts/process.h"

#include "../unit/numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OURS "/C=GB/A=GOLD/P=ALPHA"

enum { HOPS = 4, DEPTH = 2, CONTENT = 70, WORK_MOST = 200 };

static unsigned work_done; /* for this input */

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void add_people(struct mts_tables *tables) {
    static const struct mts_redirection to_bob = {.alternate = OURS "/S=bob"},
                                        to_carol = {.alternate = OURS "/S=carol"};
    static const char *const members[] = {OURS "/S=bob", "/C=DE/A=VIAT/P=BETA/S=eva", OURS "/CN=board",
                                          OURS "/S=x"};
    static const char *const ia5[] = {"ia5-text"};
    const struct mts_user users[] = {
        {.address = OURS "/S=alice", .mailbox = "alice", .eits = {ia5, 1}, .domain_alternate = OURS "/S=bob"},
        {.address = OURS "/S=bob", .mailbox = "bob"},
        {.address = OURS "/S=carol", .mailbox = "carol", .redirections = &to_bob, .redirection_count = 1},
        {.address = OURS "/S=dave", .mailbox = "dave", .redirections = &to_carol, .redirection_count = 1},
    };
    const struct mts_dl lists[] = {
        {.address = OURS "/CN=staff", .members = members, .member_count = 4, .expansion_is_delivery = true},
        {.address = OURS "/CN=board",
         .members = members,
         .member_count = 2,
         .owner = OURS "/S=bob",
         .reports = MTS_DL_REPORTS_TO_BOTH},
    };
    for (size_t i = 0; i < 4; i++)
        require(mts_tables_add_user(tables, &users[i], NULL));
    for (size_t i = 0; i < 2; i++)
        require(mts_tables_add_dl(tables, &lists[i], NULL));
    require(mts_tables_add_alias(tables, OURS "/CN=postmaster", OURS "/S=bob", NULL));
    require(mts_tables_set_catch_all(tables, OURS "/S=alice", NULL));
}

static struct mts_tables *tables_new(void) {
    static const struct mts_self self = {
        .domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF, .internal_trace = true};
    static const struct mts_hop hops[HOPS] = {
        {.name = "beta", .transit = true, .domain = "/C=DE/A=VIAT/P=BETA", .bilateral = "0500"},
        {.name = "inner"},
        {.name = "old",
         .transit = true,
         .domain = "/C=US/A=MCI",
         .edition = MTS_EDITION_1984,
         .rfc1328 = true},
        {.name = "other", .domain = "/C=FR/A=ATLAS", .max_length = 1000},
    };
    static const struct mts_choice first[] = {{"beta", 1, 1}, {"other", 2, 1}}, second = {"old", 1, 1},
                                   third = {"inner", 1, 1};
    static const struct mts_route routes[] = {
        {.pattern = OURS, .action = MTS_ROUTE_LOCAL},
        {.pattern = OURS "/O=inner", .choices = &third, .choice_count = 1},
        {.pattern = "/C=US", .choices = &second, .choice_count = 1},
        {.pattern = "/C=AQ", .action = MTS_ROUTE_REFUSE, .reason = 1, .diagnostic = 17},
        {.pattern = "", .choices = first, .choice_count = 2},
    };
    struct mts_tables *tables = mts_tables_new(&self, NULL);
    require(tables);
    for (size_t i = 0; i < HOPS; i++)
        require(mts_tables_add_hop(tables, &hops[i], NULL));
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        require(mts_tables_add_route(tables, &routes[i], NULL));
    add_people(tables);
    return tables;
}

static void check_outbound(const struct mts_stored *stored, struct arena *arena) {
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    struct x411_MTS_APDU apdu = {0};
    struct buf first, second;
    static const uint8_t content[CONTENT];
    buf_init(&first, 0);
    buf_init(&second, 0);
    bool done = mts_outbound(stored, arena, &first);
    require(mts_outbound(stored, arena, &second) == done && span_eq(buf_span(&first), buf_span(&second)));
    if (done) {
        require(buf_append(&first, content, stored->content_length));
        require(ber_decode(&x411_MTS_APDU_type, buf_span(&first), arena, &relaxed, &apdu, NULL));
        require(apdu.choice == (stored->kind == MTS_MESSAGE ? x411_MTS_APDU_message
                                : stored->kind == MTS_PROBE ? x411_MTS_APDU_probe
                                                            : x411_MTS_APDU_report));
    }
    buf_free(&first);
    buf_free(&second);
}

static void follow(struct mts_run *run, const struct mts_decisions *decisions, unsigned depth);

static void work_on(struct mts_run *run, const struct mts_stored *stored, bool transfer, unsigned depth) {
    const struct mts_failure failure = {.reason = 0, .diagnostic = 2, .supplementary = "caf\xe9"};
    struct mts_decisions next;
    struct mts_recipient *recipients;
    /* Another choice than hop 0; the hop is gone; an operator's choice. */
    static const struct mts_rerouting ways[] = {{0, -1}, {-1, -1}, {-1, 0}};
    size_t count;
    if (work_done++ >= WORK_MOST)
        return;
    require(mts_recipients(stored, run->arena, &recipients, &count) && (stored->kind == MTS_REPORT || count));
    if (transfer) {
        check_outbound(stored, run->arena);
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
            mts_reroute(run, stored, &ways[i], &next);
            follow(run, &next, depth + 1);
        }
    } else {
        struct mts_delivery delivery;
        mts_deliver(run, stored, &delivery);
        require(delivery.more.result == MTS_DECIDED &&
                (!delivery.delivered ||
                 mts_delivery_envelope(stored, delivery.position, run->now, run->arena).len));
        follow(run, &delivery.more, depth + 1);
    }
    mts_work_failed(run, stored, &failure, &next);
    require(next.result == MTS_DECIDED);
    follow(run, &next, depth + 1);
    mts_work_expired(run, stored, "Connection refused", &next);
    follow(run, &next, depth + 1);
    mts_redirect(run, stored, OURS "/CN=staff", &next);
    follow(run, &next, depth + 1);
}

static void follow(struct mts_run *run, const struct mts_decisions *decisions, unsigned depth) {
    if (depth > DEPTH || decisions->result != MTS_DECIDED)
        return;
    for (size_t i = 0; i < decisions->object_count && i < 3; i++)
        for (size_t k = 0; k < decisions->objects[i].copy_count && k < 3; k++) {
            const struct mts_object *held = &decisions->objects[i];
            struct mts_stored stored = {held->kind, held->octets, held->copies[k].plan, held->has_content,
                                        held->has_content ? CONTENT : 0};
            require(held->copies[k].kind == MTS_COPY_TRANSFER ? held->copies[k].hop >= 0
                                                              : held->copies[k].mailbox != NULL);
            work_on(run, &stored, held->copies[k].kind == MTS_COPY_TRANSFER, depth);
        }
}

/* By the name's length: bob's address, none, or no answer. */
static void answer(void *context, struct mts_answer *answer) {
    (void)context;
    answer->address = answer->directory_name.len % 3 ? NULL : OURS "/S=bob";
    answer->failed = answer->directory_name.len % 3 == 2;
}

static void accept(struct mts_run *run, int peer, const struct x411_MTS_APDU *apdu,
                   struct mts_decisions *out) {
    if (apdu->choice == x411_MTS_APDU_message)
        mts_accept_message(run, peer, &apdu->u.message.envelope, CONTENT, out);
    else if (apdu->choice == x411_MTS_APDU_probe)
        mts_accept_probe(run, peer, &apdu->u.probe, out);
    else
        mts_accept_report(run, peer, &apdu->u.report, out);
}

static void transfer_in(struct mts_run *run, int peer, struct span in, const struct ber_limits *limits) {
    struct x411_MTS_APDU apdu = {0};
    struct mts_decisions out;
    if (!ber_decode(&x411_MTS_APDU_type, in, run->arena, limits, &apdu, NULL))
        return;
    do
        accept(run, peer, &apdu, &out);
    while (mts_answer(run, &out, answer, NULL));
    follow(run, &out, 0);
}

/* Envelopes of messages and probes are SETs: what decodes as either is submitted as it. */
static bool submit(struct mts_run *run, const char *user, struct span in, const struct ber_limits *limits,
                   struct mts_decisions *out) {
    struct x411p3_MessageSubmissionEnvelope message = {0};
    struct x411p3_ProbeSubmissionEnvelope probe = {0};
    struct mts_submission submission = {0};
    if (ber_decode(&x411p3_MessageSubmissionEnvelope_type, in, run->arena, limits, &message, NULL))
        mts_submit_message(run, user, &message, CONTENT, &submission, out);
    else if (ber_decode(&x411p3_ProbeSubmissionEnvelope_type, in, run->arena, limits, &probe, NULL))
        mts_submit_probe(run, user, &probe, &submission, out);
    else
        return false;
    require((out->result == MTS_INVALID) == (submission.error != MTS_SUBMIT_OK));
    require(out->result != MTS_DECIDED || submission.identifier.local_identifier.len);
    return true;
}

static void submission_in(struct mts_run *run, const char *user, struct span in,
                          const struct ber_limits *limits) {
    struct mts_decisions out;
    do
        if (!submit(run, user, in, limits, &out))
            return;
    while (mts_answer(run, &out, answer, NULL));
    follow(run, &out, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct mts_tables *tables;
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    struct arena arena;
    if (!tables)
        tables = tables_new();
    if (!size)
        return 0;
    const bool down[HOPS] = {data[0] & 4, data[0] & 8, data[0] & 16, data[0] & 32};
    arena_init(&arena, (size_t)64 << 20);
    struct mts_run run = {.tables = tables,
                          .arena = &arena,
                          .now = 1795327200,
                          .id_prefix = "alpha-1.1",
                          .hop_down = down,
                          .hop_down_count = HOPS};
    struct span in = span_of(data + 1, size - 1);
    work_done = 0;
    const struct ber_limits *limits = data[0] & 64 ? &relaxed : NULL;
    if (data[0] & 128)
        submission_in(&run, data[0] & 1 ? OURS "/S=alice" : NULL, in, limits);
    else
        transfer_in(&run, data[0] % HOPS, in, limits);
    arena_free(&arena);
    return 0;
}
