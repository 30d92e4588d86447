"""What `loop init` read from a file, the source that it writes reads as well."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from loop.init import data_file, problem_files
from loop.init.guess import guess
from loop.init.guessed import Options

RNG = np.random.default_rng(1)
DAYS = pd.date_range("2023-01-30", periods=120, freq="D")


@pytest.mark.parametrize(
    ("columns", "dialect"),
    [
        (
            {
                "Größe (m²)": [
                    f"{at / 7:,.2f}".replace(",", "X").replace(".", ",") + " €" for at in range(120)
                ],
                "Studiert?": ["J", "N"] * 60,
                "Datum": DAYS.strftime("%d.%m.%y"),
                "y": [f"{at:.3f}".replace(".", ",") for at in RNG.normal(size=120)],
            },
            {"sep": ";", "encoding": "cp1252"},
        ),
        (
            {
                "price": [f"${at * 37:,}" for at in range(120)],
                "share": [f"{at} %" for at in range(120)],
                "when": DAYS.strftime("%b %d, %Y"),
                "y": [f"{at * 1000:,.0f}" for at in range(120)],
            },
            {"encoding": "utf-8-sig"},
        ),
        (
            {
                "quarter": [f"{1990 + at // 4}Q{at % 4 + 1}" for at in range(120)],
                "branch": [f"{at % 9:03d}" for at in range(120)],
                "y": RNG.normal(size=120).round(2),
            },
            {"sep": "\t"},
        ),
    ],
    ids=["euros", "dollars", "quarters"],
)
def test_the_written_source_reads_what_was_guessed(tmp_path, monkeypatch, columns, dialect):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(columns).to_csv("some.csv", index=False, **dialect)
    found = guess(data_file.read(Path("some.csv")), Options(label="y"))
    assert found.time is not None
    texts = problem_files.write(found, problem_files.names(found, None), Path("some.csv"))
    (tmp_path / "source.py").write_text(texts["src/problem/source.py"])
    rows = runpy.run_path(str(tmp_path / "source.py"))["FILES"].read()
    for name in (*found.inputs, "y"):
        assert rows[name].tolist() == found.columns[name].values.tolist(), name
    assert rows["decided_at"].tolist() == found.time.values.tolist()


@pytest.mark.parametrize("follows", [True, False], ids=["a strong number", "noise"])
@pytest.mark.parametrize(
    "key", [None, [f"k{at}" for at in range(300)], RNG.permutation(9000)[:300]], ids=["row", "text", "whole"]
)
def test_the_gate_asks_for_what_the_problem_says_of_its_behaviour(tmp_path, key, follows):
    x = RNG.normal(size=300).round(3)
    frame = pd.DataFrame({"x": x, "y": RNG.normal(size=300).round(3) + 2 * x * follows})
    frame = frame if key is None else frame.assign(order_id=key)
    frame.to_csv(tmp_path / "some.csv", index=False)
    found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
    texts = problem_files.write(found, problem_files.names(found, None), tmp_path / "some.csv")
    asked = yaml.safe_load(texts["params.yaml"])["review"]["behaviour"]
    said = texts["src/problem/metrics.py"]
    assert ("invariance" in asked, "direction" in asked) == ('"the same"' in said, '"not lower"' in said)
    assert ("invariance" in asked, "direction" in asked) == (True, follows)


def test_a_number_that_stands_in_for_another_is_given_no_direction(tmp_path):
    weight = RNG.normal(size=400)
    size = weight + 0.3 * RNG.normal(size=400)  # with the weight held, a larger one does better
    frame = pd.DataFrame(
        {"size": size, "y": 0.8 * size - 1.4 * weight, "kg": (1000 + 100 * weight).astype(int)}
    )
    for names, given in ((["size", "y"], True), (["size", "kg", "y"], False)):
        frame[names].to_csv(tmp_path / "some.csv", index=False)
        found = guess(data_file.read(tmp_path / "some.csv"), Options(label="y"))
        texts = problem_files.write(found, problem_files.names(found, None), tmp_path / "some.csv")
        assert ('"more size", "not higher"' in " ".join(texts["src/problem/metrics.py"].split())) == given


@pytest.mark.parametrize(
    "label", [RNG.normal(size=120), RNG.choice(["a", "b", "c"], 120)], ids=["y", "classes"]
)
@pytest.mark.parametrize("few", [True, False])
def test_subgroups_are_some_of_the_slices_where_no_column_cuts_the_rows_as_well(tmp_path, label, few):
    many = RNG.choice([f"town {at}" for at in range(4 if few else 30)], 120)
    pd.DataFrame({"town": many, "y": label}).to_csv(tmp_path / "rows.csv", index=False)
    found = guess(data_file.read(tmp_path / "rows.csv"), Options(label="y"))
    texts = problem_files.write(found, problem_files.names(found, None), tmp_path / "rows.csv")
    written = texts["src/problem/metrics.py"].replace("from problem.source import CLASSES", "CLASSES = ['a']")
    (tmp_path / "metrics.py").write_text(written)
    made = runpy.run_path(str(tmp_path / "metrics.py"))
    assert list(made["SUBGROUPS"]) == (["town"] if few else ["all"])
    assert set(made["SUBGROUPS"]) <= set(made["SLICES"])


def test_a_table_is_called_as_its_file_without_the_accents(tmp_path):
    rows = pd.DataFrame({"x": RNG.normal(size=120), "y": RNG.normal(size=120)})
    rows.to_csv(tmp_path / "Übergröße été.csv", index=False)
    found = guess(data_file.read(tmp_path / "Übergröße été.csv"), Options(label="y"))
    assert problem_files.names(found, None) == problem_files.Names("ubergrosse_ete", "Übergröße été")
