/* A PDU of the peer, by the pieces: what it is, whether it fits, and its reject when it does not. */
#include "osi/rose_private.h"

#define HEAD_LIMIT 4096 /* octets of a PDU that are not its parameter */

void rose_in_begin(struct osi_association *a, enum osi_syntax syntax) {
    struct rose_in *in = &a->rose->in;
    ber_scanner_free(&in->scanner);
    *in = (struct rose_in){.active = true, .syntax = syntax, .ro.syntax = syntax};
    ber_scanner_init(&in->scanner, rose_pdu_plan(), HEAD_LIMIT);
}

static bool wrong(struct rose_in *in, enum osi_ro_problem_kind kind, int64_t problem) {
    if (in->problem_kind == OSI_RO_NO_PROBLEM) {
        in->problem_kind = kind;
        in->problem = problem;
    }
    return false;
}

/* Reads what came of the PDU, but for the parameter, into `ro`. */
static bool read_pdu(struct osi_association *a, struct osi_ro *ro) {
    struct rose_in *in = &a->rose->in;
    struct buf envelope;
    bool known;
    buf_init(&envelope, 0);
    bool ok = ber_scanner_envelope(&in->scanner, &envelope);
    ok = ok && rose_pdu_decode(buf_span(&envelope), &a->scratch, ro, &known);
    ro->syntax = in->syntax;
    buf_free(&envelope);
    return ok || wrong(in, OSI_RO_GENERAL_PROBLEM, OSI_RO_MISTYPED_PDU);
}

/* The PDU is what it should be: the owner is told of it. */
static bool tell(struct osi_association *a, bool has_parameter) {
    struct rose_in *in = &a->rose->in;
    int64_t problem;
    if (!read_pdu(a, &in->ro))
        return false;
    enum osi_ro_problem_kind kind = rose_judge(&a->rose->machine, &in->ro, &problem);
    if (kind != OSI_RO_NO_PROBLEM)
        return wrong(in, kind, problem);
    in->passed_over = rose_is_forgotten(&a->rose->machine, &in->ro);
    if (in->passed_over)
        return true;
    in->ro.has_parameter = has_parameter;
    in->told = true;
    rose_begin(&a->rose->machine, &in->ro);
    association_push(a, &(struct osi_event){.type = OSI_EVENT_RO_BEGIN, .u.ro = in->ro});
    return true;
}

static bool on_parameter(void *context, unsigned path, struct span head) {
    (void)path;
    (void)head;
    return tell(context, true);
}

static bool on_octets(void *context, struct span octets) {
    struct osi_association *a = context;
    return a->rose->in.passed_over || association_emit(a, octets);
}

void rose_in_octets(struct osi_association *a, struct span octets) {
    static const struct ber_scan_handler handler = {on_parameter, on_octets};
    struct rose_in *in = &a->rose->in;
    if (!in->active || in->problem_kind != OSI_RO_NO_PROBLEM || octets.len == 0)
        return; /* the rest of one that is wrong is passed over */
    bool first = in->scanner.offset == 0 && in->scanner.header_len == 0;
    bool known = octets.data[0] >= 0xA1 && octets.data[0] <= 0xA4;
    if (first && known)
        in->ro.kind = (enum osi_ro_kind)(octets.data[0] - 0xA1 + OSI_RO_INVOKE);
    if (ber_scanner_feed(&in->scanner, octets, &handler, a))
        return;
    wrong(in, OSI_RO_GENERAL_PROBLEM, in->ro.kind ? OSI_RO_BADLY_STRUCTURED_PDU : OSI_RO_UNRECOGNIZED_PDU);
}

static void drop(struct osi_association *a) {
    struct rose_in *in = &a->rose->in;
    if (in->told)
        association_push(a, &(struct osi_event){.type = OSI_EVENT_RO_DROPPED, .u.ro = in->ro});
    if (in->told)
        rose_drop(&a->rose->machine, &in->ro);
    in->active = in->told = false;
    ber_scanner_free(&in->scanner);
}

/* Too much of what came was none: nobody works with us on the other side. */
static void give_up(struct osi_association *a) {
    osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_ROSE, false, OSI_ABORT_PROTOCOL_ERROR, "PDU",
                  "too many PDUs had to be rejected");
    association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
}

/* A wrong RORJ is never rejected itself (X.880 §9.6): it is passed over. */
static void refuse(struct osi_association *a) {
    struct rose_in *in = &a->rose->in;
    struct osi_ro about = in->ro;
    enum osi_ro_problem_kind kind = in->problem_kind;
    int64_t problem = in->problem;
    about.syntax = in->syntax;
    bool reject = about.kind == OSI_RO_REJECT;
    drop(a);
    if (reject ? !rose_note(&a->rose->machine, false) : !rose_out_reject(a, &about, kind, problem))
        give_up(a);
}

/* True if a RORJ is about something that there is. */
static bool is_due(const struct rose_machine *m, const struct osi_ro *ro) {
    return ro->kind != OSI_RO_REJECT || !ro->has_id || ro->problem_kind != OSI_RO_INVOKE_PROBLEM ||
           rose_find(&m->ours, ro->id);
}

void rose_in_end(struct osi_association *a) {
    struct rose_in *in = &a->rose->in;
    struct osi_ro whole;
    if (!in->active)
        return;
    if (in->problem_kind == OSI_RO_NO_PROBLEM && !ber_scanner_finish(&in->scanner))
        wrong(in, OSI_RO_GENERAL_PROBLEM, OSI_RO_BADLY_STRUCTURED_PDU);
    if (in->problem_kind == OSI_RO_NO_PROBLEM)
        in->told || in->passed_over ? read_pdu(a, &whole) : tell(a, false);
    if (in->problem_kind != OSI_RO_NO_PROBLEM) {
        refuse(a);
        return;
    }
    bool due = is_due(&a->rose->machine, &in->ro);
    rose_end(&a->rose->machine, &in->ro);
    if (!in->passed_over)
        association_push(a, &(struct osi_event){.type = OSI_EVENT_RO_END, .u.ro = in->ro});
    in->active = in->told = false;
    ber_scanner_free(&in->scanner);
    if (!rose_note(&a->rose->machine, due))
        give_up(a);
}

void rose_in_stopped(struct osi_association *a) {
    if (a->rose->in.active)
        drop(a);
}
