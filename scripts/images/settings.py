"""The config's section of downloads: how pictures are fetched from links."""

from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from common.sections import Count, Names, NonNegative, Positive, Section

Networks = Annotated[
    Names, AfterValidator(lambda names: tuple(str(ip_network(name)) for name in names))
]


class Download(Section):
    """How pictures are fetched from links: how, not what, so none of it makes a file stale."""

    threads: Annotated[int, Field(ge=1, le=256)] = (
        64  # with two handles a connection; a process often has 1,024
    )
    per_host: Count = 32  # connections to one host at a time
    rate: NonNegative = 0.0  # requests a second to one host; 0 = no limit
    connect: Positive = 10.0  # seconds to be let in
    timeout: Positive = 20.0  # seconds without a byte
    longest: Positive = 60.0  # seconds that one try may take in all
    tries: Count = 5
    max_wait: NonNegative = 60.0  # seconds between two tries, whatever a server asks for
    max_megabytes: Positive = 50.0  # of a file; more is cut off and not taken
    redirects: Annotated[int, Field(ge=0)] = 5
    # private networks that links may lead to, e.g. 10.0.0.0/8; () = public addresses alone
    networks: Networks = ()
    agent: Annotated[str, Field(pattern=r"^[ -~]+$")] = (
        "Mozilla/5.0 (compatible; catalogue-toolkit)"
    )
