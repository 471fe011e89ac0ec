"""Names as Kaggle takes them: of users, datasets, competitions, models and kernels."""

import json
import os
import re
from pathlib import Path

from common.errors import UserError

# {option of write_kernels: (regular expression of a name, example)}
FORMS = {
    "OWNER": ("[a-z0-9-]+", "jane-doe"),
    "DATASETS": (r"[a-zA-Z0-9-]+/[\w.-]+", "jane-doe/weights"),
    "COMPETITIONS": ("[a-z0-9-]+", "visual-taxonomy"),
    "MODELS": (
        r"[\w.-]+/[\w.-]+/[\w.-]+/[\w.-]+/[0-9]+",
        "google/gemma-2/transformers/gemma-2-2b-it/2",
    ),
}


def check_names(option: str, text: str) -> list[str]:
    """The names in an option's value, which may hold several between blanks. Raises UserError at
    the first that Kaggle cannot have."""
    form, example = FORMS[option]
    for name in text.split():
        if not re.fullmatch(form, name, re.ASCII):
            raise UserError(
                f"{option}={name} is not as Kaggle names them; write e.g. {option}={example}"
            )

    return text.split()


def account() -> str:
    """The Kaggle user's name, from KAGGLE_USERNAME or kaggle.json. Raises UserError when neither
    has it."""
    config_dir = os.environ.get("KAGGLE_CONFIG_DIR") or Path.home() / ".kaggle"
    file = Path(config_dir) / "kaggle.json"

    try:
        return os.environ.get("KAGGLE_USERNAME") or json.loads(file.read_text())["username"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"whose kernels? Neither KAGGLE_USERNAME nor {file} says; write OWNER=<your "
            "Kaggle user name>"
        ) from None


def slug(title: str) -> str:
    """A title as it stands in Kaggle's addresses: lower case, hyphens."""
    return re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
