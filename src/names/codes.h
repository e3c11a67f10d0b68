/* The standard's codes as people read them. */
#ifndef NAMES_CODES_H
#define NAMES_CODES_H

#include <stdint.h>

/* X.411's own name of a NonDeliveryReasonCode or NonDeliveryDiagnosticCode (`transfer-failure`), or NULL. */
const char *non_delivery_reason_name(int64_t code);
const char *non_delivery_diagnostic_name(int64_t code);

/* The code of that name, -1 for none. */
int64_t non_delivery_reason_code(const char *name);
int64_t non_delivery_diagnostic_code(const char *name);

/* X.411's own name of a RedirectionReason (`alias`), or NULL. */
const char *redirection_reason_name(int64_t code);

/* One sentence for the message's originator, without a full stop. Never NULL. */
const char *non_delivery_reason_text(int64_t code);
const char *non_delivery_diagnostic_text(int64_t code);

#endif
