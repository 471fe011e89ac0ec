"""transformers models to be trained on: from a directory or the hub, strictly, or without weights for those that a member saved."""
from common.encoders import find, image_processor, read_model, weights_of
from common.encoders_text import mean_of_tokens, sentence_modules


def load_text_model(name: str, place: str, pretrained: bool):
    """A text encoder in float32, its tokenizer, and {file: digest} of its weights for the record; pretrained False: its shape
    alone. Stop when it is neither in `place` (run.weights) nor to be had from the hub."""
    from transformers import AutoModel, AutoTokenizer

    folder, local = find(name, place)
    sentence = sentence_modules(folder)
    inner = folder / sentence["path"]
    model = read_model(AutoModel, inner, None, unused=("pooler.",)) if pretrained else empty(inner)
    weights = weights_of(folder, sentence | {"files": []}, place) if local else {name: None}
    return model.requires_grad_(True), AutoTokenizer.from_pretrained(inner, local_files_only=True), weights


def load_clip(name: str, place: str, pretrained: bool):
    """CLIP or SigLIP in float32, its image processor, its tokenizer, and {file: digest} of its weights; as load_text_model."""
    from transformers import AutoModel, AutoTokenizer

    folder, local = find(name, place)
    model = read_model(AutoModel, folder, None) if pretrained else empty(folder)
    weights = weights_of(folder, mean_of_tokens(), place) if local else {name: None}
    return model, image_processor(folder), AutoTokenizer.from_pretrained(folder, local_files_only=True), weights


def empty(folder):
    """The model of a directory's config, with random weights."""
    from transformers import AutoConfig, AutoModel

    return AutoModel.from_config(AutoConfig.from_pretrained(folder, local_files_only=True)).float()
