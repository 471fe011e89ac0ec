"""What a config needs is there before anything runs."""

from common.errors import UserError
from common.log import log
from models import NAMES, load_model, weights_of
from networks.weights import SIDES, split_weights, weights_file
from tasks import load_task


def preflight(config) -> None:
    """Raises UserError when the address of a server cannot be right, or weights are neither in
    run.weights nor on the hub."""
    servers = check_endpoints(config)

    weights = weights_of(config.models, config)
    for name in weights:
        require_weights(name, config.run.weights, servers)

    log(weights=", ".join(weights) or "none needed")


def require_models(config) -> None:
    """Raises UserError when a model cannot answer what the task asks, or reads what the rows do not
    have. Every script asks for this first."""
    require_answers(config)
    require_evidence(config)


def require_answers(config) -> None:
    """Raises UserError when a model cannot answer the task's kind of question."""
    kind = load_task(config.task).ASKS
    able = [name for name in NAMES if kind in load_model(name).ANSWERS]

    for name in config.models:
        if name not in able:
            raise UserError(
                f"model {name} cannot answer the task {config.task}, which asks for: {kind}; "
                f"these can: {', '.join(able)}"
            )


def require_evidence(config) -> None:
    """Raises UserError when a model reads text or images, and the config names none."""
    data = config.data
    for name in config.models:
        if load_model(name).NEEDS_TEXT and not data.text:
            raise UserError(
                f"model {name} reads texts and data.text is empty; name their columns, "
                "e.g. data.text=title,description"
            )

    for name in config.models:
        if load_model(name).NEEDS_IMAGE and not data.train_image:
            raise UserError(
                f"model {name} needs images and data.train_image is empty; write e.g. "
                "data.train_image=images/{id}.jpg"
            )

    if data.group == "image" and not data.train_image:
        raise UserError(
            "data.group=image keeps rows of one image together and data.train_image is empty; "
            "write e.g. data.train_image=images/{id}.jpg, or name a column of train.csv in "
            "data.group"
        )

    if data.group == "twins" and not (data.train_image or data.text):
        raise UserError(
            "data.group=twins keeps rows of one image or text together, and data.train_image and "
            "data.text are empty; set one, or name a column of train.csv in data.group"
        )


def check_endpoints(config) -> str:
    """The settings by which a server could answer instead of weights here, for a message. Raises
    UserError when the address or the key of one cannot be right."""
    from llm.client import address_and_key

    keys = []
    for name in config.models:
        if load_model(name).PER == "part":
            settings = getattr(config, name)
            keys.append(f"{settings.section}.endpoint")

            if settings.endpoint:
                address_and_key(settings)

    return " or ".join(keys)


def require_weights(name: str, folder: str, servers: str = "") -> None:
    """Raises UserError when weights are neither in `folder` (run.weights) nor on the hub.

    name: a timm backbone, timm:<backbone>, or <side>:<transformers model>.
    """
    side, bare_name = split_weights(name)
    if side in SIDES:
        from networks.pretrained import find_weights

        try:
            find_weights(bare_name, folder)
        except UserError as error:
            hint = f"; or let a server answer: {servers}" if servers and side == "chat" else ""
            raise UserError(f"{error}{hint}") from None
    elif not weights_file(bare_name, folder):
        from networks.backbone import create_backbone

        create_backbone(bare_name, True, folder)  # raises where the hub has none
