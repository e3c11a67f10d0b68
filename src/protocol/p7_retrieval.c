/*
 * Operations of the retrieval port. One at a time is asked of the mailbox, and
 * none before what the last one changed is on disk: so each sees what those
 * before it did, statuses too. What comes meanwhile waits in the network.
 */
#include "base/alloc.h"
#include "protocol/p7_private.h"
#include "schema/x419.h"

/* Most octets of an argument: a filter is what is long in one. */
#define ARGUMENT_MOST ((size_t)256 * 1024)
#define WAITING_MOST  ((size_t)1024 * 1024) /* of all that wait */

/* A question that so many readers ended with is answered with an error: it may be what they ended of. */
#define LOSSES_MOST 3

/* X.413's, with the problem unavailable. */
#define SERVICE_ERROR 27
#define UNAVAILABLE   SPAN_LIT("\x31\x05\xA0\x03\x02\x01\x01")

/* Who sends arguments that are none over and over again is not at work. */
#define FAULTS_MOST 16

bool p7_is_retrieval(const struct osi_ro *ro) {
    return ro->syntax == OSI_SYNTAX_MRSE_88 || ro->syntax == OSI_SYNTAX_MRSE_94;
}

static void tell(struct p7 *p7, enum ipc_type type, struct buf *head, struct span body) {
    struct connection *c = p7->p3.connection;
    if (head->failed || !net_store_send(c->net, type, c->ref, buf_span(head), body))
        osi_association_abort(c->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM,
                              "the store process can't take more");
    buf_free(head);
}

/* ---- what comes in ---- */

static void question_free(struct p7_question *question) {
    if (question)
        buf_free(&question->argument);
    mem_free(question);
}

void p7_begin(struct p7 *p7, const struct osi_ro *ro) {
    p7->p3.coming = true;
    p7->gathers = true;
    p7->coming = mem_alloc(sizeof *p7->coming);
    p7->over = !p7->coming;
    if (!p7->coming)
        return;
    *p7->coming = (struct p7_question){.ro = *ro};
    buf_init(&p7->coming->argument, ARGUMENT_MOST);
}

void p7_data(struct p7 *p7, struct span data) {
    if (!p7->over && !buf_append_span(&p7->coming->argument, data))
        p7->over = true;
}

/* It ends, or was none. */
static struct p7_question *gathered(struct p7 *p7) {
    struct p7_question *question = p7->coming;
    p7->p3.coming = false;
    p7->gathers = false;
    p7->coming = NULL;
    return question;
}

void p7_dropped(struct p7 *p7) {
    question_free(gathered(p7));
}

/* ---- the question ---- */

static struct p7_question *take_first(struct p7 *p7) {
    struct p7_question *question = p7->first;
    p7->first = question->next;
    p7->waiting -= question->argument.len;
    if (!p7->first)
        p7->last = NULL;
    return question;
}

static void ask(struct p7 *p7) {
    struct buf head;
    buf_init(&head, 0);
    p7_ask_head(p7, p7->asked, &head);
    buf_append_u16(&head, (uint16_t)p7->ro.code);
    buf_append_byte(&head, p7_is_1994(p7));
    payload_put_octets(&head, buf_span(&p7->bind.restrictions));
    p7_ask_reader(p7,
                  &(struct mailbox_question){.type = IPC_MS_ASK,
                                             .head = head.failed ? (struct span){NULL, 0} : buf_span(&head),
                                             .body = buf_span(&p7->question->argument)},
                  &p7->asked_of);
    buf_free(&head);
}

static void answered(struct p7 *p7) {
    question_free(p7->question);
    p7->question = NULL;
    p7->asked = 0;
    p7->waits = false;
}

static void give_up(struct p7 *p7) {
    connection_warn(p7->p3.connection,
                    "operation refused: %u processes that were to answer it ended one after the other",
                    p7->question->losses);
    p3_number_free(&p7->p3, p7->asked);
    answered(p7);
    p3_error(&p7->p3, &p7->ro, SERVICE_ERROR, UNAVAILABLE);
    p7_ask_next(p7);
    connection_kick(p7->p3.connection);
}

void p7_ask_anew(struct p7 *p7, const void *reader) {
    if (!p7->asked || p7->asked_of != reader)
        return;
    if (++p7->question->losses < LOSSES_MOST)
        ask(p7);
    else
        give_up(p7);
}

void p7_ask_waiting(struct p7 *p7) {
    p7->waits = false;
    if (p7->asked)
        ask(p7);
    else
        p7_read_on(p7);
}

void p7_ask_next(struct p7 *p7) {
    while (p7->first && !p7->asked && !p7->changes && !p7->answer.is) {
        p7->question = take_first(p7);
        p7->ro = p7->question->ro;
        p7->asked = p3_number(&p7->p3, &p7->ro);
        if (p7->asked) {
            ask(p7);
            return;
        }
        p3_reject(&p7->p3, &p7->ro, OSI_RO_RESOURCE_LIMITATION);
        answered(p7);
    }
}

static void put(struct p7 *p7, struct p7_question *question) {
    *(p7->last ? p7->last : &p7->first) = question;
    p7->last = &question->next;
    p7->waiting += question->argument.len;
    p7_ask_next(p7);
}

void p7_end(struct p7 *p7) {
    struct p7_question *question = gathered(p7);
    if (!question) {
        osi_association_abort(p7->p3.connection->association, OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
    } else if (question->ro.kind != OSI_RO_INVOKE) {
        question_free(question);
    } else if (p7->over || p7->waiting + question->argument.len > WAITING_MOST) {
        p3_reject(&p7->p3, &question->ro, OSI_RO_RESOURCE_LIMITATION);
        question_free(question);
    } else {
        put(p7, question);
    }
}

/* Over RTSE the user has the turn while operations come, and it is with octets of his that he gives it for
 * the answers: they are always taken, and what is too much is rejected. */
bool p7_is_sated(const struct p7 *p7) {
    return osi_context_row(p7->p3.open.context)->user == OSI_USER_ROSE &&
           (p7->first || p7->asked || p7->answer.is);
}

/* ---- the answer ---- */

/* What an answer changes: entries that are listed, processed, deleted; registrations. */
enum { CHANGES = 4 };

/* A status need not be on disk for the answer; a deletion and a registration must. */
static bool is_awaited(const struct span *changes) {
    return changes[2].len || changes[3].len;
}

/* The result follows when it is on disk: p3_on_answer says it. */
static void change(struct p7 *p7, uint32_t number, const struct span *changes, struct span result) {
    struct buf head;
    buf_init(&head, 0);
    buf_append_u32(&head, number);
    buf_append_u16(&head, (uint16_t)p7->ro.code);
    for (size_t i = 0; i < CHANGES; i++)
        payload_put_octets(&head, changes[i]);
    p7->changes = number;
    p7->awaited = is_awaited(changes);
    tell(p7, IPC_MS_CHANGE, &head, result);
}

static void note_fault(struct p7 *p7, bool fault) {
    struct connection *c = p7->p3.connection;
    p7->p3.faults = fault ? p7->p3.faults + 1 : 0;
    if (fault)
        connection_log(c, LOG_LEVEL_INFO, "operation rejected: its argument is not of its type");
    if (p7->p3.faults > FAULTS_MOST)
        osi_association_abort(c->association, OSI_ABORT_USER_ERROR,
                              "too many arguments that are not of their types");
}

static void say(struct p7 *p7, enum ipc_user_answer what, uint16_t code, struct span slices,
                struct span value) {
    struct osi_ro ro = {.id = p7->ro.id, .syntax = p7->ro.syntax, .has_code = true, .code = code};
    struct buf octets;
    if (what == IPC_USER_REJECT) {
        p3_reject(&p7->p3, &p7->ro, code);
        note_fault(p7, code == OSI_RO_MISTYPED_ARGUMENT);
        return;
    }
    note_fault(p7, false);
    ro.kind = what == IPC_USER_RESULT ? OSI_RO_RESULT : OSI_RO_ERROR;
    buf_init(&octets, 0);
    buf_append_span(&octets, value);
    p7_say(p7, &ro, &octets, slices);
}

bool p7_on_answer(struct p7 *p7, struct span payload) {
    static const struct span nothing = {NULL, 0};
    struct reader r = reader_of(payload);
    uint32_t number = reader_u32(&r);
    enum ipc_user_answer what = (enum ipc_user_answer)reader_u8(&r);
    uint16_t code = reader_u16(&r);
    struct span changes[CHANGES];
    bool any = false;
    for (size_t i = 0; i < CHANGES; i++) {
        changes[i] = payload_octets(&r);
        any |= changes[i].len > 0;
    }
    struct span slices = payload_octets(&r), value = payload_rest(&r);
    bool awaited = is_awaited(changes);
    if (r.failed || !p7->asked || number != p7->asked || !p7_slices_fit(slices, value.len))
        return false;
    answered(p7);
    if (any)
        change(p7, number, changes, awaited ? value : nothing);
    else
        p3_number_free(&p7->p3, number);
    if (!awaited)
        say(p7, what, code, slices, value);
    return true;
}

bool p7_on_changed(struct p7 *p7, struct span payload) {
    struct reader r = reader_of(payload);
    uint32_t number = reader_u32(&r);
    if (!p7->changes || number != p7->changes)
        return p3_on_answer(&p7->p3, payload);
    p7->changes = 0;
    bool right = !p7->awaited || p3_on_answer(&p7->p3, payload);
    if (!p7->awaited) /* it was answered; a status that could not be raised is no loss */
        p3_number_free(&p7->p3, number);
    return right;
}

void p7_retrieval_free(struct p7 *p7) {
    question_free(p7->coming);
    question_free(p7->question);
    while (p7->first)
        question_free(take_first(p7));
}
