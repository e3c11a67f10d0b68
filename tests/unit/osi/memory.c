/* Memory runs out at every allocation in turn: the association ends or goes on, and nothing leaks or is half
 * done. */
#include "pair.h"

#include "base/alloc.h"

/* Takes what one has to say to the other. */
static void carry(struct osi_association *from, struct osi_association *to) {
    struct span out = osi_association_output(from);
    size_t used = osi_association_input(to, out, 0);
    osi_association_output_taken(from, osi_association_is_over(to) ? out.len : used, 0);
}

/* The connection breaks where it has not closed; each learns that it is over. */
static void end(struct osi_association *a[2], const bool closed[2]) {
    struct osi_event event;
    for (unsigned i = 0; i < 2; i++)
        if (a[i] && !closed[i]) {
            bool told = false;
            osi_association_disconnected(a[i], 0);
            while (osi_association_next_event(a[i], &event))
                told |= event.type == OSI_EVENT_CLOSED;
            assert_true(told);
        }
    mem_fail_after(-1);
    osi_association_free(a[0]);
    osi_association_free(a[1]);
}

/* What an owner does, without the allocations and assertions of pair.h; true if it all went well. */
static bool run_once(unsigned context, int64_t allocations) {
    struct osi_parameters ip = initiator_parameters(context), rp = responder_parameters();
    static const uint8_t octets[5000];
    struct osi_activity activity;
    struct osi_event event;
    bool confirmed = false, closed[2] = {false, false};
    ip.checkpoint_size = 1;
    mem_fail_after(allocations);
    struct osi_association *a[2] = {osi_association_new(&ip, 0, NULL), osi_association_new(&rp, 0, NULL)};
    for (unsigned turns = 0; turns < 1000 && a[0] && a[1]; turns++)
        for (unsigned i = 0; i < 2; i++) {
            while (osi_association_next_event(a[i], &event)) {
                if (event.type == OSI_EVENT_OPEN_INDICATION &&
                    !osi_association_accept(a[i], SPAN_LIT("\x04\x01y"), 0))
                    osi_association_abort(a[i], OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
                else if (event.type == OSI_EVENT_OPEN_CONFIRM && osi_rt_transfer_begin(a[i], &activity, 0))
                    osi_rt_transfer_data(a[i], span_of(octets, 1000), false, 0);
                else if (event.type == OSI_EVENT_CHECKPOINT)
                    osi_rt_checkpoint_confirm(a[i], event.u.checkpoint.serial, 0);
                else if (event.type == OSI_EVENT_TRANSFER_END)
                    osi_rt_transfer_confirm(a[i], 0);
                else if (event.type == OSI_EVENT_TRANSFER_CONFIRMED)
                    confirmed = osi_association_release(a[i], (struct span){0}, 0);
                else if (event.type == OSI_EVENT_CLOSED)
                    closed[i] = true;
            }
            if (turns == 20 && i == 0)
                osi_rt_transfer_data(a[i], span_of(octets, 1000), true, 0);
            carry(a[i], a[!i]);
        }
    end(a, closed);
    return confirmed;
}

static void test_each_allocation_fails(void **state) {
    (void)state;
    static const unsigned contexts[] = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL};
    for (unsigned i = 0; i < 2; i++) {
        int64_t allocations = 0;
        while (!run_once(contexts[i], allocations) && allocations < 2000)
            allocations++;
        assert_in_range(allocations, 8, 1999);
    }
}

/* The same for an operation with its result: true if it all went well. */
static bool operate_once(enum osi_context context, int64_t allocations) {
    struct osi_parameters ip = initiator_parameters(context), rp = responder_parameters();
    static const uint8_t octets[5000] = {0x04, 0x82, 0x13, 0x84};
    struct osi_event event;
    bool answered = false, closed[2] = {false, false};
    struct osi_ro invoke = {.kind = OSI_RO_INVOKE, .syntax = OSI_SYNTAX_MSSE, .has_code = true, .code = 3};
    rp.contexts = OSI_ALL_CONTEXTS;
    mem_fail_after(allocations);
    struct osi_association *a[2] = {osi_association_new(&ip, 0, NULL), osi_association_new(&rp, 0, NULL)};
    for (unsigned turns = 0; turns < 1000 && a[0] && a[1]; turns++)
        for (unsigned i = 0; i < 2; i++) {
            while (osi_association_next_event(a[i], &event)) {
                struct osi_ro result = {
                    .kind = OSI_RO_RESULT, .id = event.u.ro.id, .has_code = true, .code = 3};
                if (event.type == OSI_EVENT_OPEN_INDICATION &&
                    !osi_association_accept(a[i], SPAN_LIT("\x04\x01y"), 0))
                    osi_association_abort(a[i], OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
                else if (event.type == OSI_EVENT_OPEN_CONFIRM &&
                         !osi_ro_send(a[i], &invoke, span_of(octets, sizeof octets), 0))
                    osi_association_abort(a[i], OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
                else if (event.type == OSI_EVENT_RO_END && i == 1 &&
                         !osi_ro_send(a[i], &result, SPAN_LIT("\x05\x00"), 0))
                    osi_association_abort(a[i], OSI_ABORT_LOCAL_SYSTEM_PROBLEM, "no memory");
                else if (event.type == OSI_EVENT_RO_END && i == 0)
                    answered = event.u.ro.kind == OSI_RO_RESULT;
                else if (event.type == OSI_EVENT_CLOSED)
                    closed[i] = true;
            }
            carry(a[i], a[!i]);
        }
    end(a, closed);
    return answered;
}

static void test_each_allocation_of_an_operation_fails(void **state) {
    (void)state;
    static const enum osi_context contexts[] = {OSI_MTS_ACCESS_88, OSI_MTS_RELIABLE_ACCESS_88};
    for (unsigned i = 0; i < 2; i++) {
        int64_t allocations = 0;
        while (!operate_once(contexts[i], allocations) && allocations < 2000)
            allocations++;
        assert_in_range(allocations, 8, 1999);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation_fails),
                                       cmocka_unit_test(test_each_allocation_of_an_operation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
