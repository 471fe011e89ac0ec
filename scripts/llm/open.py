"""The chat model of a config section: local, or behind an address."""


def open_chat(settings, run, device, images, pictures):
    """The model of config section `settings`: .ask(questions, answered) yields a Reply to each
    whose row is not answered, in any order; .about is for the record. pictures:
    images.locate.Pictures that questions name; None = the model is shown none."""
    if settings.endpoint:
        from llm.endpoint import EndpointChat

        return EndpointChat(settings, images, pictures)
    from llm.local import LocalChat

    return LocalChat(settings, run, device, images, pictures)
