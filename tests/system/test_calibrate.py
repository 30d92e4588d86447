"""`loop calibrate` on the small problem: numbers from its data, a page, and what a person set as it was."""

import re

import pytest

from conftest import Repo, copy

QUICK = ("loop", "calibrate", "--models", "40")


@pytest.fixture(scope="module")
def calibration(small_home, tmp_path_factory) -> tuple[Repo, str]:
    """Calibrated once, and what it said; the limit of size was set by a person."""
    repo = copy(small_home, tmp_path_factory.mktemp("calibrated") / "repo")
    for wanted, new in (("replicates: ", "100"), ("size:\n    limit: ", "77.0  # by hand: phones")):
        (found,) = re.findall(rf"{wanted}[\d.]+", repo.text("params.yaml"))
        repo.edit("params.yaml", found, wanted + new)
    repo.run("loop", "run")
    repo.commit()
    return repo, repo.run(*QUICK).stdout


@pytest.fixture
def calibrated(calibration) -> Repo:
    return calibration[0]


@pytest.fixture
def said(calibration) -> str:
    return calibration[1]


def changed_lines(repo: Repo) -> list[str]:
    diff = repo.git("diff", "--unified=0", "params.yaml").splitlines()
    return [line[1:].strip() for line in diff if line[:1] == "+" and line[:3] != "+++"]


def test_only_numbers_and_their_reasons_change_and_comments_stay(calibrated):
    lines = changed_lines(calibrated)
    assert any(line.startswith("margin: ") for line in lines)
    assert all(re.match(r"(\w+: [\d.]+( +#.*)?|reason: .+|hysteresis: \{.*)$", line) for line in lines)
    before, now = calibrated.git("show", "HEAD:params.yaml"), calibrated.text("params.yaml")
    comments = re.compile(r"#.*")
    assert comments.findall(now) == comments.findall(before)


def test_a_number_set_by_hand_stays_and_the_data_are_quoted(calibrated, said):
    assert "limit: 77.0  # by hand: phones" in calibrated.text("params.yaml")
    assert re.search(r"review\.size\.limit +77.0 stays, by hand; the data say 1\.0", said)


def test_equal_models_are_seldom_called_worse_and_every_planted_fault_is_refused(said):
    worse = re.search(r"called worse: ([\d.]+) % of (\d+) pairs", said)
    assert worse
    assert float(worse[1]) <= 5
    assert int(worse[2]) == 190, "all of twenty models: the seed changes no score of a line"
    refused = re.search(r"refused by name: (\d+) of (\d+)", said)
    assert refused
    assert refused[1] == refused[2]


def test_the_page_says_why_and_shows_it(calibrated):
    page = calibrated.text("reports/calibration.md")
    assert "| `review.primary.margin` |" in page
    for name in re.findall(r"\]\((calibration/[\w-]+\.svg)\)", page):
        assert calibrated.text(f"reports/{name}").startswith("<svg")
    assert page.count("![") == 2


def test_again_on_the_same_data_nothing_changes(calibrated):
    before = [calibrated.text(name) for name in ("params.yaml", "reports/calibration.json")]
    again = calibrated.run(*QUICK).stdout
    assert [calibrated.text(name) for name in ("params.yaml", "reports/calibration.json")] == before
    assert "params.yaml stays as it is" in again


def test_results_that_are_out_of_date_are_asked_for_first(calibrated, tmp_path):
    repo = copy(calibrated, tmp_path / "repo")
    repo.append("src/problem/model.py", "# another commentary\n")
    before = repo.text("params.yaml")
    done = repo.run(*QUICK, check=False)
    assert done.returncode == 1
    assert "`loop run`" in done.stderr
    assert repo.text("params.yaml") == before
