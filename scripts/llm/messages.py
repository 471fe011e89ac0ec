"""Questions to a language model and its replies, wherever the model is: loaded here, or behind an
address."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from common.sections import Count, Positive, Section


@dataclass(frozen=True)
class Question:
    row: int  # the caller's number for it; the reply has it too
    text: str
    image: str = ""  # the picture's name; "" = there is none
    pattern: str = (
        ""  # regular expression of the replies allowed, where decoding is constrained; "" = any
    )


@dataclass(frozen=True)
class Reply:
    row: int
    text: str
    reason: str = ""  # why there is no reply; "" = there is
    final: bool = True  # False = worth asking again later


class Language(Section):
    """A language model, here or behind an address, and how it is asked."""

    model: str  # directory or hub name; with an endpoint, the name that the server knows it by
    max_new_tokens: Count = 24  # of a reply
    bits: Literal[0, 4, 8] = 0  # of its weights, by bitsandbytes; 0 = as they are
    # only replies of the form "number unit" can be given (needs xgrammar; of a server, its own
    # grammar)
    constrained: bool = False
    # http://host:port/v1 of an OpenAI-compatible server: vLLM, SGLang, llama.cpp; "" = load the
    # model here
    endpoint: str = ""
    key_variable: str = (
        ""  # environment variable whose value the endpoint gets as its key; "" = none is sent
    )
    at_once: Count = 16  # questions that the endpoint has at a time
    timeout: Positive = 120.0  # seconds that the endpoint has for one answer
    retries: Annotated[int, Field(ge=0)] = 5  # of a question, after a broken connection, 429 or 5xx
    batch: Count = 16  # questions at a time where the model is loaded here; halved when memory ends

    @property
    def section(self) -> str:
        """The config's section: "vlm" of the Settings in models/vlm.py."""
        return type(self).__module__.rpartition(".")[2]
