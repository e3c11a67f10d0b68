/*
 * Deliveries to a user (X.411 §8.3.1.1, §8.3.1.2), which the store process has us
 * invoke, one at a time. Whether he has it his result alone says: what else ends
 * it after the argument's last octet leaves that in doubt.
 */
#include <stdio.h>

#include "base/clock.h"
#include "protocol/p3_private.h"
#include "schema/x411p3.h"
#include "schema/x419.h"

void p3_delivery_free(struct p3_delivery *delivery) {
    buf_free(&delivery->prefix);
    buf_free(&delivery->content);
    buf_free(&delivery->next);
    *delivery = (struct p3_delivery){0};
}

static void tell(struct p3 *p3, enum ipc_user_delivered what, int64_t code, const char *cause) {
    struct buf payload;
    if (!p3->delivery.active)
        return;
    p3_delivery_free(&p3->delivery);
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)what);
    buf_append_u16(&payload, code >= 0 && code <= UINT16_MAX ? (uint16_t)code : UINT16_MAX);
    payload_put_octets(&payload, span_str(cause));
    net_tell(p3->connection->net, IPC_USER_DELIVER_RESULT, p3->connection->ref, &payload);
}

/* ---- the argument ---- */

static void ask(struct p3 *p3) {
    struct p3_delivery *delivery = &p3->delivery;
    uint64_t left = delivery->length - delivery->asked;
    uint32_t length = left < IPC_CHUNK ? (uint32_t)left : IPC_CHUNK;
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u64(&payload, delivery->asked);
    buf_append_u32(&payload, length);
    delivery->asked += length;
    net_tell(p3->connection->net, IPC_USER_DELIVER_READ, p3->connection->ref, &payload);
}

/* Keeps one piece at hand and one on its way. */
static void read_ahead(struct p3 *p3) {
    struct p3_delivery *delivery = &p3->delivery;
    if (delivery->asked < delivery->length && !delivery->next.len &&
        delivery->asked <= delivery->content_at + delivery->content.len)
        ask(p3);
}

static void turn_to_next(struct p3_delivery *delivery) {
    struct buf used = delivery->content;
    delivery->content_at += delivery->content.len;
    delivery->content = delivery->next;
    delivery->next = used;
    buf_clear(&delivery->next);
}

/* The octets of the argument from `offset` on that are at hand. */
static struct span at_hand(struct p3_delivery *delivery) {
    if (delivery->offset < delivery->prefix.len)
        return span_sub(buf_span(&delivery->prefix), delivery->offset, SIZE_MAX);
    uint64_t at = delivery->offset - delivery->prefix.len;
    if (at == delivery->content_at + delivery->content.len && delivery->next.len)
        turn_to_next(delivery);
    return span_sub(buf_span(&delivery->content), at - delivery->content_at, SIZE_MAX);
}

static bool begin(struct p3 *p3) {
    struct p3_delivery *delivery = &p3->delivery;
    if (!delivery->begun)
        delivery->begun = osi_ro_begin(p3->connection->association, &delivery->ro, clock_monotonic_us());
    return delivery->begun;
}

void p3_delivery_push(struct p3 *p3) {
    struct p3_delivery *delivery = &p3->delivery;
    if (!delivery->active || delivery->handed_over || !begin(p3))
        return;
    uint64_t total = delivery->prefix.len + delivery->length;
    while (!delivery->handed_over) {
        struct span piece = at_hand(delivery);
        bool last = delivery->offset + piece.len == total;
        if (!piece.len && !last)
            break;
        size_t taken = osi_ro_data(p3->connection->association, piece, last, clock_monotonic_us());
        delivery->offset += taken;
        delivery->handed_over = last && taken == piece.len;
        if (taken < piece.len)
            break;
    }
    if (!delivery->handed_over)
        read_ahead(p3);
}

bool p3_delivery_is_said(const struct p3 *p3) {
    return p3->delivery.active && p3->delivery.begun && !p3->delivery.handed_over;
}

/* ---- its answer ---- */

bool p3_delivery_answers(const struct p3 *p3, const struct osi_ro *ro) {
    return p3->delivery.active && p3->delivery.begun && ro->kind != OSI_RO_INVOKE && ro->has_id &&
           ro->id == p3->delivery.ro.id;
}

static bool is_report(const struct p3 *p3) {
    return p3->delivery.ro.code == x419_op_report_delivery;
}

/* The values of both types, whose contents concern nobody here: what proof they hold nobody has asked for. */
static bool is_result(const struct p3 *p3) {
    struct arena arena;
    struct x411p3_MessageDeliveryResult message;
    struct x411p3_ReportDeliveryResult report;
    struct span octets = buf_span(&p3->gathered);
    arena_init(&arena, 256 * 1024);
    bool is = is_report(p3)
                  ? ber_decode(&x411p3_ReportDeliveryResult_type, octets, &arena, NULL, &report, NULL)
                  : ber_decode(&x411p3_MessageDeliveryResult_type, octets, &arena, NULL, &message, NULL);
    arena_free(&arena);
    return is;
}

static void on_result(struct p3 *p3) {
    if (p3->in == P3_ANSWERS && p3->ro.has_parameter && is_result(p3)) {
        tell(p3, IPC_USER_TAKEN, 0, "");
        return;
    }
    osi_ro_reject(p3->connection->association, p3->ro.id, p3->ro.syntax, OSI_RO_RESULT_PROBLEM,
                  OSI_RO_MISTYPED_RESULT, clock_monotonic_us());
    connection_log(p3->connection, LOG_LEVEL_INFO, "the result of a delivery is not of its type");
    tell(p3, IPC_USER_IN_DOUBT, 0, "the user's result is not of its type");
}

static const char *error_name(int64_t code) {
    return code == 1    ? "delivery-control-violated"
           : code == 12 ? "security-error"
           : code == 13 ? "unsupported-critical-function"
           : code == 16 ? "operation-refused"
                        : "an error that a delivery does not have";
}

static const char *problem_name(const struct osi_ro *ro) {
    static const char *const names[] = {"duplicate-invocation", "unrecognised-operation", "mistyped-argument",
                                        "resource-limitation", "release-in-progress"};
    bool known = ro->problem_kind == OSI_RO_INVOKE_PROBLEM && ro->problem >= 0 &&
                 ro->problem < (int64_t)(sizeof names / sizeof *names);
    return known ? names[ro->problem] : "a problem that is none of an invocation";
}

void p3_delivery_answered(struct p3 *p3) {
    char cause[120];
    if (!p3->delivery.handed_over) {
        osi_association_abort(p3->connection->association, OSI_ABORT_USER_ERROR,
                              "a delivery was answered before it was whole");
    } else if (p3->ro.kind == OSI_RO_RESULT) {
        on_result(p3);
    } else if (p3->ro.kind == OSI_RO_ERROR) {
        snprintf(cause, sizeof cause, "the user's program: %s", error_name(p3->ro.code));
        tell(p3, IPC_USER_REFUSED, p3->ro.code, cause);
    } else {
        snprintf(cause, sizeof cause, "the user's program rejected the delivery: %s", problem_name(&p3->ro));
        tell(p3, IPC_USER_REJECTED, p3->ro.problem, cause);
    }
}

void p3_delivery_returned(struct p3 *p3, const struct osi_ro *ro) {
    if (p3->delivery.active && p3->delivery.begun && ro->kind == OSI_RO_INVOKE &&
        ro->id == p3->delivery.ro.id)
        tell(p3, IPC_USER_BROKEN, 0, "its transfer did not end");
}

void p3_delivery_ended(struct p3 *p3, const char *cause) {
    tell(p3, p3->delivery.handed_over ? IPC_USER_IN_DOUBT : IPC_USER_BROKEN, 0, cause);
}

/* ---- frames of the store process ---- */

static bool is_of_1994(const struct p3 *p3) {
    return osi_context_row(p3->open.context)->edition >= 1994;
}

bool p3_on_deliver(struct p3 *p3, struct span payload) {
    struct reader r = reader_of(payload);
    struct p3_delivery *delivery = &p3->delivery;
    bool report = reader_u8(&r) == IPC_USER_REPORT;
    uint64_t length = reader_u64(&r);
    struct span prefix = payload_octets(&r), content = payload_rest(&r);
    if (delivery->active || (content.len && content.len != length))
        return false;
    *delivery = (struct p3_delivery){.active = true, .length = length, .asked = content.len};
    delivery->ro = (struct osi_ro){.kind = OSI_RO_INVOKE,
                                   .syntax = is_of_1994(p3) ? OSI_SYNTAX_MDSE_94 : OSI_SYNTAX_MDSE_88,
                                   .has_code = true,
                                   .code = report ? x419_op_report_delivery : x419_op_message_delivery,
                                   .has_parameter = true};
    buf_init(&delivery->prefix, 0);
    buf_init(&delivery->content, 0);
    buf_init(&delivery->next, 0);
    if (!buf_append_span(&delivery->prefix, prefix) || !buf_append_span(&delivery->content, content))
        osi_association_abort(p3->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
    return true;
}

bool p3_on_deliver_data(struct p3 *p3, struct span payload) {
    struct reader r = reader_of(payload);
    struct p3_delivery *delivery = &p3->delivery;
    uint64_t offset = reader_u64(&r);
    struct span content = payload_rest(&r);
    if (!delivery->active || offset + content.len != delivery->asked)
        return true; /* of one that has ended meanwhile */
    bool at_end = delivery->offset >= delivery->prefix.len + delivery->content_at + delivery->content.len;
    struct buf *piece = at_end ? &delivery->content : &delivery->next;
    if (at_end) {
        delivery->content_at = offset;
        buf_clear(piece);
    }
    if (!buf_append_span(piece, content))
        osi_association_abort(p3->connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
    return true;
}
