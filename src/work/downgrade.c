/* P22 to P2. */
#include "content/downgrade.h"

#include "base/buf.h"
#include "ipc/payload.h"
#include "work/work_private.h"

/* The types, and what was lost, as u32 each. */
static bool say_done(struct job *job, const struct downgrade *plan) {
    struct buf results;
    buf_init(&results, 0);
    buf_append_u32(&results, plan->types);
    buf_append_u32(&results, plan->losses.texts);
    buf_append_u32(&results, plan->losses.files);
    buf_append_u32(&results, plan->losses.parts);
    bool said = !results.failed && work_done(job, plan->length, buf_span(&results));
    buf_free(&results);
    return said;
}

bool work_downgrade(struct job *job) {
    struct downgrade plan;
    struct downgrade_refusal refusal;
    struct reader r = reader_of(job->arguments);
    struct oraddress gateway;
    struct downgrade_how how = {.flags = reader_u8(&r)};
    struct span address = payload_octets(&r);
    if (!payload_done(&r))
        return false;
    if (address.len && !oraddress_parse(address, &job->arena, &gateway, NULL))
        return work_failed(job, "the address for RFC 1328 is no valid address");
    how.gateway = address.len ? &gateway : NULL;
    if (!downgrade_plan(&job->content, &how, &job->arena, &plan, &refusal))
        return !job->broken &&
               (refusal.reason < 0 ? work_failed(job, refusal.text)
                                   : work_refused(job, refusal.reason, refusal.diagnostic, refusal.text));
    return say_done(job, &plan) && downgrade_write(&plan, &job->content, &job->arena, work_write, job);
}
