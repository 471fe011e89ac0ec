"""The README's commands exist: targets, scripts, settings, categories."""

import re

from config import Config, categories, load
from conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    code = re.findall(r"```.*?```", README, re.S) + re.findall(
        r"`[^`\n]+`", re.sub(r"```.*?```", "", README, flags=re.S)
    )
    named = set(
        re.findall(r"(?:^|`|!| )make (?:-\S+ )*(?:toolkit )?([a-z]+)\b", "\n".join(code), re.M)
    )
    assert {"demo", "test", "all", "every"} <= named and not named - targets


def test_every_file_named_exists():
    for name in re.findall(r"\b(?:scripts|configs|tests)/[\w/]+(?:\.py|/)", README):
        assert (ROOT / name).exists(), name
    assert not re.search(
        r"^scripts/\d\d_\w+\.py",
        "\n".join(line for line in README.splitlines() if not (ROOT / line.split(" ")[0]).exists()),
        re.M,
    )


def test_every_setting_named_is_one():
    for section, key in set(re.findall(r"\b([a-z]+)\.([a-z_]+)=", README)):
        assert key in Config.model_fields[section].annotation.model_fields, f"{section}.{key}"
    for category in re.findall(r"CATEGORY=(\w+)", README):
        assert category in categories() and load(category)


def test_the_config_shown_is_the_config():
    shown = re.search(r"configs/fashion\.py`.*?```\n(.*?)```", README, re.S)
    assert (
        shown
        and shown.group(1).strip()
        == (ROOT / "configs/fashion.py").read_text().split('"""\n', 1)[1].strip()
    )
