"""What the machinery relies on: whatever `problem` keeps these statements can be trained and judged.

It says nothing of any one problem. Data come from `problem.source`, windows and settings from
params.yaml in the current directory. When a statement fails, the problem is what to fix.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loop.base import files
from loop.data import contract, features, golden_rows, kpi, score_columns
from loop.data import raw as facts
from loop.data.features import DECIDED_AT, clusters
from loop.data.joining import change_log, join, joining
from loop.data.score_columns import CLASSES
from loop.kit import groups
from loop.model import model_file
from loop.pipeline import evaluate, train
from loop.pipeline.examples import examples, whole
from loop.settings import params
from loop.settings.review_policy import Policy
from loop.stats import bootstrap
from problem import metrics, model, schema, source
from problem.features import VIEWS

Tables = dict[str, pd.DataFrame]

ROWS = 2000  # enough to fit a model to and to compare, whatever the size of the problem
FEATURES = [name for view in VIEWS for name in (*view.features, *([view.age] if view.age else []))]
LABEL = [name for name in features.OUTCOME if name in schema.EXAMPLE.columns]
POLICY = params.section("review", Policy)
DECIDING = {POLICY.primary.metric, *POLICY.guards, *POLICY.minimum_requirements, POLICY.leak.jump.metric}


def repaired(tables: Tables) -> Tables:
    """The tables as the stages after `validate` see them."""
    return {name: facts.repair(name, frame.copy())[0] for name, frame in tables.items()}


def newest(requests: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """The last requests that were decided by then, in a fixed order."""
    decided = requests[requests[DECIDED_AT] <= at]
    return decided.sort_values([DECIDED_AT, *source.KEY], ignore_index=True).tail(ROWS)


def by_key(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows in the order of their keys."""
    return frame.sort_values(source.KEY, ignore_index=True)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Assert that two frames are equal to the bit."""
    pd.testing.assert_frame_equal(left, right, check_exact=True)


@pytest.fixture(scope="module")
def windows() -> params.Windows:
    return params.section("windows", params.Windows)


@pytest.fixture(scope="module")
def known_at(windows) -> Callable[[pd.Timestamp], Tables]:
    """The raw tables as known at an instant, of all rows that the windows span."""
    return lambda as_of: facts.tables(windows.since, windows.holdout.until, as_of)


@pytest.fixture(scope="module")
def raw(known_at, windows) -> Tables:
    """The raw tables as known at the end."""
    return known_at(windows.as_of)


@pytest.fixture(scope="module")
def now(raw) -> Tables:
    """The repaired tables as known at the end."""
    return repaired(raw)


@pytest.fixture(scope="module")
def middle(windows) -> pd.Timestamp:
    """The middle of the training window."""
    half = (windows.train.until - windows.train.since) / 2
    return (windows.train.since + half).floor("s").as_unit("us")


@pytest.fixture(scope="module", params=["in the middle of training", "when it ends"])
def instant(windows, middle, request) -> pd.Timestamp:
    """An instant to travel back to."""
    return middle if request.param == "in the middle of training" else windows.train.until


@pytest.fixture(scope="module")
def then(known_at, instant) -> Tables:
    """The repaired tables as they were known at that instant."""
    return repaired(known_at(instant))


@pytest.fixture(scope="module")
def sample(windows, middle, now) -> pd.DataFrame:
    """Examples decided from the middle of the training window on."""
    decided = source.requests(now)[DECIDED_AT].sort_values()
    some = decided[decided >= middle].head(ROWS)
    until = max(some.iloc[-1], some.iloc[0] + pd.Timedelta(days=1))  # all rows of a year may have one time
    window = params.Window(**{"from": some.iloc[0].isoformat(), "until": until.isoformat()})
    return whole(now, window, windows.as_of)


@pytest.fixture(scope="module")
def settings() -> train.Params:
    return params.section("train", train.Params)


@pytest.fixture(scope="module")
def fitted(sample, settings) -> Any:
    return train.train(sample, settings)


@pytest.fixture(scope="module")
def scores(fitted, sample) -> np.ndarray:
    return model.score(fitted, sample)


@pytest.fixture(scope="module")
def outcomes(sample, scores) -> pd.DataFrame:
    """Label and score of each example, with the number of its cluster."""
    cluster = clusters(sample, params.section("evaluate", evaluate.Params).cluster)
    found = score_columns.columns(scores, sample.index)
    return found.assign(label=sample["label"], code=pd.factorize(cluster)[0])


# The source


def test_the_source_returns_every_table_in_time_and_each_has_a_contract(raw, windows):
    limits = params.section("validate", facts.Params).limits
    assert set(raw) == set(source.TIME) == set(schema.raw(windows.as_of, limits))


def test_a_table_is_kept_by_months_of_a_time_in_utc(raw):
    for name, column in source.TIME.items():
        assert column is None or str(raw[name][column].dtype) == "datetime64[us, UTC]", name


def test_the_same_question_has_the_same_answer(raw, known_at, windows):
    for name, frame in known_at(windows.as_of).items():
        same(frame, raw[name])


def test_requests_are_those_decided_in_the_window_asked_for(windows, middle):
    tables = facts.tables(middle, windows.train.until, windows.as_of)
    decided = source.requests(repaired(tables))[DECIDED_AT]
    assert len(decided)
    assert decided.min() >= middle
    assert decided.max() < windows.train.until


# Nothing from the future


def test_features_are_those_that_could_be_computed_at_the_time(now, then, instant):
    found = join(newest(source.requests(now), instant), now, VIEWS)
    expected = join(newest(source.requests(then), instant), then, VIEWS)
    assert len(found)
    same(found, expected)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_holds_nothing_that_was_not_known_yet(view, then, instant):
    late = change_log(view, then)["known_at"] > instant.tz_localize(None)
    assert view.ahead or not late.any(), "what will have left a window is known; what will come is not"


def test_tables_hold_no_outcome_that_was_not_known_yet(then, instant, windows):
    same(source.labels(then, windows.as_of), source.labels(then, instant))


# Labels


def test_a_label_is_known_by_the_instant_asked_for_and_after_its_decision(now, instant):
    found = source.requests(now).merge(source.labels(now, instant), on=source.KEY, validate="1:1")
    assert (found["label_known_at"] <= instant).all()
    assert (found["label_known_at"] > found[DECIDED_AT]).all()


def test_a_label_once_known_never_changes(now, then, instant, windows):
    earlier = by_key(source.labels(then, instant))
    later = by_key(source.labels(now, windows.as_of))
    same(by_key(earlier[source.KEY].merge(later, on=source.KEY, how="left")), earlier)
    same(by_key(source.labels(now, instant)), earlier)


def test_labels_come_in_time_to_train_and_to_judge(now, windows):
    at_training, at_last = (source.labels(now, at) for at in (windows.train.until, windows.as_of))
    assert 0 < len(at_training) < len(at_last)
    assert at_last["label"].nunique() > 1


# Contracts


def test_requests_keep_their_contract_and_their_key_is_unique(now):
    requests = contract.require(source.requests(now), schema.REQUEST, "requests")
    assert not requests.duplicated(source.KEY).any()


def test_examples_keep_their_contract(sample):
    contract.require(sample, schema.EXAMPLE, "examples")


def test_an_example_is_its_request_its_features_and_its_label(sample, now):
    columns = [*source.requests(now).columns, *FEATURES, *LABEL]
    assert list(sample.columns) == columns
    assert set(schema.EXAMPLE.columns) == set(columns)


def test_predictions_and_outcomes_keep_their_contracts(fitted, sample):
    predictions = evaluate.predict(fitted, sample)
    assert set(schema.PREDICTION.columns) == set(predictions.columns)
    outcomes = predictions.assign(**{name: sample[name] for name in LABEL})
    contract.require(outcomes, schema.OUTCOME, "outcomes")


def test_examples_made_in_slices_are_those_made_at_once(now, sample):
    rows = sample[[*schema.REQUEST.columns, *LABEL]]
    with joining(now, VIEWS) as join:
        found = pd.concat(examples(join, [rows], "all", len(rows) // 3))
    same(found, sample)


def test_rows_are_clustered_by_a_column_of_the_examples(sample):
    cluster = clusters(sample, params.section("evaluate", evaluate.Params).cluster)
    assert cluster.notna().all()
    assert cluster.nunique() > 1


# Views and repairs


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_has_one_row_per_entity_and_instant(view, now):
    log = change_log(view, now)
    assert set(log.columns) == {*view.entity, "known_at", *view.features}
    assert log["known_at"].notna().all()
    assert not log.duplicated([*view.entity, "known_at"]).any()


def test_features_have_names_of_their_own(now):
    names = [*source.requests(now).columns, *FEATURES, *LABEL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_is_known_of_some_row_and_does_not_depend_on_the_order_of_raw_rows(view, now, windows):
    asked = newest(source.requests(now), windows.train.until)
    shuffled = {name: frame.sample(frac=1, random_state=0) for name, frame in now.items()}
    found = join(asked, shuffled, [view])
    assert found[list(view.features)].notna().any(axis=None)
    same(found, join(asked, now, [view]))


@pytest.mark.parametrize("rule", schema.REPAIRS, ids=lambda rule: rule.name)
def test_a_repair_applied_twice_is_the_same_as_once(rule, raw):
    once = rule.fix(raw[rule.table].copy()).reset_index(drop=True)
    assert list(once.columns) == list(raw[rule.table].columns)
    same(rule.fix(once).reset_index(drop=True), once)


@pytest.mark.parametrize("rule", schema.REPAIRS, ids=lambda rule: rule.name)
def test_a_repair_leaves_its_input_alone(rule, raw):
    frame = raw[rule.table].copy()
    rule.fix(frame)
    same(frame, raw[rule.table])


@pytest.mark.parametrize(
    "rule", [r for r in schema.REPAIRS if source.TIME.get(r.table)], ids=lambda r: r.name
)
def test_a_repair_does_not_look_ahead(rule, raw):
    """What later rows say is cut off right after rows that it fixes."""
    frame, time = raw[rule.table].copy(), source.TIME[rule.table]
    whole = rule.fix(frame.copy())
    matched = frame.merge(whole, how="left", indicator=True)
    fixed = matched.loc[matched["_merge"] == "left_only", time].drop_duplicates()
    for at in [frame[time].iloc[len(frame) // 2], *fixed.iloc[:: max(1, len(fixed) // 8)]]:
        early = rule.fix(frame[frame[time] <= at].copy())
        same(early.reset_index(drop=True), whole[whole[time] <= at].reset_index(drop=True))


# The model


def test_the_same_rows_and_seed_give_the_same_scores_and_the_same_file(
    fitted, sample, settings, scores, tmp_path
):
    again = train.train(sample, settings)
    np.testing.assert_array_equal(model.score(again, sample), scores)
    digests = set()
    for name, one in {"first": fitted, "again": again}.items():
        model_file.write(one, tmp_path / name)
        digests.add(files.digest(tmp_path / name))
    assert len(digests) == 1


def test_training_and_scoring_leave_their_input_alone(sample, settings):
    rows = sample.copy()
    model.score(train.train(rows, settings), rows)
    same(rows, sample)


def test_a_score_is_one_finite_number_per_row_or_per_class(scores, sample):
    assert scores.shape == ((len(sample), len(CLASSES)) if CLASSES else (len(sample),))
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[rows.columns[::-1]],
        lambda rows: rows.assign(never_seen="x"),
        lambda rows: rows.drop(columns=LABEL),
        lambda rows: rows.set_index(rows.index[::-1]),
    ],
    ids=["order of columns", "extra columns", "labels", "index"],
)
def test_scores_do_not_depend_on_what_is_no_feature(fitted, sample, scores, change):
    np.testing.assert_array_equal(model.score(fitted, change(sample)), scores)


def test_a_row_alone_scores_as_in_a_batch(fitted, sample, scores):
    places = range(0, len(sample), max(1, len(sample) // 10))
    alone = [model.score(fitted, sample.iloc[[place]])[0] for place in places]
    np.testing.assert_array_equal(alone, scores[places])


def test_a_row_without_any_view_feature_is_scored(fitted, sample):
    predictions = evaluate.predict(fitted, sample.assign(**dict.fromkeys(FEATURES, np.nan)))
    assert np.isfinite(predictions["score"]).all()


def test_the_model_comes_back_from_its_file_as_it_was(fitted, sample, scores, tmp_path):
    path = tmp_path / "model.skops"
    model_file.write(fitted, path)
    back = model_file.read(path, files.digest(path, "sha256"), model.TRUSTED)
    np.testing.assert_array_equal(model.score(back, sample), scores)


# Metrics and slices


def figures(name: str, outcomes: pd.DataFrame) -> np.ndarray:
    """A metric of the outcomes for three replicates that weigh every cluster the same."""
    label, score = outcomes["label"].to_numpy(np.float64), score_columns.array(outcomes)
    codes = outcomes["code"].to_numpy(np.int64)
    clusters = int(codes.max()) + 1
    of = bootstrap.statistic(metrics.METRICS[name], label, score, codes, clusters)
    return of(np.ones((3, clusters)))


def test_the_metrics_that_decide_are_among_the_metrics():
    assert metrics.PRIMARY in metrics.METRICS
    assert set(metrics.SLICE_METRICS) <= set(metrics.METRICS)
    assert metrics.PRIMARY in metrics.SLICE_METRICS


def test_reports_have_words_for_score_label_and_metrics():
    words = [metrics.SCORE, metrics.LABEL, *(metric.title for metric in metrics.METRICS.values())]
    assert all(isinstance(text, str) and text.strip() for text in words)


def to_the_bit(outcomes: pd.DataFrame) -> float:
    """What the order of a sum may change of labels as large as these, where they cancel."""
    return 1e-12 * max(1.0, float(outcomes["label"].abs().max()))


@pytest.mark.parametrize("name", metrics.METRICS)
def test_a_metric_is_one_finite_number_per_replicate(name, outcomes):
    """A metric that decides nothing may be undefined: the precision of a class that no row is called."""
    found = figures(name, outcomes)
    assert found.shape == (3,)
    if name not in DECIDING and np.isnan(found).all():
        return
    assert np.isfinite(found).all()
    assert found == pytest.approx(found[0], rel=1e-9, abs=to_the_bit(outcomes))


@pytest.mark.parametrize("name", metrics.METRICS)
def test_a_metric_does_not_depend_on_the_order_of_rows(name, outcomes):
    shuffled = outcomes.sample(frac=1, random_state=0)
    expected = pytest.approx(figures(name, outcomes), rel=1e-9, abs=to_the_bit(outcomes), nan_ok=True)
    assert figures(name, shuffled) == expected


@pytest.mark.parametrize("name", [n for n, metric in metrics.METRICS.items() if metric.rows])
def test_a_metric_leaves_labels_and_scores_alone(name, outcomes):
    label, score = outcomes["label"].to_numpy(np.float64, copy=True), score_columns.array(outcomes).copy()
    metrics.METRICS[name].rows(label, score)
    np.testing.assert_array_equal(label, outcomes["label"])
    np.testing.assert_array_equal(score, score_columns.array(outcomes))


@pytest.mark.parametrize("name", metrics.METRICS)
def test_no_score_is_better_than_the_label_itself(name, outcomes):
    """Else the metric points the wrong way, and a gate would let the worse model in."""
    found = figures(name, outcomes)[0]
    of_class = np.eye(len(CLASSES))[outcomes["label"].to_numpy(np.int64)] if CLASSES else None
    own = outcomes["label"].to_numpy(np.float64) if of_class is None else of_class
    perfect = figures(name, outcomes[["label", "code"]].join(score_columns.columns(own, outcomes.index)))[0]
    if np.isnan(found):
        return
    no_worse = {"lower": perfect <= found, "higher": perfect >= found, "zero": abs(perfect) <= abs(found)}
    assert no_worse[metrics.METRICS[name].better]


def test_a_business_metric_if_there_is_one_prices_each_decision_and_none_is_better_than_the_right_one(
    outcomes,
):
    """A problem whose score is no decision has none."""
    business = getattr(metrics, "BUSINESS", None)
    if business is None:
        return
    label, score = outcomes["label"].to_numpy(np.float64, copy=True), score_columns.array(outcomes)
    found = {name: business.rows(label, score, decided) for name, decided in _decisions(label).items()}
    assert {rows.shape for rows in found.values()} == {label.shape}
    assert all(np.isfinite(rows).all() for rows in found.values())
    turned = {
        name: rows.mean() if business.better == "lower" else -rows.mean() for name, rows in found.items()
    }
    assert turned["right"] == min(turned.values())
    assert turned["wrong"] > turned["right"], "it does not mind which decision is taken"
    assert business.title.strip()
    np.testing.assert_array_equal(label, outcomes["label"])


def test_a_kpi_if_there_is_one_gives_each_request_one_number_as_known_at_an_instant(now, windows, instant):
    one = kpi.declared()
    if one is None:
        return
    decided = source.requests(now)[DECIDED_AT]
    known, then = (kpi.known(one, decided, at) for at in (windows.as_of, instant))
    assert len(known), "no outcome is known: does it read the time that it is asked for?"
    given = one.outcomes(decided.min(), decided.max() + pd.Timedelta(microseconds=1), instant)
    assert (given["known_at"] <= instant).all(), "it gives what was not known yet"
    by = [name for name in known if name not in ("value", "known_at")]
    same = then.merge(known, on=by, suffixes=("", "_later"))
    assert len(same) == len(then), "what was known once is gone"
    assert one.final_after > pd.Timedelta(0)
    assert one.title.strip()
    if kpi.BY_REQUEST not in known:
        found = kpi.of_rows(source.requests(now), windows.as_of)
        assert (found.fault, found.counts.before) == ("", 0)
        assert found.counts.counting


def _decisions(label: np.ndarray) -> dict[str, np.ndarray]:
    if CLASSES:
        places = {"right": label, "wrong": (label + 1) % len(CLASSES), "always": 0 * label}
        return {name: place.astype(np.int64) for name, place in places.items()}
    right = label > label.mean()
    return {"right": right, "wrong": ~right, "always": np.ones_like(right), "never": np.zeros_like(right)}


@pytest.mark.parametrize("ways", [metrics.SLICES, metrics.SUBGROUPS], ids=["slices", "subgroups"])
def test_each_cut_gives_every_example_one_text(ways, sample):
    before = sample.copy()
    cuts = groups.cut(ways, sample)
    for name, values in cuts.items():
        assert len(values) == len(sample), name
        assert all(isinstance(value, str) for value in values), name
        assert not {"", "nan", "NaT", "<NA>"} & set(values), f"{name}: a missing value that became a text"
    same(sample, before)


@pytest.mark.parametrize("ways", [metrics.SLICES, metrics.SUBGROUPS], ids=["slices", "subgroups"])
def test_a_cut_does_not_depend_on_the_order_or_the_index_of_rows(ways, sample):
    turned = sample.iloc[::-1]
    for name, values in groups.cut(ways, turned).items():
        assert values.tolist() == groups.cut(ways, sample)[name].tolist()[::-1], name


@pytest.mark.parametrize("behaviour", metrics.BEHAVIOURS, ids=lambda behaviour: behaviour.title)
def test_a_behaviour_changes_examples_into_examples_and_leaves_its_input_alone(behaviour, sample):
    before = sample.copy()
    changed = behaviour.change(sample)
    same(sample, before)
    assert list(changed.columns) == list(sample.columns)
    assert changed.index.equals(sample.index)
    assert not changed.equals(sample), "nothing was changed, so nothing is tested"


def test_golden_requests_are_in_the_training_window_once_each_and_enough(now, windows):
    names = [golden_rows.named(key) for _, key in metrics.GOLDEN]
    rows_min = params.section("review", Policy).golden.rows_min
    trained = whole(now, windows.train, windows.train.until)
    found = golden_rows.find(trained, names)
    assert len({*found.values()}) == len(found)
    assert len(found) >= rows_min, "choose requests that the training window holds"
