"""Section "How it was made"."""

from pathlib import Path

from report.making import collect_versions, flatten, format_setting, version_blocks


def test_settings_are_flat_and_written_as_on_the_command_line():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
    assert format_setting([1, "x"]) == "1, x"
    assert format_setting("") == format_setting([]) == "nothing"
    assert format_setting(0.5) == "0.5"


def test_versions_come_from_the_records_of_the_files(tmp_path):
    records = {}
    for name, version in (("a.csv", "1.0"), ("b.csv", "2.0"), ("c.csv", "2.0")):
        records[tmp_path / name] = {"packages": {"numpy": version, "python": "3.11"}}
    versions = collect_versions(records)
    assert versions == {
        "python": {"3.11": ["a.csv", "b.csv", "c.csv"]},
        "numpy": {"1.0": ["a.csv"], "2.0": ["b.csv", "c.csv"]},
    }
    table, warning = version_blocks(records)
    shown = dict(table.frame.to_numpy())
    assert shown["files made with numpy"] == "2.0"
    assert "commit" in shown
    assert "numpy: 1.0 (1 files, e.g. a.csv), 2.0 (2 files, e.g. c.csv)" in warning.text


def test_files_of_one_machine_need_no_warning():
    records = {Path("a.csv"): {"packages": {"machine": "Linux"}}, Path("b.csv"): {}}
    (table,) = version_blocks(records)
    assert dict(table.frame.to_numpy())["files made on"] == "Linux"
