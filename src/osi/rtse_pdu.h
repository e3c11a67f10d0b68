/* The APDUs of RTSE (X.228 §9) in normal mode, and in X.410 mode the session user data that hold the same
 * parameters. */
#ifndef OSI_RTSE_PDU_H
#define OSI_RTSE_PDU_H

#include "base/arena.h"
#include "osi/cause.h"

#define RTSE_APPLICATION_PROTOCOL_P1      1  /* X.410-1984 */
#define RTSE_APPLICATION_PROTOCOL_P1_1988 12 /* X.419, mts-transfer-protocol */

/* What RTORQ, RTOAC and RTORJ carry. */
struct rtse_open {
    int64_t checkpoint_size, window_size;
    enum osi_dialogue dialogue; /* RTORQ only */
    bool recover;               /* `id` names the connection to recover */
    struct osi_connection_id id;
    struct span user_data; /* one BER element */
    bool has_protocol;     /* X.410 mode, RTORQ only */
    int64_t protocol;
};

/* What must be known to code them. */
struct rtse_codec {
    struct arena *arena;
    struct osi_cause *cause;
    bool x410;
};

bool rtse_rtorq_encode(const struct rtse_codec *c, const struct rtse_open *open, struct span *out);
bool rtse_rtorq_decode(const struct rtse_codec *c, struct span in, struct rtse_open *open);
bool rtse_rtoac_encode(const struct rtse_codec *c, const struct rtse_open *open, struct span *out);
bool rtse_rtoac_decode(const struct rtse_codec *c, struct span in, struct rtse_open *open);

/* RTORJ: `reason` in X.410 mode, `user_data` in normal mode; -1 and absent where they are not there. */
bool rtse_rtorj_encode(const struct rtse_codec *c, int reason, struct span user_data, struct span *out);
bool rtse_rtorj_decode(const struct rtse_codec *c, struct span in, int *reason, struct span *user_data);

/* RTAB, read also under the identifier octets that real peers give it. User data are for userError in normal
 * mode; X.410 mode says localSystemProblem for what only normal mode knows. */
bool rtse_rtab_encode(const struct rtse_codec *c, int reason, struct span user_data, struct span *out);
bool rtse_rtab_decode(const struct rtse_codec *c, struct span in, int *reason, struct span *user_data);

/* RTTP: an INTEGER. */
bool rtse_rttp_encode(const struct rtse_codec *c, int priority, struct span *out);
bool rtse_rttp_decode(const struct rtse_codec *c, struct span in, int *priority);

/*
 * A session reference as its PI holds it: the characters in an OCTET STRING (normal mode) or T61String
 * (X.410 mode), a common reference in a UTCTime. Reading takes any string tag, and bare octets.
 */
bool rtse_reference_encode(struct arena *arena, uint8_t tag, struct span text, struct span *out);
struct span rtse_reference_decode(struct span pi);

#endif
