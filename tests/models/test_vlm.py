"""vlm and refine from raw files to a submission: classes and prices, by images, texts, or both."""

import json
import re
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import tiny
from chat_server import serving, stats
from common.errors import UserError
from common.files import read_record
from common.paths import TEST, Paths
from config import load
from conftest import PREPARATION, run_steps, write_catalogue
from pipeline.load import load_rows

pytestmark = pytest.mark.slow

N, N_TRAIN = 40, 32  # rows of the catalogue, and those of train.csv


@pytest.fixture
def shop(folders):
    """write(**columns of text): a catalogue as input of category fashion. Returns its true labels
    (N,), and the sha256 of each image."""

    def write(**columns) -> tuple[pd.DataFrame, list[str]]:
        folder = folders / "input/fashion"
        table = write_catalogue(folder, N)
        truth = table.assign(tone=true_tones(folder), coin=table.coin.replace("", "heads"))
        table = table.assign(tone=truth.tone, **columns)
        table[:N_TRAIN].to_csv(folder / "train.csv", index=False)
        table[N_TRAIN:].drop(columns=["tone", "coin"]).to_csv(folder / "test.csv", index=False)
        images = [(folder / f"images/{i}.jpg").read_bytes() for i in range(N)]
        return truth, [sha256(image).hexdigest() for image in images]

    return write


def true_tones(folder) -> list[str]:
    """What the images of write_catalogue show."""
    from PIL import Image

    names = []
    for i in range(N):
        grey = np.asarray(Image.open(folder / f"images/{i}.jpg")).mean()
        names.append("dark" if grey < 90 else "mid" if grey < 160 else "light")

    return names


@pytest.fixture
def answer(tmp_path):
    """answer(category, known, *settings): all steps with a server that knows these
    replies. Returns what it counted, and the submission."""

    def run(category: str, known: dict, *settings):
        file = tmp_path / "known.json"
        file.write_text(json.dumps(known))
        with serving("--known", file) as address:
            here = [*settings, "data.parts=2", "data.n_folds=2"]
            for model in ("vlm", "refine"):
                here += [f"{model}.endpoint={address}/v1", f"{model}.model=made-up"]

            run_steps(category, here)
            counts = stats(address)

        paths = Paths(category)
        return counts, pd.read_csv(paths.submission, keep_default_na=False)

    return run


FASHION = ("data.labels=tone,coin", "images.size=32")


def lines(row) -> str:
    return f"tone: {row.tone}\ncoin: {row.coin}"


def replies_of(category: str, model: str) -> pd.DataFrame:
    """The replies of both parts to all rows, by id."""
    parts = [Paths(category, rows).replies(f"{model}_{k}") for rows in ("", TEST) for k in range(2)]
    tables = [pd.read_csv(part, keep_default_na=False) for part in parts]
    return pd.concat(tables).set_index("id").sort_index()


def test_a_constrained_model_is_shown_images_and_can_only_reply_their_classes(shop, answer):
    truth, images = shop()
    rows = zip(images, truth.itertuples(), strict=True)
    known = {image: lines(row) for image, row in rows}
    settings = (*FASHION, "models=vlm", "vlm.constrained=true")
    counts, submission = answer("fashion", known, *settings)

    assert counts["calls"] == N
    assert len(counts["sizes"]) == 1  # images of the last question
    assert "regex" in counts["fields"]
    test = truth[N_TRAIN:]
    assert submission.tone.tolist() == test.tone.tolist()
    assert submission.coin.tolist() == test.coin.tolist()
    scores = read_record(Paths("fashion").merged)["scores"]
    assert scores["vlm"]["tone"]["hm"] == 1 > scores["majority"]["tone"]["hm"]
    assert scores["vlm"]["tone"]["val_loss"] < 0.3


def test_a_reply_that_is_none_of_the_classes_does_not_match_the_pattern(shop, answer):
    """The server gives 400 to what its own regex forbids: the row has no reply."""
    truth, images = shop()
    known = {image: lines(row) for image, row in zip(images, truth.itertuples(), strict=True)}
    known[images[3]] = "tone: grey\ncoin: heads"
    answer("fashion", known, *FASHION, "models=vlm", "vlm.constrained=true")
    replies = replies_of("fashion", "vlm")
    failed = replies[replies.reason != ""]
    assert failed.index.tolist() == ["train:3"]
    assert "tone: grey" in failed.reason.iloc[0]


def test_rows_without_an_image_are_asked_by_their_text_and_unclear_replies_refined(
    shop, answer, folders
):
    titles = [f"item {i:03d}." for i in range(N)]
    titles[5] = ""
    truth, images = shop(title=titles)
    known = {}
    for i, (image, row) in enumerate(zip(images, truth.itertuples(), strict=True)):
        if i % 4:
            known[image] = lines(row)
        else:
            known[titles[i]] = lines(row).upper()

    # the images of every fourth row are missing, and of a row without a text
    for i in [*range(0, N, 4), 5]:
        (folders / f"input/fashion/images/{i}.jpg").unlink()

    known[images[6]] = "see thing 6!"
    known[images[33]] = "see thing 33! coin: heads"
    known["thing 6!"] = lines(truth.iloc[6])
    known["thing 33!"] = lines(truth.iloc[33])
    settings = (*FASHION, "models=vlm,refine", "data.text=title")
    counts, submission = answer("fashion", known, *settings)

    assert counts["calls"] == N - 1 + 2
    replies = replies_of("fashion", "vlm")
    assert replies.loc["train:5", ["reply", "reason"]].tolist() == ["", "image: missing"]
    assert replies.reply["train:4"] == lines(truth.iloc[4]).upper()
    refined = replies_of("fashion", "refine")
    different = refined.index[refined.reply != replies.reply]
    assert different.tolist() == ["test:33", "train:6"]
    test = truth[N_TRAIN:]
    assert submission.tone.tolist() == test.tone.tolist()
    assert submission.coin.tolist() == test.coin.tolist()


def test_texts_alone_are_answered_by_a_local_model(shop, tmp_path):
    """A vision-language model that is shown no image at all: data.train_image is empty."""
    pytest.importorskip("transformers")
    truth, _ = shop(title=[f"a thing of number {i}" for i in range(N)])
    folder = tiny.lively(tiny.qwen_vl(tmp_path / "qwen"))
    settings = [
        *FASHION,
        "models=vlm",
        "data.text=title",
        "data.train_image=",
        "data.test_image=",
        "data.parts=1",
        "data.n_folds=2",
        f"vlm.model={folder}",
        "vlm.max_new_tokens=4",
        "run.device=cpu",
    ]
    run_steps("fashion", settings)
    table = pd.read_csv(Paths("fashion").replies("vlm_0"), keep_default_na=False)
    assert (table.reason == "").all()
    assert table.reply.nunique() > 1
    submission = pd.read_csv(Paths("fashion").submission)
    assert set(submission.tone) <= set(truth.tone)


def test_without_images_and_texts_there_is_nothing_to_ask(shop):
    shop()
    with pytest.raises(UserError, match="data.train_image and data.text are empty"):
        load("fashion", ["models=vlm", "data.train_image=", "data.test_image="])


@pytest.fixture
def priced(folders) -> np.ndarray:
    """A table of N products with their prices (N,), 5 to 200, as input of category price."""
    rng = np.random.default_rng(0)
    prices = np.exp(rng.uniform(np.log(5), np.log(200), N)).round(2)
    table = pd.DataFrame(
        {
            "sample_id": range(N),
            "catalog_content": [f"Item {i:03d}, 500 g" for i in range(N)],
            "price": prices,
        }
    )
    folder = folders / "input/price"
    folder.mkdir(parents=True)
    table[:N_TRAIN].to_csv(folder / "train.csv", index=False)
    table[N_TRAIN:].drop(columns="price").to_csv(folder / "test.csv", index=False)
    return prices


FORMS = ("{}", "${}", "about {} EUR", "It costs {} for 500 g", '{{"price": {}}}')


def test_prices_are_read_off_the_replies_to_texts(priced, answer):
    known = {}
    for i, price in enumerate(priced):
        known[f"Item {i:03d}"] = FORMS[i % len(FORMS)].format(price)

    known["Item 007"] = "see thing B7!"
    known["thing B7!"] = str(priced[7])
    known["Item 009"] = "dear"
    known["Item 011"] = "123456"
    known["123456"] = "none"
    counts, submission = answer("price", known, "models=vlm,refine")

    assert counts["calls"] == N + 2
    np.testing.assert_allclose(submission.price, priced[N_TRAIN:], rtol=1e-6)
    refined = replies_of("price", "refine").reply
    assert refined["train:7"] == str(priced[7])
    assert refined["train:9"] == "dear"
    assert refined["train:11"] == "none"
    record = read_record(Paths("price").merged)
    assert record["scores"]["refine"]["price"]["smape"] < 15
    assert record["scores"]["median"]["price"]["smape"] > 40


def test_a_stack_reads_replies_beside_other_models(priced, answer):
    known = {f"Item {i:03d}": str(price * (1.3, 0.8)[i % 2]) for i, price in enumerate(priced)}
    settings = ["models=vlm,ridge,stack", "stack.trust=vlm,ridge", "ngrams.min_rows=1"]
    answer("price", known, *settings)
    scores = read_record(Paths("price").merged)["scores"]
    assert scores["stack"]["price"]["smape"] < scores["median"]["price"]["smape"]


def test_constrained_prices_match_their_pattern(priced, answer):
    known = {f"Item {i:03d}": str(price) for i, price in enumerate(priced)}
    _, submission = answer("price", known, "models=vlm", "vlm.constrained=true")
    np.testing.assert_allclose(submission.price, priced[N_TRAIN:], rtol=1e-6)
    assert (replies_of("price", "vlm").reason == "").all()


def test_a_part_that_was_answered_is_not_asked_again(shop, answer, script):
    truth, images = shop()
    known = {image: lines(row) for image, row in zip(images, truth.itertuples(), strict=True)}
    answer("fashion", known, *FASHION, "models=vlm")
    before = replies_of("fashion", "vlm")
    counts, _ = answer("fashion", known, *FASHION, "models=vlm")
    assert counts["calls"] == 0
    pd.testing.assert_frame_equal(replies_of("fashion", "vlm"), before)


def test_a_reply_has_room_for_every_attribute(shop, script, monkeypatch):
    """vlm.max_new_tokens counts for each of them."""
    from llm import replies

    opened = []

    def note(settings, *others):
        opened.append(settings.max_new_tokens)
        raise KeyboardInterrupt

    monkeypatch.setattr(replies, "open_chat", note)
    shop()
    settings = [*FASHION, "models=vlm", "data.parts=1", "vlm.endpoint=http://127.0.0.1:1/v1"]
    for name, *options in PREPARATION:
        script(name).main(["fashion", *options, *settings])
    with pytest.raises(KeyboardInterrupt):
        script("infer").main(["fashion", "--member", "vlm_0", *settings])
    assert opened == [48]


def test_test_rows_of_several_categories_are_asked_for_their_own_attributes(folders, drawn, script):
    """The sample's two categories at once: nothing but rows.csv's category tells test rows'."""
    (folders / "input").mkdir(exist_ok=True)
    (folders / "input" / drawn.name).symlink_to(drawn)
    settings = ["models=vlm", "data.categories=Tees,Dresses", "vlm.endpoint=http://127.0.0.1:1/v1"]
    for name, *options in (*PREPARATION, ("split_files", "--rows", TEST)):
        script(name).main(["demo_tees", *options, *settings])

    job = SimpleNamespace(config=load("demo_tees", settings), paths=Paths("demo_tees", TEST))
    rows = load_rows(job)
    test = np.flatnonzero(rows.fold < 0)
    assert set(rows.category[test]) == {"Tees", "Dresses"}
    for i in test:
        pattern = rows.task.pattern(rows, i)
        own = [name for name in rows.outputs if name.startswith(f"{rows.category[i]}/")]
        asked = re.findall(r"^(\w+): ", pattern, re.MULTILINE)
        assert [f"{rows.category[i]}/{name}" for name in asked] == own
