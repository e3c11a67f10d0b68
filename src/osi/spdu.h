/*
 * Session protocol data units on the wire (X.225 §8): SI, LI, parameters in
 * PGI and PI units, user information. Reading is bounded by the SPDU; unknown
 * parameters are passed over.
 */
#ifndef OSI_SPDU_H
#define OSI_SPDU_H

#include "base/buf.h"
#include "base/reader.h"
#include "base/span.h"

/* SPDU identifiers. The same number means different SPDUs in the categories 0, 1 and 2 (X.225 table 7). */
enum spdu_si {
    SPDU_GT = 1, /* category 0: GIVE TOKENS */
    SPDU_PT = 2, /* category 0: PLEASE TOKENS */
    SPDU_DT = 1, /* category 2: DATA TRANSFER, after GT or PT */
    SPDU_EX = 5,
    SPDU_PR = 7,
    SPDU_NF = 8,
    SPDU_FN = 9,
    SPDU_DN = 10,
    SPDU_RF = 12,
    SPDU_CN = 13,
    SPDU_AC = 14,
    SPDU_CDO = 15,
    SPDU_OA = 16,
    SPDU_GTC = 21,
    SPDU_GTA = 22,
    SPDU_AB = 25, /* category 1: ABORT */
    SPDU_AI = 25, /* category 2: ACTIVITY INTERRUPT */
    SPDU_AA = 26, /* category 1: ABORT ACCEPT */
    SPDU_AIA = 26,
    SPDU_AR = 29,
    SPDU_ER = 0, /* EXCEPTION REPORT */
    SPDU_TD = 33,
    SPDU_AE = 41, /* ACTIVITY END; MAJOR SYNC POINT without the activity's end */
    SPDU_AEA = 42,
    SPDU_AS = 45,
    SPDU_ED = 48, /* EXCEPTION DATA */
    SPDU_MIP = 49,
    SPDU_MIA = 50,
    SPDU_AD = 57,
    SPDU_ADA = 58,
};

/* PGI and PI codes (X.225 table 8 onward). */
enum spdu_parameter {
    PGI_CONNECTION_IDENTIFIER = 1,
    PGI_CONNECT_ACCEPT_ITEM = 5,
    PI_CALLED_SS_USER_REFERENCE = 9,
    PI_CALLING_SS_USER_REFERENCE = 10,
    PI_COMMON_REFERENCE = 11,
    PI_ADDITIONAL_REFERENCE = 12,
    PI_SYNC_TYPE_ITEM = 15,
    PI_TOKEN_ITEM = 16,
    PI_TRANSPORT_DISCONNECT = 17,
    PI_PROTOCOL_OPTIONS = 19,
    PI_SESSION_USER_REQUIREMENTS = 20,
    PI_TSDU_MAXIMUM_SIZE = 21,
    PI_VERSION_NUMBER = 22,
    PI_INITIAL_SERIAL_NUMBER = 23,
    PI_ENCLOSURE_ITEM = 25,
    PI_TOKEN_SETTING_ITEM = 26,
    PGI_LINKING_INFORMATION = 33,
    PI_ACTIVITY_IDENTIFIER = 41,
    PI_SERIAL_NUMBER = 42,
    PI_REFLECT_PARAMETER = 49,
    PI_REASON_CODE = 50,
    PI_CALLING_SESSION_SELECTOR = 51,
    PI_CALLED_SESSION_SELECTOR = 52,
    PI_DATA_OVERFLOW = 60,
    PGI_USER_DATA = 193,
    PGI_EXTENDED_USER_DATA = 194,
};

#define SPDU_PI_COUNT 64
#define SPDU_MAXIMUM  65535

/* An SPDU as read. Parameters that are not there have no data. */
struct spdu {
    uint8_t si;
    struct span parameter[SPDU_PI_COUNT]; /* by PI, those within PGIs 1 and 5 too */
    struct span linking[SPDU_PI_COUNT];   /* by PI, those within the linking information */
    struct span user_data;                /* PGI 193 or 194 */
    struct span information;              /* what follows the SPDU's parameters: user information of a DT */
    struct span raw;                      /* the SPDU without what follows it */
};

/* Reads SI and LI at the start of `in`: the header's and the parameter field's octets. False when cut short.
 */
bool spdu_header_read(struct span in, uint8_t *si, size_t *header, size_t *length);

/*
 * Reads the SPDU at the start of `in`; all that follows it becomes `information`.
 * False when a length leaves the SPDU.
 */
bool spdu_read(struct span in, struct spdu *spdu);

/* A parameter as a number; `fallback` when it is absent or empty, or longer than 4 octets. */
uint32_t spdu_number(struct span parameter, uint32_t fallback);

/* Serial numbers are decimal digits; false for none, over six, or other octets. */
bool spdu_serial_read(struct span parameter, uint32_t *serial);

/* Parameters in the making. Small by nature: user data is no part of it. */
struct spdu_writer {
    uint8_t octets[640];
    size_t len;
    bool failed;
};

void spdu_put(struct spdu_writer *w, uint8_t code, struct span value);
void spdu_put_number(struct spdu_writer *w, uint8_t code, uint32_t value, unsigned octets);
void spdu_put_serial(struct spdu_writer *w, uint32_t serial);

/* A PGI around the parameters that `inner` holds; nothing when there are none. */
void spdu_put_group(struct spdu_writer *w, uint8_t code, const struct spdu_writer *inner);

/* Writes a length field (one octet, or 255 and two); returns its octets. */
size_t spdu_length_write(uint8_t out[static 3], size_t length);

#endif
