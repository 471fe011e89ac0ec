"""Where a pretrained transformers model lies, and its parts read from there: strictly, and without
asking the hub when the files are local."""

import json
from importlib.util import find_spec
from pathlib import Path

from common.errors import UserError
from common.files import digest
from common.paths import safe_name
from networks.weights import first_problems

SHAPING = ("*.json", "*.txt", "*.model", "*.jinja")  # config, tokenizer, processor, pooling
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
HUB_FILES = ("*.safetensors", *SHAPING)  # what is downloaded of a hub repository


def find_weights(name: str, weights_dir: str) -> tuple[Path, bool]:
    """The directory with the model's files, and whether it is local rather than the hub's cache.

    With weights_dir (run.weights), or where name is a path, the hub is never asked. Raises
    UserError when the model is not found.
    """
    candidates = [Path(name).expanduser()]
    if weights_dir:
        top = Path(weights_dir).expanduser()
        last_part = name.split("/")[-1]
        candidates += [top / name, top / safe_name(name), top / last_part]

    for folder in candidates:
        if folder.is_dir() and any(folder.glob("*.json")):
            return folder, True

    if weights_dir:
        raise missing_directory(name, candidates, top)

    if name.startswith(("/", ".", "~")):
        raise missing_directory(name, candidates, candidates[0].parent)

    return download_model(name), False


def missing_directory(name: str, candidates: list[Path], top: Path) -> UserError:
    """The error when no candidate is a model's directory: it lists the directories in `top`."""
    tried = ", ".join(dict.fromkeys(map(str, candidates)))
    names = sorted(path.name for path in top.glob("*") if path.is_dir())
    return UserError(
        f"no model {name}: looked for a directory "
        f"{tried}; directories there: "
        f"{', '.join(names[:20]) or 'none'}. Put it there (config.json, "
        "model.safetensors, the tokenizer's files), or name a hub "
        "model and leave run.weights empty: the hub is asked then"
    )


def download_model(name: str) -> Path:
    """The model's directory in the hub's cache. Raises UserError when the hub does not give it."""
    try:
        from huggingface_hub import snapshot_download

        folder = Path(snapshot_download(name, allow_patterns=HUB_FILES))
        if not any(folder.rglob("*.safetensors")):
            # older repositories have a pickle: it is read as tensors only, nothing of it is run
            snapshot_download(name, allow_patterns="pytorch_model*")

        return folder
    except Exception as error:  # the hub and its HTTP client each raise their own
        raise UserError(
            f"no model {name}: no such directory, and the hub said {one_line(error)}. "
            f"Download it (hf download {name}), name its "
            "directory, or the folder it is in as run.weights"
        ) from None


def one_line(error: Exception) -> str:
    """The start of an exception's message, in one line, after its type."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:300]}"


def weight_files(folder: Path) -> list[Path]:
    """The weights files of the model in a directory: safetensors, or where there are none the older
    pytorch_model.bin."""
    return sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def load_auto(auto, folder: Path, **options):
    """auto.from_pretrained(folder): a config, tokenizer, processor or model by one of transformers'
    Auto classes. Code in the directory is never run. Raises UserError when it cannot be read."""
    is_tokenizer = auto.__name__ == "AutoTokenizer"
    if is_tokenizer and not has_tokenizer(folder):
        raise UserError(
            f"no tokenizer in {folder}: it needs tokenizer.json, or what its kind has: "
            f"{', '.join(TOKENIZERS[1:])}"
        )

    try:
        return auto.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **options
        )
    except Exception as error:  # a damaged file makes OSError, ValueError, KeyError and others
        hint = ""
        if is_tokenizer and not find_spec("sentencepiece"):
            hint = "; some tokenizers, SigLIP's too, need sentencepiece, which is not installed"

        raise UserError(f"{auto.__name__} cannot read {folder}: {one_line(error)}{hint}") from None


def has_tokenizer(folder: Path) -> bool:
    return any(any(folder.glob(pattern)) for pattern in TOKENIZERS)


def read_model(auto, folder: Path, dtype=None, unused: tuple[str, ...] = ()):
    """The model of a directory by one of transformers' Auto classes, in dtype (None: float32),
    frozen and in evaluation mode.

    It is loaded strictly. Raises UserError when one of its weights is missing, misshaped or not the
    model's. Heads beside the model are not read, and the parts `unused` may be missing.
    """
    import torch

    model, info = load_auto(
        auto,
        folder,
        dtype=dtype or torch.float32,
        use_safetensors=any(folder.glob("*.safetensors")),
        weights_only=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are a UserError here, with their names
    )

    problems = [
        *missing_weights(info, unused),
        *extra_weights(info, unused, model),
        *misshaped_weights(info),
        *(info["error_msgs"] or []),
    ]
    if problems:
        raise UserError(
            f"{folder} does not fit {type(model).__name__}: "
            f"{first_problems([str(problem) for problem in problems])}"
        )

    return model.eval().requires_grad_(False)


def missing_weights(info: dict, unused: tuple[str, ...]) -> list[str]:
    """The weights of the model that its files lack, by transformers' loading info."""
    keys = sorted(info["missing_keys"])
    return [f"missing {key}" for key in keys if not key.startswith(unused)]


def extra_weights(info: dict, unused: tuple[str, ...], model) -> list[str]:
    """The weights in the files that belong to a part of the model, and that the part does not
    have."""
    parts = set()
    for module in (model, model.base_model):
        parts |= {name for name, _ in module.named_children()}

    problems = []
    for key in sorted(info["unexpected_keys"]):
        part = key.removeprefix(f"{model.base_model_prefix}.").split(".")[0]
        # position_ids are the numbers from 0 on, which old files hold
        ignored = key.startswith(unused) or key.endswith(".position_ids")
        if part in parts and not ignored:
            problems.append(f"extra {key}")

    return problems


def misshaped_weights(info: dict) -> list[str]:
    """The weights whose shape in the files is not the model's."""
    return [
        f"{key} is {tuple(shape)}, not {tuple(expected)}"
        for key, shape, expected in sorted(info["mismatched_keys"])
    ]


def digest_files(folder: Path, weights, weights_dir: str) -> dict:
    """{name: digest} of the weights files and of all that shapes a model's tokens, pixels and
    pooling. Names are paths below weights_dir, as `weights.weights_file` finds them."""
    files = set(weights)
    for pattern in SHAPING:
        files |= set(folder.rglob(pattern))

    return {path_below(file, weights_dir): digest(file) for file in sorted(files)}


def path_below(file: Path, folder: str) -> str:
    """The file's path below the folder; its absolute path where it is not there."""
    top = Path(folder).expanduser()
    if folder and file.is_relative_to(top):
        return str(file.relative_to(top))

    return str(file.absolute())


def read_json(file: Path):
    """The file's values; {} where there is no such file. Raises UserError when it is no JSON."""
    if not file.is_file():
        return {}

    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise UserError(f"{file} is no JSON: {error}; get it again") from None
