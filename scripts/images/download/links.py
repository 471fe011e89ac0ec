"""What a link may lead to. A link comes from a csv and is not trusted."""

import re
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import quote, urlsplit

from images.names import is_link

LONGEST = 8_192  # characters of a link; servers take 8,000 or so
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
HOST = re.compile(
    r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
)  # a name or IPv4 address in any notation; an IPv6 address
PORTS = {"http": 80, "https": 443}
NAT64, SIX_TO_FOUR, GLOBAL = (
    ip_network("64:ff9b::/96"),
    ip_network("2002::/16"),
    ip_network("2000::/3"),
)


def split_link(link: str) -> tuple[str, str, int, str]:
    """Scheme, host in ASCII, port, and what to ask the host for, percent-encoded. Raises ValueError
    with why the link is refused; it never quotes the link, which may hold a password."""
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
        host = host if ":" in host else host.encode("idna").decode()
    except ValueError:  # half a pair of brackets, a label that is empty or too long
        raise ValueError("has a host that is none") from None
    if "@" in parts.netloc:
        raise ValueError("holds a name or a password")
    if not HOST.fullmatch(host):
        raise ValueError("has a host that is none" if host else "names no host")
    try:
        port = PORTS[scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError("has a port that is none")
    query = "?" + parts.query if parts.query else ""
    return (
        scheme,
        host,
        port,
        quote(parts.path or "/", "/%:@!$&'()*+,;=~") + quote(query, "/%:@!$&'()*+,;=~?"),
    )


def problem(link: str) -> str:
    """Why a link is refused without any connection, "" where it is not."""
    try:
        split_link(link)
    except ValueError as error:
        return f"the link {error}"
    return ""


def address_problem(ip: str, networks=()) -> str:
    """Why an address may not be connected to, "" where it may: it must be public, or in one of
    `networks` (CIDR). So must an IPv4 address that an IPv6 one stands for."""
    address = ip_address(ip.partition("%")[0])
    allowed = [ip_network(network) for network in networks]
    for form in meant(address):
        public = (
            form.is_global
            and not form.is_multicast
            and not form.is_reserved
            and (form.version == 4 or form in GLOBAL)
        )
        if not public and not any(form in network for network in allowed):
            return f"leads to {ip}, which is not a public address; download.networks can allow it"
    return ""


def meant(address) -> list:
    """The addresses that a packet to `address` may end up at: itself, or what is behind
    IPv4-mapped, NAT64, 6to4 and Teredo."""
    if address.version == 4:
        return [address]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped or address in NAT64:
        return [last]
    if address in SIX_TO_FOUR:
        return [address.sixtofour]  # Python's own word on these changed between 3.11.2 and 3.11.7
    return [*(address.teredo or ()), address]
