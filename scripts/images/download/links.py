"""What a link may lead to. A link comes from a csv and is not trusted.

in: "https://Shop.test/é.jpg" → out: Target("https", "shop.test", 443, "/%C3%A9.jpg")
"""

import re
from ipaddress import IPv4Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from images.names import is_link

LONGEST = 8_192  # characters of a link; servers take about 8,000
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A name or an IPv4 address in any notation; or an IPv6 address.
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
PORTS = {"http": 80, "https": 443}
# What is not percent-encoded (RFC 3986, pchar); % because a link may be encoded already.
SAFE_PATH = "/%:@!$&'()*+,;=~"
SAFE_QUERY = SAFE_PATH + "?"

NAT64 = ip_network("64:ff9b::/96")
SIX_TO_FOUR = ip_network("2002::/16")
GLOBAL_IPV6 = ip_network("2000::/3")


class Target(NamedTuple):
    """Whom to ask for a link, and for what."""

    scheme: str
    host: str  # ASCII
    port: int
    path: str  # with the query, percent-encoded

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


def split_link(link: str) -> Target:
    """The parts of a link. Raises ValueError with the reason why it is refused, which never quotes
    the link: it may hold a password."""
    if len(link) > LONGEST:
        raise ValueError(f"is longer than {LONGEST:,} characters")

    if CONTROL.search(link):
        raise ValueError("holds control characters")

    scheme = link.partition(":")[0].lower()
    if scheme not in PORTS or not is_link(link):
        raise ValueError("is not http:// or https://")

    try:
        parts = urlsplit(link.strip())
        host = (parts.hostname or "").rstrip(".")
        if ":" not in host:
            host = host.encode("idna").decode()
    except ValueError:  # half a pair of brackets, a label that is empty or too long
        raise ValueError("has no valid host") from None

    if "@" in parts.netloc:
        raise ValueError("holds a name or a password")

    if not host:
        raise ValueError("names no host")

    if not HOST.fullmatch(host):
        raise ValueError("has no valid host")

    port = port_of(parts, scheme)
    path = quote(parts.path or "/", SAFE_PATH)

    if parts.query:
        path += "?" + quote(parts.query, SAFE_QUERY)

    return Target(scheme, host, port, path)


def port_of(parts, scheme: str) -> int:
    """The port of a split link. Raises ValueError when it is not valid."""
    try:
        port = PORTS[scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0

    if port == 0:
        raise ValueError("has no valid port")

    return port


def problem(link: str) -> str:
    """Why a link is refused without any connection; "" when it is not."""
    try:
        split_link(link)
    except ValueError as error:
        return f"the link {error}"

    return ""


def address_problem(ip: str, networks=()) -> str:
    """Why an address may not be connected to; "" when it may: it must be public, or in one of
    `networks` (CIDR). The same holds for an IPv4 address that an IPv6 address stands for."""
    without_interface = ip.partition("%")[0]  # of fe80::1%eth0
    address = ip_address(without_interface)
    allowed = [ip_network(network) for network in networks]

    for destination in destinations(address):
        if is_public(destination):
            continue

        is_allowed = any(destination in network for network in allowed)
        if not is_allowed:
            return f"leads to {ip}, which is not a public address; download.networks can allow it"

    return ""


def is_public(address) -> bool:
    """Whether an address belongs to the public internet."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False

    return address.version == 4 or address in GLOBAL_IPV6


def destinations(address) -> list:
    """The addresses that a packet to `address` may arrive at: itself, or the IPv4 addresses written
    in it (IPv4-mapped, NAT64, 6to4, Teredo).

    `is_global` says of 64:ff9b::a9fe:a9fe that it is public: on a network with NAT64 that is
    169.254.169.254, which tells a machine's own passwords in many clouds.
    """
    if address.version == 4:
        return [address]

    if address.ipv4_mapped or address in NAT64:
        last_32_bits = int(address) & 0xFFFFFFFF
        return [IPv4Address(last_32_bits)]

    if address in SIX_TO_FOUR:
        return [address.sixtofour]

    if address.teredo:
        server, client = address.teredo
        return [server, client, address]

    return [address]
