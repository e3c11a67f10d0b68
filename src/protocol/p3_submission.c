/*
 * Operations of a user that come in. The argument of message-submission is a
 * SEQUENCE of envelope and content (X.411 §8.2.1.1): the envelope goes to the
 * store process when the content begins, the content as it comes. Any other
 * argument is short, and goes whole. What they hold is decoded there.
 */
#include "protocol/p3_private.h"
#include "schema/x411p3.h"
#include "schema/x413.h"
#include "schema/x419.h"

/* Who sends arguments that are none over and over again is not at work. */
#define FAULTS_MOST 16

/* Most octets of an argument that is no submission. */
#define ARGUMENT_MOST ((size_t)64 * 1024)

static const struct ber_plan *plan(void) {
    static const struct ber_path content = {.components = "content"};
    static struct ber_plan made;
    if (!made.count && !ber_plan_init(&made, &x411p3_MessageSubmissionArgument_type, &content, 1))
        made.count = 0;
    return &made;
}

static void tell(struct p3 *p3, enum ipc_type type, struct span head, struct span body) {
    struct connection *c = p3->connection;
    if (!net_store_send(c->net, type, c->ref, head, body))
        osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                              "the store process can't take more");
}

/* To the MTS, or to a message store of 1994, whose operations have the same codes. */
static bool is_submission(const struct osi_ro *ro) {
    return ro->syntax == OSI_SYNTAX_MSSE || ro->syntax == OSI_SYNTAX_MS_MSSE;
}

static bool is_message(const struct p3 *p3) {
    return is_submission(&p3->ro) && p3->ro.code == x419_op_message_submission;
}

static bool is_probe(const struct p3 *p3) {
    return is_submission(&p3->ro) && p3->ro.code == x419_op_probe_submission;
}

/* As the store process knows the other operations. */
static enum ipc_user_operation operation_of(const struct osi_ro *ro) {
    if (is_submission(ro))
        return IPC_USER_CANCEL;
    if (ro->syntax == OSI_SYNTAX_MDSE_88)
        return IPC_USER_DELIVERY_CONTROL_88;
    if (ro->syntax == OSI_SYNTAX_MDSE_94)
        return IPC_USER_DELIVERY_CONTROL;
    return ro->code == x419_op_change_credentials ? IPC_USER_CHANGE_CREDENTIALS
           : ro->syntax == OSI_SYNTAX_MASE_88     ? IPC_USER_REGISTER_88
                                                  : IPC_USER_REGISTER;
}

bool p3_tell_cut(const struct p3 *p3) {
    bool comes = p3->coming && p3->ro.kind == OSI_RO_INVOKE && (is_message(p3) || is_probe(p3));
    if (comes)
        connection_log_once(p3->connection, LOG_LEVEL_NOTICE,
                            "the stop cuts a submission that comes in, and is not answered");
    return comes;
}

void p3_forget_argument(struct p3 *p3) {
    ber_scanner_free(&p3->scanner);
    buf_free(&p3->gathered);
}

static void stop_telling(struct p3 *p3) {
    struct span none = {NULL, 0};
    if (p3->told) {
        tell(p3, IPC_USER_SUBMIT_STOP, none, none);
        p3_number_free(p3, p3->submission);
    }
    p3->told = false;
}

/* ---- a submission ---- */

static void tell_begin(struct p3 *p3, enum ipc_submission kind, struct span envelope) {
    struct buf head;
    uint32_t number = p3_number(p3, &p3->ro);
    if (!number) {
        p3->in = P3_OVER;
        return;
    }
    buf_init(&head, 0);
    buf_append_u32(&head, number);
    buf_append_byte(&head, (uint8_t)kind);
    p3_number_weighs(p3, number, envelope.len);
    tell(p3, IPC_USER_SUBMIT_BEGIN, buf_span(&head), envelope);
    buf_free(&head);
    p3->told = true;
    p3->submission = number;
}

/* The elements of an argument as far as it came: true if the first of them is `*envelope`; `*last` is the
 * last, and `*count` gets how many there are, the content, empty, among them. */
static bool envelope_of(struct span argument, struct span *envelope, struct span *last, size_t *count) {
    struct ber_element element;
    enum ber_error_code why;
    *count = 0;
    if (!ber_element_read(argument, &element, &why))
        return false;
    struct span rest = ber_element_contents(argument, &element);
    for (; rest.len; ++*count) {
        if (!ber_element_read(rest, &element, &why))
            return false;
        if (*count == 0)
            *envelope = span_sub(rest, 0, element.total);
        *last = span_sub(rest, 0, element.total);
        rest = span_sub(rest, element.total, SIZE_MAX);
    }
    return *count > 0;
}

static bool on_field(void *context, unsigned path, struct span head) {
    struct p3 *p3 = context;
    struct buf argument;
    struct span envelope, last;
    size_t count;
    (void)path, (void)head;
    buf_init(&argument, 0);
    bool found = ber_scanner_envelope(&p3->scanner, &argument) &&
                 envelope_of(buf_span(&argument), &envelope, &last, &count) && envelope.len &&
                 envelope.data[0] == 0x31; /* a SET */
    if (found)
        tell_begin(p3, IPC_SUBMISSION_MESSAGE, envelope);
    buf_free(&argument);
    return found;
}

static bool on_octets(void *context, struct span octets) {
    struct p3 *p3 = context;
    while (octets.len && p3->told) {
        struct span piece = span_sub(octets, 0, IPC_CHUNK);
        tell(p3, IPC_USER_SUBMIT_CONTENT, piece, (struct span){NULL, 0});
        octets = span_sub(octets, piece.len, SIZE_MAX);
    }
    return true;
}

static void scan(struct p3 *p3, struct span data) {
    static const struct ber_scan_handler handler = {on_field, on_octets};
    if (ber_scanner_feed(&p3->scanner, data, &handler, p3))
        return;
    p3->in = p3->scanner.over_limit ? P3_OVER : P3_FAULTY;
    stop_telling(p3);
}

enum options { NO_OPTIONS, OPTIONS_IN_VAIN, NONE_OF_OPTIONS };

/* What a user of a store asks of it beside the submission (X.413 §8.3.1.1). No copy of what is submitted is
 * kept, nor is there a group: who asks for that is refused. Auto-modify is not done to anybody. */
static enum options read_options(struct span element) {
    struct x413_MSSubmissionOptions options = {.raw = {NULL, 0}};
    struct ber_element tag;
    enum ber_error_code why;
    struct arena arena;
    if (!element.len || element.data[0] != 0xA4 || !ber_element_read(element, &tag, &why))
        return NONE_OF_OPTIONS;
    arena_init(&arena, (size_t)1 << 20);
    bool decoded = ber_decode(&x413_MSSubmissionOptions_type, ber_element_contents(element, &tag), &arena,
                              NULL, &options, NULL);
    arena_free(&arena);
    if (!decoded)
        return NONE_OF_OPTIONS;
    return options.has_object_entry_class || options.add_message_group_names.count ||
                   options.ms_submission_extensions.count
               ? OPTIONS_IN_VAIN
               : NO_OPTIONS;
}

/* The content ends the argument, or the options of who submits to a store of 1994 do. */
static bool is_whole(struct p3 *p3, enum options *options) {
    struct buf argument;
    struct span envelope, last = {NULL, 0};
    size_t count = 0;
    buf_init(&argument, 0);
    bool whole = ber_scanner_finish(&p3->scanner) && ber_scanner_envelope(&p3->scanner, &argument) &&
                 envelope_of(buf_span(&argument), &envelope, &last, &count) && p3->scanner.found;
    bool more = count == 3 && p3->ro.syntax == OSI_SYNTAX_MS_MSSE;
    *options = whole && more ? read_options(last) : NO_OPTIONS;
    buf_free(&argument);
    return whole && (count == 2 || more) && *options != NONE_OF_OPTIONS;
}

/* ---- the operation ---- */

/* X.413's, with the problem unwilling-to-perform. */
#define SERVICE_ERROR 27

static void gather(struct p3 *p3, struct span data) {
    size_t most = is_probe(p3) ? p3->connection->net->config->envelope_octets : ARGUMENT_MOST;
    if (p3->gathered.len + data.len > most || !buf_append_span(&p3->gathered, data))
        p3->in = P3_OVER;
}

void p3_begin(struct p3 *p3, const struct osi_ro *ro) {
    p3->ro = *ro;
    p3->coming = true;
    p3->told = false;
    p3->in = P3_NOTHING;
    p3_forget_argument(p3);
    buf_init_secret(&p3->gathered, 0); /* of change-credentials it holds passwords */
    if (ro->kind != OSI_RO_INVOKE) {   /* of a control, which asks for nothing, or of a delivery */
        p3->in = p3_delivery_answers(p3, ro) ? P3_ANSWERS : P3_NOTHING;
        return;
    }
    p3->in = !ro->has_parameter ? P3_FAULTY : is_message(p3) ? P3_STREAMS : P3_GATHERS;
    if (p3->in == P3_STREAMS)
        ber_scanner_init(&p3->scanner, plan(), p3->connection->net->config->envelope_octets);
}

void p3_data(struct p3 *p3, struct span data) {
    if (p3->in == P3_STREAMS)
        scan(p3, data);
    else if (p3->in == P3_GATHERS || p3->in == P3_ANSWERS)
        gather(p3, data);
}

static void refuse_fault(struct p3 *p3) {
    p3_reject(p3, &p3->ro, OSI_RO_MISTYPED_ARGUMENT);
    connection_log(p3->connection, LOG_LEVEL_INFO, "operation rejected: its argument is not of its type");
    if (++p3->faults > FAULTS_MOST)
        osi_association_abort(p3->connection->association, OSI_ABORT_USER_ERROR,
                              "too many arguments that are not of their types");
}

static void end_gathered(struct p3 *p3) {
    struct buf head;
    struct span none = {NULL, 0};
    if (is_probe(p3)) {
        tell_begin(p3, IPC_SUBMISSION_PROBE, buf_span(&p3->gathered));
        if (p3->told)
            tell(p3, IPC_USER_SUBMIT_END, none, none);
        return;
    }
    uint32_t number = p3_number(p3, &p3->ro);
    if (!number) {
        p3->in = P3_OVER;
        return;
    }
    buf_init(&head, 0);
    buf_append_u32(&head, number);
    buf_append_byte(&head, (uint8_t)operation_of(&p3->ro));
    p3_number_weighs(p3, number, p3->gathered.len);
    tell(p3, IPC_USER_REQUEST, buf_span(&head), buf_span(&p3->gathered));
    buf_free(&head);
}

static void end_message(struct p3 *p3) {
    struct span none = {NULL, 0};
    enum options options;
    if (!is_whole(p3, &options)) {
        stop_telling(p3);
        p3->in = P3_FAULTY;
    } else if (options == OPTIONS_IN_VAIN) {
        stop_telling(p3);
        p3_error(p3, &p3->ro, SERVICE_ERROR, SPAN_LIT("\x31\x05\xA0\x03\x02\x01\x02"));
    } else if (p3->told) {
        tell(p3, IPC_USER_SUBMIT_END, none, none);
    }
}

void p3_end(struct p3 *p3) {
    p3->coming = false;
    if (p3->ro.kind != OSI_RO_INVOKE) {
        if (p3_delivery_answers(p3, &p3->ro))
            p3_delivery_answered(p3);
        p3_push(p3);
        p3->in = P3_NOTHING;
        p3_forget_argument(p3);
        return;
    }
    if (p3->in == P3_STREAMS)
        end_message(p3);
    else if (p3->in == P3_GATHERS)
        end_gathered(p3);
    if (p3->in == P3_FAULTY)
        refuse_fault(p3);
    else if (p3->in == P3_OVER)
        p3_reject(p3, &p3->ro, OSI_RO_RESOURCE_LIMITATION);
    else
        p3->faults = 0;
    p3->in = P3_NOTHING;
    p3->told = false;
    p3_forget_argument(p3);
}

void p3_dropped(struct p3 *p3) {
    p3->coming = false;
    stop_telling(p3);
    p3->in = P3_NOTHING;
    p3_forget_argument(p3);
}
