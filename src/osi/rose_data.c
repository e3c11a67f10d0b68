/* ROSE over presentation: each PDU is one P-DATA (X.229 §8.1); bind and unbind are ACSE's user information.
 */
#include "osi/pdata.h"
#include "osi/rose_private.h"
#include "schema/x226.h"

#define USER_DATA_LIMIT 1024 /* octets of presentation user data that are none of the PDU */

/* ---- P-DATA out ---- */

static bool begin(struct osi_association *a, enum osi_syntax syntax) {
    a->rose->out_syntax = syntax;
    a->rose->out_ssdu = false;
    return true;
}

static bool has_room(const struct osi_association *a) {
    return association_output_pending(a) <= a->parameters.output_high_water / 2;
}

static bool is_free(struct osi_association *a) {
    return a->session.state == STA713 && has_room(a);
}

static size_t data(struct osi_association *a, struct span octets, bool last) {
    struct rose *rose = a->rose;
    uint8_t header[PDATA_HEADER];
    struct span parts[3] = {{0}};
    bool first = !rose->out_ssdu;
    if (association_output_pending(a) > a->parameters.output_high_water)
        return 0;
    int64_t context = a->presentation.context[rose->out_syntax];
    if (first)
        parts[0] = span_of(header, last ? pdata_value_header(header, context, octets.len)
                                        : pdata_value_stream_header(header, context));
    parts[1] = octets;
    if (!first && last)
        parts[2] = pdata_value_stream_trailer();
    if (!session_data(&a->session, parts, 3, first, last)) {
        osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_ROSE, false, -1, "", "no memory for a PDU");
        association_abort(a, OSI_ABORT_LOCAL_SYSTEM_PROBLEM);
        return 0;
    }
    rose->out_ssdu = !last;
    return octets.len;
}

static const struct rose_carrier carrier = {
    .at_once = true, .is_free = is_free, .begin = begin, .has_room = has_room, .data = data};

/* ---- P-DATA in ---- */

static const struct ber_plan *user_data_plan(void) {
    static struct ber_plan plan;
    static const struct ber_path paths[] = {
        {.components = "fully-encoded-data.*.presentation-data-values.single-ASN1-type"},
        {.components = "fully-encoded-data.*.presentation-data-values.octet-aligned"}};
    if (plan.count == 0)
        ber_plan_init(&plan, &x226_User_data_type, paths, 2);
    return &plan;
}

/* The one PDV of a P-DATA; NULL: there is none, or there are several. */
static const struct x226_PDV_list *read_user_data(struct osi_association *a, struct x226_User_data *value) {
    struct buf envelope;
    buf_init(&envelope, 0);
    bool ok = ber_scanner_envelope(&a->rose->pdv, &envelope);
    struct span kept = association_keep(a, buf_span(&envelope));
    ok = ok && kept.data && ber_decode(&x226_User_data_type, kept, &a->scratch, NULL, value, NULL) &&
         value->choice == x226_User_data_fully_encoded_data && value->u.fully_encoded_data.count == 1;
    buf_free(&envelope);
    return ok ? &value->u.fully_encoded_data.items[0] : NULL;
}

static bool bad_user_data(struct osi_association *a, const char *what) {
    osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1, "user data",
                  "P-DATA: %s", what);
    association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
    return false;
}

/* True if operations stand in this abstract syntax. */
static bool is_of_port(const struct osi_association *a, enum osi_syntax syntax) {
    const struct osi_context_row *row = a->presentation.row;
    return syntax != OSI_SYNTAX_NONE && syntax != OSI_SYNTAX_ACSE && syntax != row->carrier &&
           osi_context_uses(row, syntax);
}

static bool on_pdu(void *context, unsigned path, struct span head) {
    struct osi_association *a = context;
    struct x226_User_data value = {0};
    (void)path;
    (void)head;
    const struct x226_PDV_list *pdv = read_user_data(a, &value);
    enum osi_syntax syntax =
        pdv ? presentation_syntax(&a->presentation, pdv->presentation_context_identifier) : OSI_SYNTAX_NONE;
    if (!is_of_port(a, syntax))
        return bad_user_data(a, "no PDV of a context that an operation can have");
    rose_in_begin(a, syntax);
    return true;
}

static bool on_octets(void *context, struct span octets) {
    struct osi_association *a = context;
    rose_in_octets(a, octets);
    return true;
}

/* Whoever aborts within a P-DATA has to end its SSDU first: nothing is wrong before something else comes. */
static void end_of_data(struct osi_association *a) {
    struct rose *rose = a->rose;
    struct x226_User_data value = {0};
    rose->in_ssdu = false;
    rose->cut_short = !ber_scanner_finish(&rose->pdv);
    bool whole = !rose->cut_short && rose->in.active && read_user_data(a, &value);
    ber_scanner_free(&rose->pdv);
    if (whole)
        rose_in_end(a);
    else if (rose->cut_short)
        rose_in_stopped(a);
    else
        bad_user_data(a, "there is not one PDV");
}

static void on_data(struct osi_association *a, struct span data, bool end) {
    static const struct ber_scan_handler handler = {on_pdu, on_octets};
    struct rose *rose = a->rose;
    if (a->state != ASSOCIATION_OPEN)
        return; /* what crosses our release is answered by nobody */
    if (rose->cut_short) {
        bad_user_data(a, "user data that are cut short");
        return;
    }
    if (!rose->in_ssdu) {
        ber_scanner_free(&rose->pdv);
        ber_scanner_init(&rose->pdv, user_data_plan(), USER_DATA_LIMIT);
    }
    rose->in_ssdu = true;
    if (!ber_scanner_feed(&rose->pdv, data, &handler, a)) {
        if (!a->over)
            bad_user_data(a, rose->pdv.error);
        return;
    }
    if (end)
        end_of_data(a);
}

/* ---- opening and the end ---- */

static bool request(struct osi_association *a, struct span *apdu) {
    *apdu = a->parameters.user_data;
    return rose_new(a, &carrier);
}

static void on_connect(struct osi_association *a, struct span apdu, struct osi_open *open) {
    if (!rose_new(a, &carrier)) {
        association_refuse_for_cause(
            a, &(struct association_refusal){PRESENTATION_USER_REFUSES, ACSE_NO_REASON_GIVEN, .reason = 0});
        return;
    }
    association_keep_open(a, open);
    open->user_data = apdu;
    association_indicate_open(a, open);
}

static bool accept_open(struct osi_association *a, struct span user_data, struct span *apdu) {
    (void)a;
    *apdu = user_data;
    return true;
}

static bool refuse_open(struct osi_association *a, int reason, struct span user_data, struct span *apdu) {
    (void)a;
    (void)reason;
    *apdu = user_data;
    return true;
}

static bool on_accept(struct osi_association *a, struct span apdu, struct osi_open *open) {
    (void)a;
    open->user_data = apdu;
    return true;
}

static void on_refuse(struct osi_association *a, struct span apdu, const char *how) {
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_USER, true, -1, "", "refused by %s with a bind error",
                  how ? how : "the peer");
    a->cause.user_data = association_keep_with_cause(a, apdu);
}

static struct association_due due(const struct osi_association *a) {
    if (a->rose->cut_short)
        return (struct association_due){a->parameters.transfer_us,
                                        "the P-DATA under way was not ended in time"};
    return rose_due(a);
}

static void nothing(struct osi_association *a) {
    (void)a;
}

static void on_activity(struct osi_association *a, const struct session_indication *in) {
    (void)in; /* its functional units are not in use */
    association_protocol_error(a, "session primitive",
                               "a session primitive of a unit that ROSE does not use");
}

static bool may_release(const struct osi_association *a) {
    return rose_out_is_idle(a);
}

static bool abort_apdu(struct osi_association *a, int reason, struct span user_data, struct span *apdu) {
    (void)a;
    (void)reason;
    *apdu = user_data;
    return true;
}

static void on_abort(struct osi_association *a, struct span apdu, const char *how) {
    osi_cause_set(&a->cause, OSI_END_USER_ABORT, OSI_LAYER_USER, true, -1, "", "%s", how ? how : "ABRT APDU");
    a->cause.user_data = association_keep_with_cause(a, apdu);
}

const struct association_user rose_user = {
    .layer = OSI_LAYER_ROSE,
    .units = SESSION_DUPLEX,
    .data_event = OSI_EVENT_RO_DATA,
    .request = request,
    .on_connect = on_connect,
    .accept = accept_open,
    .refuse = refuse_open,
    .on_accept = on_accept,
    .on_refuse = on_refuse,
    .on_open = nothing,
    .on_data = on_data,
    .on_activity = on_activity,
    .on_output = rose_out_push,
    .due = due,
    .is_sending = rose_is_sending,
    .may_release = may_release,
    .abort = abort_apdu,
    .on_abort = on_abort,
    .on_end = nothing,
    .memory = rose_memory,
    .free = rose_free,
};
