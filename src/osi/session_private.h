/* What the parts of the session machine share, from below: session_core.c, then session_connect.c and
 * session_activity.c, on them session.c with the state table. */
#ifndef OSI_SESSION_PRIVATE_H
#define OSI_SESSION_PRIVATE_H

#include "osi/session.h"
#include "osi/spdu.h"

#define IN(state)       (1u << (state))
#define ALL_TOKENS      (SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR)
#define RELEASED        0x01 /* Transport Disconnect PI: the transport connection is released */
#define USER_ABORT      0x02
#define PROTOCOL_ERROR  0x04
#define RESTRICTION     0x10
#define ENCLOSURE_BEGIN 0x01
#define ENCLOSURE_END   0x02

/* What goes before an SPDU of category 2 (X.225 §6.3.7, basic concatenation). */
enum session_lead { LEAD_NONE, LEAD_GT, LEAD_PT };

/* Writes one SPDU, in segments where the TSDU maximum size asks for it. `user_data` may be absent. */
bool session_send(struct session *s, enum session_lead lead, uint8_t si, const struct spdu_writer *parameters,
                  struct span user_data);

/* One row of Annex A: an SPDU, where it is allowed, where it is ignored, and what it does. */
struct session_row {
    const char *name;
    uint8_t si;
    bool concatenated; /* category 2: comes after GT or PT */
    uint32_t states;
    uint32_t ignored; /* overtaken by an interrupt, discard or exception */
    bool (*receive)(struct session *s, const struct spdu *spdu); /* false: protocol error */
};

/* The tokens that go with functional units (X.225 §7.1.2), and those of the units in use. */
uint8_t session_tokens_of(unsigned units);
uint8_t session_available(const struct session *s);

/* True if the peer owns all of `tokens` that are available. */
bool session_peer_owns(const struct session *s, uint8_t tokens);

void session_up(struct session *s, const struct session_indication *indication);

/* Rows' functions of session_connect.c */
bool session_receive_cn(struct session *s, const struct spdu *spdu);
bool session_receive_ac(struct session *s, const struct spdu *spdu);
bool session_receive_rf(struct session *s, const struct spdu *spdu);
bool session_receive_oa(struct session *s, const struct spdu *spdu);
bool session_receive_cdo(struct session *s, const struct spdu *spdu);

/* Rows' functions of session_activity.c */
bool session_receive_as(struct session *s, const struct spdu *spdu);
bool session_receive_ar(struct session *s, const struct spdu *spdu);
/* False: a part of the identifier is longer than X.225 allows. */
bool session_identifier_fits(const struct session_identifier *id);
bool session_receive_ai(struct session *s, const struct spdu *spdu);
bool session_receive_aia(struct session *s, const struct spdu *spdu);
bool session_receive_ad(struct session *s, const struct spdu *spdu);
bool session_receive_ada(struct session *s, const struct spdu *spdu);
bool session_receive_ae(struct session *s, const struct spdu *spdu);
bool session_receive_aea(struct session *s, const struct spdu *spdu);
bool session_receive_mip(struct session *s, const struct spdu *spdu);
bool session_receive_mia(struct session *s, const struct spdu *spdu);
bool session_receive_ed(struct session *s, const struct spdu *spdu);
bool session_receive_er(struct session *s, const struct spdu *spdu);

#endif
