/*
 * Directory names (X.411 §8.5.5, X.402 §9.4.3 name resolution). A name that has
 * none of the address's attributes is looked up; with the address that is found
 * it keeps its directory name, so that both forms travel and are reported.
 */
#include <stdlib.h>

#include "mts/mts_private.h"

static int compare_answers(const void *a, const void *b) {
    const struct mts_answer *left = a, *right = b;
    return span_cmp(left->directory_name, right->directory_name);
}

bool mts_answer(struct mts_run *run, struct mts_decisions *out, mts_find *find, void *context) {
    if (out->result != MTS_NEEDS)
        return false;
    struct mts_answer *answers =
        arena_array(run->arena, run->answer_count + out->need_count, sizeof *answers);
    if (!answers) {
        out->result = MTS_NO_MEMORY;
        return false;
    }
    if (run->answer_count)
        memcpy(answers, run->answers, run->answer_count * sizeof *answers);
    for (size_t i = 0; i < out->need_count; i++) {
        struct mts_answer *answer = &answers[run->answer_count++];
        *answer = (struct mts_answer){.directory_name = out->needs[i].directory_name};
        find(context, answer);
    }
    qsort(answers, run->answer_count, sizeof *answers, compare_answers);
    run->answers = answers;
    return true;
}

static const struct mts_answer *answer_for(const struct mts_run *run, struct span name) {
    struct mts_answer key = {.directory_name = name};
    return run->answer_count ? bsearch(&key, run->answers, run->answer_count, sizeof key, compare_answers)
                             : NULL;
}

enum lookup directory_look_up(struct ruling *ruling, struct x501_Name *name, struct x411_ORName *found,
                              struct cause *cause) {
    struct span octets;
    if (!ber_encode_arena(&x501_Name_type, name, ruling->arena, &octets, NULL)) {
        ruling->no_memory = true;
        return LOOKUP_ASKED;
    }
    const struct mts_answer *answer = answer_for(ruling->run, octets);
    if (!answer) {
        ruling_need(ruling, octets);
        return LOOKUP_ASKED;
    }
    const char *text =
        answer->address ? (const char *)arena_dup(ruling->arena, span_str(answer->address)).data : NULL;
    if (text && address_parse(ruling->arena, text, found, NULL)) {
        found->directory_name = name;
        return LOOKUP_FOUND;
    }
    /* The name that the directory does not hold is told from the directory that did not answer. */
    *cause = (struct cause){x411_NonDeliveryReasonCode_directory_operation_unsuccessful,
                            answer->failed ? -1 : x411_NonDeliveryDiagnosticCode_unrecognised_OR_name, NULL};
    return LOOKUP_NONE;
}
