#include <stdio.h>
#include <stdlib.h>

#include "asn1/print_private.h"

/* Any value; `member` is the component that it is, if it is one. */
static void print_value(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                        const struct ber_type *type, const void *value);

/* ---- braces ---- */

static void new_line(struct printer *p) {
    unsigned indent = p->indent < 40 ? p->indent : 40; /* deep nesting must not blow up the output */
    buf_printf(p->out, "\n%*s", (int)(2 * indent), "");
}

static void print_open_brace(struct printer *p, const char *brace) {
    print_text(p, brace);
    p->indent++;
    p->first = true;
}

static void print_next_entry(struct printer *p) {
    if (!p->first)
        print_text(p, ",");
    p->first = false;
    new_line(p);
}

static void print_close_brace(struct printer *p, const char *brace) {
    p->indent--;
    if (!p->first)
        new_line(p);
    p->first = false;
    print_text(p, brace);
}

static void print_member_name(struct printer *p, const char *name) {
    print_next_entry(p);
    buf_printf(p->out, p->how->json ? "\"%s\": " : "%s ", name);
}

static void offset_member(struct printer *p, const uint8_t *data) {
    size_t offset;
    if (p->how->json && print_knows_offset(p, data, &offset)) {
        print_member_name(p, "@offset");
        buf_printf(p->out, "%zu", offset);
    }
}

/* ---- where decoding stopped ---- */

/* True if the path to where decoding stopped goes through `name`; `*rest` is what comes behind it. */
static bool on_path(const char *stop, const char *name, const char **rest) {
    size_t len = strlen(name);
    if (!stop || strncmp(stop, name, len) != 0 || (stop[len] && stop[len] != '.'))
        return false;
    *rest = stop[len] ? stop + len + 1 : stop + len;
    return true;
}

/*
 * Prints one part; when decoding stopped in it nothing comes after it. `was`
 * is the path as it stood in the enclosing value.
 */
static void print_part(struct printer *p, const char *was, const char *name, const struct ber_place *place,
                       const struct ber_type *type, const void *value) {
    const char *rest = NULL;
    bool last = on_path(was, name, &rest);
    struct print_step step = {p->step, name};
    p->step = &step;
    p->stop = last ? rest : NULL;
    if (value)
        print_value(p, place, place->member, type, value);
    else /* an alternative whose value never came */
        print_text(p, p->how->json ? "null" : "NULL");
    p->step = step.outer;
    p->stop = was;
    p->stopped |= last;
}

/* ---- faults that were passed over ---- */

static void put_path(const struct print_step *step, struct buf *path) {
    if (step && step->outer)
        put_path(step->outer, path);
    if (step)
        buf_printf(path, "%s%s", path->len ? "." : "", step->name);
}

static void tell_path(const struct printer *p, struct ber_passed *item, const char *name) {
    struct buf path;
    buf_init(&path, sizeof item->path);
    put_path(p->step, &path);
    if (name)
        buf_printf(&path, "%s%s", path.len ? "." : "", name);
    snprintf(item->path, sizeof item->path, "%.*s", (int)path.len, path.data ? (const char *)path.data : "");
    buf_free(&path);
}

/* The value is being printed: what is noted of it gets its path. */
static void tell_paths(const struct printer *p, const void *value) {
    const struct ber_passed_list *passed = p->how->passed;
    for (size_t i = 0; passed && value && i < passed->count; i++)
        if (passed->items[i].within == value && !passed->items[i].component)
            tell_path(p, &passed->items[i], NULL);
}

/* What is noted of the component, or of an item (`component` is the list's), or NULL. */
static struct ber_passed *fault_of(const struct printer *p, const void *within,
                                   const struct ber_field *component) {
    const struct ber_passed_list *passed = p->how->passed;
    for (size_t i = 0; passed && i < passed->count; i++)
        if (passed->items[i].within == within && passed->items[i].component == component)
            return &passed->items[i];
    return NULL;
}

static void print_broken(struct printer *p, const struct ber_passed *fault) {
    print_text(p, p->how->json ? "{\"@wrong\": " : "");
    print_hex(p, fault->octets);
    if (p->how->json)
        print_text(p, "}");
    else
        buf_printf(p->out, " -- wrong: %s --", fault->text);
}

/* A component that is missing or broken. */
static void print_fault(struct printer *p, struct ber_passed *fault, const char *name) {
    tell_path(p, fault, name);
    if (fault->octets.data) {
        print_member_name(p, name);
        print_broken(p, fault);
    } else if (!p->how->json) {
        print_member_name(p, name);
        print_text(p, "-- missing --");
    }
}

/* In a SET that broke off, a number that never came can't be told from a zero: only what shows that it came
 * is printed. */
static bool surely_there(const struct ber_field *field, const void *member) {
    switch (field->type->kind) {
    case BER_KIND_INTEGER:
    case BER_KIND_ENUMERATED:
        return field->flags & BER_FIELD_HAS || *(const int64_t *)member != 0;
    case BER_KIND_BOOLEAN:
        return field->flags & BER_FIELD_HAS || *(const bool *)member;
    case BER_KIND_SEQUENCE:
    case BER_KIND_SET:
        return field->flags & BER_FIELD_POINTER || ((const struct span *)member)->data;
    case BER_KIND_CHOICE:
        return ber_choice_of(field->type, member) || ((const struct span *)member)->data;
    case BER_KIND_SEQUENCE_OF:
    case BER_KIND_SET_OF:
        return ber_list_of(member).items;
    default:
        return !(field->flags & BER_FIELD_VOID);
    }
}

/* ---- structure ---- */

static void print_unknown(struct printer *p, const struct ber_type *type, const void *value) {
    const struct span *unknown = ber_member(value, type->extra);
    if (!(type->flags & BER_TYPE_EXTENSIBLE) || !unknown->data || p->stopped)
        return;
    if (p->how->json) {
        print_member_name(p, "...");
    } else {
        print_next_entry(p);
        print_text(p, "-- unknown: -- ");
    }
    print_hex(p, *unknown);
}

static bool is_the_default(const struct ber_field *field, const void *member) {
    if (!(field->flags & BER_FIELD_DEFAULT))
        return false;
    return field->value ==
           (field->type->kind == BER_KIND_BOOLEAN ? *(const bool *)member : *(const int64_t *)member);
}

static void print_component(struct printer *p, const struct ber_place *outer, const struct ber_type *type,
                            const struct ber_field *field, const void *value) {
    struct ber_passed *fault = fault_of(p, value, field);
    if (fault) {
        print_fault(p, fault, field->name);
        return;
    }
    const char *was = p->stop, *rest;
    bool broken = was && type->kind == BER_KIND_SET && !on_path(was, field->name, &rest);
    const void *member = ber_field_value(field, value);
    if (!member || is_the_default(field, member) || (broken && !surely_there(field, member))) {
        if (type->kind == BER_KIND_SEQUENCE)
            p->stopped |= on_path(was, field->name, &rest);
        return;
    }
    struct ber_place place = {outer, type, value, field};
    print_member_name(p, field->name);
    print_part(p, was, field->name, &place, field->type, member);
    if (type->kind == BER_KIND_SET) /* the components behind it may have come before it */
        p->stopped = false;
}

static void print_components(struct printer *p, const struct ber_place *outer, const struct ber_type *type,
                             const void *value) {
    const struct span *raw = value;
    bool broken = p->stop;
    print_open_brace(p, "{");
    print_offset(p, raw->data);
    offset_member(p, raw->data);
    for (uint32_t i = 0; i < type->count && !p->stopped; i++)
        print_component(p, outer, type, &type->fields[i], value);
    print_unknown(p, type, value);
    p->stopped |= broken;
    print_close_brace(p, "}");
}

static void print_list(struct printer *p, const struct ber_place *outer, const struct ber_type *type,
                       const void *value) {
    struct ber_list list = ber_list_of(value);
    const struct ber_field *element = type->fields;
    struct ber_place place = {outer, type, value, element};
    const char *was = p->stop;
    char name[24];
    print_open_brace(p, p->how->json ? "[" : "{");
    for (size_t i = 0; i < list.count && !p->stopped; i++) {
        const void *item = (const uint8_t *)list.items + i * element->type->size;
        struct ber_passed *fault = fault_of(p, item, element);
        snprintf(name, sizeof name, "%zu", i);
        print_next_entry(p);
        if (fault) {
            tell_path(p, fault, name);
            print_broken(p, fault);
        } else {
            print_part(p, was, name, &place, element->type, item);
        }
    }
    p->stopped |= was != NULL;
    print_close_brace(p, p->how->json ? "]" : "}");
}

static void print_choice(struct printer *p, const struct ber_place *outer, const struct ber_type *type,
                         const void *value) {
    int choice = ber_choice_of(type, value);
    const struct span *raw = value;
    bool known = choice > 0 && (uint32_t)choice <= type->count;
    const struct ber_field *field = known ? &type->fields[choice - 1] : NULL;
    struct ber_place place = {outer, type, value, field};
    struct ber_passed *fault = known ? fault_of(p, value, field) : NULL;
    if (p->how->json)
        print_open_brace(p, "{");
    offset_member(p, raw->data);
    if (fault) {
        tell_path(p, fault, field->name);
        if (p->how->json)
            print_member_name(p, field->name);
        else
            buf_printf(p->out, "%s : ", field->name);
        print_broken(p, fault);
    } else if (known) {
        if (p->how->json)
            print_member_name(p, field->name);
        else
            buf_printf(p->out, "%s : ", field->name);
        print_part(p, p->stop, field->name, &place, field->type, ber_field_value(field, value));
    } else if (raw->data) {
        if (p->how->json)
            print_member_name(p, "...");
        print_hex(p, *raw);
    }
    if (p->how->json)
        print_close_brace(p, "}");
}

/* ---- open types ---- */

/* Where and why a value in an open type breaks off; the offset counts from that value's start. */
static void print_stop(struct printer *p, const struct ber_error *error) {
    if (!p->how->json) {
        buf_printf(p->out, " -- stops at octet %zu of this: %s --", error->offset, error->text);
        return;
    }
    print_member_name(p, "@error");
    buf_printf(p->out, "{\"offset\": %zu, \"path\": ", error->offset);
    print_quoted(p, span_str(error->path));
    print_text(p, ", \"text\": ");
    print_quoted(p, span_str(error->text));
    print_text(p, "}");
}

static void print_named(struct printer *p, const struct ber_place *outer, const struct opened *opened) {
    const char *name = p->how->called ? p->how->called(p->how->user, opened->type) : opened->type->name;
    p->nested++;
    if (p->how->json) {
        print_open_brace(p, "{");
        if (opened->octets.data) {
            print_member_name(p, "@octets");
            print_hex(p, opened->octets);
        }
        print_next_entry(p);
        buf_printf(p->out, "\"@%s\": ", name);
    } else {
        buf_printf(p->out, "%s : ", name);
    }
    print_value(p, outer, NULL, opened->type, opened->value);
    if (opened->error.code != BER_OK)
        print_stop(p, &opened->error);
    if (p->how->json)
        print_close_brace(p, "}");
    p->nested--;
}

/* False, with nothing printed, when it is not known what the octets are. Of a value in which the input breaks
 * off the part that is there is printed. */
static bool print_open(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                       const struct ber_type *type, struct span octets) {
    struct opened opened;
    if (!open_decode(p, outer, member, type, octets, &opened))
        return false;
    const char *was = p->stop;
    bool broken = opened.error.code != BER_OK;
    if (broken)
        p->stop = opened.error.path;
    print_named(p, outer, &opened);
    if (broken) {
        p->stop = was;
        p->stopped = true;
    }
    return true;
}

static void print_value(struct printer *p, const struct ber_place *outer, const struct ber_field *member,
                        const struct ber_type *type, const void *value) {
    tell_paths(p, value);
    switch (type->kind) {
    case BER_KIND_SEQUENCE:
    case BER_KIND_SET:
        print_components(p, outer, type, value);
        return;
    case BER_KIND_SEQUENCE_OF:
    case BER_KIND_SET_OF:
        print_list(p, outer, type, value);
        return;
    case BER_KIND_CHOICE:
        print_choice(p, outer, type, value);
        return;
    default:
        break;
    }
    if (type->kind == BER_KIND_ANY || type->kind == BER_KIND_OCTET_STRING) {
        struct span octets = *(const struct span *)value;
        if (print_open(p, outer, member, type, octets))
            return;
    }
    print_primitive(p, type, value);
}

bool ber_print(const struct ber_type *type, const void *value, const struct ber_print *how, struct buf *out) {
    struct printer p = {.how = how, .out = out, .stop = how->stop};
    print_value(&p, NULL, NULL, type, value);
    print_text(&p, "\n");
    return !out->failed;
}
