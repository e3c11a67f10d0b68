#include "protocol/host.h"

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
