/*
 * Conversion (X.408, X.411 §14.3). The one converter, P22 to P2, is
 * in conversion_p2.c: here the question is only which refusal is the true one.
 */
#include "mts/mts_private.h"

enum {
    EIT_UNKNOWN = 0,
    EIT_TELEX = 1,
    EIT_IA5 = 2,
    EIT_G3 = 3,
    EIT_G4 = 4,
    EIT_TELETEX = 5,
    EIT_VIDEOTEX = 6,
    EITS = 7
};

/* X.408 table 1 between the built-in types: 0 not defined, 1 without loss, 2 with loss of information. */
static const unsigned char x408[EITS][EITS] = {
    /*                unk tlx ia5 g3  g4  ttx vtx */
    [EIT_TELEX] = {0, 1, 1, 1, 1, 1, 1},   [EIT_IA5] = {0, 2, 1, 1, 1, 1, 1},
    [EIT_G3] = {0, 0, 0, 1, 1, 0, 0},      [EIT_G4] = {0, 0, 0, 2, 1, 0, 0},
    [EIT_TELETEX] = {0, 2, 2, 2, 1, 1, 2}, [EIT_VIDEOTEX] = {0, 2, 2, 2, 2, 2, 1},
};

/* Source types of the explicit conversions (X.411 §8.2.1.1.1.9); -1: no longer defined. */
static int explicit_source(int64_t conversion) {
    if (conversion == 0 || (conversion >= 8 && conversion <= 10))
        return EIT_IA5;
    if (conversion >= 11 && conversion <= 14)
        return EIT_TELETEX;
    return conversion == 16 || conversion == 17 ? EIT_VIDEOTEX : -1;
}

/* 0 no conversion is defined, 1 one without loss, 2 one with loss: the best for the worst of the types. */
static int best_conversion(const struct x411_EncodedInformationTypes *types,
                           const struct name_set *accepted) {
    int worst = 1;
    if (types->extended_encoded_information_types.count)
        return 0;
    for (unsigned from = 0; from < 10; from++) {
        int best = 0;
        if (!ber_bit(&types->built_in_encoded_information_types, from))
            continue;
        for (unsigned to = 1; to < EITS && from < EITS; to++) {
            uint8_t bit = (uint8_t)(0x80 >> to);
            struct x411_EncodedInformationTypes one = {
                .built_in_encoded_information_types = {span_of(&bit, 1), 0}};
            if (x408[from][to] && eits_meet(accepted, &one, true) && (best == 0 || x408[from][to] < best))
                best = x408[from][to];
        }
        if (best == 0)
            return 0;
        if (best > worst)
            worst = best;
    }
    return worst;
}

/* Reason and diagnostic go together as in RFC 2156 §5.3.8.2: types that nobody takes, and a conversion that
 * was not subscribed to, are no conversion that was not performed. */
static bool refuse(struct cause *cause, int diagnostic, const char *why) {
    bool unable = diagnostic == x411_NonDeliveryDiagnosticCode_encoded_information_types_unsupported ||
                  diagnostic == x411_NonDeliveryDiagnosticCode_implicit_conversion_not_subscribed;
    *cause = (struct cause){unable ? x411_NonDeliveryReasonCode_unable_to_transfer
                                   : x411_NonDeliveryReasonCode_conversion_not_performed,
                            diagnostic, why};
    return false;
}

/* An explicit conversion is the delivering MTA's, if nobody before has done it. True when nothing is to be
 * converted. */
bool conversion_explicit(const struct subject *subject, const recipient_fields *recipient,
                         struct cause *cause) {
    const struct x411_EncodedInformationTypes *types = subject_types(subject);
    int source = recipient->has_explicit_conversion ? explicit_source(recipient->explicit_conversion) : -1;
    /* Of a type that is not there, nothing is to be converted. */
    if (source < 0 || (types && !ber_bit(&types->built_in_encoded_information_types, (unsigned)source)))
        return true;
    return refuse(cause, x411_NonDeliveryDiagnosticCode_conversion_impractical,
                  "no converter for what was asked");
}

/* True when the content may go as it is to someone who takes only the `accepted` types. */
bool conversion_implicit(const struct subject *subject, const struct name_set *accepted, bool not_subscribed,
                         struct cause *cause) {
    const struct x411_EncodedInformationTypes *types = subject_types(subject);
    if (!types || !accepted->count)
        return true;
    if (eits_meet(accepted, types, true))
        return true;
    if (subject_has(subject, x411_PerMessageIndicators_implicit_conversion_prohibited))
        return refuse(cause, x411_NonDeliveryDiagnosticCode_implicit_conversion_prohibited, NULL);
    if (not_subscribed)
        return refuse(cause, x411_NonDeliveryDiagnosticCode_implicit_conversion_not_subscribed, NULL);
    int conversion = best_conversion(types, accepted);
    if (conversion == 0)
        return refuse(cause, x411_NonDeliveryDiagnosticCode_encoded_information_types_unsupported, NULL);
    if (conversion == 2 &&
        extension_enumerated(&subject->envelope.extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED) == 1)
        return refuse(cause, x411_NonDeliveryDiagnosticCode_conversion_with_loss_prohibited, NULL);
    return refuse(cause, x411_NonDeliveryDiagnosticCode_conversion_impractical, NULL);
}
