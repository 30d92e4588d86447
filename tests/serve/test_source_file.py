"""A file written as the source's own are is a file of requests; what it lacks is said by the nearer one."""

import dataclasses

import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.data import columns
from loop.kit import contracts
from loop.kit.sources import Files, Requests
from loop.serve import source_file
from problem import schema

SHOP = Requests(
    "shop",
    Files(
        "shop.csv",
        {"row": "whole", "amount": "number", "decided_at": "instant", "late": "text"},
        names={"amount": "Amount €", "decided_at": "when"},
        delimiter=";",
        decimal=",",
        encoding="cp1252",
        row="row",
    ),
    ["row"],
    "late",
)


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Reads a text as a file of a problem whose requests hold row, amount and decided_at."""
    monkeypatch.setattr(source_file.source, "SOURCE", SHOP)
    request = {"row": contracts.number(0, 99, whole=True), "amount": contracts.number(0, 99)}
    asked = contracts.table({**request, "decided_at": contracts.instant()}, ["row"])
    monkeypatch.setattr(schema, "REQUEST", asked)

    def run(text: str, only: list[int] | None = None) -> pd.DataFrame:
        (tmp_path / "a.csv").write_text(text, encoding="cp1252")
        found = dataclasses.replace(source_file.read(tmp_path / "a.csv"), only=only)
        batches = found.batches(dict(schema.REQUEST.columns))
        return pd.concat(columns.to_frame(batch) for batch in batches)

    return run


def test_the_file_that_a_problem_began_with_is_read_by_its_own_signs_with_or_without_labels(read):
    found = read("when;Amount €;late\n2024-05-01T10:00Z;1,5;yes\n2024-05-02T10:00Z;2,5;\n")
    assert found[["row", "amount"]].to_dict("list") == {"row": [0, 1], "amount": [1.5, 2.5]}
    without = read("when;Amount €\n2024-05-01T10:00Z;1,5\n2024-05-02T10:00Z;2,5\n")
    pd.testing.assert_frame_equal(found, without)


def test_its_pieces_are_the_rows_of_the_whole(read, monkeypatch):
    monkeypatch.setattr(source_file, "ROWS", 2)
    rows = "".join(f"2024-05-0{day}T10:00Z;{day}\n" for day in range(1, 6))
    whole = read(f"when;Amount €\n{rows}")
    pd.testing.assert_frame_equal(
        read(f"when;Amount €\n{rows}", [1, 2]).reset_index(drop=True), whole.iloc[2:].reset_index(drop=True)
    )


def test_a_file_of_requests_stays_one(read):
    assert read("row,amount,decided_at\n7,1.5,2024-05-01T10:00Z\n")["row"].tolist() == [7]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when;Amount €\n2024-05-01T10:00Z;much\n", "column amount of .* is not all number"),
        ("row,decided_at\n7,2024-05-01T10:00Z\n", r"a\.csv lacks amount"),
    ],
)
def test_what_is_wrong_is_said_by_what_the_file_is_nearer_to(read, text, said):
    with pytest.raises(LoopError, match=said):
        read(text)
