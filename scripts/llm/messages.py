"""Questions to a language model and its replies, wherever the model is: loaded here, or behind an
endpoint.

in: Question(7, "What is the item weight?", "a.jpg") → out: Reply(7, "500 gram")
"""

from dataclasses import dataclass
from typing import Literal

from common.sections import Count, CountOrZero, Positive, Section


@dataclass(frozen=True)
class Question:
    row: int  # the caller's number for the question; the reply has the same
    text: str
    image: str = ""  # the image's name; "" = none
    pattern: str = ""  # regular expression that a constrained reply must match; "" = any reply


@dataclass(frozen=True)
class Reply:
    row: int
    text: str
    reason: str = ""  # why there is no reply; "" = there is one
    final: bool = True  # False = worth asking again later


class Language(Section):
    """A language model, here or behind an endpoint, and how it is asked."""

    # directory or hub name; with an endpoint, the name that the server has for it
    model: str
    max_new_tokens: Count = 24  # of a reply, for each attribute that it is asked
    bits: Literal[0, 4, 8] = 0  # of its weights, by bitsandbytes; 0 = as they are
    # only replies that can be right, e.g. "number unit" (needs xgrammar; a server uses its own
    # grammar)
    constrained: bool = False
    # http://host:port/v1 of an OpenAI-compatible server: vLLM, SGLang, llama.cpp; "" = load it here
    endpoint: str = ""
    # environment variable that holds the endpoint's key; "" = no key is sent
    key_variable: str = ""
    at_once: Count = 16  # questions that the endpoint has at a time
    timeout: Positive = 120.0  # seconds that the endpoint has for one answer
    retries: CountOrZero = 5  # of a question, after a broken connection, 429 or 5xx
    batch: Count = 16  # questions at a time where the model is loaded here; halved when memory ends

    @property
    def section(self) -> str:
        """The config's section: "vlm" of the Settings in models/vlm.py."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def weights(self) -> list[str]:
        """Names of the pretrained weights; behind an endpoint none."""
        return [] if self.endpoint else [f"chat:{self.model}"]

    @property
    def packages(self) -> dict[str, bool]:
        """{package of requirements.txt that only some models take: whether this one does}."""
        is_here = not self.endpoint
        return {"bitsandbytes": is_here and self.bits > 0, "xgrammar": is_here and self.constrained}
