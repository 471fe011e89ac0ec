"""Packages that a kernel takes, and the attached wheels that have them."""

from packaging.requirements import Requirement
from packaging.tags import sys_tags

from common.paths import Paths
from config import load
from kaggle_kernels import write_wheel
from kernels import wheels
from kernels.weights import attached_folders
from pipeline import graph


def find(*needs) -> tuple[list[str], list[str]]:
    """The names of the wheels in the input, and the needs that none meets."""
    requirements = [Requirement(need) for need in needs]
    files, unmet = wheels.find_wheels(attached_folders(), requirements)
    return [file.name for file in files], [str(need) for need in unmet]


def test_wheels_are_those_that_lack_and_fit_and_what_they_name_in_turn(folders):
    best_tag = next(sys_tags())
    for name in (
        "numpy-99-py3-none-any",
        "lone-1-py3-none-any",
        f"want-1-{best_tag}",
        "want-2-py3-none-any",
        "want-3-cp27-cp27m-win32",
        "want-9-py3-none-any",
        "other-1-py3-none-any",
    ):
        write_wheel(folders / "input", name)
    needs = [
        "Other>=1",
        "absent<3",
        "numpy<1",
        "for-windows; sys_platform == 'win32'",
        "for-more; extra == 'more'",
    ]
    write_wheel(folders / "input", f"want-2-{best_tag}", needs)
    (folders / "input/broken.whl").touch()
    (folders / "input/source-1.tar.gz").touch()

    # the best tag of the newest version that will do
    want, other = f"want-2-{best_tag}.whl", "other-1-py3-none-any.whl"
    assert find("want<9", "gone") == ([want, other], ["gone", "absent<3"])
    assert find("want[more]<9")[1] == ["absent<3", 'for-more; extra == "more"']
    assert find() == ([], [])
    assert find("want>9", "source") == ([], ["want>9", "source"])


def test_wheels_may_lie_in_any_folder_whatever_its_name(folders):
    write_wheel(folders / "input/a b%20c", "early-2rc1-py3-none-any")
    assert find("early>=1") == (["early-2rc1-py3-none-any.whl"], [])


def takes(category: str, *settings) -> set[str]:
    """Those of some packages that a category's submission takes."""
    config, paths = load(category, list(settings)), Paths(category)
    files = set(graph.upstream([paths.submission], config, paths))
    names = {need.name for need in wheels.requirements(config, files, paths)}
    return names & {"rapidocr", "onnxruntime", "bitsandbytes", "xgrammar", "ray", "pytest"}


def test_packages_are_asked_for_by_the_models_that_take_them():
    assert takes("c2", "vlm.bits=4") == set()
    assert takes("entity_ocr") == set()
    assert takes("entity_photos") == {"rapidocr", "onnxruntime"}
    both = takes("entity", "vlm.bits=4", "refine.bits=0", "refine.constrained=true")
    assert both == {"bitsandbytes", "xgrammar"}
    assert takes("entity", "vlm.bits=4", "vlm.endpoint=http://a/v1", "refine.bits=0") == set()


def test_packages_that_lack_are_those_missing_or_of_another_version(folders, monkeypatch):
    lines = [
        "numpy>=1",
        "numpy-not-here>=2  # why",
        "safetensors>=9999,<10000",
        "# xgrammar  # where constrained",
        "simplejpeg",
        "",
    ]
    (folders / "requirements.txt").write_text("\n".join(lines))
    monkeypatch.setattr(wheels, "ROOT", folders)
    needs = wheels.requirements(load("c2"), set(), Paths("c2"))
    lacking = [str(need) for need in wheels.lacking(needs)]
    assert lacking == ["numpy-not-here>=2", "safetensors<10000,>=9999"]
