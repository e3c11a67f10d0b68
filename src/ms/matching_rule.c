#include "ms/matching_rule.h"

#include "asn1/table.h"
#include "schema/x413at.h"
#include "schema/x420ms.h"

#define OCTETS(...)                                                                                          \
    { (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) }
/* The Directory's, X.413's and X.420's rules by their numbers. */
#define DIRECTORY(number) OCTETS(0x55, 13, number)
#define GENERAL(number)   OCTETS(0x56, 4, 8, number)
#define IPM(number)       OCTETS(0x56, 1, 14, number)

static const struct ms_matching_rule_row rows[MS_MATCHING_RULES] = {
    [MS_OBJECT_IDENTIFIER_MATCH] = {"objectIdentifierMatch", DIRECTORY(0), &ber_OBJECT_IDENTIFIER_type, true,
                                    false},
    [MS_BOOLEAN_MATCH] = {"booleanMatch", DIRECTORY(13), &ber_BOOLEAN_type, true, false},
    [MS_INTEGER_MATCH] = {"integerMatch", DIRECTORY(14), &ber_INTEGER_type, true, false},
    [MS_INTEGER_ORDERING_MATCH] = {"integerOrderingMatch", DIRECTORY(15), &ber_INTEGER_type, true, false},
    [MS_BIT_STRING_MATCH] = {"bitStringMatch", DIRECTORY(16), &ber_BIT_STRING_type, true, false},
    [MS_UTC_TIME_MATCH] = {"uTCTimeMatch", DIRECTORY(25), &ber_UTCTime_type, true, false},
    [MS_UTC_TIME_ORDERING_MATCH] = {"uTCTimeOrderingMatch", DIRECTORY(26), &ber_UTCTime_type, true, false},
    [MS_GENERALIZED_TIME_MATCH] = {"generalizedTimeMatch", DIRECTORY(27), &ber_GeneralizedTime_type, false,
                                   false},
    [MS_GENERALIZED_TIME_ORDERING_MATCH] = {"generalizedTimeOrderingMatch", DIRECTORY(28),
                                            &ber_GeneralizedTime_type, false, false},
    [MS_CONTENT_CORRELATOR_MATCH] = {"contentCorrelatorMatch", GENERAL(1), &x411_ContentCorrelator_type,
                                     false, false},
    [MS_CONTENT_IDENTIFIER_MATCH] = {"contentIdentifierMatch", GENERAL(2), &x411_ContentIdentifier_type, true,
                                     false},
    [MS_SINGLE_SUBSTRING_LIST_ELEMENTS_MATCH] = {"mSSingleSubstringListElementsMatch", GENERAL(3),
                                                 &x413at_MSStringList_type, false, false},
    [MS_SINGLE_SUBSTRING_LIST_MATCH] = {"mSSingleSubstringListMatch", GENERAL(4), &x413at_MSStringList_type,
                                        false, false},
    [MS_SINGLE_SUBSTRING_MATCH] = {"mSSingleSubstringMatch", GENERAL(5), &x413at_MSString_type, false, false},
    [MS_SUBSTRINGS_MATCH] = {"mSSubstringsMatch", GENERAL(6), &x413at_SubstringAssertion_type, false, false},
    [MS_STRING_CASE_SENSITIVE_MATCH] = {"mSStringCaseSensitiveMatch", GENERAL(7), &x413at_MSString_type, true,
                                        false},
    [MS_STRING_LIST_ELEMENTS_MATCH] = {"mSStringListElementsMatch", GENERAL(8), &x413at_MSStringList_type,
                                       false, false},
    [MS_STRING_LIST_MATCH] = {"mSStringListMatch", GENERAL(9), &x413at_MSStringList_type, false, false},
    [MS_STRING_MATCH] = {"mSStringMatch", GENERAL(10), &x413at_MSString_type, false, false},
    [MS_STRING_ORDERING_MATCH] = {"mSStringOrderingMatch", GENERAL(11), &x413at_MSString_type, false, false},
    [MS_MTS_IDENTIFIER_MATCH] = {"mTSIdentifierMatch", GENERAL(12), &x411_MTSIdentifier_type, false, false},
    [MS_OR_ADDRESS_ELEMENTS_MATCH] = {"oRAddressElementsMatch", GENERAL(13), &x411_ORAddress_type, false,
                                      false},
    [MS_OR_ADDRESS_MATCH] = {"oRAddressMatch", GENERAL(14), &x411_ORAddress_type, false, false},
    [MS_OR_ADDRESS_SUBSTRING_ELEMENTS_MATCH] = {"oRAddressSubstringElementsMatch", GENERAL(15),
                                                &x411_ORAddress_type, false, false},
    [MS_OR_NAME_ELEMENTS_MATCH] = {"oRNameElementsMatch", GENERAL(16), &x411_ORName_type, false, false},
    [MS_OR_NAME_MATCH] = {"oRNameMatch", GENERAL(17), &x411_ORName_type, true, false},
    [MS_OR_NAME_SINGLE_ELEMENT_MATCH] = {"oRNameSingleElementMatch", GENERAL(18), &x413at_MSString_type,
                                         false, false},
    [MS_OR_NAME_SUBSTRING_ELEMENTS_MATCH] = {"oRNameSubstringElementsMatch", GENERAL(19), &x411_ORName_type,
                                             false, false},
    [MS_REDIRECTION_OR_DL_EXPANSION_ELEMENTS_MATCH] = {"redirectionOrDLExpansionElementsMatch", GENERAL(20),
                                                       &x411_ORAddressAndOptionalDirectoryName_type, false,
                                                       false},
    [MS_REDIRECTION_OR_DL_EXPANSION_MATCH] = {"redirectionOrDLExpansionMatch", GENERAL(21),
                                              &x411_ORAddressAndOptionalDirectoryName_type, false, false},
    [MS_REDIRECTION_OR_DL_EXPANSION_SUBSTRING_ELEMENTS_MATCH] =
        {"redirectionOrDLExpansionSubstringElementsMatch", GENERAL(22),
         &x411_ORAddressAndOptionalDirectoryName_type, false, false},
    [MS_REDIRECTION_REASON_MATCH] = {"redirectionReasonMatch", GENERAL(23), &x411_RedirectionReason_type,
                                     false, false},
    [MS_VALUE_COUNT_MATCH] = {"valueCountMatch", GENERAL(24), &x413at_ValueCount_type, false, false},
    [MS_REDIRECTION_OR_DL_EXPANSION_SINGLE_ELEMENT_MATCH] = {"redirectionOrDLExpansionSingleElementMatch",
                                                             GENERAL(25), &x413at_MSString_type, false,
                                                             false},
    [MS_IPM_IDENTIFIER_MATCH] = {"iPMIdentifierMatch", IPM(0), &x420_IPMIdentifier_type, true, true},
    [MS_OR_DESCRIPTOR_MATCH] = {"oRDescriptorMatch", IPM(1), &x420_ORDescriptor_type, true, true},
    [MS_OR_DESCRIPTOR_ELEMENTS_MATCH] = {"oRDescriptorElementsMatch", IPM(2), &x420_ORDescriptor_type, false,
                                         true},
    [MS_OR_DESCRIPTOR_SUBSTRING_ELEMENTS_MATCH] = {"oRDescriptorSubstringElementsMatch", IPM(3),
                                                   &x420_ORDescriptor_type, false, true},
    [MS_RECIPIENT_SPECIFIER_MATCH] = {"recipientSpecifierMatch", IPM(4), &x420_RecipientSpecifier_type, true,
                                      true},
    [MS_RECIPIENT_SPECIFIER_ELEMENTS_MATCH] = {"recipientSpecifierElementsMatch", IPM(5),
                                               &x420_RecipientSpecifier_type, false, true},
    [MS_RECIPIENT_SPECIFIER_SUBSTRING_ELEMENTS_MATCH] = {"recipientSpecifierSubstringElementsMatch", IPM(6),
                                                         &x420_RecipientSpecifier_type, false, true},
    [MS_IPM_LOCATION_MATCH] = {"iPMLocationMatch", IPM(7), &x413_SequenceNumber_type, false, true},
    [MS_OR_DESCRIPTOR_SINGLE_ELEMENT_MATCH] = {"oRDescriptorSingleElementMatch", IPM(8),
                                               &x413at_MSString_type, false, true},
    [MS_RECIPIENT_SPECIFIER_SINGLE_ELEMENT_MATCH] = {"recipientSpecifierSingleElementMatch", IPM(9),
                                                     &x413at_MSString_type, false, true},
    [MS_CIRCULATION_MEMBER_MATCH] = {"circulationMemberMatch", IPM(10), &x420_CirculationMember_type, false,
                                     true},
    [MS_CIRCULATION_MEMBER_ELEMENTS_MATCH] = {"circulationMemberElementsMatch", IPM(11),
                                              &x420_CirculationMember_type, false, true},
    [MS_CIRCULATION_MEMBER_SUBSTRING_ELEMENTS_MATCH] = {"circulationMemberSubstringElementsMatch", IPM(12),
                                                        &x420_CirculationMember_type, false, true},
    [MS_CIRCULATION_MEMBER_SINGLE_ELEMENT_MATCH] = {"circulationMemberSingleElementMatch", IPM(13),
                                                    &x413at_MSString_type, false, true},
    [MS_CIRCULATION_MEMBER_CHECKMARK_MATCH] = {"circulationMemberCheckmarkMatch", IPM(14),
                                               &x420_CirculationMember_type, false, true},
    [MS_DISTRIBUTION_CODE_MATCH] = {"distributionCodeMatch", IPM(15), &x420_DistributionCode_type, false,
                                    true},
    [MS_INFORMATION_CATEGORY_MATCH] = {"informationCategoryMatch", IPM(16), &x420_InformationCategory_type,
                                       false, true},
};

const struct ms_matching_rule_row *ms_matching_rule_row(enum ms_matching_rule rule) {
    return rule > MS_NO_MATCH && rule < MS_MATCHING_RULES ? &rows[rule] : NULL;
}

enum ms_matching_rule ms_matching_rule_by_oid(struct span oid) {
    for (int rule = MS_NO_MATCH + 1; rule < MS_MATCHING_RULES; rule++)
        if (span_eq(rows[rule].oid, oid))
            return (enum ms_matching_rule)rule;
    return MS_NO_MATCH;
}
