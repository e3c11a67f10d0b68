#include "mts/address_private.h"

bool address_of(struct arena *arena, const struct x411_ORName *name, struct address *address) {
    if (!oraddress_of_name(name, arena, &address->parts))
        return false;
    address->key = oraddress_key(&address->parts, arena);
    return address->key.data;
}

bool address_parse(struct arena *arena, const char *text, struct x411_ORName *name, struct error *err) {
    *name = (struct x411_ORName){0};
    if (!oraddress_parse_name(span_str(text), arena, name, err))
        return false;
    return !address_is_empty(name) || error_set(err, ORADDRESS_SYNTAX, "the address is empty");
}

struct span address_text(struct arena *arena, const struct x411_ORName *name) {
    return oraddress_name_text(name, arena);
}

bool address_is_empty(const struct x411_ORName *name) {
    const struct x411_BuiltInStandardAttributes *built_in = &name->built_in_standard_attributes;
    return !built_in->country_name && !built_in->administration_domain_name &&
           !built_in->network_address.data && !built_in->terminal_identifier.data &&
           !built_in->private_domain_name && !built_in->organization_name.data &&
           !built_in->numeric_user_identifier.data && !built_in->personal_name &&
           !built_in->organizational_unit_names.count && !name->built_in_domain_defined_attributes.count &&
           !name->extension_attributes.count;
}

bool address_equal(struct arena *arena, const struct x411_ORName *a, const struct x411_ORName *b) {
    struct oraddress left, right;
    return oraddress_of_name(a, arena, &left) && oraddress_of_name(b, arena, &right) &&
           oraddress_equal(&left, &right);
}
