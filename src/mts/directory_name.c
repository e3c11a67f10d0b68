/*
 * Directory names (X.411 §8.5.5, X.402 §9.4.3 name resolution). A name that has
 * none of the address's attributes is looked up; with the address that is found
 * it keeps its directory name, so that both forms travel and are reported.
 */
#include "mts/mts_private.h"

static bool answer_for(const struct mts_run *run, struct span name, struct mts_answer *answer) {
    for (size_t i = 0; i < run->answer_count; i++)
        if (span_eq(run->answers[i].directory_name, name)) {
            *answer = run->answers[i];
            return true;
        }
    *answer = (struct mts_answer){.directory_name = name};
    return run->look_up && run->look_up(run->look_up_context, name, answer);
}

enum lookup directory_look_up(struct work *work, struct x501_Name *name, struct x411_ORName *found,
                              struct cause *cause) {
    struct span octets;
    struct mts_answer answer;
    if (!ber_encode_arena(&x501_Name_type, name, work->arena, &octets, NULL)) {
        work->no_memory = true;
        return LOOKUP_ASKED;
    }
    if (!answer_for(work->run, octets, &answer)) {
        work_need(work, octets);
        return LOOKUP_ASKED;
    }
    const char *text =
        answer.address ? (const char *)arena_dup(work->arena, span_str(answer.address)).data : NULL;
    if (text && address_parse(work->arena, text, found, NULL)) {
        found->directory_name = name;
        return LOOKUP_FOUND;
    }
    /* The name that the directory does not hold is told from the directory that did not answer. */
    *cause = (struct cause){x411_NonDeliveryReasonCode_directory_operation_unsuccessful,
                            answer.failed ? -1 : x411_NonDeliveryDiagnosticCode_unrecognised_OR_name, NULL};
    return LOOKUP_NONE;
}
