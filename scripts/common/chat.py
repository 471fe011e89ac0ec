"""Questions to a language model and its replies, wherever the model is: loaded here, or behind an address."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    row: int                   # the caller's number for it; the reply has it too
    text: str
    image: str = ""            # the picture's name; "" = there is none
    pattern: str = ""          # regular expression of the replies allowed, where decoding is bound; "" = any


@dataclass(frozen=True)
class Reply:
    row: int
    text: str
    reason: str = ""           # why there is no reply; "" = there is
    final: bool = True         # False = worth asking again later


def open_chat(settings, run, where, images, pictures):
    """The model of config section `settings`: .ask(questions, answered) yields a Reply to each whose row is not answered, in any
    order; .about is for the record. pictures: common.pictures.Pictures that questions name; None = the model is shown none."""
    if settings.endpoint:
        from common.chat_endpoint import EndpointChat
        return EndpointChat(settings, images, pictures)
    from common.chat_local import LocalChat
    return LocalChat(settings, run, where, images, pictures)
