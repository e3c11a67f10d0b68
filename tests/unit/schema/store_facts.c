/* Identifiers, names and types of the message store's tables, stated once more and held against the modules.
 */
#include "../arena_room.h"

#include "asn1/ber.h"
#include "asn1/table.h"
#include "schema/x411.h"
#include "schema/x411p3.h"
#include "schema/x413.h"
#include "schema/x413at.h"
#include "schema/x419.h"
#include "schema/x420.h"
#include "schema/x420aa.h"
#include "schema/x420ms.h"
#include "schema/x509.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
    const char *oid, *name;
    const struct ber_type *type;
};

/* X.413 §11. */
static const struct row general_attributes[] = {
    {"2.6.4.3.0", "ms-child-sequence-numbers", &x413_SequenceNumber_type},
    {"2.6.4.3.1", "mt-content", &x411_Content_type},
    {"2.6.4.3.2", "mt-content-confidentiality-algorithm-identifier", &x509_AlgorithmIdentifier_type},
    {"2.6.4.3.3", "mt-content-correlator", &x411_ContentCorrelator_type},
    {"2.6.4.3.4", "mt-content-identifier", &x411_ContentIdentifier_type},
    {"2.6.4.3.5", "mt-content-integrity-check", &x411_ContentIntegrityCheck_type},
    {"2.6.4.3.6", "ms-content-length", &x411_ContentLength_type},
    {"2.6.4.3.7", "ms-content-returned", &ber_BOOLEAN_type},
    {"2.6.4.3.8", "mt-content-type", &ber_OBJECT_IDENTIFIER_type},
    {"2.6.4.3.9", "mt-conversion-with-loss-prohibited", &x411_ConversionWithLossProhibited_type},
    {"2.6.4.3.10", "mt-converted-EITs", &x413_MS_EIT_type},
    {"2.6.4.3.11", "ms-creation-time", &x413_CreationTime_type},
    {"2.6.4.3.12", "ms-delivered-EITs", &x413_MS_EIT_type},
    {"2.6.4.3.13", "mt-delivery-flags", &x411p3_DeliveryFlags_type},
    {"2.6.4.3.14", "mt-dl-expansion-history", &x411_DLExpansion_type},
    {"2.6.4.3.15", "ms-retrieval-status", &x413_RetrievalStatus_type},
    {"2.6.4.3.16", "ms-entry-type", &x413_EntryType_type},
    {"2.6.4.3.17", "mt-originally-intended-recipient-name", &x411_ORName_type},
    {"2.6.4.3.18", "mt-message-delivery-envelope", &x411p3_MessageDeliveryEnvelope_type},
    {"2.6.4.3.19", "mt-message-identifier", &x411_MTSIdentifier_type},
    {"2.6.4.3.20", "mt-message-delivery-time", &x411_MessageDeliveryTime_type},
    {"2.6.4.3.21", "mt-message-origin-authentication-check", &x411_MessageOriginAuthenticationCheck_type},
    {"2.6.4.3.22", "mt-message-security-label", &x411_MessageSecurityLabel_type},
    {"2.6.4.3.23", "mt-message-submission-time", &x411p3_MessageSubmissionTime_type},
    {"2.6.4.3.24", "mt-message-token", &x411_MessageToken_type},
    {"2.6.4.3.25", "mt-original-EITs", &x413_MS_EIT_type},
    {"2.6.4.3.26", "mt-originator-certificate", &x411_OriginatorCertificate_type},
    {"2.6.4.3.27", "mt-originator-name", &x411_ORName_type},
    {"2.6.4.3.28", "mt-other-recipient-names", &x411_ORName_type},
    {"2.6.4.3.29", "ms-parent-sequence-number", &x413_SequenceNumber_type},
    {"2.6.4.3.30", "mt-per-recipient-report-delivery-fields", &x411p3_PerRecipientReportDeliveryFields_type},
    {"2.6.4.3.31", "mt-priority", &x411_Priority_type},
    {"2.6.4.3.32", "mt-proof-of-delivery-request", &x411_ProofOfDeliveryRequest_type},
    {"2.6.4.3.33", "mt-redirection-history", &x411_Redirection_type},
    {"2.6.4.3.34", "mt-report-delivery-envelope", &x411p3_ReportDeliveryEnvelope_type},
    {"2.6.4.3.35", "mt-reporting-DL-name", &x411_ReportingDLName_type},
    {"2.6.4.3.36", "mt-reporting-MTA-certificate", &x411_ReportingMTACertificate_type},
    {"2.6.4.3.37", "mt-report-origin-authentication-check", &x411_ReportOriginAuthenticationCheck_type},
    {"2.6.4.3.38", "mt-security-classification", &x411_SecurityClassification_type},
    {"2.6.4.3.39", "ms-sequence-number", &x413_SequenceNumber_type},
    {"2.6.4.3.40", "mt-subject-submission-identifier", &x411p3_SubjectSubmissionIdentifier_type},
    {"2.6.4.3.41", "mt-this-recipient-name", &x411_ORName_type},
    {"2.6.4.3.42", "ms-ac-correlated-report-list", &x413at_ReportLocation_type},
    {"2.6.4.3.43", "ms-ac-report-summary", &x413at_ReportSummary_type},
    {"2.6.4.3.44", "ms-ac-uncorrelated-report-list", &x413at_PerRecipientReport_type},
    {"2.6.4.3.46", "ms-auto-action-error", &x413_AutoActionError_type},
    {"2.6.4.3.47", "ms-auto-action-registration-identifier", &x413at_AutoActionRegistrationIdentifier_type},
    {"2.6.4.3.48", "ms-auto-action-subject-entry", &x413_SequenceNumber_type},
    {"2.6.4.3.49", "ms-auto-action-type", &x413_AutoActionType_type},
    {"2.6.4.3.50", "ms-deferred-delivery-cancellation-time", &x413at_DeferredDeliveryCancellationTime_type},
    {"2.6.4.3.51", "mt-deferred-delivery-time", &x411_DeferredDeliveryTime_type},
    {"2.6.4.3.52", "ms-deletion-time", &x413at_DeletionTime_type},
    {"2.6.4.3.53", "mt-dl-expansion-prohibited", &x411_DLExpansionProhibited_type},
    {"2.6.4.3.54", "mt-internal-trace-information", &x411_InternalTraceInformationElement_type},
    {"2.6.4.3.55", "mt-latest-delivery-time", &x411_LatestDeliveryTime_type},
    {"2.6.4.3.56", "ms-marked-for-deletion", &ber_NULL_type},
    {"2.6.4.3.57", "ms-message-group-name", &x413_MessageGroupName_type},
    {"2.6.4.3.58", "ms-message-notes", &x413at_MessageNote_type},
    {"2.6.4.3.59", "mt-message-submission-envelope", &x411p3_MessageSubmissionEnvelope_type},
    {"2.6.4.3.60", "ms-originated", &ber_NULL_type},
    {"2.6.4.3.61", "ms-submission-error", &x413at_SubmissionError_type},
    {"2.6.4.3.62", "mt-originating-MTA-certificate", &x411_OriginatingMTACertificate_type},
    {"2.6.4.3.63", "mt-originator-report-request", &x411p3_OriginatorReportRequest_type},
    {"2.6.4.3.64", "mt-originator-return-address", &x411_OriginatorReturnAddress_type},
    {"2.6.4.3.65", "mt-per-message-indicators", &x411_PerMessageIndicators_type},
    {"2.6.4.3.66", "mt-per-recipient-message-submission-fields",
     &x411p3_PerRecipientMessageSubmissionFields_type},
    {"2.6.4.3.67", "mt-per-recipient-probe-submission-fields",
     &x411p3_PerRecipientProbeSubmissionFields_type},
    {"2.6.4.3.68", "mt-probe-origin-authentication-check", &x411_ProbeOriginAuthenticationCheck_type},
    {"2.6.4.3.69", "mt-probe-submission-envelope", &x411p3_ProbeSubmissionEnvelope_type},
    {"2.6.4.3.70", "mt-proof-of-submission", &x411_ProofOfSubmission_type},
    {"2.6.4.3.71", "ms-recipient-names", &x411_ORName_type},
    {"2.6.4.3.72", "mt-recipient-reassignment-prohibited", &x411_RecipientReassignmentProhibited_type},
    {"2.6.4.3.73", "ms-storage-period", &x413at_StoragePeriod_type},
    {"2.6.4.3.74", "ms-storage-time", &x413at_StorageTime_type},
    {"2.6.4.3.75", "mt-trace-information", &x411_TraceInformationElement_type},
    {"2.6.4.3.76", "ms-ac-report-subject-entry", &x413_SequenceNumber_type},
    {"2.6.4.3.77", "ms-locally-originated", &ber_NULL_type},
    {"2.6.4.3.78", "mt-dl-exempted-recipients", &x411_ORName_type},
    {"2.6.4.3.79", "ms-signature-verification-status", &x413at_SignatureVerificationStatus_type},
    {"2.6.4.3.80", "mt-certificate-selectors", &x411_CertificateSelectors_type},
    {"2.6.4.3.81", "mt-multiple-originator-certificates", &x411_ExtendedCertificates_type},
    {"2.6.4.3.82", "mt-recipient-certificate", &x411_ExtendedCertificates_type},
};

/* X.420 §19.6. */
static const struct row ipm_attributes[] = {
    {"2.6.1.8.0", "body", &x420_Body_type},
    {"2.6.1.8.1", "ia5-text-body-parts", &x420_IA5TextBodyPart_type},
    {"2.6.1.8.3", "g3-facsimile-body-parts", &x420_G3FacsimileBodyPart_type},
    {"2.6.1.8.4", "g4-class1-body-parts", &x420_InterchangeData_type},
    {"2.6.1.8.5", "teletex-body-parts", &x420_TeletexBodyPart_type},
    {"2.6.1.8.6", "videotex-body-parts", &x420_VideotexBodyPart_type},
    {"2.6.1.8.7", "encrypted-body-parts", &x420_EncryptedBodyPart_type},
    {"2.6.1.8.8", "message-body-parts", &x413_SequenceNumber_type},
    {"2.6.1.8.9", "mixed-mode-body-parts", &x420_InterchangeData_type},
    {"2.6.1.8.10", "bilaterally-defined-body-parts", &x420_BilaterallyDefinedBodyPart_type},
    {"2.6.1.8.11", "nationally-defined-body-parts", &x420_NationallyDefinedBodyPart_type},
    {"2.6.1.8.12", "extended-body-part-types", &ber_OBJECT_IDENTIFIER_type},
    {"2.6.1.8.13", "ia5-text-parameters", &x420_IA5TextParameters_type},
    {"2.6.1.8.15", "g3-facsimile-parameters", &x420_G3FacsimileParameters_type},
    {"2.6.1.8.16", "teletex-parameters", &x420_TeletexParameters_type},
    {"2.6.1.8.17", "videotex-parameters", &x420_VideotexParameters_type},
    {"2.6.1.8.18", "encrypted-parameters", &x420_EncryptedParameters_type},
    {"2.6.1.8.19", "message-parameters", &x420_MessageParameters_type},
    {"2.6.1.8.20", "ia5-text-data", &x420_IA5TextData_type},
    {"2.6.1.8.22", "g3-facsimile-data", &x420_G3FacsimileData_type},
    {"2.6.1.8.23", "teletex-data", &x420_TeletexData_type},
    {"2.6.1.8.24", "videotex-data", &x420_VideotexData_type},
    {"2.6.1.8.25", "encrypted-data", &x420_EncryptedData_type},
    {"2.6.1.8.26", "message-data", &x420_IPM_type},
    {"2.6.1.13.0", "ac-correlated-delivered-ipns", &x420ms_CorrelatedDeliveredIPNs_type},
    {"2.6.1.13.1", "ac-correlated-delivered-replies", &x420ms_CorrelatedDeliveredReplies_type},
    {"2.6.1.13.2", "ac-delivered-ipn-summary", &x420ms_DeliveredIPNStatus_type},
    {"2.6.1.13.3", "ac-delivered-replies-summary", &x420ms_DeliveredReplyStatus_type},
    {"2.6.1.13.4", "ac-forwarded-ipms", &x413_SequenceNumber_type},
    {"2.6.1.13.5", "ac-forwarding-ipms", &x413_SequenceNumber_type},
    {"2.6.1.13.6", "ac-ipm-recipients", &x420_ORDescriptor_type},
    {"2.6.1.13.7", "ac-obsoleted-ipms", &x420ms_IPMLocation_type},
    {"2.6.1.13.8", "ac-obsoleting-ipms", &x413_SequenceNumber_type},
    {"2.6.1.13.9", "ac-related-ipms", &x420ms_IPMLocation_type},
    {"2.6.1.13.10", "ac-relating-ipms", &x413_SequenceNumber_type},
    {"2.6.1.13.11", "ac-replied-to-ipm", &x413_SequenceNumber_type},
    {"2.6.1.13.12", "ac-replying-ipms", &x413_SequenceNumber_type},
    {"2.6.1.13.13", "revised-reply-time", &x420_Time_type},
    {"2.6.1.13.14", "ac-submitted-ipn-status", &x420ms_SubmittedIPNStatus_type},
    {"2.6.1.13.15", "ac-submitted-ipns", &x413_SequenceNumber_type},
    {"2.6.1.13.16", "ac-submitted-reply-status", &x420ms_SubmittedReplyStatus_type},
    {"2.6.1.13.17", "ac-subject-ipm", &x413_SequenceNumber_type},
    {"2.6.1.13.18", "recipient-category", &x420ms_RecipientCategory_type},
    {"2.6.1.7.0", "heading", &x420_Heading_type},
    {"2.6.1.7.1", "this-ipm", &x420_IPMIdentifier_type},
    {"2.6.1.7.2", "originator", &x420_ORDescriptor_type},
    {"2.6.1.7.3", "replied-to-IPM", &x420_IPMIdentifier_type},
    {"2.6.1.7.4", "subject", &x420ms_SubjectField_type},
    {"2.6.1.7.5", "expiry-time", &x420_Time_type},
    {"2.6.1.7.6", "reply-time", &x420_Time_type},
    {"2.6.1.7.7", "importance", &x420_ImportanceField_type},
    {"2.6.1.7.8", "sensitivity", &x420_SensitivityField_type},
    {"2.6.1.7.9", "auto-forwarded", &ber_BOOLEAN_type},
    {"2.6.1.7.10", "authorizing-users", &x420_ORDescriptor_type},
    {"2.6.1.7.11", "primary-recipients", &x420_RecipientSpecifier_type},
    {"2.6.1.7.12", "copy-recipients", &x420_RecipientSpecifier_type},
    {"2.6.1.7.13", "blind-copy-recipients", &x420_RecipientSpecifier_type},
    {"2.6.1.7.14", "obsoleted-IPMs", &x420_IPMIdentifier_type},
    {"2.6.1.7.15", "related-IPMs", &x420_IPMIdentifier_type},
    {"2.6.1.7.16", "reply-recipients", &x420_ORDescriptor_type},
    {"2.6.1.7.17", "incomplete-copy", &x420_IncompleteCopy_type},
    {"2.6.1.7.18", "languages", &x420ms_Language_type},
    {"2.6.1.7.19", "rn-requestors", &x420_ORDescriptor_type},
    {"2.6.1.7.20", "nrn-requestors", &x420_ORDescriptor_type},
    {"2.6.1.7.21", "reply-requestors", &x420_ORDescriptor_type},
    {"2.6.1.7.22", "auto-submitted", &x420_AutoSubmitted_type},
    {"2.6.1.7.23", "body-part-signatures", &x420_BodyPartSignatures_type},
    {"2.6.1.7.24", "ipm-security-label", &x420_IPMSecurityLabel_type},
    {"2.6.1.7.25", "body-part-security-label", &x420_BodyPartSecurityLabel_type},
    {"2.6.1.7.26", "body-part-encryption-token", &x420_BodyPartTokens_type},
    {"2.6.1.7.27", "authorization-time", &x420_AuthorizationTime_type},
    {"2.6.1.7.28", "circulation-list-recipients", &x420_CirculationMember_type},
    {"2.6.1.7.29", "distribution-codes", &x420_DistributionCode_type},
    {"2.6.1.7.30", "extended-subject", &x420_ExtendedSubject_type},
    {"2.6.1.7.31", "information-category", &x420_InformationCategory_type},
    {"2.6.1.7.32", "manual-handling-instructions", &x420_ManualHandlingInstruction_type},
    {"2.6.1.7.33", "originators-reference", &x420_OriginatorsReference_type},
    {"2.6.1.7.34", "precedence-policy-identifier", &x420_PrecedencePolicyIdentifier_type},
    {"2.6.1.7.35", "forwarded-content-token", &x420_ForwardedContentToken_type},
    {"2.6.1.7.36", "forwarding-token", &x411_MessageToken_type},
    {"2.6.1.7.37", "precedence", &x420_Precedence_type},
    {"2.6.1.7.38", "body-part-signature-verification-status", &x420ms_BodyPartSignatureVerification_type},
    {"2.6.1.9.0", "subject-ipm", &x420_IPMIdentifier_type},
    {"2.6.1.9.1", "ipn-originator", &x420_ORDescriptor_type},
    {"2.6.1.9.2", "ipm-intended-recipient", &x420_ORDescriptor_type},
    {"2.6.1.9.3", "conversion-eits", &x413_MS_EIT_type},
    {"2.6.1.9.4", "non-receipt-reason", &x420_NonReceiptReasonField_type},
    {"2.6.1.9.5", "discard-reason", &x420_DiscardReasonField_type},
    {"2.6.1.9.6", "auto-forward-comment", &x420ms_AutoForwardComment_type},
    {"2.6.1.9.7", "returned-ipm", &x420_IPM_type},
    {"2.6.1.9.8", "receipt-time", &x420_Time_type},
    {"2.6.1.9.9", "acknowledgment-mode", &x420_AcknowledgmentModeField_type},
    {"2.6.1.9.10", "suppl-receipt-info", &x411_SupplementaryInformation_type},
    {"2.6.1.9.11", "notification-extensions", &x420_IPMSExtension_type},
    {"2.6.1.9.12", "nrn-extensions", &x420_IPMSExtension_type},
    {"2.6.1.9.13", "rn-extensions", &x420_IPMSExtension_type},
    {"2.6.1.9.14", "other-notification-type-fields", &x420_IPMSExtension_type},
    {"2.6.1.6.0", "ipm-entry-type", &x420ms_IPMEntryType_type},
    {"2.6.1.6.1", "ipm-synopsis", &x420ms_IPMSynopsis_type},
    {"2.6.1.6.2", "body-parts-summary", &x420ms_BodyPartDescriptor_type},
    {"2.6.1.6.3", "ipm-auto-discarded", &ber_BOOLEAN_type},
};

/* X.413 §12. */
static const struct row general_rules[] = {
    {"2.5.13.0", "objectIdentifierMatch", &ber_OBJECT_IDENTIFIER_type},
    {"2.5.13.13", "booleanMatch", &ber_BOOLEAN_type},
    {"2.5.13.14", "integerMatch", &ber_INTEGER_type},
    {"2.5.13.15", "integerOrderingMatch", &ber_INTEGER_type},
    {"2.5.13.16", "bitStringMatch", &ber_BIT_STRING_type},
    {"2.5.13.25", "uTCTimeMatch", &ber_UTCTime_type},
    {"2.5.13.26", "uTCTimeOrderingMatch", &ber_UTCTime_type},
    {"2.5.13.27", "generalizedTimeMatch", &ber_GeneralizedTime_type},
    {"2.5.13.28", "generalizedTimeOrderingMatch", &ber_GeneralizedTime_type},
    {"2.6.4.8.1", "contentCorrelatorMatch", &x411_ContentCorrelator_type},
    {"2.6.4.8.2", "contentIdentifierMatch", &x411_ContentIdentifier_type},
    {"2.6.4.8.3", "mSSingleSubstringListElementsMatch", &x413at_MSStringList_type},
    {"2.6.4.8.4", "mSSingleSubstringListMatch", &x413at_MSStringList_type},
    {"2.6.4.8.5", "mSSingleSubstringMatch", &x413at_MSString_type},
    {"2.6.4.8.6", "mSSubstringsMatch", &x413at_SubstringAssertion_type},
    {"2.6.4.8.7", "mSStringCaseSensitiveMatch", &x413at_MSString_type},
    {"2.6.4.8.8", "mSStringListElementsMatch", &x413at_MSStringList_type},
    {"2.6.4.8.9", "mSStringListMatch", &x413at_MSStringList_type},
    {"2.6.4.8.10", "mSStringMatch", &x413at_MSString_type},
    {"2.6.4.8.11", "mSStringOrderingMatch", &x413at_MSString_type},
    {"2.6.4.8.12", "mTSIdentifierMatch", &x411_MTSIdentifier_type},
    {"2.6.4.8.13", "oRAddressElementsMatch", &x411_ORAddress_type},
    {"2.6.4.8.14", "oRAddressMatch", &x411_ORAddress_type},
    {"2.6.4.8.15", "oRAddressSubstringElementsMatch", &x411_ORAddress_type},
    {"2.6.4.8.16", "oRNameElementsMatch", &x411_ORName_type},
    {"2.6.4.8.17", "oRNameMatch", &x411_ORName_type},
    {"2.6.4.8.18", "oRNameSingleElementMatch", &x413at_MSString_type},
    {"2.6.4.8.19", "oRNameSubstringElementsMatch", &x411_ORName_type},
    {"2.6.4.8.20", "redirectionOrDLExpansionElementsMatch", &x411_ORAddressAndOptionalDirectoryName_type},
    {"2.6.4.8.21", "redirectionOrDLExpansionMatch", &x411_ORAddressAndOptionalDirectoryName_type},
    {"2.6.4.8.22", "redirectionOrDLExpansionSubstringElementsMatch",
     &x411_ORAddressAndOptionalDirectoryName_type},
    {"2.6.4.8.23", "redirectionReasonMatch", &x411_RedirectionReason_type},
    {"2.6.4.8.24", "valueCountMatch", &x413at_ValueCount_type},
    {"2.6.4.8.25", "redirectionOrDLExpansionSingleElementMatch", &x413at_MSString_type},
};

/* X.420 §19.7. */
static const struct row ipm_rules[] = {
    {"2.6.1.14.0", "iPMIdentifierMatch", &x420_IPMIdentifier_type},
    {"2.6.1.14.1", "oRDescriptorMatch", &x420_ORDescriptor_type},
    {"2.6.1.14.2", "oRDescriptorElementsMatch", &x420_ORDescriptor_type},
    {"2.6.1.14.3", "oRDescriptorSubstringElementsMatch", &x420_ORDescriptor_type},
    {"2.6.1.14.4", "recipientSpecifierMatch", &x420_RecipientSpecifier_type},
    {"2.6.1.14.5", "recipientSpecifierElementsMatch", &x420_RecipientSpecifier_type},
    {"2.6.1.14.6", "recipientSpecifierSubstringElementsMatch", &x420_RecipientSpecifier_type},
    {"2.6.1.14.7", "iPMLocationMatch", &x413_SequenceNumber_type},
    {"2.6.1.14.8", "oRDescriptorSingleElementMatch", &x413at_MSString_type},
    {"2.6.1.14.9", "recipientSpecifierSingleElementMatch", &x413at_MSString_type},
    {"2.6.1.14.10", "circulationMemberMatch", &x420_CirculationMember_type},
    {"2.6.1.14.11", "circulationMemberElementsMatch", &x420_CirculationMember_type},
    {"2.6.1.14.12", "circulationMemberSubstringElementsMatch", &x420_CirculationMember_type},
    {"2.6.1.14.13", "circulationMemberSingleElementMatch", &x413at_MSString_type},
    {"2.6.1.14.14", "circulationMemberCheckmarkMatch", &x420_CirculationMember_type},
    {"2.6.1.14.15", "distributionCodeMatch", &x420_DistributionCode_type},
    {"2.6.1.14.16", "informationCategoryMatch", &x420_InformationCategory_type},
};

/* X.413 §13, X.420 §19.8; those without a parameter have no row. */
static const struct row general_actions[] = {
    {"2.6.4.4.1", "auto-alert", &x413at_AutoAlertRegistrationParameter_type},
    {"2.6.4.4.4", "auto-modify", &x413at_AutoModifyRegistrationParameter_type},
};

static const struct row ipm_actions[] = {
    {"2.6.4.4.0", "ipm-auto-forward", &x420aa_IPMAutoForwardParameter_type},
    {"2.6.1.15.0", "ipm-auto-acknowledgement", &x420aa_IPMAutoAcknowledgementRegistrationParameter_type},
    {"2.6.1.15.2", "ipm-auto-discard", &x420aa_IPMAutoDiscardRegistrationParameter_type},
    {"2.6.1.15.3", "ipm-auto-advise", &x420aa_IPMAutoAdviseRegistrationParameter_type},
};

static const struct row general_extensions[] = {
    {"2.6.4.9.0", "modify-capability", &ber_NULL_type},
    {"2.6.4.9.1", "modify-retrieval-status-capability", &ber_NULL_type},
    {"2.6.4.9.2", "originator-certificate-selectors-override", &x411_CertificateSelectors_type},
    {"2.6.4.9.3", "originator-token", &x413_OriginatorToken_type},
    {"2.6.4.9.4", "protected-change-credentials", &x413_ProtectedChangeCredentials_type},
    {"2.6.4.9.5", "protected-change-credentials-capability", &x413_ChangeCredentialsAlgorithms_type},
};

static const struct row ipm_extensions[] = {
    {"2.6.1.17.0", "invalid-assembly-instructions", &x420ms_BodyPartReferences_type},
    {"2.6.1.17.1", "invalid-ipn", &ber_NULL_type},
    {"2.6.1.17.2", "ipm-assembly-instructions", &x420ms_IPMAssemblyInstructions_type},
    {"2.6.1.17.3", "suspend-auto-acknowledgement", &ber_NULL_type},
    {"2.6.1.17.4", "prevent-nrn-generation", &ber_NULL_type},
    {"2.6.1.17.5", "originator-body-part-encryption-token", &x420_BodyPartTokens_type},
    {"2.6.1.17.6", "originator-forwarded-content-token", &x420_ForwardedContentToken_type},
    {"2.6.1.17.7", "assembly-capability", &ber_NULL_type},
};

static void assert_rows(const struct ber_table *table, const struct row *rows, size_t count) {
    assert_int_equal(table->oid_count, count);
    for (size_t i = 0; i < count; i++) {
        struct span oid;
        assert_true(ber_oid_parse(rows[i].oid, &arena, &oid));
        const struct ber_table_row *row = ber_table_by_oid(table, oid);
        if (!row)
            fail_msg("%s has no %s", table->name, rows[i].name);
        assert_string_equal(row->name, rows[i].name);
        if (row->type != rows[i].type)
            fail_msg("%s is of type %s here, %s was wanted", row->name, ber_type_name(row->type),
                     ber_type_name(rows[i].type));
    }
}

static void attribute_types_have_identifier_name_and_type(void **state) {
    (void)state;
    assert_rows(&x413at_AttributeTable_table, general_attributes, COUNT(general_attributes));
    assert_rows(&x420ms_IPMSAttributeTable_table, ipm_attributes, COUNT(ipm_attributes));
}

static void matching_rules_have_identifier_name_and_type(void **state) {
    (void)state;
    assert_rows(&x413at_MatchingRuleTable_table, general_rules, COUNT(general_rules));
    assert_rows(&x420ms_IPMMatchingRuleTable_table, ipm_rules, COUNT(ipm_rules));
}

static void auto_actions_and_extensions_have_theirs(void **state) {
    (void)state;
    assert_rows(&x413at_AutoActionTable_table, general_actions, COUNT(general_actions));
    assert_rows(&x420aa_IPMAutoActionTable_table, ipm_actions, COUNT(ipm_actions));
    assert_rows(&x413_MSExtensionTable_table, general_extensions, COUNT(general_extensions));
    assert_rows(&x420ms_IPMSubmissionExtensions_table, ipm_extensions, COUNT(ipm_extensions));
}

struct code {
    int64_t number;
    const char *name;
    const struct ber_type *type;
};

/* X.419, MSAccessProtocol. */
static const struct code arguments[] = {
    {20, "summarize", &x413_SummarizeArgument_type},
    {21, "list", &x413_ListArgument_type},
    {22, "fetch", &x413_FetchArgument_type},
    {23, "delete", &x413_DeleteArgument_type},
    {24, "register-ms", &x413_Register_MSArgument_type},
    {25, "alert", &x413_AlertArgument_type},
    {26, "modify", &x413_ModifyArgument_type},
};

static const struct code results[] = {
    {20, "summarize", &x413_SummarizeResult_type},
    {21, "list", &x413_ListResult_type},
    {22, "fetch", &x413_FetchResult_type},
    {23, "delete", &x413_DeleteResult_type},
    {24, "register-ms", &x413_Register_MSResult_type},
    {25, "alert", &x413_AlertResult_type},
    {26, "modify", &x413_ModifyResult_type},
};

static const struct code errors[] = {
    {5, "old-credentials-incorrectly-specified", &x419_NoParameter_type},
    {6, "new-credentials-unacceptable", &x419_NoParameter_type},
    {12, "security-error", &x411p3_SecurityProblem_type},
    {21, "attribute-error", &x413_AttributeErrorParameter_type},
    {22, "auto-action-request-error", &x413_AutoActionRequestErrorParameter_type},
    {23, "delete-error", &x413_DeleteErrorParameter_type},
    {24, "fetch-restriction-error", &x413_FetchRestrictionErrorParameter_type},
    {25, "range-error", &x413_RangeErrorParameter_type},
    {26, "ms-security-error", &x411p3_SecurityProblem_type},
    {27, "service-error", &x413_ServiceErrorParameter_type},
    {28, "sequence-number-error", &x413_SequenceNumberErrorParameter_type},
    {29, "invalid-parameters-error", &x413_InvalidParametersErrorParameter_type},
    {30, "message-group-error", &x413_MessageGroupErrorParameter_type},
    {31, "ms-extension-error", &x413_MSExtensionErrorParameter_type},
    {32, "register-ms-error", &x413_Register_MSErrorParameter_type},
    {33, "modify-error", &x413_ModifyErrorParameter_type},
    {34, "entry-class-error", &x413_EntryClassErrorParameter_type},
};

static const struct code submission[] = {
    {2, "ms-submission-control", &x411p3_SubmissionControlArgument_type},
    {3, "ms-message-submission", &x413_MSMessageSubmissionArgument_type},
    {4, "ms-probe-submission", &x413_MSProbeSubmissionArgument_type},
    {7, "ms-cancel-deferred-delivery", &x411p3_CancelDeferredDeliveryArgument_type},
};

static void assert_codes(const struct ber_table *table, const struct code *codes, size_t count) {
    assert_int_equal(table->number_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct ber_table_row *row = ber_table_by_number(table, codes[i].number);
        if (!row)
            fail_msg("%s has no %s", table->name, codes[i].name);
        assert_string_equal(row->name, codes[i].name);
        assert_ptr_equal(row->type, codes[i].type);
    }
}

static void operations_and_errors_have_their_codes(void **state) {
    (void)state;
    assert_codes(&x419_RetrievalArguments_table, arguments, COUNT(arguments));
    assert_codes(&x419_RetrievalResults_table, results, COUNT(results));
    assert_codes(&x419_RetrievalErrors_table, errors, COUNT(errors));
    assert_codes(&x419_MSSubmissionArguments_table, submission, COUNT(submission));
    assert_int_equal(x419_op_ms_submission_control, 2);
    assert_int_equal(x419_op_ms_message_submission, 3);
    assert_int_equal(x419_op_ms_probe_submission, 4);
    assert_int_equal(x419_op_ms_cancel_deferred_delivery, 7);
    assert_int_equal(x419_op_summarize, 20);
    assert_int_equal(x419_op_list, 21);
    assert_int_equal(x419_op_fetch, 22);
    assert_int_equal(x419_op_delete, 23);
    assert_int_equal(x419_op_register_ms, 24);
    assert_int_equal(x419_op_alert, 25);
    assert_int_equal(x419_op_modify, 26);
}

/* P3's errors of a submission are the store's too, with the same codes and parameters. */
static void a_store_has_p3s_errors_of_a_submission(void **state) {
    (void)state;
    for (size_t i = 0; i < x419_SubmissionErrors_table.number_count; i++) {
        const struct ber_table_row *p3 = &x419_SubmissionErrors_table.numbers[i];
        const struct ber_table_row *p7 = ber_table_by_number(&x419_MSSubmissionErrors_table, p3->number);
        assert_non_null(p7);
        assert_string_equal(p7->name, p3->name);
        assert_ptr_equal(p7->type, p3->type);
    }
    for (size_t i = 0; i < x419_MSSubmissionErrors_table.number_count; i++) {
        const struct ber_table_row *row = &x419_MSSubmissionErrors_table.numbers[i];
        const struct ber_table_row *retrieval = ber_table_by_number(&x419_RetrievalErrors_table, row->number);
        if (row->number > 20)
            assert_ptr_equal(row->type, retrieval->type);
    }
}

static void upper_bounds_are_x_413s(void **state) {
    (void)state;
    static const struct {
        int64_t ours, wanted;
    } bounds[] = {
        {x413_ub_alert_addresses, 16},
        {x413_ub_attribute_values, 32767},
        {x413_ub_attributes_supported, 1024},
        {x413_ub_auto_action_errors, 32767},
        {x413_ub_auto_actions, 128},
        {x413_ub_auto_registrations, 1024},
        {x413_ub_default_registrations, 1024},
        {x413_ub_entry_classes, 128},
        {x413_ub_entry_types, 16},
        {x413_ub_error_reasons, 16},
        {x413_ub_extensions, 32},
        {x413_ub_group_depth, 64},
        {x413_ub_group_descriptor_length, 256},
        {x413_ub_group_part_length, 128},
        {x413_ub_information_bases, 16},
        {x413_ub_matching_rules, 1024},
        {x413_ub_message_groups, 8192},
        {x413_ub_message_notes_length, 1024},
        {x413_ub_messages, 2147483647},
        {x413_ub_modifications, 32767},
        {x413_ub_msstring_match, 512},
        {x413_ub_per_auto_action, 32767},
        {x413_ub_per_entry, 1024},
        {x413_ub_restrictions, 16},
        {x413_ub_service_information_length, 2048},
        {x413_ub_summaries, 16},
        {x413_ub_supplementary_info_length, 256},
        {x413_ub_ua_registration_identifier_length, 32},
        {x413_ub_ua_registrations, 128},
        {x420aa_ub_ipm_identifier_suffix, 2},
    };
    for (size_t i = 0; i < COUNT(bounds); i++)
        assert_int_equal(bounds[i].ours, bounds[i].wanted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attribute_types_have_identifier_name_and_type),
        cmocka_unit_test(matching_rules_have_identifier_name_and_type),
        cmocka_unit_test(auto_actions_and_extensions_have_theirs),
        cmocka_unit_test(operations_and_errors_have_their_codes),
        cmocka_unit_test(a_store_has_p3s_errors_of_a_submission),
        cmocka_unit_test(upper_bounds_are_x_413s),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
