/* P22 to P2 for those who know the content type of 1984 only (RFC 1328 §5): when it must be done. */
#include "mts/mts_private.h"

static const struct x411_ContentType p2 = {
    .choice = x411_ContentType_built_in, .u.built_in = x411_BuiltInContentType_interpersonal_messaging_1984};

bool conversion_to_p2(const struct hop *hop, const struct subject *subject) {
    const struct x411_ContentType *type = &subject->envelope.content_type;
    if (!hop->given.rfc1328 || type->choice != x411_ContentType_built_in ||
        type->u.built_in != x411_BuiltInContentType_interpersonal_messaging_1988)
        return false;
    bool understood = !hop->given.edition_1984_content_only && content_type_in(&hop->content_types, type);
    return !understood && content_type_in(&hop->content_types, &p2);
}
