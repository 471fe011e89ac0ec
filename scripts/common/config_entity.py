"""Settings of the entity system: what reads text on pictures, what picks among readings, and the language models that are asked."""
from typing import Annotated, Literal

from pydantic import Field

from common.config_types import Count, Positive, Section


class Ocr(Section):
    """Text on pictures with its place, read once per picture by rapidocr."""
    side: Annotated[int, Field(ge=32)] = 736  # pixels: a picture whose shorter side is less is enlarged to it before text is sought
    longest: Annotated[int, Field(ge=32)] = 2000  # pixels: a picture whose longer side is more is made smaller
    scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)  # that a picture is read at, e.g. 2,1; of all but the first
                                      # only lines whose text is new
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5  # of a line; less sure ones are left out


class Reader(Section):
    """LightGBM that chooses among the values that a row's text may mean."""
    labels: str = ""                  # a further table of labels in data.folder, for what values are usual; used where it is there; "" = none
    units: Annotated[int, Field(ge=0)] = 2   # that a number without one is tried with: the most usual of its group
    values: Annotated[int, Field(ge=0)] = 3  # of the most usual of its group that each row may have, whatever its text
    rounds: Count = 300
    leaves: Annotated[int, Field(ge=2)] = 15
    lr: Positive = 0.05
    seeds: Count = 3                  # models per fold, averaged


class Language(Section):
    """A language model, here or behind an address, and how it is asked."""
    model: str                        # directory or hub name; with an endpoint, the name that the server knows it by
    max_new_tokens: Count = 24        # of a reply
    bits: Literal[0, 4, 8] = 0        # of its weights, by bitsandbytes; 0 = as they are
    bound: bool = False               # only replies of the form "number unit" can be given (needs xgrammar; of a server, its own grammar)
    endpoint: str = ""                # http://host:port/v1 of an OpenAI-compatible server: vLLM, SGLang, llama.cpp; "" = load the model here
    key_variable: str = ""            # environment variable whose value the endpoint gets as its key; "" = none is sent
    at_once: Count = 16               # questions that the endpoint has at a time
    timeout: Positive = 120.0         # seconds that the endpoint has for one answer
    retries: Annotated[int, Field(ge=0)] = 5  # of a question, after a broken connection, 429 or 5xx
    batch: Count = 16                 # questions at a time where the model is loaded here; halved when memory ends


class Vlm(Language):
    """A vision-language model that is shown the picture and asked for the value."""
    model: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    max_pixels: Count = 1003520       # of a picture, 1280 x 28 x 28; a larger one is made smaller


class Refine(Language):
    """A language model that is told a reply, the entity and its units, where the normaliser could not read the reply."""
    model: str = "google/gemma-2-2b-it"
