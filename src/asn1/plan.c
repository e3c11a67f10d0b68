/* Which way leads to a field: the type's table and a path become a tree of nodes. */

#include "asn1/scanner_private.h"

static bool add_node(struct ber_plan *plan, struct ber_plan_node node, uint8_t *number) {
    for (unsigned i = 1; i < plan->count; i++) {
        const struct ber_plan_node *same = &plan->nodes[i];
        if (same->parent == node.parent && same->component == node.component && same->kind == node.kind &&
            same->condition == node.condition) {
            *number = (uint8_t)i;
            return true;
        }
    }
    if (plan->count == BER_PLAN_NODES)
        return false;
    *number = (uint8_t)plan->count;
    plan->nodes[plan->count++] = node;
    return true;
}

static uint8_t kind_of(const struct ber_type *type, bool last) {
    if (last)
        return ber_is_string_kind(type->kind) ? BER_PLAN_STRING : BER_PLAN_RAW;
    switch (type->kind) {
    case BER_KIND_SEQUENCE:
        return BER_PLAN_SEQUENCE;
    case BER_KIND_SET:
        return BER_PLAN_SET;
    case BER_KIND_SEQUENCE_OF:
    case BER_KIND_SET_OF:
        return BER_PLAN_OF;
    case BER_KIND_CHOICE:
        return BER_PLAN_CHOICE;
    default:
        return BER_PLAN_NONE;
    }
}

/* The component of `type` whose name the `length` octets at `name` are, or -1. */
static int component_of(const struct ber_type *type, const char *name, size_t length) {
    bool of = type->kind == BER_KIND_SEQUENCE_OF || type->kind == BER_KIND_SET_OF;
    if (of)
        return length == 1 && *name == '*' ? 0 : -1;
    for (unsigned i = 0; i < type->count; i++)
        if (strlen(type->fields[i].name) == length && memcmp(type->fields[i].name, name, length) == 0)
            return (int)i;
    return -1;
}

/* One step of a path: `attribute-values(attribute-type)`. */
struct step {
    int component, condition;
    bool last;
    const char *next;
};

static bool read_step(const struct ber_type *type, const char *at, struct step *step) {
    size_t length = strcspn(at, ".(");
    const char *end = at + length;
    *step = (struct step){.component = component_of(type, at, length), .condition = -1};
    if (*end == '(') {
        size_t inner = strcspn(end + 1, ")");
        step->condition = component_of(type, end + 1, inner);
        if (step->condition < 0 || end[1 + inner] != ')')
            return false;
        end += inner + 2;
    }
    step->last = *end == '\0';
    step->next = end + !step->last;
    return step->component >= 0 && (step->last || *end == '.');
}

static bool add_path(struct ber_plan *plan, const struct ber_type *type, const struct ber_path *wanted,
                     uint8_t path) {
    const char *at = wanted->components;
    struct step step;
    uint8_t node;
    if (!add_node(plan, (struct ber_plan_node){.type = type, .kind = kind_of(type, false), .path = path},
                  &node))
        return false;
    do {
        if (plan->nodes[node].kind == BER_PLAN_NONE || !read_step(type, at, &step))
            return false;
        const struct ber_field *field = &type->fields[step.component];
        struct ber_plan_node next = {.path = path,
                                     .parent = node,
                                     .component = (uint8_t)step.component,
                                     .condition = (uint8_t)(step.condition + 1)};
        for (unsigned i = 0; i < field->around; i++) {
            next.type = field->type;
            next.kind = BER_PLAN_EXPLICIT;
            if (!add_node(plan, next, &next.parent))
                return false;
            next.component = next.condition = 0;
        }
        type = next.type = field->type;
        next.kind = step.last && wanted->string ? BER_PLAN_STRING : kind_of(type, step.last);
        if (!add_node(plan, next, &node))
            return false;
        at = step.next;
    } while (!step.last);
    return true;
}

bool ber_plan_init(struct ber_plan *plan, const struct ber_type *type, const struct ber_path *paths,
                   size_t count) {
    *plan = (struct ber_plan){.count = 1, .nodes = {{.kind = BER_PLAN_EXPLICIT}}};
    for (size_t i = 0; i < count; i++) {
        if (i == BER_PLAN_PATHS || !add_path(plan, type, &paths[i], (uint8_t)i))
            return false;
        plan->when[i] = paths[i].when;
    }
    for (unsigned i = 1; i < plan->count; i++)
        plan->conditional |= plan->nodes[i].condition != 0;
    return true;
}

static uint8_t child_of(const struct ber_plan *plan, uint8_t node, unsigned component, bool met) {
    for (unsigned i = node + 1u; i < plan->count; i++)
        if (plan->nodes[i].parent == node && plan->nodes[i].component == component &&
            (met || !plan->nodes[i].condition))
            return (uint8_t)i;
    return 0;
}

/* Where the identifier octet does not tell: the place, from 1, of the first component from `first` on. */
BER_COLD static unsigned find(const struct ber_type *type, unsigned first, uint32_t id) {
    for (unsigned i = first; i < type->count; i++)
        if (ber_field_matches(&type->fields[i], id))
            return i + 1;
    return 0;
}

/* The component of the node's type to which an element with this tag belongs, or -1. In a SEQUENCE the cursor
 * moves behind it. */
static inline int match(const struct ber_plan_node *node, uint8_t *cursor, uint8_t octet, uint32_t id) {
    const struct ber_type *type = node->type;
    if (node->kind == BER_PLAN_OF || node->kind == BER_PLAN_EXPLICIT)
        return 0;
    unsigned first = node->kind == BER_PLAN_SEQUENCE ? *cursor : 0, found = type->index[octet];
    if (found == 0)
        found = find(type, first, id);
    if (found <= first)
        return -1;
    if (node->kind == BER_PLAN_SEQUENCE)
        *cursor = (uint8_t)found;
    return (int)found - 1;
}

uint8_t ber_plan_child(const struct ber_plan *plan, struct ber_scan_level *level, uint8_t octet, uint32_t id,
                       int *component) {
    *component = match(&plan->nodes[level->node], &level->cursor, octet, id);
    uint8_t node = *component < 0 ? 0 : child_of(plan, level->node, (unsigned)*component, level->met);
    /* A CHOICE has no tag of its own: its alternative's is the element's. */
    while (node && plan->nodes[node].kind == BER_PLAN_CHOICE) {
        int alternative = match(&plan->nodes[node], NULL, octet, id);
        node = alternative < 0 ? 0 : child_of(plan, node, (unsigned)alternative, false);
    }
    return node;
}

bool ber_plan_begins(const struct ber_plan *plan, uint8_t octet, uint32_t id) {
    const struct ber_type *type = plan->nodes[1].type;
    if (type->kind == BER_KIND_CHOICE)
        return match(&plan->nodes[1], NULL, octet, id) >= 0;
    return type->tag_count == 0 || type->tags[0] == id;
}
