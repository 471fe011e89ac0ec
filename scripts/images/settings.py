"""The config's sections of images: what is kept of them, and how they are downloaded."""

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from common.sections import Count, CountOrZero, Names, NonNegative, Positive, Section

AGENT = "Mozilla/5.0 (compatible; catalogue-toolkit)"


def as_networks(names: tuple[str, ...]) -> tuple[str, ...]:
    """Networks in CIDR notation. Raises ValueError where one is none."""
    return tuple(str(ip_network(name)) for name in names)


Networks = Annotated[Names, AfterValidator(as_networks)]


class Images(Section):
    """What an image must be, and the cache that is made of it."""

    # pixels, square
    size: Annotated[int, Field(ge=1, le=4096)] = 512
    # to the square: stretch it, or keep the aspect on grey
    fit: Literal["squash", "pad"] = "squash"
    # of the cached JPEG; from 90 on its colours have full resolution
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    # pixels; a smaller image is bad
    min_side: Count = 8
    # a larger image is bad
    max_megapixels: Positive = 64
    # false: images are fetched and checked, no more, for models that read the files
    cache: bool = True


class Download(Section):
    """How images are downloaded from links: how, not what, so none of it makes a file stale."""

    # links asked for at a time; each holds a connection, and a process often has 1,024 files
    threads: Annotated[int, Field(ge=1, le=256)] = 64
    per_host: Count = 32  # connections to one host at a time
    rate: NonNegative = 0.0  # requests a second to one host; 0 = no limit
    connect: Positive = 10.0  # seconds until a connection is there
    timeout: Positive = 20.0  # seconds without a byte
    longest: Positive = 60.0  # seconds of one try in all
    tries: Count = 5
    max_wait: NonNegative = 60.0  # seconds between two tries, whatever a server asks for
    max_megabytes: Positive = 50.0  # of a file; a larger one is cut off and not taken
    redirects: CountOrZero = 5
    # private networks that links may lead to, e.g. 10.0.0.0/8; () = public addresses alone
    networks: Networks = ()
    # what servers are told as User-Agent
    agent: Annotated[str, Field(pattern=r"^[ -~]+$")] = AGENT
