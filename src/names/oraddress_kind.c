/* The kinds of attribute: their labels (F.401 annex B, RFC 1685, RFC 2156 §4.1) and their places on the wire.
 */
#include "names/oraddress_private.h"

#define BOUND(name) x411_##name, #name

const struct kind_info oraddress_kinds[ORADDRESS_KINDS] = {
    [ORADDRESS_COUNTRY] = {"C", "COUNTRY COUNTRYNAME ", 0, 0, 0, 0, NULL},
    [ORADDRESS_ADMD] = {"A", "ADMD ADMINISTRATIONDOMAINNAME ", 0, 0, 0, BOUND(ub_domain_name_length)},
    [ORADDRESS_PRMD] = {"P", "PRMD PRIVATEDOMAINNAME ", 0, 0, 0, BOUND(ub_domain_name_length)},
    [ORADDRESS_ORGANIZATION] = {"O", "ORG ORGANIZATION ORGANISATION ORGANIZATIONNAME ", 0, 3, 25,
                                BOUND(ub_organization_name_length)},
    [ORADDRESS_UNIT_1] = {"OU1", "ORGUNIT1 ", 0, 5, 27, BOUND(ub_organizational_unit_name_length)},
    [ORADDRESS_UNIT_2] = {"OU2", "ORGUNIT2 ", 0, 5, 27, BOUND(ub_organizational_unit_name_length)},
    [ORADDRESS_UNIT_3] = {"OU3", "ORGUNIT3 ", 0, 5, 27, BOUND(ub_organizational_unit_name_length)},
    [ORADDRESS_UNIT_4] = {"OU4", "ORGUNIT4 ", 0, 5, 27, BOUND(ub_organizational_unit_name_length)},
    [ORADDRESS_COMMON_NAME] = {"CN", "COMMONNAME ", 1, 2, 24, BOUND(ub_common_name_length)},
    [ORADDRESS_SURNAME] = {"S", "SN SURNAME ", 0, 4, 26, BOUND(ub_surname_length)},
    [ORADDRESS_GIVEN_NAME] = {"G", "GIVENNAME ", 0, 4, 26, BOUND(ub_given_name_length)},
    [ORADDRESS_INITIALS] = {"I", "INITIALS ", 0, 4, 26, BOUND(ub_initials_length)},
    [ORADDRESS_GENERATION] = {"Q", "GQ GENERATION GENERATIONQUALIFIER ", 0, 4, 26,
                              BOUND(ub_generation_qualifier_length)},
    [ORADDRESS_NUMERIC_USER_ID] = {"N-ID", "NID UAID NUMERICUSERIDENTIFIER ", 0, 0, 0,
                                   BOUND(ub_numeric_user_id_length)},
    [ORADDRESS_X121] = {"X121", "NETWORKADDRESS ", 0, 0, 0, BOUND(ub_x121_address_length)},
    [ORADDRESS_ISDN] = {"ISDN", "E164 E163 NETNUM ", 22, 0, 0, 0, NULL},
    [ORADDRESS_PSAP] = {"PSAP", "NETPSAP ", 22, 0, 0, 0, NULL},
    [ORADDRESS_TERMINAL_ID] = {"T-ID", "TID TERMINALIDENTIFIER ", 0, 0, 0, BOUND(ub_terminal_id_length)},
    [ORADDRESS_TERMINAL_TYPE] = {"T-TY", "TTY TERMINALTYPE ", 23, 0, 0, 0, NULL},
    [ORADDRESS_PD_SERVICE] = {"PD-SN", "PDSN PDSERVICE PDSNAME ", 7, 0, 0, BOUND(ub_pds_name_length)},
    [ORADDRESS_PD_COUNTRY] = {"PD-C", "PDC PDCOUNTRY ", 8, 0, 0, 0, NULL},
    [ORADDRESS_PD_POSTAL_CODE] = {"PD-PC", "PDPC PDCODE POSTALCODE ", 9, 0, 0, BOUND(ub_postal_code_length)},
    [ORADDRESS_PD_OFFICE] = {"PD-OF", "PDOF PDOFFICE ", 10, 10, 29, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_OFFICE_NUMBER] = {"PD-OFN", "PDOFN PDOFFICENUM PDOFFICENUMBER ", 11, 11, 30,
                                    BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_ORGANIZATION] = {"PD-O", "PDO PDORGANIZATION ", 14, 14, 33, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_PERSON] = {"PD-PN", "PDPN PDPERSON ", 13, 13, 32, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_EXTENSION_ADDRESS] = {"PD-EA", "PDEA PDEXTADDRESS ", 12, 12, 31,
                                        BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_EXTENSION_DELIVERY] = {"PD-ED", "PDED PDEXTDELIVERY ", 15, 15, 34,
                                         BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_STREET] = {"PD-S", "PDS PDSTREET ", 17, 17, 36, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_BOX] = {"PD-B", "PDB PDBOX ", 18, 18, 37, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_RESTANTE] = {"PD-R", "PDR PDRESTANTE ", 19, 19, 38, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_UNIQUE] = {"PD-U", "PDU PDUNIQUE ", 20, 20, 39, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LOCAL] = {"PD-L", "PDL PDLOCAL ", 21, 21, 40, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LINE_1] = {"PD-A1", "PDA1 ", 16, 16, 35, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LINE_2] = {"PD-A2", "PDA2 ", 16, 16, 35, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LINE_3] = {"PD-A3", "PDA3 ", 16, 16, 35, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LINE_4] = {"PD-A4", "PDA4 ", 16, 16, 35, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LINE_5] = {"PD-A5", "PDA5 ", 16, 16, 35, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_PD_LINE_6] = {"PD-A6", "PDA6 ", 16, 16, 35, BOUND(ub_pds_parameter_length)},
    [ORADDRESS_DOMAIN_DEFINED] = {"DDA", "DD DD1 DD2 DD3 DD4 DDA1 DDA2 DDA3 DDA4 ", 0, 6, 28,
                                  BOUND(ub_domain_defined_attribute_value_length)},
    [ORADDRESS_UNKNOWN] = {"X-EXT", "XEXT ", 0, 0, 0, 0, NULL},
};

static bool word_in(struct span word, const char *words) {
    for (const char *at = words; *at; at = strchr(at, ' ') + 1) {
        if (word.len && strncmp(at, (const char *)word.data, word.len) == 0 && at[word.len] == ' ')
            return true;
    }
    return false;
}

enum oraddress_kind oraddress_kind_of(struct span label) {
    for (int kind = 1; kind < ORADDRESS_KINDS; kind++) {
        const struct kind_info *info = &oraddress_kinds[kind];
        if (span_eq(label, span_str(info->label)) || word_in(label, info->aliases))
            return (enum oraddress_kind)kind;
    }
    return 0;
}

const char *oraddress_label(enum oraddress_kind kind) {
    return (unsigned)kind < ORADDRESS_KINDS ? oraddress_kinds[kind].label : NULL;
}

/* F.401 annex B.3.2.2. */
static const struct {
    int64_t number;
    const char *label;
} terminal_types[] = {
    {x411_TerminalType_telex, "tlx"},          {x411_TerminalType_teletex, "ttx"},
    {x411_TerminalType_g3_facsimile, "g3fax"}, {x411_TerminalType_g4_facsimile, "g4fax"},
    {x411_TerminalType_ia5_terminal, "ia5"},   {x411_TerminalType_videotex, "vtx"},
};
enum { TERMINAL_TYPES = sizeof(terminal_types) / sizeof(terminal_types[0]) };

const char *terminal_type_label(int64_t number) {
    for (size_t i = 0; i < TERMINAL_TYPES; i++) {
        if (terminal_types[i].number == number)
            return terminal_types[i].label;
    }
    return NULL;
}

int64_t terminal_type_of(struct span text) {
    for (size_t i = 0; i < TERMINAL_TYPES; i++) {
        if (span_eq_nocase(text, span_str(terminal_types[i].label)))
            return terminal_types[i].number;
    }
    if (!is_digits(text) || text.len > 3)
        return -1;
    int64_t number = 0;
    for (size_t i = 0; i < text.len; i++)
        number = number * 10 + (text.data[i] - '0');
    return number <= x411_ub_integer_options ? number : -1;
}
