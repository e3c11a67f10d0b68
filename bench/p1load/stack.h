/* The octets of a P1 association in normal mode, written from the Recommendations and shared with no code of
 * the product: what a load generator and a sink need and no more. */
#pragma once
#include "octets.h"

enum {
    SPDU_GIVE_TOKENS = 1,
    SPDU_PLEASE_TOKENS = 2,
    SPDU_FINISH = 9,
    SPDU_DISCONNECT = 10,
    SPDU_REFUSE = 12,
    SPDU_CONNECT = 13,
    SPDU_ACCEPT = 14,
    SPDU_ABORT = 25,
    SPDU_ACTIVITY_END = 41,
    SPDU_ACTIVITY_END_ACK = 42,
    SPDU_ACTIVITY_START = 45,
    SPDU_EXCEPTION = 48,
    SPDU_MINOR_SYNC = 49,
    SPDU_MINOR_SYNC_ACK = 50
};

struct bind {
    const char *mta;
    const char *password;
    uint32_t checkpoint; /* KiB */
    uint32_t window;
};

/* The transport's header of a DT, before `data` octets of one TSDU. */
enum { DT_HEADER = 7 };
void dt_header(uint8_t out[DT_HEADER], size_t data, int last);
/* A short TSDU (up to 1,000 octets) as one DT. */
struct octets dt(struct octets tsdu);

struct octets connect_request(const char *called_tsel);
/* CC for a CR; takes over the TPDU size that the CR proposes. `*tpdu_size` becomes the largest TPDU. */
struct octets connect_confirm(struct octets request, size_t *tpdu_size);
/* The largest TPDU that a CC agrees to. */
size_t confirmed_size(struct octets confirm);

struct octets connect_spdu(const struct bind *bind);
/* AC for a CN: accepts each presentation context, takes over checkpoint size and window. `tsdu` is the CN. */
struct octets accept_spdu(struct octets tsdu, const struct bind *bind, uint32_t *checkpoint);
/* What an AC granted. False when it isn't an AC that can be read. */
int accepted(struct octets tsdu, uint32_t *checkpoint, uint32_t *window);

struct octets finish_spdu(void);
struct octets disconnect_spdu(void);
struct octets activity_start_spdu(void);
/* An SPDU with a serial number, the category 0 SPDU `first` before it. */
size_t serial_spdu(uint8_t *out, uint8_t first, uint8_t spdu, uint32_t serial);

/* The SPDU of a TSDU that isn't a bare category 0 one, and in `*parameters` what follows its identifier and
 * length. */
uint8_t spdu_of(struct octets tsdu, struct octets *parameters);
/* The value of a parameter, groups searched too; NULL data when absent. */
struct octets spdu_parameter(struct octets parameters, uint8_t code);

/* The session and presentation octets before `length` octets of the RTTR's OCTET STRING, into out[32]. */
size_t data_header(uint8_t *out, size_t length);

/* A message whose octets up to the content's filler are `head`, then `filler` octets of text. The marker
 * within `head` is MARKER_LENGTH octets at `marker`, part of the local identifier. */
enum { MARKER_LENGTH = 28 };
struct message {
    struct octets head;
    size_t marker;
    uint64_t filler;
};
/* `size`: the content's octets. */
struct message message_template(const char *originator_country, const char *recipient_country, uint64_t size);
