#include "mta/user_registered.h"

#include <stdio.h>

#include "base/arena.h"
#include "mta/json.h"
#include "mta/mta_private.h"
#include "mta/telling.h"
#include "mta/user_agent.h"
#include "mta/user_registration.h"
#include "mta/users.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"

/* Of what was taken when it was registered (user_register.c). */
#define DECODED_MOST ((size_t)4 * 1024 * 1024)

static bool decode(struct span octets, struct arena *arena, struct x411p3_RegisterArgument *argument) {
    static const struct ber_limits as_it_came = {.relax_bounds = true};
    *argument = (struct x411p3_RegisterArgument){0};
    return ber_decode(&x411p3_RegisterArgument_type, octets, arena, &as_it_came, argument, NULL);
}

const char *registered_names(const struct x411p3_RegisterArgument *argument,
                             char out[static REGISTERED_NAMES]) {
    const struct {
        const char *name;
        bool given;
    } parameters[] = {{"user-address", argument->user_address},
                      {"deliverable-class", argument->deliverable_class.items},
                      {"default-delivery-controls", argument->default_delivery_controls},
                      {"redirections", argument->redirections.items},
                      {"restricted-delivery", argument->restricted_delivery.items}};
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (parameters[i].given)
            length += (size_t)snprintf(out + length, REGISTERED_NAMES - length, "%s%s", length ? ", " : "",
                                       parameters[i].name);
    return out;
}

/* ---- for people ---- */

static json_t *name_json(const struct x411_ORName *name, struct arena *arena) {
    return name ? json_text(oraddress_name_text(name, arena)) : json_null();
}

static json_t *redirections_json(const struct x411p3_RegisterArgument *argument, struct arena *arena) {
    json_t *all = json_array();
    for (size_t i = 0; i < argument->redirections.count; i++) {
        const struct x411p3_RecipientRedirection *one = &argument->redirections.items[i];
        json_array_append_new(all, json_pack("{s:o, s:b}", "to",
                                             name_json(one->recipient_assigned_alternate_recipient, arena),
                                             "some", one->redirection_classes.items != NULL));
    }
    return all;
}

static json_t *restrictions_json(const struct x411p3_RegisterArgument *argument, struct arena *arena) {
    json_t *all = json_array();
    for (size_t i = 0; i < argument->restricted_delivery.count; i++) {
        const struct x411p3_Restriction *one = &argument->restricted_delivery.items[i];
        const struct x411p3_ExactOrPattern *name = one->source_name;
        bool exact = name && name->choice == x411p3_ExactOrPattern_exact_match;
        json_array_append_new(all, json_pack("{s:b, s:o, s:b}", "permitted", one->permitted, "name",
                                             name_json(!name   ? NULL
                                                       : exact ? &name->u.exact_match
                                                               : &name->u.pattern_match,
                                                       arena),
                                             "exact", exact));
    }
    return all;
}

json_t *registered_json(const struct local_user *user) {
    struct x411p3_RegisterArgument argument;
    char names[REGISTERED_NAMES];
    struct arena arena;
    json_t *shown = NULL;
    if (!user->registered.len)
        return json_null();
    arena_init(&arena, DECODED_MOST);
    if (decode(buf_span(&user->registered), &arena, &argument))
        shown = json_pack("{s:s, s:o, s:o}", "parameters", registered_names(&argument, names), "redirections",
                          redirections_json(&argument, &arena), "restrictions",
                          restrictions_json(&argument, &arena));
    arena_free(&arena);
    return shown;
}

/* ---- and away with it ---- */

bool registered_take_away(struct mta *mta, struct local_user *user, uint32_t by) {
    struct user_agent *agent = user->by_p3 ? user_agent_for(mta, user) : NULL;
    if (!registration_reset(mta, user) ||
        !telling_line(mta, "what %.300s registered by P3 is taken away by uid %u", user->address, by))
        return false;
    if (agent)
        user_agent_unbar(mta, agent);
    return true;
}
