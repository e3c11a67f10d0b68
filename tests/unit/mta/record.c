/* What the rules ask of the record: whether it can be read, and whether what was routed was sent. */
#include "disk.h"

/* beta may send for its own users only, and brings back what went out; loops are not looked for. */
static struct mts_tables *strict_tables(void) {
    struct error err = {0};
    struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF};
    struct mts_tables *tables = mts_tables_new(&self, &err);
    assert_non_null(tables);
    assert_true(mts_tables_add_hop(
        tables, &(struct mts_hop){.name = "beta", .domain = BETA, .dont_check_loops = true}, &err));
    route_to(tables, OURS, NULL);
    route_to(tables, BETA, "beta");
    assert_true(mts_tables_add_user(tables, &(struct mts_user){.address = SMITH, .mailbox = SMITH}, &err));
    return tables;
}

/* Every event's row is spoilt under the running switch. */
static void spoil_the_record(const struct world *world) {
    assert_true(
        place_spoil(world->place, "UPDATE event SET data = x'ff'", "ALTER TABLE event RENAME TO lost"));
}

static enum ipc_result take(struct world *world) {
    send_whole(world, 1, envelope_to(world, WANTS_NDN, SMITH, NULL), SPAN_LIT("content"));
    return result_of(world, 1);
}

/* What the record knows nothing of is refused for good; where nobody can tell, for now. */
static void what_comes_back_waits_for_the_record(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    world_stop(&world);
    mts_tables_free(world.config.tables);
    world.config.tables = strict_tables();
    world.config.peer_count = 1;
    world_start(&world);
    associate(&world, 1, "beta");
    assert_int_equal(take(&world), IPC_ACCEPTED);
    world.originator = FRANK; /* for one of ours, under beta's identifier, the record need not be asked */
    world.were_here = true;
    world.messages = 0; /* by the identifier of the first, which came from elsewhere */
    assert_int_equal(take(&world), IPC_REFUSED);
    spoil_the_record(&world);
    world.messages = 0;
    assert_int_equal(take(&world), IPC_REFUSED_TEMPORARILY);
    world_end(&world);
}

/* ---- reports ---- */

/* beta's report on the message of that local identifier, that recipient 1 has it, whom it names so. */
static struct span report_of(struct world *world, struct span local, struct span subject, const char *whom) {
    struct x411_Report report = {0};
    struct x411_PerRecipientReportTransferFields fields = {.actual_recipient_name = name_of(world, whom),
                                                           .originally_specified_recipient_number = 1};
    struct x411_GlobalDomainIdentifier domain = {0};
    struct span octets, at;
    assert_true(domain_parse(span_str(BETA), &world->arena, &domain, NULL));
    assert_true(ber_utctime_write(clock_now_us() / 1000000, &world->arena, &at));
    report.envelope.report_identifier.global_domain_identifier = domain;
    report.envelope.report_identifier.local_identifier = local;
    report.envelope.report_destination_name = name_of(world, world->originator ? world->originator : FRANK);
    report.envelope.trace_information.items = trace_of(world, domain);
    report.envelope.trace_information.count = 1;
    report.content.subject_identifier.global_domain_identifier = domain;
    report.content.subject_identifier.local_identifier = subject;
    fields.per_recipient_indicators.octets = arena_dup(&world->arena, SPAN_LIT("\xD0"));
    fields.last_trace_information.arrival_time = at;
    fields.last_trace_information.report_type.choice = x411_ReportType_delivery;
    fields.last_trace_information.report_type.u.delivery.message_delivery_time = at;
    report.content.per_recipient_fields.items = &fields;
    report.content.per_recipient_fields.count = 1;
    assert_true(ber_encode_arena(&x411_Report_type, &report, &world->arena, &octets, NULL));
    return octets;
}

static void send_apdu(struct world *world, uint64_t ref, enum ipc_apdu kind, struct span octets) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u32(&payload, ++world->transfer);
    buf_append_byte(&payload, (uint8_t)kind);
    payload_put_octets(&payload, SPAN_LIT("\2\1\1"));
    payload_put_octets(&payload, octets);
    tell(world, IPC_TRANSFER_WHOLE, ref, buf_span(&payload),
         kind == IPC_APDU_MESSAGE ? SPAN_LIT("content") : NOTHING);
    buf_free(&payload);
}

/* Of the first message of the world, on beta's association 2. */
static void report(struct world *world) {
    struct span own = span_str(arena_printf(&world->arena, "r-%u", ++world->messages));
    send_apdu(world, 2, IPC_APDU_REPORT, report_of(world, own, SPAN_LIT("m-1"), EVA));
    assert_int_equal(result_of(world, 2), IPC_ACCEPTED);
}

#define LIST OURS "/S=all"

static void add_list(struct world *world, size_t count) {
    const char **members = arena_array(&world->arena, count, sizeof *members);
    struct error err = {0};
    for (size_t i = 0; i < count; i++)
        members[i] = arena_printf(&world->arena, "%s/S=n%zu", BETA, i);
    struct mts_dl list = {.address = LIST, .members = members, .member_count = count};
    assert_true(mts_tables_add_dl(world->config.tables, &list, &err));
}

/* The originator's message, by way of gamma; its copy for beta waits, and so does what beta reports of it
 * when that is believed. `members`: of the list that it is for; 0: it is for eva. */
static void begin_relay_from(struct world *world, const char *originator, size_t members) {
    struct error err = {0};
    world_begin(world);
    world->patience = members ? -1 : 0; /* a long list is long work, on a busy machine above all */
    world_stop(world);
    mts_tables_free(world->config.tables);
    world->config.tables = strict_tables();
    assert_true(mts_tables_add_hop(
        world->config.tables, &(struct mts_hop){.name = "gamma", .domain = GAMMA, .transit = true}, &err));
    route_to(world->config.tables, GAMMA, "gamma");
    if (members)
        add_list(world, members);
    world_start(world);
    client(world, 1, 0);
    associate(world, 1, "gamma");
    associate(world, 2, "beta");
    world->originator = originator;
    send_whole(world, 1, envelope_to(world, WANTS_REPORT, members ? LIST : EVA, NULL), SPAN_LIT("content"));
    assert_int_equal(result_of(world, 1), IPC_ACCEPTED);
    assert_int_equal(queued(world), 1);
}

static void begin_relay(struct world *world) {
    begin_relay_from(world, FRANK, 0);
}

/* The copy is being sent, on association 3. */
static void begin_sending(struct world *world) {
    begin_relay(world);
    sets_out(world, 3, "beta");
}

/* beta reports on that message, after which the queue has so many copies. */
static void reports(struct world *world, json_int_t copies) {
    report(world);
    assert_int_equal(queued(world), copies);
}

static bool is_told(struct world *world, const char *text) {
    json_t *track = ask(world, "{\"operation\":\"track\",\"mts-identifier\":\"m-1\"}");
    char *all = json_dumps(track, JSON_COMPACT);
    bool told = strstr(all, text) != NULL;
    free(all);
    json_decref(track);
    return told;
}

/* One that comes before its subject left is nothing; one that overtakes the transfer's end counts, once. (One
 * after it: a_report_on_a_long_list_is_believed.) */
static void a_report_is_of_what_was_sent(void **state) {
    struct world world;
    (void)state;
    begin_relay(&world);
    reports(&world, 1);
    sets_out(&world, 3, "beta");
    reports(&world, 2);
    sent(&world, 3, IPC_SENT);
    EVENTUALLY(queued(&world) == 1);
    reports(&world, 1); /* another report on the same copy is no news */
    assert_true(is_told(&world, "before"));
    world_abandon(&world);
}

/* So it is after the end of the process: a copy that may have arrived may be told of. */
static void a_report_is_of_what_is_in_doubt(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    world_kill(&world);
    begin_again(&world);
    associate(&world, 2, "beta");
    reports(&world, 2);
    world_abandon(&world);
}

/* However many members of a list are in the record before it, the copy is found. */
static void a_report_on_a_long_list_is_believed(void **state) {
    struct world world;
    (void)state;
    begin_relay_from(&world, FRANK, 66000);
    goes_out(&world, 3, "beta");
    while (queued(&world) != 0)
        usleep(5000);
    reports(&world, 1);
    world_abandon(&world);
}

/* ---- what could not be written at once ---- */

/* I6: that the copy was sent is written with the removal of its row, by whichever try that is. */
static void a_report_is_of_what_was_confirmed_while_the_disk_was_full(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    fill_disk(&world);
    sent(&world, 3, IPC_SENT);
    EVENTUALLY(is_refusing(&world));
    assert_int_equal(queued(&world), 1);
    assert_false(is_told(&world, "\"transferred\""));
    empty_disk(&world);
    EVENTUALLY(queued(&world) == 0 && !is_refusing(&world));
    assert_true(is_told(&world, "\"transferred\""));
    reports(&world, 1);
    world_abandon(&world);
}

/* The same of one that the next process finds in doubt: the peer's confirmation of the repeat says it. */
static void a_report_is_of_what_was_confirmed_again(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    fill_disk(&world);
    sent(&world, 3, IPC_SENT);
    EVENTUALLY(is_refusing(&world));
    world_stop(&world); /* in good order */
    empty_disk(&world);
    begin_again(&world);
    assert_int_equal(copies_in(&world, "in-doubt"), 1);
    goes_out(&world, 3, "beta");
    EVENTUALLY(queued(&world) == 0);
    assert_true(is_told(&world, "\"transferred\""));
    associate(&world, 2, "beta");
    reports(&world, 1);
    world_abandon(&world);
}

static void delete_all(struct world *world) {
    json_t *answer = ask(world, "{\"operation\":\"queue-delete\",\"all\":true,\"limit\":10,\"reason\":"
                                "\"test\",\"may-arrive-twice\":true}");
    assert_int_equal(number_at(answer, "changed", NULL), 1);
    json_decref(answer);
    expect_drained(world);
}

/* It may have arrived, whatever became of it here: an earlier process began to send it. */
static void a_report_is_of_what_was_in_doubt_to_its_end(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    world_kill(&world);
    begin_again(&world);
    delete_all(&world);
    associate(&world, 2, "beta");
    reports(&world, 1);
    world_abandon(&world);
}

/* Or that it is in doubt could not be written. */
static void a_report_is_of_what_came_in_doubt_while_the_disk_was_full(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    fill_disk(&world);
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    EVENTUALLY(is_refusing(&world));
    empty_disk(&world);
    EVENTUALLY(!is_refusing(&world));
    delete_all(&world);
    reports(&world, 1);
    world_abandon(&world);
}

/* What was said of it once is not said again at its end. */
static void a_doubt_is_recorded_once(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    close_association(&world, 3, IPC_CLOSE_BROKEN);
    EVENTUALLY(is_told(&world, "\"in-doubt\""));
    send_whole(&world, 1, envelope_to(&world, 0, OURS "/S=nobody", NULL), SPAN_LIT("content"));
    result_of(&world, 1); /* by now the switch knows, too, that it is on disk */
    delete_all(&world);
    assert_false(is_told(&world, "it may have arrived there"));
    world_end(&world);
}

/* ---- what is told ---- */

static void whom_nobody_knows_is_named(void **state) {
    struct world world;
    (void)state;
    begin_with_operator(&world);
    comes_in(&world, OURS "/S=nobody");
    assert_true(is_told(&world, "\"non-delivered\""));
    assert_true(is_told(&world, "\"address\":\"/"));
    assert_true(is_told(&world, "S=nobody"));
    world_end(&world);
}

/* Discarded ones, however many, do not make the record so long that what is true is not found in it. */
static void discarded_reports_leave_the_record_short(void **state) {
    struct world world;
    (void)state;
    begin_relay(&world);
    for (int i = 0; i < 1030; i++)
        report(&world);
    assert_true(is_told(&world, "no copy of its subject was sent"));
    assert_false(is_told(&world, "so many reports"));
    sets_out(&world, 3, "beta");
    reports(&world, 2);
    world_abandon(&world);
}

static size_t told_times(struct world *world, const char *text) {
    json_t *track = ask(world, "{\"operation\":\"track\",\"mts-identifier\":\"m-1\"}");
    char *all = json_dumps(track, JSON_COMPACT);
    size_t times = 0;
    for (const char *at = all; (at = strstr(at, text)); at++)
        times++;
    free(all);
    json_decref(track);
    return times;
}

/* However often a peer is refused under a message's identifier, what became of the message is told. */
static void refusals_hide_nothing_of_the_message(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    for (int i = 0; i < 1010; i++) {
        world.messages = 0;
        send_whole(&world, 2, envelope_to(&world, WANTS_NDN, SMITH, NULL), SPAN_LIT("content"));
        assert_int_equal(result_of(&world, 2), IPC_REFUSED); /* beta does not send for frank */
    }
    sent(&world, 3, IPC_SENT);
    EVENTUALLY(queued(&world) == 0);
    assert_int_equal(told_times(&world, "\"refused\""), 1000);
    assert_true(is_told(&world, "\"transferred\""));
    assert_true(is_told(&world, "\"truncated\":true"));
    world_end(&world);
}

/* As long as addresses get, and longer than what else is recorded. */
static void an_originator_with_a_long_address_has_his_reports(void **state) {
    static const char part[] = "abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789"
                               "abcdefghij0123456789abcdefghij0123456789abcdefghij0123456789";
    char address[800];
    struct world world;
    (void)state;
    snprintf(address, sizeof address, GAMMA "/S=frank/DD.a=%s/DD.b=%s/DD.c=%s/DD.d=%s", part, part, part,
             part);
    begin_relay_from(&world, address, 0);
    sets_out(&world, 3, "beta");
    reports(&world, 2);
    world_abandon(&world);
}

/* The record says for whom the copy was. */
static void a_report_bears_the_recorded_name(void **state) {
    struct world world;
    (void)state;
    begin_sending(&world);
    send_apdu(&world, 2, IPC_APDU_REPORT,
              report_of(&world, SPAN_LIT("r"), SPAN_LIT("m-1"), BETA "/S=somebody"));
    assert_int_equal(result_of(&world, 2), IPC_ACCEPTED);
    struct outgoing out = sets_out(&world, 4, "gamma");
    assert_non_null(memmem(out.prefix.data, out.prefix.len, "somebody", 8));
    assert_non_null(memmem(out.prefix.data, out.prefix.len, "eva", 3));
    world_abandon(&world);
}

/* ---- identifiers that are no key ---- */

/* A local identifier with which one of beta's has `length` octets as text. */
static struct span local_for(struct world *world, size_t length) {
    struct x411_MTSIdentifier identifier = {0};
    struct buf text;
    char many[1200];
    buf_init(&text, 0);
    memset(many, 'a', sizeof many);
    assert_true(domain_parse(span_str(BETA), &world->arena, &identifier.global_domain_identifier, NULL));
    assert_true(mts_identifier_print(&identifier, &text) && length >= text.len);
    struct span local = arena_dup(&world->arena, span_of(many, length - text.len));
    buf_free(&text);
    return local;
}

static struct span message_of(struct world *world, struct span local) {
    struct x411_MessageTransferEnvelope envelope = {0};
    struct span octets = envelope_to(world, WANTS_NDN, SMITH, NULL);
    assert_true(ber_decode(&x411_MessageTransferEnvelope_type, octets, &world->arena, NULL, &envelope, NULL));
    envelope.message_identifier.local_identifier = local;
    envelope.message_identifier.raw = envelope.raw = NOTHING;
    assert_true(
        ber_encode_arena(&x411_MessageTransferEnvelope_type, &envelope, &world->arena, &octets, NULL));
    return octets;
}

static struct span probe_of(struct world *world, struct span local) {
    struct x411_MessageTransferEnvelope envelope = {0};
    struct x411_PerRecipientProbeTransferFields fields = {.recipient_name = name_of(world, SMITH),
                                                          .originally_specified_recipient_number = 1};
    struct x411_ProbeTransferEnvelope probe = {0};
    struct span octets = message_of(world, local);
    assert_true(ber_decode(&x411_MessageTransferEnvelope_type, octets, &world->arena,
                           &(struct ber_limits){.relax_bounds = true}, &envelope, NULL));
    probe.probe_identifier = envelope.message_identifier;
    probe.originator_name = envelope.originator_name;
    probe.content_type = envelope.content_type;
    probe.trace_information = envelope.trace_information;
    fields.per_recipient_indicators = envelope.per_recipient_fields.items[0].per_recipient_indicators;
    probe.per_recipient_fields.items = &fields;
    probe.per_recipient_fields.count = 1;
    assert_true(ber_encode_arena(&x411_ProbeTransferEnvelope_type, &probe, &world->arena, &octets, NULL));
    return octets;
}

static void comes_with(struct world *world, enum ipc_apdu kind, struct span octets, bool refused) {
    send_apdu(world, 1, kind, octets);
    struct reader r = expect(world, IPC_TRANSFER_RESULT, 1);
    reader_u32(&r);
    assert_int_equal(reader_u8(&r), refused ? IPC_REFUSED : IPC_ACCEPTED);
    struct span cause = payload_octets(&r);
    assert_int_equal(memmem(cause.data, cause.len, "1023", 4) != NULL, refused);
}

/* With relaxed bounds an identifier has any length: for good, and why, is refused what would be at each try.
 */
static void an_identifier_too_long_is_refused_for_good(void **state) {
    struct world world;
    (void)state;
    begin_relaxed(&world);
    for (size_t length = 1023; length <= 1024; length++) {
        struct span local = local_for(&world, length), other = local_for(&world, 100);
        bool refused = length == 1024;
        comes_with(&world, IPC_APDU_MESSAGE, message_of(&world, local), refused);
        comes_with(&world, IPC_APDU_PROBE, probe_of(&world, local), refused);
        comes_with(&world, IPC_APDU_REPORT, report_of(&world, local, other, EVA), refused);
        comes_with(&world, IPC_APDU_REPORT, report_of(&world, other, local, EVA), refused);
    }
    world_end(&world);
}

/* A page of the last messages, behind `after`: notes the identifiers' ends in `names`; the cursor. */
static json_int_t page_of(struct world *world, json_int_t after, char *names) {
    uint64_t ref = (uint64_t)1 << 32 | 5;
    json_int_t cursor = 0;
    char request[80];
    bool last = false;
    snprintf(request, sizeof request,
             "{\"operation\":\"track\",\"recent\":9,\"after\":%" JSON_INTEGER_FORMAT "}", after);
    tell(world, IPC_REQUEST, ref, NOTHING, span_str(request));
    while (!last) {
        struct reader r = expect(world, IPC_RESPONSE, ref);
        last = reader_u8(&r);
        struct span text = payload_rest(&r);
        json_t *part = json_loadb((const char *)text.data, text.len, 0, NULL), *message;
        size_t i;
        json_array_foreach(json_object_get(part, "messages"), i, message) {
            const char *name = json_string_value(json_object_get(message, "mts-identifier"));
            if (!json_object_get(message, "continued"))
                strncat(names, strchr(name, ';'), 5);
        }
        cursor += json_integer_value(json_object_get(part, "cursor"));
        json_decref(part);
    }
    return cursor;
}

/* So that others need not wait for all of them. */
static void long_histories_come_in_several_answers(void **state) {
    struct world world;
    char names[40] = "";
    (void)state;
    begin_relay_from(&world, FRANK, 3500);
    for (int i = 0; i < 3; i++) {
        send_whole(&world, 1, envelope_to(&world, WANTS_REPORT, LIST, NULL), SPAN_LIT("content"));
        assert_int_equal(result_of(&world, 1), IPC_ACCEPTED);
    }
    json_int_t cursor = page_of(&world, 0, names);
    assert_string_equal(names, ";m-4];m-3];m-2]");
    assert_true(cursor);
    assert_false(page_of(&world, cursor, names));
    assert_string_equal(names, ";m-4];m-3];m-2];m-1]");
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_waits_for_the_record),
        cmocka_unit_test(a_report_is_of_what_was_sent),
        cmocka_unit_test(a_report_is_of_what_is_in_doubt),
        cmocka_unit_test(a_report_on_a_long_list_is_believed),
        cmocka_unit_test(a_report_is_of_what_was_confirmed_while_the_disk_was_full),
        cmocka_unit_test(a_report_is_of_what_was_confirmed_again),
        cmocka_unit_test(a_report_is_of_what_was_in_doubt_to_its_end),
        cmocka_unit_test(a_report_is_of_what_came_in_doubt_while_the_disk_was_full),
        cmocka_unit_test(a_doubt_is_recorded_once),
        cmocka_unit_test(whom_nobody_knows_is_named),
        cmocka_unit_test(discarded_reports_leave_the_record_short),
        cmocka_unit_test(refusals_hide_nothing_of_the_message),
        cmocka_unit_test(an_originator_with_a_long_address_has_his_reports),
        cmocka_unit_test(a_report_bears_the_recorded_name),
        cmocka_unit_test(an_identifier_too_long_is_refused_for_good),
        cmocka_unit_test(long_histories_come_in_several_answers),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
