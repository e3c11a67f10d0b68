#include "names/oraddress_1984.h"

#include "asn1/ber.h"

/* Extension attributes (X.411 §8.5.5, annex on the reference definition). */
enum { COMMON_NAME = 1, TELETEX_COMMON_NAME = 2, UNIVERSAL_COMMON_NAME = 24 };

enum { UB_DOMAIN_DEFINED_ATTRIBUTES = 4 };

/* The printable common name's element; false when an attribute stands there that 1984 can't express. */
static bool find_common_name(const struct x411_ORName *name, struct span *value) {
    bool variant = false;
    *value = (struct span){NULL, 0};
    for (size_t i = 0; i < name->extension_attributes.count; i++) {
        const struct x411_ExtensionAttribute *attribute = &name->extension_attributes.items[i];
        if (attribute->extension_attribute_type == COMMON_NAME)
            *value = attribute->extension_attribute_value;
        else if (attribute->extension_attribute_type == TELETEX_COMMON_NAME ||
                 attribute->extension_attribute_type == UNIVERSAL_COMMON_NAME)
            variant = true;
        else
            return false;
    }
    return value->data || !variant;
}

static bool add_common(struct span value, struct arena *arena, struct x411_ORName *name) {
    struct ber_element element;
    size_t count = name->built_in_domain_defined_attributes.count;
    if (count >= UB_DOMAIN_DEFINED_ATTRIBUTES || !ber_element_read(value, &element, NULL) ||
        element.constructed)
        return false;
    struct x411_BuiltInDomainDefinedAttribute *items = arena_array(arena, count + 1, sizeof *items);
    if (!items)
        return false;
    if (count)
        memcpy(items, name->built_in_domain_defined_attributes.items, count * sizeof *items);
    items[count].type = SPAN_LIT("Common");
    items[count].value = ber_element_contents(value, &element);
    name->built_in_domain_defined_attributes.items = items;
    name->built_in_domain_defined_attributes.count = count + 1;
    return true;
}

bool oraddress_to_1984(const struct x411_ORName *from, struct arena *arena, struct x411_ORName *to) {
    struct span common;
    *to = *from;
    if (!from->extension_attributes.count && !from->directory_name)
        return true;
    to->raw = (struct span){NULL, 0};
    to->directory_name = NULL;
    to->extension_attributes.items = NULL;
    to->extension_attributes.count = 0;
    return find_common_name(from, &common) && (!common.data || add_common(common, arena, to));
}
