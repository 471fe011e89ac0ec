"""Which files no longer are what today's config makes: settings that changed, came or went, and
records of an earlier toolkit."""

import json

import pytest

from common.files import record_path
from common.paths import Paths
from config import load
from pipeline import staleness
from pipeline.graph import Step
from pipeline.staleness import differences, reason_to_make


@pytest.mark.parametrize(
    "old, new, says",
    [
        ({"net": {"lr": 1}}, {"net": {"lr": 1}}, ""),
        ({"net": {"lr": 1}}, {"net": {"lr": 2}}, "net.lr=1, not 2"),
        (
            {"net": {"lr": 1, "tau": 3}},
            {"net": {"lr": 1}},
            "net.tau=3, which is no setting any more",
        ),
        ({"net": {"lr": 1}, "data.seed": 0}, {"net": {"lr": 1}}, ""),
    ],
)
def test_settings_that_changed_or_went_are_named(old, new, says):
    assert differences(old, new) == says


def test_a_new_setting_makes_no_file_stale():
    config = load("c2")
    today = staleness.values(config, ["net"])
    before = staleness.values(config, ["net"])
    del before["net"]["ema"]
    assert differences(staleness.recorded(before, config, ["net"]), today) == ""


@pytest.fixture
def made(folders):
    """A file without settings and inputs, and made(**record): why it must be made."""
    paths = Paths("c2")
    paths.dir.mkdir(parents=True)
    paths.merged.write_bytes(b"12345")
    step = Step(paths.merged, "08_merge_files c2", (), (), (), "")

    def reason(**record):
        record_path(paths.merged).write_text(json.dumps(record))
        return reason_to_make(step, load("c2"), {})

    return reason


def test_a_record_of_an_earlier_toolkit_is_made_anew(made):
    whole = {"settings": {}, "inputs": {}, "bytes": 5}
    assert made(**whole, version="now") == ""
    assert made(**whole, made="then") == "was made by an earlier version of the toolkit"
    assert made(settings={}) == "has no record"
    assert "another size" in made(**whole | {"bytes": 4}, version="now")
