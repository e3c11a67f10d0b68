/* What a neighbour may say: for whom it sends, to whom, and of which copies it may report. */
#include "names/dn.h"
#include "play.h"

#define LIST   OURS "/S=list"
#define CLOSED "/C=SE/A=SHUT"

/* `shut` speaks for its domain, `many` for more and to more, `world` for what no other route has. */
static void cast(struct play *play) {
    static const char *const from[] = {"/C=NO", "/C=FI/A=ONE"}, *const whither[] = {BETA "/S=eva"};
    static const char *const submitters[] = {ALICE, CLOSED};
    add_hop(play, (struct mts_hop){.name = "shut", .domain = CLOSED});
    add_hop(play, (struct mts_hop){.name = "many",
                                   .domain = "/C=NL/A=MANY",
                                   .originators = {from, 2},
                                   .destinations = {whither, 1}});
    add_hop(play, (struct mts_hop){.name = "world", .domain = "/C=BE/A=WORLD"});
    add_route(play, CLOSED, "shut");
    add_route(play, "", "world");
    add_dl(play, (struct mts_dl){.address = LIST, .submitters = submitters, .submitter_count = 2}, BOB, NULL);
}

static const char *domain_of_peer(const char *peer) {
    return strcmp(peer, "inner") == 0   ? OURS
           : strcmp(peer, "many") == 0  ? "/C=NL/A=MANY"
           : strcmp(peer, "world") == 0 ? "/C=BE/A=WORLD"
                                        : CLOSED;
}

static struct x411_MessageTransferEnvelope *from_to(struct play *play, const char *originator,
                                                    const char *recipient, const char *domain) {
    struct x411_MessageTransferEnvelope *envelope = message(play, originator, domain);
    envelope->message_identifier.global_domain_identifier = domain_named(play, domain);
    to(play, envelope, recipient, WANTS_NDN);
    return envelope;
}

static enum mts_result received(struct play *play, const char *peer,
                                const struct x411_MessageTransferEnvelope *envelope) {
    const struct x411_MessageTransferEnvelope *arrived = over_the_wire(play, envelope);
    do
        mts_accept_message(&play->run, mts_hop_number(play->tables, peer), arrived, 2000, &play->out);
    while (again(play, &play->out));
    return play->out.result;
}

static void a_peer_sends_for_those_it_speaks_for(void **state) {
    struct play *play = *state;
    cast(play);
    static const struct {
        const char *peer, *originator;
        bool may;
    } table[] = {
        {"shut", CLOSED "/S=sven", true},
        {"shut", DIETER, false},
        {"shut", "/C=NO/A=X/S=nils", false},
        {"shut", ALICE, false},
        {"shut", OURS "/S=nobody", false},
        {"shut", OURS "/O=inner/S=ivo", false},
        {"many", "/C=NL/A=MANY/S=mia", true},
        {"many", "/C=NO/A=X/S=nils", true},
        {"many", "/C=FI/A=ONE/P=P/S=x", true},
        {"many", "/C=FI/A=TWO/S=x", false},
        {"world", "/C=AR/A=FAR/S=x", true},
        {"world", CLOSED "/S=sven", false},
        {"world", ALICE, false},
        {"beta", "/C=AR/A=FAR/S=x", true},
        {"inner", "/C=AR/A=FAR/S=x", true},
        {"inner", ALICE, true},
        {"shut", "/C=SE/A=SHUT/P=SUB/S=x", true},
        {"beta", ALICE, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum mts_result result = received(
            play, table[i].peer, from_to(play, table[i].originator, BOB, domain_of_peer(table[i].peer)));
        if (result != (table[i].may ? MTS_DECIDED : MTS_INVALID))
            fail_msg("%s for %s: %d, %s", table[i].peer, table[i].originator, result, play->out.cause);
        if (!table[i].may) {
            assert_non_null(strstr(play->out.cause, "originators"));
            assert_int_equal(play->out.object_count, 0);
        } else
            assert_non_null(find_copy(play, NULL, "bob", NULL));
    }
}

static void a_peer_sends_to_us(void **state) {
    struct play *play = *state;
    cast(play);
    static const struct {
        const char *peer, *originator, *recipient, *hop;
    } table[] = {
        {"shut", CLOSED "/S=sven", DIETER, NULL},
        {"shut", CLOSED "/S=sven", OURS "/O=inner/S=ivo", "inner"},
        {"many", "/C=NL/A=MANY/S=mia", EVA, "beta"},
        {"many", "/C=NL/A=MANY/S=mia", DIETER, NULL},
        {"beta", DIETER, FRANK, "other"},
        {"inner", ALICE, FRANK, "other"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct x411_MessageTransferEnvelope *envelope =
            from_to(play, table[i].originator, table[i].recipient, domain_of_peer(table[i].peer));
        to(play, envelope, BOB, WANTS_NDN);
        assert_int_equal(received(play, table[i].peer, envelope), MTS_DECIDED);
        assert_non_null(find_copy(play, NULL, "bob", NULL)); /* one recipient's fault is not another's */
        if (table[i].hop)
            assert_non_null(find_copy(play, table[i].hop, NULL, NULL));
        else
            assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_no_bilateral_agreement);
    }
}

static void knows_dieter(void *context, struct mts_answer *answer) {
    (void)context;
    answer->address = DIETER;
}

static void a_directory_name_is_no_way_round(void **state) {
    struct play *play = *state;
    struct x501_Name name = {0};
    cast(play);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, CLOSED "/S=sven", BOB, CLOSED);
    assert_true(dn_parse(SPAN_LIT("CN=Dieter,C=DE"), &play->arena, &name, NULL));
    envelope->per_recipient_fields.items[0].recipient_name = (struct x411_ORName){.directory_name = &name};
    play->find = knows_dieter;
    assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
    assert_not_delivered(play, 1, UNABLE, x411_NonDeliveryDiagnosticCode_no_bilateral_agreement);
}

static void asks_for(struct play *play, struct x411_MessageTransferEnvelope *envelope,
                     struct x411_ORName name) {
    extend(play, &envelope->per_recipient_fields.items[0].extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
           &x411_MTAOriginatorRequestedAlternateRecipient_type, &name, 0);
}

static bool is_in_object(const struct play *play, const char *text) {
    struct span octets = play->out.objects[0].octets;
    return memmem(octets.data, octets.len, text, strlen(text)) != NULL;
}

static void knows_alice(void *context, struct mts_answer *answer) {
    (void)context;
    answer->address = ALICE;
}

/* Beside an address it is one still when nobody has that any more, here or at another MTA of ours. */
static void a_directory_name_is_no_way_later(void **state) {
    struct play *play = *state;
    struct x501_Name name = {0};
    struct mts_delivery delivery;
    cast(play);
    for (int i = 0; i < 2; i++) {
        play->find = i ? knows_alice : knows_dieter;
        assert_true(dn_parse(i ? SPAN_LIT("CN=Alice") : SPAN_LIT("CN=Dieter"), &play->arena, &name, NULL));
        struct x411_MessageTransferEnvelope *envelope =
            from_to(play, CLOSED "/S=sven", OURS "/O=inner/S=nobody", CLOSED);
        envelope->per_recipient_fields.items[0].recipient_name.directory_name = &name;
        assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
        assert_int_equal(
            sent_to(play, "inner")->per_recipient_fields.items[0].recipient_name.directory_name != NULL, i);
        envelope = from_to(play, CLOSED "/S=sven", BOB, CLOSED);
        envelope->per_recipient_fields.items[0].recipient_name.directory_name = &name;
        assert_int_equal(received(play, "beta", envelope), MTS_DECIDED); /* which has `transit` */
        assert_true(is_in_object(play, i ? "Alice" : "Dieter"));
        assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
        assert_int_equal(is_in_object(play, i ? "Alice" : "Dieter"), i);
        struct mts_stored stored = stored_copy(play, NULL, "bob");
        assert_true(mts_tables_remove(play->tables, BOB));
        do
            mts_deliver(&play->run, &stored, &delivery);
        while (again(play, &delivery.more));
        play->out = delivery.more;
        assert_null(find_copy(play, "beta", NULL, NULL));
        assert_int_equal(find_copy(play, NULL, "alice", NULL) != NULL, i);
        add_user(play, BOB, (struct mts_user){.mailbox = "bob"});
    }
}

/* An alternate that the peer's originator names is handed over by the peer as well; one that is ours to
 * assign is not. */
static void an_alternate_is_no_way_round(void **state) {
    struct play *play = *state;
    struct x501_Name name = {0};
    cast(play);
    play->find = knows_dieter;
    assert_true(dn_parse(SPAN_LIT("CN=Dieter,C=DE"), &play->arena, &name, NULL));
    struct x411_ORName by_name = {.directory_name = &name}, both = name_of(play, OURS "/S=none");
    both.directory_name = &name;
    const struct x411_ORName to[] = {name_of(play, DIETER), by_name, both, name_of(play, BOB)};
    for (size_t i = 0; i < 4; i++) {
        struct x411_MessageTransferEnvelope *envelope =
            from_to(play, CLOSED "/S=sven", OURS "/S=nobody", CLOSED);
        asks_for(play, envelope, to[i]);
        assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
        assert_null(find_copy(play, "beta", NULL, NULL));
        assert_int_equal(find_copy(play, NULL, "bob", NULL) != NULL, i == 3);
        if (i == 3)
            continue;
        assert_int_equal(received(play, "beta", envelope), MTS_DECIDED); /* which has `transit` */
        /* Nor is it there when the recipient fails later. */
        envelope = from_to(play, CLOSED "/S=sven", BOB, CLOSED);
        asks_for(play, envelope, to[i]);
        assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
        const struct mts_copy *copy = find_copy(play, NULL, "bob", NULL);
        assert_non_null(copy);
        assert_false(is_in_object(play, "Dieter"));
        assert_true(i == 2 || !is_in_object(play, "VIAT"));
    }
    struct x411_MessageTransferEnvelope *envelope = from_to(play, CLOSED "/S=sven", OURS "/S=nobody", CLOSED);
    envelope->per_recipient_fields.items[0].recipient_name.directory_name = &name;
    assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
    assert_null(find_copy(play, "beta", NULL, NULL));
}

/* The list's submitter is ours: only our own domain names him, whatever else the peer may do. */
static void an_originator_of_ours_passes_no_permission(void **state) {
    struct play *play = *state;
    cast(play);
    assert_int_equal(received(play, "inner", from_to(play, ALICE, LIST, OURS)), MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_int_equal(received(play, "beta", from_to(play, ALICE, LIST, BETA)), MTS_DECIDED);
    assert_null(find_copy(play, NULL, "bob", NULL));
    assert_int_equal(event_of(play, MTS_EVENT_NOT_DELIVERED)->diagnostic,
                     x411_NonDeliveryDiagnosticCode_no_dl_submit_permission);
    /* Who is the submitter by a name of the peer's own is. */
    assert_int_equal(received(play, "shut", from_to(play, CLOSED "/S=sven", LIST, CLOSED)), MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    struct mts_restriction only[] = {{true, 0, ALICE}, {false, 0, NULL}};
    add_user(play, BOB, (struct mts_user){.mailbox = "bob", .restrictions = only, .restriction_count = 2});
    assert_int_equal(received(play, "inner", from_to(play, ALICE, BOB, OURS)), MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    assert_int_equal(received(play, "beta", from_to(play, ALICE, BOB, BETA)), MTS_DECIDED);
    assert_null(find_copy(play, NULL, "bob", NULL));
}

static void came_by_list(struct play *play, struct x411_MessageTransferEnvelope *envelope, const char *list) {
    struct x411_DLExpansion item = {.dl = name_of(play, list), .dl_expansion_time = utc(play, NOW - 60)};
    struct x411_DLExpansionHistory history = {.items = &item, .count = 1};
    extend(play, &envelope->extensions, EXT_DL_EXPANSION_HISTORY, &x411_DLExpansionHistory_type, &history, 0);
}

static void redirected_from(struct play *play, struct x411_MessageTransferEnvelope *envelope,
                            const char *user) {
    struct x411_Redirection item = {.redirection_reason =
                                        x411_RedirectionReason_recipient_assigned_alternate_recipient};
    item.intended_recipient_name.intended_recipient = name_of(play, user);
    item.intended_recipient_name.redirection_time = utc(play, NOW - 60);
    struct x411_RedirectionHistory history = {.items = &item, .count = 1};
    extend(play, &envelope->per_recipient_fields.items[0].extensions, EXT_REDIRECTION_HISTORY,
           &x411_RedirectionHistory_type, &history, 0);
}

/* A list or a user of the peer's own, written into a history by it, lends nobody's name. */
static void a_history_of_its_own_passes_no_originator(void **state) {
    struct play *play = *state;
    cast(play);
    static const char *const originators[] = {ALICE, DIETER, OURS "/S=nobody"};
    for (size_t i = 0; i < 3; i++) {
        struct x411_MessageTransferEnvelope *envelope = from_to(play, originators[i], BOB, CLOSED);
        came_by_list(play, envelope, CLOSED "/S=list");
        assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
        assert_non_null(strstr(play->out.cause, "originators"));
        visit(play, &envelope->trace_information, OURS, VISIT);
        visit(play, &envelope->trace_information, CLOSED, DL_OPERATION);
        assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
        envelope = from_to(play, originators[i], BOB, CLOSED);
        redirected_from(play, envelope, CLOSED "/S=sven");
        assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    }
    /* With `originators` its lists may send what those sent to them; not so what reports to another. */
    struct x411_MessageTransferEnvelope *envelope = from_to(play, "/C=NO/A=X/S=nils", BOB, "/C=NL/A=MANY");
    came_by_list(play, envelope, "/C=NL/A=MANY/S=list");
    redirected_from(play, envelope, "/C=NL/A=MANY/S=mia");
    assert_int_equal(received(play, "many", envelope), MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    envelope = from_to(play, CLOSED "/S=sven", BOB, CLOSED);
    came_by_list(play, envelope, DIETER);
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
}

/* Histories are the peer's to write as well: a list or a user of ours in them proves nothing. */
static void a_history_of_ours_passes_no_permission(void **state) {
    struct play *play = *state;
    cast(play);
    static const char *const lists[] = {OURS "/S=other"};
    add_dl(play, (struct mts_dl){.address = OURS "/S=other"}, LIST, NULL);
    add_dl(play, (struct mts_dl){.address = LIST, .submitters = lists, .submitter_count = 1}, BOB, NULL);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, CLOSED "/S=sven", LIST, CLOSED);
    came_by_list(play, envelope, OURS "/S=other");
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID); /* nor would its reports go there */
    assert_int_equal(received(play, "beta", envelope), MTS_DECIDED);
    assert_null(find_copy(play, NULL, "bob", NULL));
    /* By the list itself it comes to the members. */
    assert_int_equal(received(play, "shut", from_to(play, CLOSED "/S=sven", OURS "/S=other", CLOSED)),
                     MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    /* And elements of ours at the end of the trace are none that were made here. */
    visit(play, &envelope->trace_information, OURS, DL_OPERATION);
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
}

/* ---- what comes back ---- */

struct record {
    struct mts_routed items[4];
    size_t count;
    const char *originator, *list;
    size_t other_lists; /* before it */
    struct mts_told told[4];
    bool as_written;
    size_t told_count, discarded, others;
    bool is_long;
};

static enum mts_record read_record(void *context, struct span identifier, struct arena *arena,
                                   struct mts_history *history) {
    const struct record *record = context;
    assert_true(identifier.len);
    *history = (struct mts_history){
        .routed = (struct mts_routed *)arena_dup(arena, span_of(record->items, sizeof record->items)).data,
        .count = record->count,
        .originator = span_str(record->originator ? record->originator : ""),
        .told = (struct mts_told *)record->told,
        .told_count = record->told_count,
        .as_written = record->as_written,
        .discarded = record->discarded,
        .others = record->others};
    if (record->list) {
        history->lists = arena_array(arena, record->other_lists + 1, sizeof *history->lists);
        if (!history->lists)
            return MTS_RECORD_NO_MEMORY;
        while (history->list_count < record->other_lists)
            history->lists[history->list_count++] = SPAN_LIT(CLOSED "/O=lists/S=other");
        history->lists[history->list_count++] = span_str(record->list);
    }
    return !history->routed ? MTS_RECORD_NO_MEMORY : record->is_long ? MTS_RECORD_LONG : MTS_RECORD_READ;
}

static enum mts_record read_nothing(void *context, struct span identifier, struct arena *arena,
                                    struct mts_history *history) {
    (void)context, (void)identifier, (void)arena, (void)history;
    return MTS_RECORD_FAILED;
}

static void remember(struct play *play, struct record *record, int64_t recipient, const char *hop) {
    record->items[record->count++] =
        (struct mts_routed){.recipient = recipient, .hop = mts_hop_number(play->tables, hop), .sent = true};
    play->run.record = read_record;
    play->run.record_context = record;
}

static void what_went_out_may_come_back(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, ALICE, LIST, OURS);
    visit(play, &envelope->trace_information, CLOSED, REDIRECTED);
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID); /* the record knows nothing */
    remember(play, &record, 1, "other");
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID); /* it went elsewhere */
    remember(play, &record, 2, "shut");
    assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
    /* The trace must say so too. */
    assert_int_equal(received(play, "shut", from_to(play, ALICE, LIST, CLOSED)), MTS_INVALID);
    /* And it must be his: another spelling is, another user's message is not. */
    record.originator = "/s=ALICE/p=alpha/a=gold/c=gb";
    assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
    record.originator = BOB;
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    record.originator = NULL;
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    /* Under another domain's identifier nobody here sent it. */
    record.originator = ALICE;
    envelope->message_identifier.global_domain_identifier = domain_named(play, CLOSED);
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
}

static void what_went_out_of_others_may_come_back(void **state) {
    struct play *play = *state;
    struct record record = {.originator = FRANK};
    cast(play);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, FRANK, BOB, OTHER);
    visit(play, &envelope->trace_information, OURS, VISIT);
    visit(play, &envelope->trace_information, CLOSED, REDIRECTED);
    remember(play, &record, 1, "other");
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    remember(play, &record, 2, "shut");
    assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
    assert_non_null(find_copy(play, NULL, "bob", NULL));
}

/* They are looked through for each recipient. */
static void who_has_too_many_extensions_is_refused(void **state) {
    struct play *play = *state;
    cast(play);
    for (size_t more = 0; more < 2; more++) {
        struct x411_MessageTransferEnvelope *envelope = from_to(play, CLOSED "/S=sven", BOB, CLOSED);
        size_t count = 256 + more;
        struct x411_ExtensionField *fields = arena_array(&play->arena, count, sizeof *fields);
        for (size_t i = 0; i < count; i++) {
            fields[i].type.choice = x411_ExtensionType_standard_extension;
            fields[i].type.u.standard_extension = 90;
            fields[i].value = SPAN_LIT("\5\0");
        }
        envelope->extensions = (struct x411_Extensions){.items = fields, .count = count};
        assert_int_equal(received(play, "shut", envelope), more ? MTS_INVALID : MTS_DECIDED);
    }
    assert_non_null(strstr(play->out.cause, "extension"));
}

/* Under an identifier of ours a foreign message would be taken for that of ours when reports come. */
static void nobody_else_gives_identifiers_of_ours(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, CLOSED "/S=sven", BOB, CLOSED);
    envelope->message_identifier.global_domain_identifier = domain_named(play, OURS);
    remember(play, &record, 1, "shut");
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    assert_non_null(strstr(play->out.cause, "MTS-identifier"));
    assert_int_equal(received(play, "beta", envelope), MTS_DECIDED); /* which has `transit` */
    assert_int_equal(received(play, "inner", envelope), MTS_DECIDED);
}

/* Who takes a third domain's identifier first would get the reports on what is truly called so. */
static void a_peer_gives_identifiers_of_those_it_speaks_for(void **state) {
    struct play *play = *state;
    static const char *const lodger[] = {"/C=NO/A=X/P=Y"};
    cast(play);
    add_hop(play, (struct mts_hop){.name = "sub", .domain = "/C=FI/A=TWO/P=SUB", .originators = {lodger, 1}});
    static const struct {
        const char *peer, *originator, *domain;
        bool may;
    } table[] = {
        {"sub", "/C=FI/A=TWO/P=SUB/S=x", "/C=FI/A=TWO/P=SUB", true},
        {"sub", "/C=FI/A=TWO/P=SUB/S=x", "/C=FI/A=TWO", false},
        {"sub", "/C=NO/A=X/P=Y/S=nils", "/C=NO/A=X", true},
        {"sub", "/C=NO/A=X/P=Y/S=nils", "/C=FI/A=TWO", false},
        {"shut", CLOSED "/S=sven", BETA, false},
        {"shut", CLOSED "/S=sven", "/C=SE/A=SHUT/P=SUB", true},
        {"shut", CLOSED "/P=SUB/S=sven", CLOSED, true},
        {"many", "/C=NO/A=X/P=Y/S=nils", "/C=NO/A=X/P=Y", true},
        {"many", "/C=FI/A=ONE/P=P/O=O/S=x", "/C=FI/A=ONE", true},
        {"many", "/C=FI/A=ONE/S=x", "/C=FI/A=TWO", false},
        {"many", "/C=FI/A=ONE/S=x", CLOSED, false},
        {"world", "/C=AR/A=FAR/S=x", "/C=AR/A=FAR", true},
        {"world", "/C=AR/A=FAR/S=x", CLOSED, false},
        {"beta", DIETER, CLOSED, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        enum mts_result result =
            received(play, table[i].peer, from_to(play, table[i].originator, BOB, table[i].domain));
        if (result != (table[i].may ? MTS_DECIDED : MTS_INVALID))
            fail_msg("%s under %s: %d", table[i].peer, table[i].domain, result);
        if (!table[i].may)
            assert_non_null(strstr(play->out.cause, "MTS-identifier"));
    }
}

/* One that the peer may not send is not answered by a report to whom it names, though it loops. */
static void a_forged_loop_makes_no_report(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, ALICE, BOB, OURS);
    for (int i = 0; i < 2; i++) {
        visit(play, &envelope->trace_information, CLOSED, VISIT);
        visit(play, &envelope->trace_information, OURS, VISIT);
    }
    visit(play, &envelope->trace_information, CLOSED, VISIT);
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    assert_int_equal(play->out.object_count, 0);
    remember(play, &record, 1, "shut");
    assert_int_equal(received(play, "shut", envelope), MTS_DECIDED);
    assert_true(play->out.loop);
}

static void nobody_is_judged_by_a_record_that_cannot_be_read(void **state) {
    struct play *play = *state;
    cast(play);
    struct x411_MessageTransferEnvelope *envelope = from_to(play, ALICE, LIST, OURS);
    visit(play, &envelope->trace_information, CLOSED, REDIRECTED);
    play->run.record = read_nothing;
    assert_int_equal(received(play, "shut", envelope), MTS_NO_RECORD);
    assert_int_equal(play->out.event_count, 0);
}

/* ---- reports ---- */

static struct x411_Report *report_on(struct play *play, const char *whom, const char *domain) {
    struct x411_Report *report = arena_alloc(&play->arena, sizeof *report);
    struct x411_PerRecipientReportTransferFields *fields = arena_array(&play->arena, 2, sizeof *fields);
    report->envelope.report_identifier.global_domain_identifier = domain_named(play, domain);
    report->envelope.report_identifier.local_identifier = SPAN_LIT("r-1");
    report->envelope.report_destination_name = name_of(play, whom);
    visit(play, &report->envelope.trace_information, domain, VISIT);
    report->content.subject_identifier.global_domain_identifier = domain_named(play, OURS);
    report->content.subject_identifier.local_identifier = SPAN_LIT("m-1");
    for (int i = 0; i < 2; i++) {
        fields[i].actual_recipient_name = name_of(play, i ? EVA : DIETER);
        fields[i].originally_specified_recipient_number = i + 1;
        fields[i].per_recipient_indicators = bits(play, WANTS_REPORT);
        fields[i].last_trace_information.arrival_time = utc(play, NOW);
        fields[i].last_trace_information.report_type.choice = x411_ReportType_delivery;
        fields[i].last_trace_information.report_type.u.delivery.message_delivery_time = utc(play, NOW);
    }
    report->content.per_recipient_fields.items = fields;
    report->content.per_recipient_fields.count = 2;
    return report;
}

static size_t told(struct play *play, enum mts_event_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < play->out.event_count; i++)
        count += play->out.events[i].kind == kind;
    return count;
}

static void a_report_is_believed_of_what_was_routed_there(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    int shut = mts_hop_number(play->tables, "shut");
    mts_accept_report(&play->run, shut, report_on(play, ALICE, CLOSED), &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 2);
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 0);
    assert_int_equal(play->out.object_count, 0);
    assert_non_null(event_of(play, MTS_EVENT_DISCARDED)->text);
    assert_true(event_of(play, MTS_EVENT_DISCARDED)->strange); /* so that it begins no record */
    remember(play, &record, 1, "beta");
    remember(play, &record, 2, "shut");
    mts_accept_report(&play->run, shut, report_on(play, ALICE, CLOSED), &play->out);
    assert_int_equal(event_of(play, MTS_EVENT_REPORT_DOUBTED)->recipient, 1);
    assert_non_null(strstr(event_of(play, MTS_EVENT_REPORT_DOUBTED)->text, "were not sent to"));
    assert_int_equal(event_of(play, MTS_EVENT_REPORT_IN)->recipient, 2);
    assert_int_equal(event_of(play, MTS_EVENT_REPORT_IN)->hop, shut); /* who said it */
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 1);
    assert_int_equal(reported(report_held(play, 0), 2)->originally_specified_recipient_number, 2);
    /* With transit, and of our own domain, it is believed of all. */
    mts_accept_report(&play->run, mts_hop_number(play->tables, "beta"), report_on(play, ALICE, BETA),
                      &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 2);
    mts_accept_report(&play->run, mts_hop_number(play->tables, "inner"), report_on(play, ALICE, OURS),
                      &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 2);
}

/* What waits for the peer, or was given up without a try, it can't tell of; nor can it send that back. */
static void what_was_not_sent_yet_is_not_reported(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    int shut = mts_hop_number(play->tables, "shut");
    mts_accept_report(&play->run, shut, report_on(play, ALICE, CLOSED), &play->out);
    assert_non_null(strstr(event_of(play, MTS_EVENT_DISCARDED)->text, "nothing is recorded"));
    remember(play, &record, 1, "shut");
    remember(play, &record, 2, "beta");
    record.items[0].sent = record.items[1].sent = false;
    mts_accept_report(&play->run, shut, report_on(play, ALICE, CLOSED), &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 2);
    assert_non_null(strstr(event_of(play, MTS_EVENT_DISCARDED)->text, "no copy"));
    struct x411_MessageTransferEnvelope *envelope = from_to(play, ALICE, LIST, OURS);
    visit(play, &envelope->trace_information, CLOSED, REDIRECTED);
    assert_int_equal(received(play, "shut", envelope), MTS_INVALID);
    remember(play, &record, 1, "shut"); /* another copy, which was */
    mts_accept_report(&play->run, shut, report_on(play, ALICE, CLOSED), &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 1);
    assert_int_equal(event_of(play, MTS_EVENT_REPORT_IN)->recipient, 1);
}

static enum mts_result reports(struct play *play, const struct x411_Report *report) {
    mts_accept_report(&play->run, mts_hop_number(play->tables, "shut"), report, &play->out);
    return play->out.result;
}

static bool goes_on(struct play *play, const struct x411_Report *report) {
    assert_int_equal(reports(play, report), MTS_DECIDED);
    if (!play->out.object_count)
        assert_non_null(event_of(play, MTS_EVENT_DISCARDED)->text);
    return play->out.object_count && told(play, MTS_EVENT_REPORT_IN);
}

static void came_from(struct play *play, struct x411_Report *report, const char *originator,
                      const char *list) {
    struct x411_OriginatorAndDLExpansion items[2] = {{.originator_or_dl_name = name_of(play, originator)},
                                                     {.originator_or_dl_name = name_of(play, list)}};
    items[0].origination_or_expansion_time = items[1].origination_or_expansion_time = utc(play, NOW - 60);
    struct x411_OriginatorAndDLExpansionHistory history = {.items = items, .count = 2};
    extend(play, &report->envelope.extensions, EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
           &x411_OriginatorAndDLExpansionHistory_type, &history, 0);
}

/* To the originator of the subject, or through a list of ours that had it, and from there to him. */
static void a_report_goes_to_whom_the_record_names(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    remember(play, &record, 1, "shut");
    assert_true(goes_on(play, report_on(play, ALICE, CLOSED)));
    assert_false(goes_on(play, report_on(play, BOB, CLOSED)));
    assert_false(goes_on(play, report_on(play, FRANK, CLOSED)));
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 0);
    struct x411_Report *report = report_on(play, LIST, CLOSED);
    came_from(play, report, ALICE, LIST);
    assert_false(goes_on(play, report));
    record.list = LIST;
    assert_true(goes_on(play, report));
    report = report_on(play, LIST, CLOSED);
    came_from(play, report, FRANK, LIST);
    assert_false(goes_on(play, report));
    record.list = FRANK; /* a list there, by which it came */
    assert_true(goes_on(play, report_on(play, FRANK, CLOSED)));
}

/* Recipients that are not believed for that cause. */
static size_t all_doubted(const struct play *play, const char *cause) {
    size_t count = 0;
    for (size_t i = 0; i < play->out.event_count; i++) {
        const struct mts_event *event = &play->out.events[i];
        if (event->kind == MTS_EVENT_REPORT_DOUBTED && strstr(event->text, cause))
            count += 1 + event->more;
    }
    return count;
}

static void one_copy_is_told_of_once(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    remember(play, &record, 1, "shut");
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    record.told[0] = (struct mts_told){1, mts_hop_number(play->tables, "beta"), SPAN_LIT("somebody")};
    record.told_count = 1;
    assert_true(goes_on(play, report));
    record.told[1] = (struct mts_told){1, record.items[0].hop,
                                       arena_dup(&play->arena, event_of(play, MTS_EVENT_REPORT_IN)->name)};
    record.told_count = 2;
    assert_false(goes_on(play, report));
    assert_non_null(strstr(event_of(play, MTS_EVENT_DISCARDED)->text, "before"));
    assert_false(event_of(play, MTS_EVENT_DISCARDED)->strange);
    record.discarded = 16; /* so many that more of them would only lengthen the record */
    assert_false(goes_on(play, report));
    assert_true(event_of(play, MTS_EVENT_DISCARDED)->strange);
    /* In one report alike; and many names are no news without end. */
    record.told_count = 0;
    struct x411_PerRecipientReportTransferFields *fields = arena_array(&play->arena, 2000, sizeof *fields);
    for (size_t i = 0; i < 2000; i++)
        fields[i] = report->content.per_recipient_fields.items[0];
    report->content.per_recipient_fields.items = fields;
    report->content.per_recipient_fields.count = 2000;
    assert_true(goes_on(play, report));
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 1);
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 16); /* and all others are counted */
    assert_int_equal(all_doubted(play, "has reported on them before"), 1999);
    for (size_t i = 1990; i < 2000; i++)
        fields[i].originally_specified_recipient_number = 2; /* whose copy went elsewhere */
    assert_true(goes_on(play, report));
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 17);
    assert_int_equal(all_doubted(play, "has reported on them before"), 1989);
    assert_int_equal(all_doubted(play, "were not sent to"), 10);
    for (size_t i = 1990; i < 2000; i++)
        fields[i].originally_specified_recipient_number = 1;
    assert_true(goes_on(play, report));
    assert_int_equal(report_held(play, 0)->content.per_recipient_fields.count, 1);
    for (size_t i = 0; i < 2000; i++)
        fields[i].actual_recipient_name = name_of(play, arena_printf(&play->arena, CLOSED "/S=n%zu", i));
    assert_true(goes_on(play, report));
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 16);
    record.items[0].more = 2; /* three members of a list */
    assert_true(goes_on(play, report));
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 48);
    /* What was not read may have been more. */
    record.is_long = true;
    record.items[0].recipient = 9;
    assert_false(goes_on(play, report));
    assert_non_null(strstr(event_of(play, MTS_EVENT_DISCARDED)->text, "so many reports"));
}

/* Whoever knows or guesses what a message is called makes its record long by reports that are called so. */
static void a_report_takes_no_other_identifier(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    remember(play, &record, 1, "shut");
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    struct x411_GlobalDomainIdentifier *domain = &report->envelope.report_identifier.global_domain_identifier;
    *domain = domain_named(play, OURS);
    assert_int_equal(reports(play, report), MTS_INVALID);
    assert_non_null(strstr(play->out.cause, "of our domain"));
    assert_int_equal(play->out.event_count, 0);
    mts_accept_report(&play->run, mts_hop_number(play->tables, "inner"), report, &play->out);
    assert_int_equal(play->out.result, MTS_DECIDED);
    *domain = domain_named(play, BETA); /* of an MTA behind it, but a message is called so */
    assert_int_equal(reports(play, report), MTS_INVALID);
    assert_non_null(strstr(play->out.cause, "before it"));
    record.count = 0;
    record.others = 16;
    assert_int_equal(reports(play, report), MTS_INVALID);
    record.others = 15;
    assert_int_equal(reports(play, report), MTS_DECIDED);
    play->run.record = read_nothing;
    assert_int_equal(reports(play, report), MTS_NO_RECORD);
}

/* It came from here, went by there and comes again: whatever it tells is told by a later one that does not.
 */
static void a_report_that_loops_has_told_of_nobody(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    visit(play, &report->envelope.trace_information, OURS, VISIT);
    visit(play, &report->envelope.trace_information, CLOSED, VISIT);
    play->run.record = read_record;
    play->run.record_context = &record;
    assert_int_equal(reports(play, report), MTS_DECIDED);
    assert_true(event_of(play, MTS_EVENT_DISCARDED)->strange); /* nothing is recorded of its subject */
    remember(play, &record, 1, "shut");
    assert_int_equal(reports(play, report), MTS_DECIDED);
    assert_true(play->out.loop);
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 0);
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 2);
}

/* A true report is refused for now where memory ends, wherever that is, and not thrown away for good. */
static void memory_ends(struct play *play, const struct x411_Report *report) {
    enum { STEP = 512, ENOUGH = 512 * 1024 };
    size_t decided = 0, refused = 0;
    for (size_t room = 4096; room < ENOUGH; room += STEP) {
        struct arena small;
        struct mts_decisions out = {0};
        struct mts_run run = play->run;
        arena_init(&small, room);
        run.arena = &small;
        mts_accept_report(&run, mts_hop_number(play->tables, "shut"), report, &out);
        assert_true(out.result == MTS_NO_MEMORY || (out.result == MTS_DECIDED && out.object_count));
        refused += out.result == MTS_NO_MEMORY;
        decided += out.result == MTS_DECIDED;
        arena_free(&small);
    }
    assert_true(refused > 10 && decided > 10);
}

static void want_of_memory_discards_nothing(void **state) {
    enum { LISTS = 100 };
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    remember(play, &record, 1, "shut");
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    struct x411_OriginatorAndDLExpansion items[LISTS];
    struct x411_OriginatorAndDLExpansionHistory history = {.items = items, .count = LISTS};
    for (size_t i = 0; i < LISTS; i++)
        items[i] = (struct x411_OriginatorAndDLExpansion){
            .originator_or_dl_name = name_of(play, arena_printf(&play->arena, CLOSED "/O=list/S=n%zu", i)),
            .origination_or_expansion_time = utc(play, NOW - 60)};
    extend(play, &report->envelope.extensions, EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
           &x411_OriginatorAndDLExpansionHistory_type, &history, 0);
    memory_ends(play, report);
}

/* The record names so many lists that there is none for the keys of all. */
static void want_of_memory_for_the_record_discards_nothing(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE, .list = LIST, .other_lists = 200};
    cast(play);
    remember(play, &record, 1, "shut");
    struct x411_Report *report = report_on(play, LIST, CLOSED);
    came_from(play, report, ALICE, LIST);
    memory_ends(play, report);
}

/* The subject went to beta, was redirected there, and is reported by its next MTA straight to us: who reports
 * writes that trace, so that it proves nothing, and that MTA needs `transit`. */
static void the_intermediate_trace_proves_nothing(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    remember(play, &record, 1, "beta");
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    struct x411_TraceInformation *trace = &report->content.subject_intermediate_trace_information;
    visit(play, trace, OURS, VISIT);
    visit(play, trace, BETA, REDIRECTED);
    mts_accept_report(&play->run, mts_hop_number(play->tables, "shut"), report, &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 0);
    assert_int_equal(told(play, MTS_EVENT_REPORT_DOUBTED), 2);
    mts_accept_report(&play->run, mts_hop_number(play->tables, "other"), report, &play->out);
    assert_int_equal(told(play, MTS_EVENT_REPORT_IN), 2); /* which has it */
}

/* ---- what a report tells ---- */

static const struct x411_ORName *meant_for(struct play *play, const struct x411_Report *report,
                                           const char *actual, const char *intended) {
    struct x411_PerRecipientReportTransferFields *fields = report->content.per_recipient_fields.items;
    struct x411_ORName name = intended ? name_of(play, intended) : (struct x411_ORName){0};
    fields->actual_recipient_name = name_of(play, actual);
    fields->originally_intended_recipient_name = intended ? &name : NULL;
    assert_true(goes_on(play, report));
    return reported(report_held(play, 0), 1)->originally_intended_recipient_name;
}

static bool is_name(struct play *play, const struct x411_ORName *name, const char *wanted) {
    struct x411_ORName other = name_of(play, wanted);
    return name && address_equal(&play->arena, name, &other);
}

/* A number ties it to a copy: whom that was for stands in the report, whoever else does. */
static void a_report_names_whom_the_copy_was_for(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    cast(play);
    remember(play, &record, 1, "shut");
    record.items[0].name = SPAN_LIT("/s=SVEN/a=shut/c=se");
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    report->content.per_recipient_fields.count = 1;
    assert_null(meant_for(play, report, CLOSED "/S=sven", NULL));
    assert_true(is_name(play, meant_for(play, report, CLOSED "/S=sven", EVA), EVA));
    assert_true(is_name(play, meant_for(play, report, FRANK, NULL), CLOSED "/S=sven"));
    assert_true(is_name(play, meant_for(play, report, FRANK, CLOSED "/S=sven"), CLOSED "/S=sven"));
    /* He may have been somebody else's alternate before. */
    assert_true(is_name(play, meant_for(play, report, FRANK, EVA), EVA));
    record.as_written = true;
    assert_true(is_name(play, meant_for(play, report, FRANK, EVA), CLOSED "/S=sven"));
    record.items[0].more = 1; /* members of a list have many names */
    assert_null(meant_for(play, report, FRANK, NULL));
    record.items[0].more = 0;
    record.items[0].name = SPAN_LIT("");
    assert_null(meant_for(play, report, FRANK, NULL));
}

/* What a list's owner hears the originator need not have asked for. */
static void a_peer_makes_nobody_a_lists_owner(void **state) {
    struct play *play = *state;
    struct record record = {.originator = ALICE};
    struct x411_ORName list = name_of(play, CLOSED "/S=list");
    cast(play);
    remember(play, &record, 1, "shut");
    struct x411_Report *report = report_on(play, ALICE, CLOSED);
    extend(play, &report->envelope.extensions, EXT_REPORTING_DL_NAME, &x411_ReportingDLName_type, &list, 0);
    assert_true(goes_on(play, report)); /* he gets what he asked for */
    assert_null(extension_find(&report_held(play, 0)->envelope.extensions, EXT_REPORTING_DL_NAME));
    for (int i = 0; i < 2; i++)
        report->content.per_recipient_fields.items[i].per_recipient_indicators = bits(play, WANTS_NDN);
    assert_false(goes_on(play, report));
    assert_non_null(strstr(event_of(play, MTS_EVENT_DISCARDED)->text, "did not ask"));
    mts_accept_report(&play->run, mts_hop_number(play->tables, "beta"), report, &play->out);
    assert_int_equal(play->out.object_count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_peer_sends_for_those_it_speaks_for),
        SCENE(a_peer_sends_to_us),
        SCENE(a_directory_name_is_no_way_round),
        SCENE(a_directory_name_is_no_way_later),
        SCENE(an_alternate_is_no_way_round),
        SCENE(an_originator_of_ours_passes_no_permission),
        SCENE(a_history_of_its_own_passes_no_originator),
        SCENE(a_history_of_ours_passes_no_permission),
        SCENE(what_went_out_may_come_back),
        SCENE(what_went_out_of_others_may_come_back),
        SCENE(nobody_else_gives_identifiers_of_ours),
        SCENE(a_peer_gives_identifiers_of_those_it_speaks_for),
        SCENE(who_has_too_many_extensions_is_refused),
        SCENE(a_forged_loop_makes_no_report),
        SCENE(nobody_is_judged_by_a_record_that_cannot_be_read),
        SCENE(a_report_is_believed_of_what_was_routed_there),
        SCENE(what_was_not_sent_yet_is_not_reported),
        SCENE(a_report_goes_to_whom_the_record_names),
        SCENE(one_copy_is_told_of_once),
        SCENE(a_report_names_whom_the_copy_was_for),
        SCENE(a_peer_makes_nobody_a_lists_owner),
        SCENE(a_report_takes_no_other_identifier),
        SCENE(a_report_that_loops_has_told_of_nobody),
        SCENE(want_of_memory_discards_nothing),
        SCENE(want_of_memory_for_the_record_discards_nothing),
        SCENE(the_intermediate_trace_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
