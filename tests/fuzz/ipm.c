/* Reads hostile contents as interpersonal messages: every text, every part, and forwarded messages inside. */
#include "content/ipm.h"

static bool drop(void *context, struct span piece) {
    *(uint64_t *)context += piece.len;
    return true;
}

static void use(const struct ipm *ipm, struct arena *arena, unsigned depth) {
    for (size_t i = 0; i < ipm->part_count; i++) {
        const struct ipm_part *part = &ipm->parts[i];
        uint64_t size = 0;
        struct ipm inner;
        if (ipm_part_write(part, drop, &size) && size != part->size)
            __builtin_trap();
        ipm_part_text(part, arena);
        if (part->type == IPM_PART_MESSAGE && depth < 16 && ipm_read_forwarded(part, arena, &inner, NULL))
            use(&inner, arena, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct ipm_content content;
    struct x411_EncodedInformationTypes types;
    arena_init(&arena, 16 * 1024 * 1024);
    struct span in = span_of(data, size);
    const struct ipm_new_part forwarded = {.type = IPM_PART_MESSAGE, .octets = in};
    if (ipm_read(in, &arena, &content, NULL) && content.ipm) {
        struct ipm_plan plan;
        use(content.ipm, &arena, 0);
        ipm_encoded_types(&forwarded, 1, &arena, &types);
        ipm_plan(&content.ipm->heading, &forwarded, 1, &arena, &plan, NULL);
    }
    arena_free(&arena);
    return 0;
}
