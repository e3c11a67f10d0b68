#include "mta/convert.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/frame.h"
#include "mta/copy.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/jump.h"
#include "mta/lost.h"
#include "mta/seal.h"

/* content/downgrade.h's flags. */
#include "content/downgrade.h"

/* A work process reads a content a few times over; one that reads on and on would keep its copy for ever,
 * since it is never silent. */
#define READS_MOST  64
#define READS_LEAST 16384 /* of a short content, too */

/* First wait after a failure; it grows with the tries. */
#define RETRY_FIRST (2 * SECOND)

/* More copies of a message are not worked on at a time. */
#define TOLD 16

struct worker {
    struct converter *converter;
    struct worker *next;
    struct ipc_channel *channel;
    struct ipc_holder holder;
    struct work *work;            /* what it works on; NULL: free, or it seals */
    bool sealing;                 /* its job is one of seal.h's */
    struct store_content *source; /* the content that it reads */
    struct store_content *result; /* what it has given so far; NULL before the verdict */
    uint64_t ref;                 /* of the job */
    uint64_t length;              /* of the result */
    uint64_t read;                /* octets of the content that it was sent */
    uint32_t types;
    struct downgrade_losses losses;
    int64_t heard; /* monotonic µs of its last frame */
    bool ready;
};

struct converter {
    struct destination destination;
    struct mta *mta;
    struct worker *workers;
    uint64_t jobs;
    uint64_t told[TOLD]; /* the last messages of whose losses the log tells */
    size_t told_count;
};

static struct converter *converter_of(const struct mta *mta) {
    return (struct converter *)destination_of_kind(mta, DESTINATION_CONVERSION);
}

/* ---- the end of a job ---- */

static struct work *let_go(struct worker *worker) {
    struct work *work = worker->work;
    store_content_release(worker->source);
    store_content_release(worker->result);
    worker->source = worker->result = NULL;
    worker->work = NULL;
    return work;
}

static void put_off(struct mta *mta, struct work *work, int64_t delay) {
    schedule_set(&mta->schedule, work, WORK_WAITING, jump_now(mta) + delay, false);
}

static void non_deliver(struct mta *mta, struct work *work, const struct mts_failure *failure) {
    if (event_copy(mta, work->message, EVENT_NOT_CONVERTED, NULL, span_str(failure->supplementary)))
        copy_fail(mta, work, failure, COPY_PUT_OFF);
    else
        put_off(mta, work, RETRY_FIRST);
}

/* The work process died, or could not: another try, a bounded number of times. */
static void try_again(struct mta *mta, struct work *work, const char *cause) {
    char text[128];
    work->tries++;
    log_caused_by(&mta->lines, LOG_LEVEL_WARNING, "work unit %llu was not converted (try %u of %d): %s",
                  (unsigned long long)work->id, (unsigned)work->tries, CONVERT_TRIES, cause);
    if (work->tries < CONVERT_TRIES) {
        event_copy(mta, work->message, EVENT_CONVERSION_BROKEN, NULL, span_str(cause));
        put_off(mta, work, RETRY_FIRST * work->tries);
        /* A content that ends its work process must not do so anew after each restart. */
        copy_save(mta, work);
        batch_arm(mta);
        return;
    }
    snprintf(text, sizeof text, "conversion was tried %d times: %.80s", CONVERT_TRIES, cause);
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_conversion_not_performed,
                                  .diagnostic = x411_NonDeliveryDiagnosticCode_conversion_impractical,
                                  .supplementary = text};
    non_deliver(mta, work, &failure);
}

/* Into `out`: `1 file lost its name, …`; "" when nothing was lost. */
static void say_losses(const struct downgrade_losses *losses, char out[static 160]) {
    struct {
        uint32_t count;
        const char *one, *more;
    } said[] = {{losses->texts, "text has other characters in place of some",
                 "texts have other characters in place of some"},
                {losses->files, "file lost its name and attributes", "files lost their names and attributes"},
                {losses->parts, "body part is a note that it was left out",
                 "body parts are notes that they were left out"}};
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (said[i].count && at < 160)
            at += (size_t)snprintf(out + at, 160 - at, "%s%u %s", at ? ", " : "", (unsigned)said[i].count,
                                   said[i].count == 1 ? said[i].one : said[i].more);
}

/* Of several copies of one message, which wait one behind the other, the first is told. */
static void log_losses(struct converter *converter, uint64_t message, const char *lost) {
    for (size_t i = 0; i < TOLD; i++)
        if (converter->told[i] == message)
            return;
    if (!*lost)
        return;
    converter->told[converter->told_count++ % TOLD] = message;
    log_notice("message %llu was converted from P22 to P2: %s", (unsigned long long)message, lost);
}

/* All octets of the new content are there: what takes the copy's place is decided and written with its
 * removal. */
static void converted(struct worker *worker) {
    struct mta *mta = worker->converter->mta;
    struct copy copy;
    struct error err = {0};
    struct mts_decisions decisions = {0};
    struct store_content *result = store_content_ref(worker->result);
    uint32_t types = worker->types;
    char lost[160];
    say_losses(&worker->losses, lost);
    struct work *work = let_go(worker);
    if (!copy_load(mta, work, &copy, &err)) {
        copy_put_off(mta, work, "read", &err);
        store_content_release(result);
        return;
    }
    uint64_t length = store_content_length(result);
    struct mts_run run = run_begin(mta, &mta->arena);
    do
        mts_converted(&run, &copy.stored, length, types, lost, &decisions);
    while (run_again(mta, &run, &decisions));
    store_content_release(copy.content);
    copy.content = result;
    copy.memory = store_content_memory(result);
    copy.stored.content_length = length;
    if (copy_replace(mta, work, &copy, &run, &decisions, COPY_PUT_OFF))
        log_losses(converter_of(mta), work->message, lost);
    copy_release(&copy);
}

/* ---- frames ---- */

static bool on_read(struct worker *worker, struct span payload) {
    struct mta *mta = worker->converter->mta;
    struct reader r = reader_of(payload);
    uint64_t offset = reader_u64(&r), total;
    uint32_t length = reader_u32(&r);
    struct error err = {0};
    size_t got = 0;
    if (worker->sealing)
        return false;
    total = store_content_length(worker->source);
    if (offset > total || length > total - offset)
        return false;
    worker->read += length;
    if (worker->read / READS_MOST > total + READS_LEAST) {
        log_error("work process %s reads the content of work unit %llu again and again",
                  ipc_name(worker->channel), (unsigned long long)worker->work->id);
        return false;
    }
    buf_clear(&mta->scratch);
    if (!buf_reserve(&mta->scratch, length) ||
        !store_content_read(worker->source, offset, mta->scratch.data, length, &got, &err) || got != length) {
        log_error("a content can't be read for conversion: %s", err.text);
        return false;
    }
    buf_clear(&mta->head);
    buf_append_u64(&mta->head, offset);
    return ipc_send(worker->channel, IPC_WORK_DATA, worker->ref, buf_span(&mta->head),
                    span_of(mta->scratch.data, got));
}

static bool on_done(struct worker *worker, struct reader *r) {
    struct mta *mta = worker->converter->mta;
    struct error err = {0};
    uint64_t length = reader_u64(r), limit = mta->view.config->limits.content_octets;
    worker->types = reader_u32(r);
    worker->losses.texts = reader_u32(r);
    worker->losses.files = reader_u32(r);
    worker->losses.parts = reader_u32(r);
    /* No rewriting makes much more of a content than there was. */
    if (!payload_done(r) || length == 0 || (limit && length > limit) ||
        length / 4 > store_content_length(worker->source) + IPC_CHUNK)
        return false;
    worker->length = length;
    worker->result = store_content_create(mta->view.store, length, &err);
    if (worker->result)
        return true;
    log_error("no room for a converted content: %s", err.text);
    return false;
}

/* The columns' job is over, whatever the verdict. */
static bool on_facts(struct worker *worker, uint8_t verdict, struct reader *r) {
    struct mta *mta = worker->converter->mta;
    uint64_t length = verdict == IPC_WORK_DONE ? reader_u64(r) : 0;
    if (r->failed || length || (verdict == IPC_WORK_DONE && !seal_results(mta, payload_rest(r))))
        return false;
    if (verdict != IPC_WORK_DONE)
        seal_failed(mta);
    worker->sealing = false;
    destination_mark(mta, &worker->converter->destination);
    return true;
}

static bool on_result(struct worker *worker, struct span payload) {
    struct mta *mta = worker->converter->mta;
    struct reader r = reader_of(payload);
    uint8_t verdict = reader_u8(&r);
    char text[LOG_TEXT_SIZE];
    if (worker->sealing)
        return on_facts(worker, verdict, &r);
    if (verdict == IPC_WORK_DONE)
        return on_done(worker, &r);
    uint16_t reason = reader_u16(&r), diagnostic = reader_u16(&r);
    log_text(payload_octets(&r), text);
    if (!payload_done(&r))
        return false;
    struct work *work = let_go(worker);
    struct mts_failure failure = {reason, diagnostic, text, false};
    if (verdict == IPC_WORK_REFUSED)
        non_deliver(mta, work, &failure);
    else
        try_again(mta, work, text);
    destination_mark(mta, &worker->converter->destination);
    return true;
}

static bool on_content(struct worker *worker, struct span payload) {
    struct error err = {0};
    if (payload.len > worker->length - store_content_length(worker->result))
        return false;
    if (!store_content_append(worker->result, payload, &err)) {
        log_error("a converted content can't be written: %s", err.text);
        return false;
    }
    if (store_content_length(worker->result) == worker->length) {
        converted(worker);
        destination_mark(worker->converter->mta, &worker->converter->destination);
    }
    return true;
}

static bool on_ready(struct worker *worker, struct span payload) {
    (void)payload;
    worker->ready = true;
    destination_mark(worker->converter->mta, &worker->converter->destination);
    return true;
}

/* What is done with a frame, by its number. */
static bool (*const rows[IPC_NUMBERS])(struct worker *worker, struct span payload) = {
    [IPC_WORK_READY] = on_ready,
    [IPC_WORK_READ] = on_read,
    [IPC_WORK_RESULT] = on_result,
    [IPC_WORK_CONTENT] = on_content,
};

static unsigned state_of(const struct worker *worker, const struct ipc_frame *frame, uint64_t ref) {
    if (!worker->ready)
        return IPC_STATE_STARTING;
    if (frame->about != IPC_ABOUT_JOB || ref != worker->ref || (!worker->work && !worker->sealing))
        return IPC_STATE_NEW;
    return worker->result ? IPC_STATE_GIVING : IPC_STATE_WORKING;
}

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    static const struct ipc_side side = {.self = IPC_STORE, .other = IPC_WORK};
    struct worker *worker = context;
    char why[IPC_WHY];
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    worker->heard = clock_monotonic_us();
    batch_request(worker->converter->mta);
    bool legal = frame && ipc_frame_judge(frame, state_of(worker, frame, ref), why) == IPC_LEGAL;
    if (legal)
        snprintf(why, sizeof why, "frame %s, which does not fit, or the store failed", frame->name);
    return (legal && rows[type](worker, payload)) || link_broke_rules(channel, why);
}

/* ---- work processes come and go ---- */

/* Its job is tried again. The channel is the caller's to free. */
static void worker_gone(struct worker *worker, const char *cause) {
    struct converter *converter = worker->converter;
    struct mta *mta = converter->mta;
    struct work *work = let_go(worker);
    if (worker->sealing)
        seal_failed(mta);
    for (struct worker **at = &converter->workers; *at; at = &(*at)->next)
        if (*at == worker) {
            *at = worker->next;
            break;
        }
    mem_free(worker);
    if (!work)
        return;
    if (mta->stopping)
        put_off(mta, work, 0);
    else
        try_again(mta, work, cause);
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct worker *worker = context;
    lost_note(worker->converter->mta, channel, &worker->holder, cause);
    worker_gone(worker, "the work process ended");
}

static const struct ipc_handler worker_handler = {on_frame, on_closed, NULL};

bool mta_attach_work(struct mta *mta, int fd, const struct ipc_holder *holder) {
    char name[IPC_HOLDER_NAME];
    struct worker *worker = mem_alloc(sizeof *worker);
    if (!worker)
        return false;
    struct converter *converter = converter_of(mta);
    *worker = (struct worker){.converter = converter, .next = converter->workers, .holder = *holder};
    ipc_holder_name(holder, name);
    worker->channel = ipc_channel_new(mta->loop, fd, name, &worker_handler, worker);
    if (!worker->channel) {
        mem_free(worker);
        return false;
    }
    ipc_limit(worker->channel, IPC_CLIENT_MAX);
    for (struct worker *former = converter->workers; former; former = former->next)
        link_is_replaced(former->channel, &former->holder, holder);
    converter->workers = worker;
    return true;
}

static void tick(struct mta *mta, struct destination *destination, int64_t now) {
    const struct converter *converter = (struct converter *)destination;
    for (struct worker *worker = converter->workers, *next; worker; worker = next) {
        next = worker->next;
        if ((!worker->work && !worker->sealing) || now - worker->heard < CONVERT_SILENCE)
            continue;
        struct ipc_channel *channel = worker->channel;
        log_error("work process %s fell silent; its channel is closed", ipc_name(channel));
        ipc_parent_channel_gone(mta->process.parent, &worker->holder, false);
        worker_gone(worker, "the work process fell silent");
        ipc_channel_free(channel);
    }
}

/* ---- jobs ---- */

/* A copy that says nothing of a conversion: the row of another release, or damaged. */
static void unreadable(struct mta *mta, struct work *work) {
    struct mts_failure failure = {.reason = x411_NonDeliveryReasonCode_unable_to_transfer,
                                  .diagnostic = x411_NonDeliveryDiagnosticCode_unable_to_downgrade,
                                  .supplementary = "the copy does not say how it is converted"};
    non_deliver(mta, work, &failure);
}

static bool begin_job(struct worker *worker, struct work *work, struct copy *copy) {
    struct mta *mta = worker->converter->mta;
    struct mts_conversion how;
    if (!mts_conversion(&copy->stored, &mta->arena, &how) || !copy->content) {
        unreadable(mta, work);
        return false;
    }
    worker->ref = ++worker->converter->jobs;
    worker->read = 0;
    worker->heard = clock_monotonic_us();
    worker->work = work;
    worker->source = store_content_ref(copy->content);
    schedule_set(&mta->schedule, work, WORK_SENDING, 0, false);
    buf_clear(&mta->head);
    buf_append_byte(&mta->head, IPC_WORK_DOWNGRADE);
    buf_append_u64(&mta->head, copy->stored.content_length);
    buf_append_byte(&mta->head, (uint8_t)((how.conversion_prohibited ? DOWNGRADE_CONVERSION_PROHIBITED : 0) |
                                          (how.loss_prohibited ? DOWNGRADE_LOSS_PROHIBITED : 0) |
                                          (how.encapsulate ? DOWNGRADE_ENCAPSULATE : 0) |
                                          (how.replace ? DOWNGRADE_REPLACE : 0)));
    payload_put_octets(&mta->head, how.rfc1328_address);
    /* A channel that can't take it ends by itself, and the copy with it. */
    ipc_send(worker->channel, IPC_WORK_BEGIN, worker->ref, buf_span(&mta->head), (struct span){NULL, 0});
    return true;
}

static void start(struct worker *worker, struct work *work) {
    struct mta *mta = worker->converter->mta;
    struct copy copy;
    struct error err = {0};
    if (!copy_load(mta, work, &copy, &err)) {
        copy_put_off(mta, work, "read", &err);
        return;
    }
    begin_job(worker, work, &copy);
    copy_release(&copy);
}

static struct worker *free_worker(const struct converter *converter) {
    for (struct worker *worker = converter->workers; worker; worker = worker->next)
        if (worker->ready && !worker->work && !worker->sealing)
            return worker;
    return NULL;
}

/* What copies leave over. */
static void seal(struct worker *worker) {
    struct converter *converter = worker->converter;
    struct mta *mta = converter->mta;
    struct buf arguments;
    buf_init(&arguments, 0);
    if (seal_begin(mta, &arguments)) {
        worker->ref = ++converter->jobs;
        worker->heard = clock_monotonic_us();
        worker->sealing = true;
        buf_clear(&mta->head);
        buf_append_byte(&mta->head, IPC_WORK_ATTRIBUTES);
        buf_append_u64(&mta->head, 0);
        ipc_send(worker->channel, IPC_WORK_BEGIN, worker->ref, buf_span(&mta->head), buf_span(&arguments));
    }
    buf_free(&arguments);
}

static bool pump(struct mta *mta, struct destination *destination) {
    const struct converter *converter = (struct converter *)destination;
    struct worker *worker = NULL;
    while (!mta->stopping && (worker = free_worker(converter)) != NULL) {
        struct work *work = schedule_first(&mta->schedule, destination->number);
        if (!work || !work->committed) /* a new one's commit marks it again */
            break;
        start(worker, work);
    }
    if (!mta->stopping && worker && seal_is_due(mta))
        seal(worker);
    return false;
}

void convert_look(struct mta *mta) {
    if (seal_is_due(mta))
        destination_mark(mta, &converter_of(mta)->destination);
}

static void show(struct mta *mta, struct destination *destination, json_t *status) {
    const struct converter *converter = (struct converter *)destination;
    unsigned processes = 0, busy = 0;
    (void)mta;
    for (const struct worker *worker = converter->workers; worker; worker = worker->next) {
        processes += worker->ready;
        busy += worker->work != NULL;
    }
    json_object_set_new(status, "work-processes", json_integer(processes));
    json_object_set_new(status, "converting", json_integer(busy));
}

static void release(struct mta *mta, struct destination *destination) {
    (void)mta;
    mem_free(destination);
}

const struct destination_operations conversion_operations = {
    .pump = pump,
    .tick = tick,
    .show = show,
    .release = release,
    .fixed =
        "the copy waits for its content to be converted, and is fit for no peer before: redirect it to an "
        "address"};

bool convert_init(struct mta *mta) {
    struct converter *converter = mem_alloc(sizeof *converter);
    if (!converter)
        return false;
    *converter = (struct converter){.destination = {.kind = DESTINATION_CONVERSION}, .mta = mta};
    if (destination_add(mta, &converter->destination, SPAN_LIT(CONVERT_HOP)))
        return true;
    mem_free(converter);
    return false;
}

void convert_close(struct mta *mta) {
    struct converter *converter = converter_of(mta);
    while (converter && converter->workers) {
        struct ipc_channel *channel = converter->workers->channel;
        worker_gone(converter->workers, "the store process ends");
        ipc_channel_free(channel);
    }
}
