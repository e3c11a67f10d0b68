/*
 * Interpersonal messages and notifications (X.420): a neutral view of one that
 * was received, and the making of new ones. Both content types, P2 of 1984 and
 * P22, are read; what is made is the same octets for both, since only the
 * extensions of the heading are new in P22.
 *
 * Values live in the caller's arena and point into the content, which must
 * outlive them. Text is UTF-8 and NUL-terminated.
 */
#ifndef CONTENT_IPM_H
#define CONTENT_IPM_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "schema/x411.h"

/* ORDescriptor: who somebody is. Each part may be absent (NULL). */
struct ipm_user {
    const struct x411_ORName *formal_name;
    const char *free_form_name;
    const char *telephone_number;
};

struct ipm_users {
    struct ipm_user *items;
    size_t count;
};

/* NotificationRequests, or'ed. */
enum {
    IPM_REQUEST_RN = 1,
    IPM_REQUEST_NRN = 2,
    IPM_REQUEST_IPM_RETURN = 4,
    IPM_REQUEST_AN_SUPPORTED = 8,
    IPM_REQUEST_SUPPRESS_AN = 16
};

/* An extension that has no member of its own in the struct where it stands. */
struct ipm_extension {
    struct span type;  /* contents octets of the OBJECT IDENTIFIER */
    struct span value; /* the whole element; absent means NULL */
};

struct ipm_extensions {
    struct ipm_extension *items;
    size_t count;
};

/* RecipientSpecifier */
struct ipm_recipient {
    struct ipm_user user;
    unsigned notification_requests;
    bool reply_requested;
    bool has_precedence;
    int64_t precedence;               /* 0 to 127: what it means the heading's policy says */
    bool circulation_member;          /* circulation-list-indicator */
    struct ipm_extensions extensions; /* the others, unchanged */
};

struct ipm_recipients {
    struct ipm_recipient *items;
    size_t count;
};

struct ipm_identifier {
    const struct x411_ORName *user; /* NULL when absent */
    const char *user_relative_identifier;
};

/* For the local part of an IPM-identifier of a user's: time and chance make it unique among the user's own;
 * PrintableString. NULL: no memory. */
const char *ipm_new_identifier(struct arena *arena);

struct ipm_identifiers {
    struct ipm_identifier *items;
    size_t count;
};

/* A DistributionCode or an InformationCategory: each part may be absent, not all of them. */
struct ipm_code {
    struct span oid;             /* contents octets */
    const char *text;            /* the alphanumeric code, or the description; NULL when absent */
    const struct ipm_user *user; /* of a distribution code: or-descriptor; NULL when absent */
};

struct ipm_codes {
    struct ipm_code *items;
    size_t count;
};

/* CirculationMember: one of those whom the message goes to one after the other. */
struct ipm_member {
    struct ipm_recipient recipient;
    bool checked;       /* he has seen it */
    int64_t checked_at; /* 0: the mark has no time */
    struct span mark;   /* one that is signed, as it was read; else absent */
};

struct ipm_members {
    struct ipm_member *items;
    size_t count;
};

enum ipm_importance { IPM_LOW, IPM_NORMAL, IPM_HIGH };
enum ipm_sensitivity { IPM_NOT_SENSITIVE, IPM_PERSONAL, IPM_PRIVATE, IPM_COMPANY_CONFIDENTIAL };
enum ipm_auto_submitted { IPM_NOT_AUTO_SUBMITTED, IPM_AUTO_GENERATED, IPM_AUTO_REPLIED };

struct ipm_heading {
    struct ipm_identifier this_ipm;
    const struct ipm_user *originator;
    struct ipm_users authorizing_users;
    struct ipm_recipients primary_recipients, copy_recipients, blind_copy_recipients;
    const struct ipm_identifier *replied_to_ipm;
    struct ipm_identifiers obsoleted_ipms, related_ipms;
    const char *subject;
    int64_t expiry_time, reply_time; /* seconds since 1970, 0: absent */
    struct ipm_users reply_recipients;
    enum ipm_importance importance;
    enum ipm_sensitivity sensitivity;
    bool auto_forwarded;

    bool incomplete_copy;
    enum ipm_auto_submitted auto_submitted;
    const char *const *languages; /* two letters of ISO 639, or with a country: `en`, `pt-BR` */
    size_t language_count;
    const char *originators_reference;
    int64_t authorization_time; /* 0: absent */
    struct ipm_members circulation_list;
    struct ipm_codes distribution_codes, information_categories;
    const char *const *handling_instructions; /* manual-handling-instructions */
    size_t handling_count;
    struct span precedence_policy;    /* contents octets of an OBJECT IDENTIFIER, or absent */
    struct ipm_extensions extensions; /* the others, unchanged */
};

enum ipm_part_type {
    IPM_PART_IA5_TEXT = 1,
    IPM_PART_GENERAL_TEXT,
    IPM_PART_TELETEX,
    IPM_PART_FILE_TRANSFER,
    IPM_PART_BILATERALLY_DEFINED,
    IPM_PART_MESSAGE,
    IPM_PART_NOTIFICATION,
    IPM_PART_REPORT,
    IPM_PART_G3_FACSIMILE,
    IPM_PART_G4_CLASS_1,
    IPM_PART_VIDEOTEX,
    IPM_PART_ENCRYPTED,
    IPM_PART_MIXED_MODE,
    IPM_PART_VOICE,
    IPM_PART_NATIONALLY_DEFINED,
    IPM_PART_OTHER /* an external one, or a tag, that is not known here */
};

struct ipm_part {
    enum ipm_part_type type;
    const char *name;    /* `ia5-text`; for the unknown ones the OBJECT IDENTIFIER of the data or the tag */
    struct span element; /* the whole BodyPart */
    struct span parameters;    /* the element with the parameters, or absent */
    struct span data;          /* the element with the data; of a forwarded content what is in it */
    uint64_t size;             /* octets that ipm_part_write gives */
    const char *charset;       /* of a text part: what its octets are in; else NULL */
    const char *file_name;     /* of a file, if it has one */
    int64_t created, modified; /* of a file: times of its making and last modification, 0: absent */
    struct span application;   /* of a file: its application reference, where that is an OBJECT IDENTIFIER */
    const int64_t *registrations; /* of general-text: character sets (ISO-IR) */
    size_t registration_count;
    int64_t delivery_time;         /* of a message: when it was delivered to who forwards it, 0: absent */
    struct span delivery_envelope; /* of a message: OtherMessageDeliveryFields, or absent */
};

struct ipm {
    struct ipm_heading heading;
    struct ipm_part *parts;
    size_t part_count;
    bool truncated; /* the body ends before its length says: the parts are those that are whole */
};

enum ipn_kind { IPN_NON_RECEIPT, IPN_RECEIPT, IPN_OTHER };

/* Values as in X.420 §8: the numbers of the ENUMERATEDs. */
struct ipn {
    struct ipm_identifier subject_ipm;
    const struct ipm_user *ipn_originator;
    const struct ipm_user *ipm_intended_recipient;
    enum ipn_kind kind;
    int64_t non_receipt_reason; /* 0 ipm-discarded, 1 ipm-auto-forwarded */
    bool has_discard_reason;
    int64_t discard_reason;           /* 0 ipm-expired, 1 ipm-obsoleted, 2 user-subscription-terminated */
    const char *auto_forward_comment; /* NULL when absent */
    struct span returned_ipm;         /* the IPM's element, or absent */
    int64_t receipt_time;             /* seconds since 1970 */
    bool automatic;                   /* acknowledgment-mode */
    const char *suppl_receipt_info;   /* NULL when absent */
    /* Of one that was read: conversion-eits, and all extensions of the notification and of its fields. */
    const struct x411_EncodedInformationTypes *conversion_eits;
    struct ipm_extensions extensions;
};

/* What a content holds: exactly one of the two is set. */
struct ipm_content {
    struct ipm *ipm;
    struct ipn *ipn;
};

/*
 * Reads a content of type P2 or P22 (the contents octets of the Content OCTET
 * STRING). False when it is no information object: the error says where and why.
 * Bounds and repertoires that real user agents break are not checked.
 */
bool ipm_read(struct span content, struct arena *arena, struct ipm_content *out, struct error *err);

/*
 * Reads the heading of an IPM from the first octets of a content, which may end
 * anywhere after the heading. False when the heading is not whole or not there.
 */
bool ipm_read_heading(struct span beginning, struct arena *arena, struct ipm_heading *heading,
                      struct error *err);

/* Reads the IPM in a body part of type message, or the notification in one of type notification. */
bool ipm_read_forwarded(const struct ipm_part *part, struct arena *arena, struct ipm *out, struct error *err);
bool ipm_read_notification(const struct ipm_part *part, struct arena *arena, struct ipn *out,
                           struct error *err);
/* Reads the IPM that a non-receipt notification returned. */
bool ipm_read_returned(const struct ipn *ipn, struct arena *arena, struct ipm *out, struct error *err);

/* The part's text as UTF-8: ia5-text, general-text, teletex (pages are joined by a form feed). The absent
 * span for others. */
struct span ipm_part_text(const struct ipm_part *part, struct arena *arena);

/*
 * Gives the octets of a part to `sink`, piece by piece, without a copy: of a
 * text, file or voice, a facsimile's pages, videotex and what is encrypted the
 * octets in it, of others the BER of the data. False when `sink` said so.
 */
bool ipm_part_write(const struct ipm_part *part, bool (*sink)(void *context, struct span piece),
                    void *context);

/* The pages of a G3 facsimile, each T.4 from its first bit on. False when the part is none, or without
 * memory. */
struct ipm_facsimile {
    struct span *pages;
    size_t count;
    bool two_dimensional, fine; /* of its non-basic parameters */
};
bool ipm_part_facsimile(const struct ipm_part *part, struct arena *arena, struct ipm_facsimile *out);

/* ---- making ---- */

/* A body part to be made. */
struct ipm_new_part {
    enum ipm_part_type type; /* IA5_TEXT, GENERAL_TEXT, BILATERALLY_DEFINED, FILE_TRANSFER, MESSAGE, or any
                                with `element` set */
    struct span
        octets; /* text in UTF-8; octets of a file; the content (InformationObject) of a forwarded message */
    bool elsewhere; /* the octets of a file are not in memory: the plan leaves a gap of `length` for them */
    uint64_t length;
    int64_t registration;      /* GENERAL_TEXT: the character set to use; 0: the smallest that fits */
    const char *file_name;     /* UTF-8, or NULL */
    int64_t created, modified; /* 0: absent */
    struct span application;   /* of a file: contents octets of its application reference's OBJECT IDENTIFIER;
                                  absent: that of an attachment which nothing is known of */
    int64_t delivery_time;     /* MESSAGE, 0: absent */
    struct span delivery_envelope; /* MESSAGE: BER of OtherMessageDeliveryFields, or absent */
    struct span element;           /* a whole BodyPart to be passed on unchanged; goes before all else */
};

/* A content as a list of pieces in order: octets in memory, or a gap for the octets of part number `part`. */
struct ipm_piece {
    struct span octets; /* absent: a gap */
    size_t part;
    uint64_t length;
};

struct ipm_plan {
    struct ipm_piece *pieces;
    size_t count;
    uint64_t length; /* of the whole content */
};

/*
 * Lays out an IPM with definite lengths. Nothing of a part is copied but text
 * that changes its character set. A subject that T.61 can't hold goes into the
 * extended-subject extension too. False when the heading breaks the Recommendation
 * (no identifier, too long a subject) or memory ends.
 */
bool ipm_plan(const struct ipm_heading *heading, const struct ipm_new_part *parts, size_t count,
              struct arena *arena, struct ipm_plan *plan, struct error *err);

/* The element of a content that `returned_ipm` wants; absent when it is no whole interpersonal message. */
struct span ipm_element(struct span content);

/* Encodes a notification (InformationObject) into the arena. */
bool ipn_encode(const struct ipn *ipn, struct arena *arena, struct span *content, struct error *err);

/*
 * The encoded information types of parts (X.420 §20.4 and annex on
 * realization): what the submission envelope declares.
 */
bool ipm_encoded_types(const struct ipm_new_part *parts, size_t count, struct arena *arena,
                       struct x411_EncodedInformationTypes *types);

#endif
