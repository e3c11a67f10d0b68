#include "ms/filter_private.h"

#include "asn1/ber.h"

/* ---- preparing ---- */

struct preparation {
    struct arena *arena;
    enum ms_filter_error error; /* 0: none */
};

/* The place where a value is, and by which rule it is asserted; `type` is NULL where there is no such rule.
 */
struct assertion {
    enum ms_matching_rule rule;
    const struct ber_type *type;
    struct span value;
};

static void set_problem(struct item *item, int64_t problem, struct span value) {
    item->problem = problem;
    item->value = value;
}

static void note_read(struct preparation *p, struct item *item, enum ms_read read, struct span value) {
    if (read == MS_NO_MEMORY)
        p->error = MS_FILTER_MEMORY;
    else if (read == MS_NO_VALUE)
        set_problem(item, x413_AttributeProblem_invalid_attribute_value, value);
}

/* The attribute of an item; false when it is not known. */
static bool find_attribute(struct item *item, struct span type) {
    item->type = type;
    item->attribute = ms_attribute_by_oid(type);
    if (!item->attribute)
        set_problem(item, x413_AttributeProblem_unavailable_attribute_type, (struct span){NULL, 0});
    return item->attribute;
}

static void assert_value(struct preparation *p, struct item *item, struct assertion assertion) {
    item->comparison = ms_comparison(assertion.rule);
    if (!item->comparison || !assertion.type || (item->kind != ITEM_MATCH && !item->comparison->order)) {
        set_problem(item, x413_AttributeProblem_inappropriate_matching, assertion.value);
        return;
    }
    note_read(p, item,
              ms_operand_read(item->comparison->asserted, assertion.type, assertion.value, p->arena,
                              &item->asserted),
              assertion.value);
}

/* The value of an equality, ordering or approximate item is of the attribute's type. */
static void prepare_assertion(struct preparation *p, struct item *item,
                              const struct x413_AttributeValueAssertion *from) {
    if (find_attribute(item, from->attribute_type))
        assert_value(p, item,
                     (struct assertion){item->kind == ITEM_MATCH ? item->attribute->equality
                                                                 : item->attribute->ordering,
                                        item->attribute->type, from->attribute_value});
}

static void prepare_substrings(struct preparation *p, struct item *item,
                               const struct x413_FilterItem_substrings *from) {
    if (!find_attribute(item, from->type))
        return;
    item->comparison = ms_comparison(item->attribute->substrings);
    if (!item->comparison) {
        set_problem(item, x413_AttributeProblem_inappropriate_matching, (struct span){NULL, 0});
        return;
    }
    item->asserted.texts = arena_array(p->arena, from->strings.count + 1, sizeof(struct span));
    item->asserted.parts = arena_array(p->arena, from->strings.count + 1, sizeof(enum ms_part));
    if (!item->asserted.texts || !item->asserted.parts) {
        p->error = MS_FILTER_MEMORY;
        return;
    }
    for (size_t i = 0; i < from->strings.count && item->problem == NO_PROBLEM && !p->error; i++) {
        const struct x413_FilterItem_substrings_strings_item *string = &from->strings.items[i];
        bool initial = string->choice == x413_FilterItem_substrings_strings_item_initial,
             final = string->choice == x413_FilterItem_substrings_strings_item_final;
        struct span value = initial ? string->u.initial : final ? string->u.final : string->u.any;
        note_read(p, item,
                  ms_operand_add_part(initial ? MS_INITIAL
                                      : final ? MS_FINAL
                                              : MS_ANY,
                                      value, p->arena, &item->asserted),
                  value);
    }
}

static void prepare_other(struct preparation *p, struct item *item,
                          const struct x413_MatchingRuleAssertion *from) {
    enum ms_matching_rule rule = ms_matching_rule_by_oid(from->matching_rule);
    if (!find_attribute(item, from->attribute_type))
        return;
    bool has = ms_attribute_has_rule(item->attribute, rule);
    assert_value(p, item,
                 (struct assertion){has ? rule : MS_NO_MATCH, has ? ms_matching_rule_row(rule)->type : NULL,
                                    from->match_value});
}

static struct item *prepare_item(struct preparation *p, const struct x413_FilterItem *from) {
    struct item *item = arena_alloc(p->arena, sizeof *item);
    if (!item) {
        p->error = MS_FILTER_MEMORY;
        return NULL;
    }
    item->problem = NO_PROBLEM;
    switch (from->choice) {
    case x413_FilterItem_equality:
        prepare_assertion(p, item, &from->u.equality);
        break;
    case x413_FilterItem_approximate_match:
        prepare_assertion(p, item, &from->u.approximate_match);
        break;
    case x413_FilterItem_greater_or_equal:
        item->kind = ITEM_NOT_BEFORE;
        prepare_assertion(p, item, &from->u.greater_or_equal);
        break;
    case x413_FilterItem_less_or_equal:
        item->kind = ITEM_NOT_BEHIND;
        prepare_assertion(p, item, &from->u.less_or_equal);
        break;
    case x413_FilterItem_substrings:
        prepare_substrings(p, item, &from->u.substrings);
        break;
    case x413_FilterItem_present:
        item->kind = ITEM_PRESENT;
        find_attribute(item, from->u.present);
        break;
    case x413_FilterItem_other_match:
        prepare_other(p, item, &from->u.other_match);
        break;
    }
    return item;
}

/* What is within a filter that joins others. */
static void children(const struct x413_Filter *filter, const struct x413_Filter **first, size_t *count) {
    *first = filter->choice == x413_Filter_and  ? filter->u.and.items
             : filter->choice == x413_Filter_or ? filter->u.or.items
                                                : filter->u.not ;
    *count = filter->choice == x413_Filter_and  ? filter->u.and.count
             : filter->choice == x413_Filter_or ? filter->u.or.count
                                                : 1;
}

static enum node_kind kind_of(const struct x413_Filter *filter) {
    return filter->choice == x413_Filter_and   ? NODE_AND
           : filter->choice == x413_Filter_or  ? NODE_OR
           : filter->choice == x413_Filter_not ? NODE_NOT
                                               : NODE_ITEM;
}

/* A filter that joins others, while those within it are gone through. */
struct level {
    const struct x413_Filter *next;
    size_t left, node;
};

/* How many nodes a filter has, and with `into` these; 0 when it is too large. */
static size_t walk(struct preparation *p, const struct x413_Filter *filter, struct node *into) {
    struct level levels[MS_FILTER_DEPTH];
    size_t depth = 0, count = 0;
    for (const struct x413_Filter *at = filter; at;) {
        if (count == MS_FILTER_NODES || (kind_of(at) != NODE_ITEM && depth == MS_FILTER_DEPTH))
            return 0;
        if (into)
            into[count] = (struct node){.kind = kind_of(at)};
        if (kind_of(at) != NODE_ITEM) {
            struct level *level = &levels[depth++];
            children(at, &level->next, &level->left);
            level->node = count;
        } else if (into && !(into[count].item = prepare_item(p, &at->u.item))) {
            return 0;
        }
        count++;
        for (; depth && !levels[depth - 1].left; depth--)
            if (into)
                into[levels[depth - 1].node].end = (uint32_t)count;
        at = depth ? levels[depth - 1].next++ : NULL;
        if (at)
            levels[depth - 1].left--;
    }
    return count;
}

const struct ms_filter *ms_filter_prepare(const struct x413_Filter *filter, struct arena *arena,
                                          enum ms_filter_error *why) {
    struct preparation p = {.arena = arena};
    struct ms_filter *made = arena_alloc(arena, sizeof *made);
    size_t count = filter ? walk(&p, filter, NULL) : 0;
    *why = filter && !count ? MS_FILTER_TOO_LARGE : MS_FILTER_MEMORY;
    if (!made || (filter && !count))
        return NULL;
    made->nodes = arena_array(arena, count + 1, sizeof *made->nodes);
    if (!made->nodes)
        return NULL;
    made->count = filter ? walk(&p, filter, made->nodes) : 0;
    return p.error ? NULL : made;
}

bool ms_filter_problem(const struct ms_filter *filter, size_t index, struct ms_filter_problem *problem) {
    for (size_t i = 0; i < filter->count; i++) {
        const struct item *item = filter->nodes[i].item;
        if (item && item->problem != NO_PROBLEM && index-- == 0) {
            *problem = (struct ms_filter_problem){item->problem, item->type, item->value};
            return true;
        }
    }
    return false;
}

/* ---- deciding ---- */

static bool holds(const struct item *item, const struct ms_operand *stored) {
    const struct ms_comparison *comparison = item->comparison;
    return item->kind == ITEM_MATCH        ? comparison->matches(&item->asserted, stored)
           : item->kind == ITEM_NOT_BEFORE ? comparison->order(&item->asserted, stored) >= 0
                                           : comparison->order(&item->asserted, stored) <= 0;
}

#define WORK_OCTETS 64

/* False: there was too much. */
static bool charge(uint64_t *work, struct span value) {
    uint64_t cost = 1 + value.len / WORK_OCTETS;
    if (work)
        *work = *work > cost ? *work - cost : 0;
    return !work || *work;
}

/* A value that can't be read matches nothing. */
static enum ms_verdict match_values(const struct item *item, const struct ms_values *from,
                                    const struct span *values, size_t count, struct arena *scratch) {
    for (size_t i = 0; i < count; i++) {
        struct ms_operand stored;
        if (!charge(from->work, values[i]))
            return MS_UNDECIDED;
        arena_reset(scratch);
        enum ms_read read =
            ms_operand_read(item->comparison->stored, item->attribute->type, values[i], scratch, &stored);
        if (read == MS_NO_MEMORY)
            return MS_UNDECIDED;
        if (read == MS_READ && holds(item, &stored))
            return MS_TRUE;
    }
    return MS_FALSE;
}

static enum ms_verdict decide_item(const struct item *item, const struct ms_values *values,
                                   struct arena *scratch) {
    const struct span *found = NULL;
    size_t count = 0;
    if (item->problem != NO_PROBLEM)
        return MS_UNDEFINED;
    if (!values->get(values->user, item->attribute, &found, &count))
        return MS_UNDECIDED;
    if (item->kind == ITEM_PRESENT)
        return count ? MS_TRUE : MS_FALSE;
    if (!item->comparison->matches)
        return (uint64_t)item->asserted.number == count ? MS_TRUE : MS_FALSE;
    return match_values(item, values, found, count, scratch);
}

static enum ms_verdict negated(enum ms_verdict verdict) {
    return verdict == MS_TRUE ? MS_FALSE : verdict == MS_FALSE ? MS_TRUE : verdict;
}

/* What joins others, while it is being decided. */
struct joined {
    const struct node *node;
    enum ms_verdict verdict; /* of what was decided so far */
};

/* Takes the verdict of one within; true if the others can't change the whole any more. */
static bool take(struct joined *joined, enum ms_verdict verdict) {
    enum ms_verdict deciding = joined->node->kind == NODE_OR ? MS_TRUE : MS_FALSE;
    if (joined->node->kind == NODE_NOT)
        joined->verdict = negated(verdict);
    else if (verdict == deciding || (verdict == MS_UNDEFINED && joined->verdict != deciding))
        joined->verdict = verdict;
    return joined->verdict == deciding && joined->node->kind != NODE_NOT;
}

enum ms_verdict ms_filter_decide(const struct ms_filter *filter, const struct ms_values *values,
                                 struct arena *scratch) {
    struct joined stack[MS_FILTER_DEPTH];
    enum ms_verdict verdict = MS_TRUE;
    size_t depth = 0, at = 0;
    while (at < filter->count) {
        const struct node *node = &filter->nodes[at++];
        if (node->kind != NODE_ITEM) {
            stack[depth++] = (struct joined){node, node->kind == NODE_OR ? MS_FALSE : MS_TRUE};
            if (at < node->end)
                continue;
            verdict = stack[--depth].verdict;
        } else {
            verdict = decide_item(node->item, values, scratch);
        }
        if (verdict == MS_UNDECIDED)
            return verdict;
        for (; depth; depth--) {
            if (take(&stack[depth - 1], verdict))
                at = stack[depth - 1].node->end;
            if (at < stack[depth - 1].node->end)
                break;
            verdict = stack[depth - 1].verdict;
        }
    }
    return verdict;
}
