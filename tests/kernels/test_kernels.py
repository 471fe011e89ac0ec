"""Kaggle kernels: every member is made once, and generated kernels, run as Kaggle runs them, end in
the submission of one quiet run."""

import base64
import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tiny
from common.errors import UserError
from common.paths import Paths
from common.sections import Data
from config import Config, load
from conftest import CATALOGUE, ROOT, make, run_script, write_catalogue
from kernels import attach as preflight, session, write as kernels
from networks.weights import weights_file
from pipeline import graph

HERE = ["data.train_image=images/{image_link:name}", "data.test_image=images/{image_link:name}"]
ASKED = [
    "data.folder=demo_entity",
    *HERE,
    "models=vlm",
    "data.parts=2",
    "data.max_train_rows=8",
    "data.n_folds=2",
    "data.validation=0",
    "vlm.bits=0",
    "vlm.model=Some/tiny-vlm",
    "vlm.max_pixels=12544",
    "vlm.batch=4",
    "vlm.max_new_tokens=6",
]
NETS = [*CATALOGUE, "models=net"]
NO_NETWORK = (
    "import socket\ndef refuse(*_): raise OSError('no network')\nsocket.socket.connect = "
    "socket.socket.connect_ex = refuse\n"
)


def write(*args, category="entity") -> list[Path]:
    """write_kernels' folders, the merging one last."""
    done = run_script("write_kernels", category, *args, "--owner", "me")
    assert done.returncode == 0, done.stderr
    top = Path(args[args.index("--to") + 1]) if "--to" in args else Paths(category).dir / "kernels"
    return sorted(top.iterdir())


def listing(*folders: Path) -> dict[str, str]:
    """Files below with a hash of their bytes, folders with ""; not what Python compiles."""
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        for folder in folders
        for file in folder.rglob("*")
        if "__pycache__" not in file.parts
    }


def kernel_of(folder: Path, name: str = "KERNEL"):
    found: dict = {"__name__": "read"}
    exec(folder.joinpath("kernel.py").read_text(), found)
    return found[name]


@pytest.fixture
def kaggle(folders):
    """kaggle(folder of a kernel, working folder): runs it on folders/input as Kaggle would: no
    network, nothing to be written but there."""

    def run(folder: Path, working: Path) -> subprocess.CompletedProcess:
        home, temp, site = (
            folders / f"{name}_of_{working.name}" for name in ("home", "temp", "site")
        )
        for place in (home, temp, site, working):
            place.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(NO_NETWORK)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(temp),
            "PYTHONPATH": str(site),
            "KAGGLE_KERNEL_RUN_TYPE": "Batch",
            "OMP_NUM_THREADS": "1",
            "input_path": str(folders / "input"),
            "working_path": str(working),
            "submissions_path": str(working),
        }
        alone = (
            ["unshare", "-rn"]
            if shutil.which("unshare")
            and not subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode
            else []
        )
        watched = [folders / "input", folder, ROOT / "configs", ROOT / "scripts"]
        before = listing(*watched)
        done = subprocess.run(
            [*alone, sys.executable, folder / "kernel.py"],
            capture_output=True,
            text=True,
            cwd=working,
            env=env,
        )
        assert (
            listing(*watched) == before
            and not list(home.iterdir())
            and not list(temp.iterdir())
            and not (working / ".toolkit").exists()
        )
        return done

    return run


def attach(working: Path, folder: Path) -> None:
    """A kernel's output where Kaggle mounts it."""
    shutil.copytree(working, folder.parent, dirs_exist_ok=True)


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_each_part_is_some_sessions_and_its_refiner_goes_with_it(n):
    config = load("entity")
    sessions, late = kernels.shares(config, Paths("entity"), n)
    assert len(sessions) == n and not late
    assert sorted(member for members in sessions for member in members) == sorted(
        graph.members(config)
    )
    for members in sessions:
        assert {m[4:] for m in members if m.startswith("vlm_")} == {
            m[7:] for m in members if m.startswith("refine_")
        }
        assert abs(len(members) - 200 / n) < 2


def test_what_stands_on_one_file_goes_together_and_what_stands_on_all_comes_after():
    data = Data(category_column="", labels=("price",), text=("text",))
    config = Config(task="price", models=("fusion", "transformer", "ridge", "stack"), data=data)
    sessions, late = kernels.shares(config, Paths("price"), 7)
    assert late == ["stack_0"]
    assert sessions == [
        [f"fusion_{k}" for k in range(5)],
        *([f"transformer_{k}"] for k in range(5)),
        [f"ridge_{k}" for k in range(5)],
    ]
    sessions, late = kernels.shares(load("c2"), Paths("c2"), 5)
    assert sessions == [[f"net_{k}", f"heads_{k}"] for k in range(5)] and not late
    with pytest.raises(UserError, match="by 5 sessions and no more.*PARTS=5 or less"):
        kernels.shares(load("c2"), Paths("c2"), 6)
    with pytest.raises(UserError, match="one session makes them; write PARTS=1"):
        kernels.shares(load("price"), Paths("price"), 2)


def test_folders_as_kaggle_takes_them_and_again_without_those_of_before(folders):
    made = write(
        "--parts",
        "20",
        "--datasets",
        "me/weights me/wheels",
        "--competitions",
        "a-b",
        "refine.bits=4",
    )
    assert [place.name for place in made] == [f"entity-{i:02d}" for i in range(20)] + [
        "entity-merge"
    ]
    meta = [json.loads((place / "kernel-metadata.json").read_text()) for place in made]
    assert all(
        m["id"] == f"me/{kernels.slug(m['title'])}" and (place / m["code_file"]).is_file()
        for m, place in zip(meta, made, strict=True)
    )
    assert all(
        m["is_private"]
        and not m["enable_internet"]
        and m["dataset_sources"] == ["me/weights", "me/wheels"]
        and m["competition_sources"] == ["a-b"]
        for m in meta
    )
    assert [m["enable_gpu"] for m in meta] == [True] * 20 + [False] and meta[0][
        "machine_shape"
    ] == "NvidiaTeslaT4"
    assert (
        meta[-1]["kernel_sources"] == [m["id"] for m in meta[:-1]] and not meta[0]["kernel_sources"]
    )
    all_of_them = [kernel_of(place) for place in made]
    targets = [target for kernel in all_of_them for target in kernel["targets"]]
    assert (
        sorted(targets) == sorted(f"pred/{member}.csv" for member in graph.members(load("entity")))
        and not all_of_them[-1]["left"]
    )
    assert all_of_them[0]["settings"] == ["refine.bits=4", "run.time_limit=11.5"]
    before = (made[0] / "kernel.py").read_bytes()
    again = write("--parts", "1", "run.time_limit=3", "--internet", "1")
    assert [place.name for place in again] == ["entity"] and kernel_of(again[0])["settings"] == [
        "run.time_limit=3"
    ]
    assert json.loads((again[0] / "kernel-metadata.json").read_text())["enable_internet"]
    write("--parts", "20", "refine.bits=4")
    assert (made[0] / "kernel.py").read_bytes() == before, "the same bytes for the same question"


@pytest.mark.parametrize(
    "args, says",
    [
        (["visual_taxonomy"], "joins others: make kernels of each, CATEGORY=c1 c2 c3 c4 c5"),
        (["entity", "--parts", "0", "--owner", "me"], "write PARTS=1 or more"),
        (["entity"], "OWNER=<your Kaggle user name>"),
        (
            ["entity", "--owner", "me", "--to", "OTHER"],
            "holds notes.txt, which make kernels did not write",
        ),
        (
            ["entity", "--owner", "jane_doe"],
            "OWNER=jane_doe is not as Kaggle names them; write e.g. OWNER=jane-doe",
        ),
        (
            ["entity", "--owner", "me", "--datasets", "me/a,me/b"],
            "DATASETS=me/a,me/b is not as Kaggle names them; write e.g. DATASETS=jane-doe/weights",
        ),
        (["entity", "--owner", "me", "--datasets", "me/a weights"], "DATASETS=weights is not"),
        (
            ["entity", "--owner", "me", "--competitions", "https://kaggle.com/c/a-b"],
            "write e.g. COMPETITIONS=visual-taxonomy",
        ),
        (["entity", "--owner", "me", "--models", "google/gemma-2"], "MODELS=google/gemma-2 is not"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(folders, args, says):
    other = folders / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    done = run_script(
        "write_kernels",
        *[str(other) if arg == "OTHER" else arg for arg in args],
        KAGGLE_USERNAME="",
        KAGGLE_CONFIG_DIR=str(folders),
    )
    assert (
        done.returncode == 1
        and says.lower() in done.stderr.lower()
        and len(done.stderr.strip().splitlines()) == 1
    )
    assert [file.name for file in folders.rglob("*") if file.is_file()] == ["notes.txt"]


def test_owner_is_kaggles_own_and_make_passes_its_options_on(folders, monkeypatch):
    (folders / "kaggle.json").write_text('{"username": "Somebody", "key": "secret"}')
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folders))
    monkeypatch.delenv("KAGGLE_USERNAME", raising=False)
    done = make(
        "kernels",
        "CATEGORY=c2",
        "PARTS=2",
        f"TO={folders}/k",
        "DATASETS=me/a me/b",
        "GPU=0",
        "SET=net.epochs=3",
    )
    assert done.returncode == 0, done.stderr
    meta = json.loads((folders / "k/c2-0/kernel-metadata.json").read_text())
    assert (
        meta["id"] == "somebody/catalogue-c2-0"
        and not meta["enable_gpu"]
        and meta["dataset_sources"] == ["me/a", "me/b"]
    )
    assert (
        "secret" not in (folders / "k/c2-0/kernel.py").read_text()
        and "net.epochs=3" in kernel_of(folders / "k/c2-0")["settings"]
    )
    assert "weights convnext_base.fb_in22k_ft_in1k_384" in done.stdout


@pytest.mark.slow
def test_what_is_not_attached_is_listed_before_any_work(folders, kaggle, monkeypatch):
    from tasks.entity import sample as entity

    entity.draw(folders / "input" / entity.FOLDER, rows={"train": 20, "test": 5})
    done = kaggle(write("data.folder=demo_entity", *HERE, "vlm.bits=4")[0], folders / "out")
    assert done.returncode == 1 and "nothing was begun" in done.stderr
    for what in (
        "Qwen2.5-VL-7B-Instruct",
        "gemma-2-2b-it",
        str(folders / "input"),
        "bitsandbytes",
        "pip download",
    ):
        assert what in done.stderr, what
    assert not list((folders / "out").iterdir())
    said = run_script(
        "write_kernels", "entity", "--owner", "me", "vlm.bits=4", "refine.constrained=true"
    ).stdout
    assert "attach packages xgrammar, bitsandbytes: " in said and "pip download" not in said, (
        "this machine's Python is not Kaggle's"
    )
    monkeypatch.setattr(preflight, "ROOT", folders)
    (folders / "requirements.txt").write_text(
        "numpy>=1\nnumpy-not-here>=2  # why\nsafetensors>=9999,<10000\n# xgrammar  # "
        "where bound\nsimplejpeg\n"
    )
    needs = preflight.requirements(load("c2"), set(), Paths("c2"))
    assert [str(need) for need in preflight.lacking(needs)] == [
        "numpy-not-here>=2",
        "safetensors<10000,>=9999",
    ]


def test_wheels_are_those_that_lack_and_fit_and_what_they_name_in_turn(folders):
    from packaging.requirements import Requirement
    from packaging.tags import sys_tags

    place, own = folders / "input", next(sys_tags())
    for name in (
        "numpy-99-py3-none-any",
        "lone-1-py3-none-any",
        f"want-1-{own}",
        "want-2-py3-none-any",
        "want-3-cp27-cp27m-win32",
        "want-9-py3-none-any",
        "other-1-py3-none-any",
    ):
        write_wheel(place, name)
    write_wheel(
        place,
        f"want-2-{own}",
        [
            "Other>=1",
            "absent<3",
            "numpy<1",
            "for-windows; sys_platform == 'win32'",
            "for-more; extra == 'more'",
        ],
    )
    (place / "broken.whl").touch()

    def find_weights(*needs):
        return preflight.find_wheels(preflight.attached(), list(map(Requirement, needs)))

    wheels, unmet = find_weights("want<9", "gone")
    assert [file.name for file in wheels] == [f"want-2-{own}.whl", "other-1-py3-none-any.whl"], (
        "the best tag of the newest version that will do"
    )
    assert list(map(str, unmet)) == ["gone", "absent<3"]
    assert [str(need) for need in find_weights("want[more]<9")[1]] == [
        "absent<3",
        'for-more; extra == "more"',
    ]
    assert find_weights() == ([], []) and list(map(str, find_weights("want>9")[1])) == ["want>9"]


def test_packages_are_asked_for_by_the_models_that_take_them():
    def takes(category, *settings):
        config, paths = load(category, list(settings)), Paths(category)
        names = {
            need.name
            for need in preflight.requirements(
                config, graph.upstream([paths.submission], config, paths), paths
            )
        }
        return names & {"rapidocr", "onnxruntime", "bitsandbytes", "xgrammar", "ray", "pytest"}

    assert takes("c2", "vlm.bits=4") == takes("entity_ocr") == set() and takes("entity_photos") == {
        "rapidocr",
        "onnxruntime",
    }
    assert takes("entity", "vlm.bits=4", "refine.bits=0", "refine.constrained=true") == {
        "bitsandbytes",
        "xgrammar",
    }
    assert takes("entity", "vlm.bits=4", "vlm.endpoint=http://a/v1", "refine.bits=0") == set()


@pytest.mark.parametrize(
    "category", [file.stem for file in sorted((ROOT / "configs").glob("*.py"))]
)
def test_linked_weights_are_found_under_every_name_of_every_config(folders, category):
    from networks.pretrained import find_weights

    config = load(category)
    found = {}
    for name in (
        [] if config.concat else preflight.weights_of_members(config, graph.members(config))
    ):
        bare, called = preflight.spellings(name)
        place = folders / "input" / called[0]
        place.parent.mkdir(parents=True, exist_ok=True)
        if ":" in name:
            place.mkdir(exist_ok=True)
            (place / "config.json").touch()
        else:
            place.touch()
        found[name] = preflight.find_weights(name, preflight.attached())
    preflight.link_weights(found, folders / "links")
    for name, place in found.items():
        bare, to = preflight.spellings(name)[0], str(folders / "links")
        assert (
            find_weights(bare, to)[0] if ":" in name else weights_file(bare, to)
        ).resolve() == place


def test_repositories_of_one_last_name_are_not_taken_for_each_other(folders):
    a, b = folders / "a/base", folders / "b/base"
    for place in (a, b):
        place.mkdir(parents=True)
    preflight.link_weights({"text:a/base": a, "image:b/base": b}, folders / "links")
    assert {link.name: link.resolve() for link in (folders / "links").iterdir()} == {
        "a--base": a,
        "b--base": b,
    }
    with pytest.raises(UserError, match="was taken for a/base and for b/base.*a--base and b--base"):
        preflight.link_weights({"text:a/base": a, "image:b/base": a}, folders / "other")


def test_what_a_person_put_into_the_folders_is_kept_or_named(folders):
    """kernel_sources; a kernel of one's own beside them, and one's own file in one of them."""
    top = folders / "k"
    made = write("--parts", "2", "--to", str(top), category="c2")
    for place, more in ((made[0], "me/catalogue-c2-0"), (made[-1], "me/extra")):
        about = json.loads((place / "kernel-metadata.json").read_text())
        about["kernel_sources"].append(more)
        (place / "kernel-metadata.json").write_text(json.dumps(about))
    write("--parts", "3", "--to", str(top), category="c2")
    write("--parts", "2", "--to", str(top), category="c2")
    sources = [
        json.loads((top / name / "kernel-metadata.json").read_text())["kernel_sources"]
        for name in ("c2-0", "c2-1", "c2-merge")
    ]
    assert sources == [
        ["me/catalogue-c2-0"],
        [],
        ["me/catalogue-c2-0", "me/catalogue-c2-1", "me/extra"],
    ]
    for name, files in {
        "mine": {"kernel-metadata.json": '{"id": "me/titanic"}', "kernel.py": ""},
        "c2-0": {"notes.txt": "mine"},
    }.items():
        for file, text in files.items():
            (top / name).mkdir(exist_ok=True)
            (top / name / file).write_text(text)
        done = run_script("write_kernels", "c2", "--owner", "me", "--to", str(top))
        assert (
            done.returncode == 1
            and f"holds {name}, which make kernels did not write" in done.stderr
        )
        assert all((top / name / file).read_text() == text for file, text in files.items())
        if name == "mine":
            shutil.rmtree(top / name)


def test_a_title_that_kaggle_does_not_take():
    with pytest.raises(UserError, match="titles of 5 to 50.*shorter name"):
        kernels.metadata("me/x", "catalogue " + "x" * 41, {}, False, False)


def test_settings_reach_the_scripts_as_they_are(folders):
    """A kernel's make asks for the plan with them, and shows the commands that it would run."""
    settings = ["download.agent=Mozilla/5.0 (x; y) 'a' \"b\" $HOME #1", "net.epochs=2"]
    done = make("-n", "all", "CATEGORY=c2", f"SET={session.for_make(settings)}")
    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stdout.splitlines() if "/01_split_files.py" in line]
    assert steps and all(shlex.split(line)[-2:] == settings for line in steps)


def test_outputs_that_contradict_each_other_are_not_merged(folders):
    config, paths = load("c2"), Paths("c2")
    kernel = {
        "category": "c2",
        "sessions": {"me/a": ["pred/net_0.npz"], "me/b": ["pred/net_1.npz"]},
        "left": [],
    }
    for name, rows in (("a", "1"), ("b", "2")):
        for file in ("folds.csv", "folds.csv.json", "images/0.bin", "images/rows.growing"):
            place = folders / "input" / name / "c2" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(rows)
    with pytest.raises(UserError, match="a/c2 and .*b/c2 hold other rows or folds"):
        session.take_over(kernel, config, paths, preflight.attached())
    (folders / "input/b/c2/folds.csv").write_text("1")
    session.take_over(kernel | {"left": ["pred/net_2.npz"]}, config, paths, preflight.attached())
    assert {file.read_text() for file in paths.cache.iterdir()} == {"1"}, "one cache, of one output"


def test_a_merging_kernel_copies_what_it_has_use_for_whole_and_only_where_there_is_room(
    folders, monkeypatch
):
    config, paths = load("c2"), Paths("c2")
    kernel = {
        "category": "c2",
        "sessions": {"me/a": ["pred/net_0.npz"], "me/b": ["pred/net_1.npz"]},
        "left": [],
    }
    used = [
        f"{file}{end}"
        for file in ("folds.csv", "images.csv", "model/net_0.safetensors", "pred/net_0.npz")
        for end in ("", ".json")
    ]
    unused = [
        "model/net_3.safetensors",
        "checkpoints/net_0.pt",
        "pred/net_3.npz",
        "features/net_3.npy",
        "images/000.bin",
        "images/rows.growing",
        "report.html",
    ]
    begun = ["checkpoints/net_2.pt", "model/net_2.safetensors"]
    for file in used + unused + begun + ["../downloads/3f/3f", "../downloads/.parts/1"]:
        place = folders / "input/a/c2" / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("12345678")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(100, 40, 60))
        with pytest.raises(
            UserError, match="room for 0.00 GB; nothing was copied. .*attach fewer outputs"
        ):
            session.take_over(kernel, config, paths, preflight.attached())

        def cut_off(source, target):
            target.write_text("1234")
            raise OSError("disk error")

        patch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(100, 0, 64))
        patch.setattr(shutil, "copyfile", cut_off)
        with pytest.raises(OSError, match="disk error"):
            session.take_over(kernel, config, paths, preflight.attached())

    def copied():
        return {
            str(file.relative_to(paths.dir.parent))
            for file in paths.dir.parent.rglob("*")
            if file.is_file()
        }

    assert not copied()
    session.take_over(kernel, config, paths, preflight.attached())
    assert copied() == {f"c2/{file}" for file in used}
    session.take_over(kernel | {"left": ["pred/net_2.npz"]}, config, paths, preflight.attached())
    assert copied() == {
        f"c2/{file}" for file in [*used, *begun, "images/000.bin", "images/rows.growing"]
    } | {"downloads/3f/3f"}


def test_a_file_and_its_record_are_of_one_output(folders):
    paths = Paths("c2")
    for name, files in {
        "a": ["folds.csv.json", "pred/net_0.npz"],
        "b": ["folds.csv.json", "pred/net_0.npz.json", "pred/net_1.npz.json"],
    }.items():
        for file in files:
            place = folders / "input" / name / "c2" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(name)
    session.take_over({"category": "c2", "sessions": {}}, load("c2"), paths, preflight.attached())
    assert {file.name: file.read_text() for file in paths.dir.rglob("*.*")} == {
        "folds.csv.json": "a",
        "net_0.npz": "a",
        "net_1.npz.json": "b",
    }


def test_help_says_what_the_script_does():
    done = run_script("write_kernels", "--help")
    assert done.returncode == 0 and "make kernels CATEGORY=" in done.stdout


def write_wheel(folder: Path, name: str, needs=()) -> None:
    """An empty package as the wheel `name`."""
    package, version, tag = name.split("-", 2)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}.whl", "w") as wheel:
        info = f"{package}-{version}.dist-info"
        wheel.writestr(f"{package}.py", "")
        wheel.writestr(
            f"{info}/METADATA",
            "\n".join(
                [
                    "Metadata-Version: 2.1",
                    f"Name: {package}",
                    f"Version: {version}",
                    *(f"Requires-Dist: {need}" for need in needs),
                    "",
                ]
            ),
        )
        wheel.writestr(
            f"{info}/WHEEL",
            f"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: {tag}\n",
        )
        wheel.writestr(f"{info}/RECORD", "")


def require(folder: Path, line: str) -> None:
    """A further line in the requirements.txt that a kernel carries."""
    file, data = folder / "kernel.py", io.BytesIO()
    carried = kernel_of(folder, "TOOLKIT")
    with (
        zipfile.ZipFile(io.BytesIO(base64.b64decode(carried))) as old,
        zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(
                name, old.read(name) + (line.encode() + b"\n") * (name == "requirements.txt")
            )
    file.write_text(file.read_text().replace(carried, base64.b64encode(data.getvalue()).decode()))


def quiet(folders: Path, category: str, settings: list[str]) -> bytes:
    """The submission of one uninterrupted make all."""
    for name in ("working", "submissions"):
        os.environ[f"{name}_path"] = str(folders / "quiet")  # the fixture `folders` puts them back
    done = make("all", f"CATEGORY={category}", "SET=" + " ".join(settings))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return (folders / f"quiet/{category}.csv").read_bytes()


@pytest.mark.slow
def test_two_sessions_of_a_language_model_and_the_merge_are_the_quiet_run(folders, kaggle):
    """Weights in a dataset, wheels in another, of which the one that is needed is installed; no
    session's files are missing unnoticed."""
    from tasks.entity import sample as entity

    data = folders / "input"
    entity.draw(data / "competitions" / entity.FOLDER, rows={"train": 20, "test": 6})
    tiny.lively(tiny.qwen_vl(data / "datasets/me/weights/tiny-vlm"))
    for wheel in (
        "kernel_test_package-1.0-py3-none-any",
        "kernel_test_package-2.0-cp27-cp27m-win32",
        "kernel_test_unneeded-1.0-py3-none-any",
    ):
        write_wheel(data / "datasets/me/wheels", wheel)
    one, two, merge = write(*ASKED, "--parts", "2")
    for folder in (one, two):
        require(folder, "kernel-test-package>=1")
        done = kaggle(folder, folders / folder.name)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert (
            "at " + str(data / "datasets/me/weights/tiny-vlm") in done.stdout
            and "kernel_test_package-1.0" in done.stdout
        )
        assert not any(wheel in done.stdout for wheel in ("package-2.0", "unneeded"))
    attach(folders / one.name, data / "notebooks/me/catalogue-entity-0/x")
    done = kaggle(merge, folders / "early")
    assert (
        done.returncode == 1
        and "me/catalogue-entity-1: pred/vlm_1.csv is missing" in done.stderr
        and "entity-0:" not in done.stderr
    )
    attach(folders / two.name, data / "catalogue-entity-1/x")
    (data / "catalogue-entity-1/entity/pred/vlm_1.csv").write_text("id,")
    done = kaggle(merge, folders / "torn")
    assert (
        done.returncode == 1 and "me/catalogue-entity-1: pred/vlm_1.csv is damaged" in done.stderr
    )
    attach(folders / two.name, data / "catalogue-entity-1/x")
    done = kaggle(merge, folders / "merged")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "06_infer" not in done.stdout
    assert (folders / "merged/entity.csv").read_bytes() == quiet(
        folders, "entity", [*ASKED, f"run.weights={data}/datasets/me/weights"]
    )


@pytest.mark.slow
def test_a_session_stopped_by_its_limit_goes_on_from_its_own_output(folders, kaggle):
    """Networks of two folds in two sessions, one of them stopped at once and gone on with."""
    write_catalogue(folders / "input/fashion")
    limited = write(
        *NETS,
        "run.time_limit=0.00001",
        "--parts",
        "2",
        "--to",
        str(folders / "limited"),
        category="fashion",
    )
    one, two, merge = write(*NETS, "--parts", "2", category="fashion")
    done = kaggle(limited[0], folders / "first")
    assert (
        done.returncode == 0 and 'add "me/catalogue-fashion-0" to kernel_sources' in done.stdout
    ), done.stdout[-2000:] + done.stderr[-2000:]
    own = folders / "input/catalogue-fashion-0"
    attach(folders / "first", own / "x")
    for folder in (one, two):
        done = kaggle(folder, folders / folder.name)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert "took_over" in done.stdout
        assert not list(
            (folders / folder.name / "fashion/pred").glob("net_1*" if folder == one else "net_0*")
        )
    attach(folders / one.name, own / "x")
    attach(folders / two.name, folders / "input/catalogue-fashion-1/x")
    done = kaggle(merge, folders / "merged")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (folders / "merged/fashion.csv").read_bytes() == quiet(folders, "fashion", NETS)
