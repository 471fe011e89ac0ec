"""Opens the chat model of a config section: a local one, or one behind an endpoint."""


def open_chat(settings, run, device, images, image_files):
    """The chat model that `settings` names: config section vlm or refine.

    Its `ask(questions, answered)` yields a Reply, in any order, to each Question whose row is not
    in `answered`; its `about` goes into the record. image_files: an images.locate.ImageFiles that
    has the questions' images; None = the model is shown no images.
    """
    if settings.endpoint:
        from llm.endpoint import EndpointChat

        return EndpointChat(settings, images, image_files)

    from llm.local import LocalChat

    return LocalChat(settings, run, device, images, image_files)
