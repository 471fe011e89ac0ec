"""What a config needs is there before anything runs."""

from common import errors
from common.errors import UserError
from common.log import log
from models import NAMES, load_model, weights_of
from networks.weights import SIDES, split_weights, weights_file
from tasks import load_task


def preflight(config) -> None:
    """Stop now if a model cannot answer what the task asks, has no plain address, or starts from
    weights that are neither in run.weights nor on the hub."""
    from llm.endpoint import address_and_key

    asks, models = load_task(config.task).ASKS, {name: load_model(name) for name in config.models}
    if wrong := [name for name, model in models.items() if asks not in model.ANSWERS]:
        fit = [name for name in NAMES if asks in load_model(name).ANSWERS]
        raise errors.UserError(
            f"model {wrong[0]} cannot answer the task {config.task}, which asks for a "
            f"{asks}; these can: {', '.join(fit)}"
        )
    if not config.data.text and (
        readers := [name for name, model in models.items() if model.NEEDS_TEXT]
    ):
        raise errors.UserError(
            f"model {readers[0]} reads texts and data.text is empty; name their columns, "
            "e.g. data.text=title,description"
        )
    if not config.data.train_image and (
        blind := [name for name, model in models.items() if model.NEEDS_IMAGE]
    ):
        raise errors.UserError(
            f"model {blind[0]} needs pictures and data.train_image is empty; write e.g. "
            f"data.train_image=images/{{id}}.jpg"
        )
    if not config.data.train_image and config.data.group == "image":
        raise errors.UserError(
            "data.group=image keeps rows of one picture together and data.train_image is "
            "empty; write e.g. "
            "data.train_image=images/{id}.jpg, or name a column of train.csv in data.group"
        )
    language = [getattr(config, name) for name, model in models.items() if model.PER == "part"]
    for settings in language:
        if settings.endpoint:
            address_and_key(settings, settings.section)
    servers = " or ".join(f"{settings.section}.endpoint" for settings in language)
    needed = weights_of(models, config)
    for name in needed:
        require_weights(name, config.run.weights, servers)
    log(weights=", ".join(needed) or "none needed")


def require_weights(name: str, place: str, servers: str = "") -> None:
    """Raises UserError when weights are neither in `place` nor to be had from the hub; name: a timm backbone,
    timm:<backbone>, or <side>:<transformers model>."""
    side, bare = split_weights(name)
    if side in SIDES:
        from networks.pretrained import find_weights

        try:
            find_weights(bare, place)
        except UserError as stop:
            hint = f"; or let a server answer: {servers}" if servers and side == "chat" else ""
            raise UserError(f"{stop}{hint}") from None
    elif not weights_file(bare, place):
        from networks.backbone import create_backbone

        create_backbone(bare, True, place)
