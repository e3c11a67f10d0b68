#include "base/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

void host_text(const struct sockaddr_storage *address, char out[static HOST_TEXT_SIZE]) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    snprintf(out, HOST_TEXT_SIZE, "?");
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, HOST_TEXT_SIZE);
    else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, HOST_TEXT_SIZE);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, out, HOST_TEXT_SIZE);
}

void host_network(const char *host, unsigned bits, char out[static HOST_TEXT_SIZE]) {
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];
    if (inet_pton(AF_INET6, host, &address) != 1) {
        snprintf(out, HOST_TEXT_SIZE, "%s", host);
        return;
    }
    for (unsigned bit = bits; bit < 128; bit++)
        address.s6_addr[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    inet_ntop(AF_INET6, &address, text, sizeof text);
    snprintf(out, HOST_TEXT_SIZE, "%s/%u", text, bits);
}
