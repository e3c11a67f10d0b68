#include "osi/presentation.h"

#include "asn1/ber.h"
#include "schema/x226.h"
#include "schema/x227.h"

static const uint8_t basic_encoding[] = {0x51, 0x01}; /* 2.1.1 */

#define NAME(oid)                                                                                            \
    { oid, sizeof oid }
#define CONTEXT_MAXIMUM_ID INT64_C(0x7FFFFFFF)

enum { RESULT_ACCEPTED, RESULT_ABSTRACT_SYNTAX, RESULT_TRANSFER_SYNTAX };

void presentation_init(struct presentation *p, struct arena *arena, struct osi_cause *cause,
                       unsigned application_contexts) {
    memset(p, 0, sizeof *p);
    p->application_contexts = application_contexts;
    p->arena = arena;
    p->cause = cause;
}

static bool bad(struct presentation *p, const char *ppdu, const struct ber_error *error) {
    return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1, ppdu,
                         "%s PPDU: %s", ppdu, error->text);
}

static bool no_memory(struct presentation *p) {
    return osi_cause_set(p->cause, OSI_END_MEMORY, OSI_LAYER_PRESENTATION, false, -1, "",
                         "no memory for a PPDU");
}

static bool encode(struct presentation *p, const struct ber_type *type, const void *value,
                   struct span *ppdu) {
    return ber_encode_arena(type, value, p->arena, ppdu, NULL) || no_memory(p);
}

static bool decode(struct presentation *p, const struct ber_type *type, const char *name, struct span ppdu,
                   void *value) {
    struct ber_error error = {.text = ""};
    return ber_decode(type, ppdu, p->arena, NULL, value, &error) || bad(p, name, &error);
}

/* User data of one PDV in a context. The items live in the arena. */
static struct x226_User_data *user_data(struct presentation *p, enum osi_syntax syntax, struct span apdu) {
    struct x226_User_data *data = arena_alloc(p->arena, sizeof *data);
    struct x226_PDV_list *pdv = arena_alloc(p->arena, sizeof *pdv);
    if (!data || !pdv)
        return NULL;
    data->choice = x226_User_data_fully_encoded_data;
    data->u.fully_encoded_data.items = pdv;
    data->u.fully_encoded_data.count = 1;
    pdv->presentation_context_identifier = p->context[syntax];
    pdv->presentation_data_values.choice = x226_PDV_list_presentation_data_values_single_ASN1_type;
    pdv->presentation_data_values.u.single_ASN1_type = apdu;
    return data;
}

/* ---- context definitions ---- */

/* Proposes a context; identifiers of the initiator are odd (X.226 §6.2). */
static bool define_context(struct presentation *p, struct x226_Context_definition *items,
                           enum osi_syntax syntax, struct span oid) {
    x226_Transfer_syntax_name *transfer = arena_alloc(p->arena, sizeof *transfer);
    struct x226_Context_definition *item = &items[p->result_count];
    if (!transfer)
        return false;
    *transfer = (struct span)NAME(basic_encoding);
    p->context[syntax] = item->presentation_context_identifier = 2 * (int64_t)p->result_count + 1;
    p->proposed[p->result_count++] = syntax;
    item->abstract_syntax_name = oid;
    item->transfer_syntax_name_list.items = transfer;
    item->transfer_syntax_name_list.count = 1;
    return true;
}

/* True if one of the application contexts that may be asked for needs it. */
static bool is_of_use(const struct presentation *p, enum osi_syntax syntax) {
    for (unsigned bit = 0; bit < OSI_CONTEXT_COUNT; bit++)
        if (p->application_contexts >> bit & 1 &&
            osi_context_uses(osi_context_row((enum osi_context)(1u << bit)), syntax))
            return true;
    return false;
}

static bool offers_basic_encoding(const struct x226_Context_definition *item) {
    for (size_t i = 0; i < item->transfer_syntax_name_list.count; i++)
        if (span_eq(item->transfer_syntax_name_list.items[i], (struct span)NAME(basic_encoding)))
            return true;
    return false;
}

static uint8_t judge_context(struct presentation *p, const struct x226_Context_definition *item) {
    enum osi_syntax syntax = osi_syntax_by_oid(item->abstract_syntax_name);
    int64_t id = item->presentation_context_identifier;
    if (syntax == OSI_SYNTAX_NONE || !is_of_use(p, syntax) || id <= 0 || id > CONTEXT_MAXIMUM_ID)
        return RESULT_ABSTRACT_SYNTAX;
    if (!offers_basic_encoding(item))
        return RESULT_TRANSFER_SYNTAX;
    if (p->context[syntax] == 0)
        p->context[syntax] = id;
    return RESULT_ACCEPTED;
}

static bool results(struct presentation *p, struct x226_Result_list *list) {
    struct x226_Context_result *items = arena_array(p->arena, p->result_count, sizeof *items);
    if (!items && p->result_count)
        return false;
    for (size_t i = 0; i < p->result_count; i++) {
        if (p->results[i] == RESULT_ACCEPTED) {
            items[i].transfer_syntax_name = (struct span)NAME(basic_encoding);
        } else {
            items[i].result = 2; /* provider-rejection */
            items[i].has_provider_reason = true;
            items[i].provider_reason = p->results[i];
        }
    }
    *list = (struct x226_Result_list){.items = items, .count = p->result_count};
    return true;
}

/* ---- connection ---- */

static bool propose_contexts(struct presentation *p, struct x226_Context_definition *items) {
    const struct osi_context_row *row = osi_context_row((enum osi_context)p->application_contexts);
    p->row = row;
    bool ok = define_context(p, items, OSI_SYNTAX_ACSE, osi_syntax_oid(OSI_SYNTAX_ACSE)) &&
              define_context(p, items, row->carrier, *row->carrier_oid);
    for (size_t i = 0; ok && i < OSI_CONTEXT_SYNTAXES && row->syntaxes[i]; i++)
        ok = define_context(p, items, row->syntaxes[i], osi_syntax_oid(row->syntaxes[i]));
    return ok;
}

bool presentation_connect(struct presentation *p, const struct presentation_connect *c, struct span *ppdu) {
    struct x226_CP_type cp = {.mode_selector.mode_value = 1};
    struct x226_CP_type_normal_mode_parameters normal = {.calling_presentation_selector = c->calling,
                                                         .called_presentation_selector = c->called};
    struct x226_Context_definition items[2 + OSI_CONTEXT_SYNTAXES] = {0};
    if (p->state != STAI0 || !propose_contexts(p, items))
        return no_memory(p);
    normal.presentation_context_definition_list =
        (struct x226_Context_list){.items = items, .count = p->result_count};
    normal.user_data = user_data(p, OSI_SYNTAX_ACSE, c->user_data);
    cp.normal_mode_parameters = &normal;
    p->state = STAI1;
    return normal.user_data ? encode(p, &x226_CP_type_type, &cp, ppdu) : no_memory(p);
}

/* The APDU of the one PDV in connect user data; ACSE's context must carry it. */
static bool acse_apdu(struct presentation *p, const struct x226_User_data *data, struct span *apdu) {
    *apdu = (struct span){0};
    if (!data)
        return true;
    if (data->choice != x226_User_data_fully_encoded_data)
        return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1, "user data",
                             "simply encoded user data where several contexts are defined");
    for (size_t i = 0; i < data->u.fully_encoded_data.count; i++) {
        const struct x226_PDV_list *pdv = &data->u.fully_encoded_data.items[i];
        if (pdv->presentation_context_identifier != p->context[OSI_SYNTAX_ACSE])
            continue;
        if (pdv->presentation_data_values.choice == x226_PDV_list_presentation_data_values_single_ASN1_type)
            *apdu = pdv->presentation_data_values.u.single_ASN1_type;
        else if (pdv->presentation_data_values.choice == x226_PDV_list_presentation_data_values_octet_aligned)
            *apdu = pdv->presentation_data_values.u.octet_aligned;
        return true;
    }
    return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1,
                         "presentation context identifier", "user data without a PDV of ACSE's context");
}

static bool is_defined(struct presentation *p, enum osi_syntax syntax) {
    return p->context[syntax] ||
           osi_cause_set(p->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, false, -1,
                         "presentation context definition list", "no context for the abstract syntax of %s",
                         osi_syntax_name(syntax));
}

static bool check_contexts(struct presentation *p, const struct x226_Context_list *list) {
    if (list->count > PRESENTATION_CONTEXTS_MAXIMUM)
        return osi_cause_set(p->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, false, -1,
                             "presentation context definition list", "more than %d contexts are proposed",
                             PRESENTATION_CONTEXTS_MAXIMUM);
    for (size_t i = 0; i < list->count; i++)
        p->results[i] = judge_context(p, &list->items[i]);
    p->result_count = list->count;
    return is_defined(p, OSI_SYNTAX_ACSE);
}

bool presentation_settle(struct presentation *p, const struct osi_context_row *row) {
    p->row = row;
    if (!is_defined(p, row->carrier))
        return false;
    for (size_t i = 0; i < OSI_CONTEXT_SYNTAXES; i++)
        if (row->syntaxes[i] && p->context[row->syntaxes[i]])
            return true;
    return is_defined(p, row->syntaxes[0]);
}

/* Later versions may be proposed beside it; absent means version 1 alone. */
static bool speaks_version_1(const struct ber_bits *version) {
    return !version->octets.data || ber_bit(version, x226_Protocol_version_version_1);
}

bool presentation_connect_indication(struct presentation *p, struct span ppdu, struct presentation_connect *c,
                                     int *refuse_reason) {
    struct x226_CP_type cp = {0};
    memset(c, 0, sizeof *c);
    p->state = STAI2;
    *refuse_reason = PRESENTATION_USER_DATA_NOT_READABLE;
    if (!decode(p, &x226_CP_type_type, "CP", ppdu, &cp))
        return false;
    c->x410 = cp.mode_selector.mode_value == 0;
    if (c->x410) {
        p->state = STAI0;
        return true;
    }
    const struct x226_CP_type_normal_mode_parameters *normal = cp.normal_mode_parameters;
    if (!normal)
        return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1, "CP",
                             "CP PPDU of normal mode without its parameters");
    c->calling = normal->calling_presentation_selector;
    c->called = normal->called_presentation_selector;
    *refuse_reason = PRESENTATION_VERSION_NOT_SUPPORTED;
    if (!speaks_version_1(&normal->protocol_version))
        return osi_cause_set(p->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, false,
                             PRESENTATION_VERSION_NOT_SUPPORTED, "presentation protocol version",
                             "version 1 of the presentation protocol is not proposed");
    *refuse_reason = PRESENTATION_REASON_NOT_SPECIFIED;
    if (!check_contexts(p, &normal->presentation_context_definition_list))
        return false;
    *refuse_reason = PRESENTATION_USER_DATA_NOT_READABLE;
    return acse_apdu(p, normal->user_data, &c->user_data);
}

bool presentation_accept(struct presentation *p, struct span responding, struct span apdu,
                         struct span *ppdu) {
    struct x226_CPA_PPDU cpa = {.mode_selector.mode_value = 1};
    struct x226_CPA_PPDU_normal_mode_parameters normal = {.responding_presentation_selector = responding};
    normal.user_data = user_data(p, OSI_SYNTAX_ACSE, apdu);
    if (p->state != STAI2 || !normal.user_data ||
        !results(p, &normal.presentation_context_definition_result_list))
        return no_memory(p);
    cpa.normal_mode_parameters = &normal;
    p->state = STAt0;
    return encode(p, &x226_CPA_PPDU_type, &cpa, ppdu);
}

bool presentation_refuse(struct presentation *p, int reason, struct span apdu, struct span *ppdu) {
    struct x226_CPR_PPDU cpr = {.choice = x226_CPR_PPDU_normal_mode_parameters};
    struct x226_CPR_PPDU_normal_mode_parameters *normal = &cpr.u.normal_mode_parameters;
    normal->has_provider_reason = reason >= 0;
    normal->provider_reason = reason;
    if (p->result_count && !results(p, &normal->presentation_context_definition_result_list))
        return no_memory(p);
    if (apdu.data && !(normal->user_data = user_data(p, OSI_SYNTAX_ACSE, apdu)))
        return no_memory(p);
    p->state = STAI0;
    return encode(p, &x226_CPR_PPDU_type, &cpr, ppdu);
}

/* False if the peer refused what the application context can't do without: of several ports one is enough. */
static bool read_results(struct presentation *p, const struct x226_Result_list *list) {
    bool ports = p->row->syntaxes[1] != OSI_SYNTAX_NONE, any = false;
    for (size_t i = 0; i < p->result_count; i++) {
        bool accepted = i < list->count && list->items[i].result == 0, port = i >= 2;
        if (!accepted && !(ports && port))
            return false;
        if (!accepted)
            p->context[p->proposed[i]] = 0;
        any |= accepted && port;
    }
    return any;
}

bool presentation_accepted(struct presentation *p, struct span ppdu, struct presentation_connect *c) {
    struct x226_CPA_PPDU cpa = {0};
    memset(c, 0, sizeof *c);
    if (!decode(p, &x226_CPA_PPDU_type, "CPA", ppdu, &cpa))
        return false;
    const struct x226_CPA_PPDU_normal_mode_parameters *normal = cpa.normal_mode_parameters;
    if (p->state != STAI1 || cpa.mode_selector.mode_value != 1 || !normal)
        return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1,
                             "mode selector", "CPA PPDU that does not answer in normal mode");
    const struct x226_Result_list *list = &normal->presentation_context_definition_result_list;
    if (!read_results(p, list))
        return osi_cause_set(p->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, true, -1,
                             "presentation context definition list",
                             "the peer does not accept each of our presentation contexts");
    c->called = normal->responding_presentation_selector;
    p->state = STAt0;
    return acse_apdu(p, normal->user_data, &c->user_data);
}

bool presentation_refused(struct presentation *p, struct span ppdu, struct span *apdu, int *reason) {
    struct x226_CPR_PPDU cpr = {0};
    p->state = STAI0;
    *apdu = (struct span){0};
    *reason = -1;
    if (!decode(p, &x226_CPR_PPDU_type, "CPR", ppdu, &cpr) ||
        cpr.choice != x226_CPR_PPDU_normal_mode_parameters)
        return false;
    if (cpr.u.normal_mode_parameters.has_provider_reason)
        *reason = (int)cpr.u.normal_mode_parameters.provider_reason;
    return acse_apdu(p, cpr.u.normal_mode_parameters.user_data, apdu);
}

/* ---- data and abort ---- */

bool presentation_wrap(struct presentation *p, enum osi_syntax syntax, struct span apdu, struct span *ppdu) {
    struct x226_User_data *data = user_data(p, syntax, apdu);
    return data ? encode(p, &x226_User_data_type, data, ppdu) : no_memory(p);
}

int64_t presentation_carrier(const struct presentation *p) {
    return p->row ? p->context[p->row->carrier] : 0;
}

enum osi_syntax presentation_syntax(const struct presentation *p, int64_t context) {
    for (enum osi_syntax syntax = OSI_SYNTAX_ACSE; syntax < OSI_SYNTAXES; syntax++)
        if (context > 0 && p->context[syntax] == context)
            return syntax;
    return OSI_SYNTAX_NONE;
}

bool presentation_unwrap(struct presentation *p, struct span ppdu, enum osi_syntax *syntax,
                         struct span *apdu) {
    struct x226_User_data data = {0};
    if (!decode(p, &x226_User_data_type, "user data", ppdu, &data))
        return false;
    if (data.choice != x226_User_data_fully_encoded_data || data.u.fully_encoded_data.count == 0)
        return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1, "user data",
                             "user data that are not fully encoded");
    const struct x226_PDV_list *pdv = &data.u.fully_encoded_data.items[0];
    *syntax = presentation_syntax(p, pdv->presentation_context_identifier);
    if (*syntax == OSI_SYNTAX_NONE)
        return osi_cause_set(p->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_PRESENTATION, false, -1,
                             "presentation context identifier",
                             "user data of an undefined presentation context");
    bool single =
        pdv->presentation_data_values.choice == x226_PDV_list_presentation_data_values_single_ASN1_type;
    *apdu = single ? pdv->presentation_data_values.u.single_ASN1_type
                   : pdv->presentation_data_values.u.octet_aligned;
    return single ||
           pdv->presentation_data_values.choice == x226_PDV_list_presentation_data_values_octet_aligned;
}

bool presentation_user_abort(struct presentation *p, struct span apdu, struct span *ppdu) {
    struct x226_ARU_PPDU aru = {.choice = x226_ARU_PPDU_normal_mode_parameters};
    struct x226_ARU_PPDU_normal_mode_parameters *normal = &aru.u.normal_mode_parameters;
    struct x226_Context_identifier_item items[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        items[i].presentation_context_identifier =
            i == 0 ? p->context[OSI_SYNTAX_ACSE] : presentation_carrier(p);
        items[i].transfer_syntax_name = (struct span)NAME(basic_encoding);
    }
    normal->presentation_context_identifier_list =
        (struct x226_Presentation_context_identifier_list){.items = items, .count = 2};
    normal->user_data = user_data(p, OSI_SYNTAX_ACSE, apdu);
    p->state = STAI0;
    return normal->user_data ? encode(p, &x226_ARU_PPDU_type, &aru, ppdu) : no_memory(p);
}

bool presentation_provider_abort(struct presentation *p, enum presentation_abort reason, struct span *ppdu) {
    struct x226_ARP_PPDU arp = {.has_provider_reason = true, .provider_reason = reason};
    p->state = STAI0;
    return encode(p, &x226_ARP_PPDU_type, &arp, ppdu);
}

bool presentation_aborted(struct presentation *p, struct span ppdu, struct span *apdu, int *reason) {
    struct x226_Abort_type abort = {0};
    *apdu = (struct span){0};
    *reason = -1;
    p->state = STAI0;
    if (!ppdu.len)
        return true;
    if (!decode(p, &x226_Abort_type_type, "abort", ppdu, &abort))
        return false;
    if (abort.choice == x226_Abort_type_arp_ppdu) {
        if (abort.u.arp_ppdu.has_provider_reason)
            *reason = (int)abort.u.arp_ppdu.provider_reason;
        return true;
    }
    if (abort.u.aru_ppdu.choice != x226_ARU_PPDU_normal_mode_parameters)
        return true;
    return acse_apdu(p, abort.u.aru_ppdu.u.normal_mode_parameters.user_data, apdu);
}
