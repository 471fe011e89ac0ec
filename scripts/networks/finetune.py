"""transformers models to be trained on: from a directory or the hub, strictly; or of their shape
alone, for what a member saved."""

from networks.encoders import image_processor
from networks.pooling import sentence_modules
from networks.pretrained import digest_files, find_weights, load_auto, read_model, weight_files


def load_text_model(name: str, place: str, pretrained: bool) -> tuple:
    """A text encoder in float32, its tokenizer, and {file: digest} of its weights for the record;
    pretrained False: its shape alone. Raises UserError when it is neither in `place` (run.weights) nor to be
    had from the hub."""
    from transformers import AutoModel, AutoTokenizer

    folder, local = find_weights(name, place)
    inner = folder / sentence_modules(folder).path
    model = read_model(AutoModel, inner, unused=("pooler.",)) if pretrained else empty(inner)
    weights = digest_files(folder, weight_files(inner), place) if local else {name: None}
    return model.requires_grad_(True), load_auto(AutoTokenizer, inner), weights


def load_clip(name: str, place: str, pretrained: bool) -> tuple:
    """CLIP or SigLIP in float32, its image processor, its tokenizer, and {file: digest} of its
    weights; as load_text_model."""
    from transformers import AutoModel, AutoTokenizer

    folder, local = find_weights(name, place)
    model = read_model(AutoModel, folder) if pretrained else empty(folder)
    weights = digest_files(folder, weight_files(folder), place) if local else {name: None}
    return model, image_processor(folder), load_auto(AutoTokenizer, folder), weights


def empty(folder):
    """The model of a directory's config, with random weights."""
    from transformers import AutoConfig, AutoModel

    return AutoModel.from_config(load_auto(AutoConfig, folder)).float()
