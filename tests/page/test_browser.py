"""A page as a browser shows it, where there is one."""

import pytest

from pages import HOSTILE, browse, hostile_figures, hostile_page, in_browser, measure


@pytest.fixture(scope="module")
def page() -> str:
    return hostile_page()


@in_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_phone_nothing_is_cut_off_unseen_or_faint(page, tmp_path, dark):
    measured = measure(page, tmp_path, dark)
    assert measured["dark"] == dark
    assert measured["texts"] > 3000
    assert measured["room"] <= 390
    assert measured["wide"] <= measured["room"]
    assert measured["images"] == len(hostile_figures()) + len(HOSTILE)
    assert measured["flat"] == 0
    assert measured["low"] == []
    assert measured["fonts"] == 1


@in_browser
def test_the_measure_sees_what_is_wrong(tmp_path):
    bad = (
        '<html><body style="background: #fff"><p style="color: #bbb">faint</p>'
        '<svg width="0" height="0"><text font-family="fantasy">x</text></svg>'
        '<div style="width: 700px">wide</div></body></html>'
    )
    measured = measure(bad, tmp_path)
    assert measured["wide"] > measured["room"]
    assert "faint" in measured["low"]
    assert measured["flat"] == 1
    assert measured["fonts"] == 2


@in_browser
def test_the_policy_holds(page, tmp_path):
    """What a page must not do is refused: a script and an image from elsewhere."""
    bad = (
        '<main><script>document.title = "run"</script><img src="https://127.0.0.1:9/x.png" alt="">'
    )
    file = tmp_path / "bad.html"
    file.write_text(page.replace("<main>", bad), encoding="utf-8")
    done = browse(file)
    assert done.stderr.count("Content Security Policy") >= 2
    assert "<title>run" not in done.stdout
