"""The gate refuses each planted fault by name, whatever the problem; the honest candidate passes it.

Faults are planted in this problem's own rows and model (`loop.calibrate.controls`). When one is not refused,
look at the limit of that check in params.yaml: `loop calibrate` sets it by the data.
"""

import os
from pathlib import Path

import pytest

from loop.calibrate import controls
from loop.calibrate.court import Court
from loop.calibrate.workshop import Workshop
from loop.data import raw
from loop.model import model_file
from loop.pipeline import evaluate, train
from loop.pipeline.examples import whole
from loop.review.candidate import Candidate
from loop.scorer import score
from loop.settings import params
from loop.settings.review_policy import Policy

pytestmark = pytest.mark.slow  # a dozen fits


@pytest.fixture(scope="module")
def tables():
    windows = params.section("windows", params.Windows)
    return raw.tables(windows.since, windows.holdout.until, windows.as_of)


@pytest.fixture(scope="module")
def court(tables, tmp_path_factory):
    """The problem's first champion, as the pipeline would make it."""
    windows, settings = params.section("windows", params.Windows), params.section("train", train.Params)
    valid = {name: raw.repair(name, frame.copy())[0] for name, frame in tables.items()}
    learnt = whole(valid, windows.train, windows.train.until)
    holdout = whole(valid, windows.holdout, windows.as_of)
    model = train.train(learnt, settings)
    path = tmp_path_factory.mktemp("model") / "model.skops"
    model_file.write(model, path)
    wanted = evaluate.golden(holdout if len(evaluate.golden(holdout)) else learnt)
    champion = Candidate(
        model=model,
        md5="the champion's",
        megabytes=os.path.getsize(path) / 1e6,
        holdout=holdout,
        train=learnt,
        predictions=score(model, holdout),
        windows=windows,
    )
    return Court(
        champion=champion,
        golden=evaluate.golden_scores(model, wanted),
        policy=params.section("review", Policy),
        settings=params.section("evaluate", params.Resampling),
        training=settings,
    )


def test_an_honest_candidate_is_refused_by_no_check(court):
    found = controls.honest(court)  # what is asked of any model, the first may breach: `loop run` says so
    judged = {name: one for name, one in found.items() if not name.startswith("minimum_requirements.")}
    assert not {name: one.finding for name, one in judged.items() if one.result == "fail"}


def test_every_planted_fault_is_refused_by_the_check_of_its_name(court, tables):
    found = controls.every(court, tables, Workshop(Path(), print))
    told = {one.fault: {name: check.finding for name, check in one.found.items()} for one in found}
    assert not {one.fault: told[one.fault] for one in found if not one.refused}
