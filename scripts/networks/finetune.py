"""transformers models to be fine-tuned, from a directory or the hub: with its weights, loaded
strictly, or with random ones that a member's saved weights will replace."""

from networks.encoders import image_processor
from networks.pooling import read_sentence_modules
from networks.pretrained import digest_files, find_weights, load_auto, read_model, weight_files


def load_text_model(name: str, weights_dir: str, pretrained: bool) -> tuple:
    """A text encoder in float32, its tokenizer, and {file: digest} of its weights for the record.

    pretrained=False: the same architecture with random weights. Raises UserError when the model is
    neither in weights_dir (run.weights) nor on the hub.
    """
    from transformers import AutoModel, AutoTokenizer

    folder, is_local = find_weights(name, weights_dir)
    inner = folder / read_sentence_modules(folder).path

    if pretrained:
        model = read_model(AutoModel, inner, unused=("pooler.",))
    else:
        model = random_model(inner)

    tokenizer = load_auto(AutoTokenizer, inner)
    weights = {name: None}

    if is_local:
        weights = digest_files(folder, weight_files(inner), weights_dir)

    return model.requires_grad_(True), tokenizer, weights


def load_clip(name: str, weights_dir: str, pretrained: bool) -> tuple:
    """CLIP or SigLIP in float32, its image processor, its tokenizer, and {file: digest} of its
    weights; otherwise as load_text_model."""
    from transformers import AutoModel, AutoTokenizer

    folder, is_local = find_weights(name, weights_dir)
    model = read_model(AutoModel, folder) if pretrained else random_model(folder)
    weights = {name: None}

    if is_local:
        weights = digest_files(folder, weight_files(folder), weights_dir)

    return model, image_processor(folder), load_auto(AutoTokenizer, folder), weights


def random_model(folder):
    """The model of a directory's config.json, in float32, with random weights."""
    from transformers import AutoConfig, AutoModel

    return AutoModel.from_config(load_auto(AutoConfig, folder)).float()
