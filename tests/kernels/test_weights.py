"""Attached weights are found under every name that they may have, and none for another."""

import pytest

from common.errors import UserError
from config import load
from conftest import ROOT
from kernels import weights
from kernels.equip import needed_weights
from networks.pretrained import find_weights
from networks.weights import split_weights, weights_file
from pipeline import graph


@pytest.mark.parametrize(
    "category", [file.stem for file in sorted((ROOT / "configs").glob("*.py"))]
)
def test_linked_weights_are_found_under_every_name_of_every_config(folders, category):
    config = load(category)
    members = [] if config.concat else graph.members(config)
    paths = {}
    for name in weights.weights_of_members(config, members):
        path = folders / "input" / weights.attached_names(name)[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if ":" in name:
            path.mkdir(exist_ok=True)
            (path / "config.json").touch()
        else:
            path.touch()
        paths[name] = weights.find_attached(name, weights.attached_folders())

    links = folders / "links"
    weights.link_weights(paths, links)
    for name, path in paths.items():
        _, bare = split_weights(name)
        if ":" in name:
            linked, _ = find_weights(bare, str(links))
        else:
            linked = weights_file(bare, str(links))
        assert linked.resolve() == path


@pytest.mark.parametrize(
    "category, settings, needed",
    [
        ("c2", [], []),  # net is all in its own file, and heads stand on it
        ("c2", ["models=net,knn", "features.encoders=test_vit"], ["test_vit"]),
        ("c2", ["heads.source=encoders", "features.encoders=test_vit"], ["test_vit"]),
    ],
)
def test_a_kernel_that_answers_needs_the_weights_that_make_features_and_no_others(
    category, settings, needed
):
    config = load(category, settings)
    kernel = {"learnt": ["folds.csv"], "sessions": {}, "remaining": []}
    assert needed_weights(kernel, config) == needed
    backbone = config.net.backbone
    assert needed_weights(kernel | {"learnt": []}, config) == sorted({backbone, *needed})


def test_repositories_of_one_last_name_are_not_taken_for_each_other(folders):
    a, b = folders / "a/base", folders / "b/base"
    a.mkdir(parents=True)
    b.mkdir(parents=True)
    weights.link_weights({"text:a/base": a, "image:b/base": b}, folders / "links")
    links = {link.name: link.resolve() for link in (folders / "links").iterdir()}
    assert links == {"a--base": a, "b--base": b}
    with pytest.raises(UserError, match="was taken for a/base and for b/base.*a--base and b--base"):
        weights.link_weights({"text:a/base": a, "image:b/base": a}, folders / "other")


def test_attached_folders_are_the_nearest_first_without_hidden_ones(folders):
    top = folders / "input"
    for name in ("b/x/1/2/3/4", "a/y", "a/.hidden/z"):
        (top / name).mkdir(parents=True)
    names = [str(folder.relative_to(top)) for folder in weights.attached_folders()]
    assert names == [".", "a", "b", "a/y", "b/x", "b/x/1", "b/x/1/2", "b/x/1/2/3"]
