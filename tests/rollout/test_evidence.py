"""What a stage has shown: literal logs, and what is said of them."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.data import kpi, personal, prediction_log
from loop.kit.types import Kpi
from loop.production import transitions
from loop.production.rollout_policy import Needed, Policy
from loop.rollout import evidence, evidence_check, rollout
from loop.serve import collect
from loop.settings import params
from loop.stats import sequential
from problem import metrics, source
from support.prediction_logs import START, labels, rows, write
from support.states import NOW, STAGED, policy, serving

LATER = START + pd.Timedelta(days=30)
SHADOW, CANARY = serving(1, 2), transitions.advance(serving(1, 2), STAGED, NOW)
QUARTER = policy(("canary-25", 25, False))


LOSS, COST = "log loss", "cost of decisions"


@pytest.fixture(autouse=True)
def judged_by_log_loss_and_cost(monkeypatch):
    """Whatever the problem is judged by, here it is by these."""
    log_loss = SimpleNamespace(
        title=LOSS,
        better="lower",
        value=None,
        rows=lambda label, score: -np.log(np.where(label, score, 1 - score)),
    )
    cost = SimpleNamespace(
        title=COST, better="lower", rows=lambda label, score, decision: (label != decision).astype(float)
    )
    monkeypatch.setattr(metrics, "PRIMARY", "log_loss")
    monkeypatch.setattr(metrics, "METRICS", {"log_loss": log_loss})
    monkeypatch.setattr(metrics, "BUSINESS", cost, raising=False)


def needing(**needs: int) -> Policy:
    """The staged policy, each stage of which needs something."""
    needed = Needed(**{"days_min": 0, "rows_min": 0, "labels_min": 0} | needs)
    return STAGED.model_copy(
        update={"stages": [step.model_copy(update={"needs": needed}) for step in STAGED.stages]}
    )


def gather(state, log, known=None, at=STAGED, now=LATER):
    known = labels(log).iloc[:0] if known is None else known
    return evidence.gather(state.champion, state.challenger, at, log, known, now)


def shadowed(count: int = 20, **changed) -> pd.DataFrame:
    """Each request answered by both; the challenger's rows as changed."""
    return pd.concat([rows(1, "champion", count), rows(2, "shadow", count, **changed)], ignore_index=True)


def split(count: int, share: float = 0.25, seed: int = 1, minutes: float = 1, **worse) -> pd.DataFrame:
    """Requests of a canary: each answered by the challenger with that chance; its rows as changed."""
    drawn = np.random.default_rng(seed).random(count) < share
    ours, theirs = rows(1, "champion", count, minutes=minutes), rows(2, "challenger", count, minutes=minutes)
    return pd.concat([ours[~drawn], theirs.assign(**worse)[drawn]]).sort_values("at", ignore_index=True)


def canary(share_percent: int = 25):
    return transitions.enter(serving(1), _second(), policy(("canary", share_percent, False)), NOW)


def _second():
    from support.states import version

    return version(2)


def check(found, start: str):
    return next(one for one in found.checks if one.title.startswith(start))


# The record


def test_the_columns_and_the_folder_are_those_that_collect_writes():
    assert prediction_log.DAYS == collect.DAYS
    assert set(prediction_log.TYPES) - {"body"} <= set(collect.RECORD.names)


def test_a_log_is_read_back_in_the_order_of_time_and_only_of_the_time_asked_for(tmp_path):
    write(tmp_path, shadowed(500))
    since, until = START + pd.Timedelta(days=1), START + pd.Timedelta(days=2)
    found = prediction_log.read([tmp_path], since, until)
    assert len(found) == 2 * 145
    assert found["body"].nunique() == 1
    assert found["at"].is_monotonic_increasing
    assert found["at"].between(since, until).all()


def test_logs_of_several_places_are_one(tmp_path):
    write(tmp_path / "a", rows(1, "champion", 5))
    write(tmp_path / "b", rows(2, "shadow", 5))
    assert len(prediction_log.read([tmp_path / "a", tmp_path / "b"], START, LATER)) == 10


def test_where_nothing_was_collected_the_log_is_empty(tmp_path):
    assert prediction_log.read([tmp_path / "nowhere"], START, LATER).empty


@pytest.mark.parametrize("damage", ["truncated", "no parquet", "column missing", "not a number", "infinite"])
def test_a_day_that_cannot_be_used_is_named(tmp_path, damage):
    write(tmp_path, rows(1, "champion", 5))
    path = next((tmp_path / prediction_log.DAYS).iterdir())
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "no parquet":
        path.write_text("score\n0.5\n")
    else:
        frame = pd.read_parquet(path)
        changed = {"column missing": frame.drop(columns="commit"),
                   "not a number": frame.assign(score=np.nan),
                   "infinite": frame.assign(latency_ms=np.inf)}[damage]  # fmt: skip
        changed.to_parquet(path)
    with pytest.raises(LoopError, match=str(path)):
        prediction_log.read([tmp_path], START, LATER)


def test_labels_are_joined_by_the_key_and_what_came_twice_or_for_no_row_is_counted():
    log = rows(1, "champion", 3)
    known = labels(rows(1, "champion", 4)).iloc[1:]  # of the rows 1, 2 and of one that was never asked for
    again = known.iloc[:1].assign(label=0, label_known_at=START + pd.Timedelta(days=1))
    found, odd = prediction_log.with_labels(log, pd.concat([again, known]))
    assert found["label"].tolist() == pytest.approx([np.nan, 1, 1], nan_ok=True)
    assert odd == {"duplicate labels": 1, "orphan labels": 1}


def test_a_key_that_is_an_instant_is_joined_however_it_was_written(monkeypatch):
    monkeypatch.setattr(source, "KEY", ["when"])
    log = rows(1, "champion", 2).assign(
        entity=[json.dumps({"when": "2026-01-05T12:00:00Z"}), json.dumps({"when": "2026-01-05 14:00+02:00"})]
    )
    known = pd.DataFrame({"when": [NOW], "label": [1], "label_known_at": [NOW]})
    assert prediction_log.with_labels(log, known)[0]["label"].tolist() == [1, 1]


def test_the_source_labels_the_rows_of_a_log_as_known_at_an_instant():
    """Of real requests, whose keys went through JSON; a day before the end some are pending."""
    windows = params.section("windows", params.Windows)
    since, until, now = windows.holdout.since, windows.holdout.until, windows.as_of
    asked = source.requests(source.tables(since, until, now)).tail(3000)
    entities = [json.dumps(json.loads(pd.Series(key).to_json(date_format="iso", date_unit="us")))
                for key in asked[source.KEY].to_dict("records")]  # fmt: skip
    log = rows(1, "champion", len(asked), decided_at=asked["decided_at"].to_numpy(), entity=entities)
    log["decided_at"] = asked["decided_at"].to_numpy("datetime64[us]")
    log["decided_at"] = log["decided_at"].dt.tz_localize("UTC")
    labels_then, labels_now = (prediction_log.known_labels(log, at) for at in (log["decided_at"].max(), now))
    found, expected = (
        prediction_log.with_labels(log, labels_now)[0],
        asked.merge(labels_now, on=source.KEY, how="left"),
    )
    assert found["label"].tolist() == pytest.approx(expected["label"].tolist(), nan_ok=True)
    assert (
        0
        < prediction_log.with_labels(log, labels_then)[0]["label"].notna().sum()
        < found["label"].notna().sum()
    )


def test_no_label_is_looked_for_after_now_whatever_instant_a_request_claimed(monkeypatch):
    asked = []
    monkeypatch.setattr(source, "tables", lambda *ends: asked.append(ends) or {})
    monkeypatch.setattr(source, "labels", lambda *_: labels(rows(1, "champion", 1)))
    log = rows(1, "champion", 3)
    log["decided_at"] = pd.DatetimeIndex([START, NOW, "2099-01-01T00:00Z"])
    prediction_log.known_labels(log, NOW)
    assert asked == [(START, NOW + pd.Timedelta(microseconds=1), NOW)]
    assert prediction_log.known_labels(log.tail(1), NOW).empty
    assert len(asked) == 1


@pytest.mark.parametrize(("far", "first"), [(10, START), (11, START - pd.Timedelta(days=4000))])
def test_a_few_who_claim_a_far_instant_do_not_widen_what_a_source_is_asked(far, first):
    """Up to one in a hundred: more than that are a past that somebody has."""
    decided = [START + pd.Timedelta(minutes=one) for one in range(1000 - far)]
    log = pd.Series(pd.DatetimeIndex([*decided, *[START - pd.Timedelta(days=4000)] * far]))
    assert prediction_log.span(log) == (first, decided[-1] + pd.Timedelta(microseconds=1))


def test_an_entity_that_is_no_json_is_refused():
    with pytest.raises(LoopError, match="no JSON"):
        prediction_log.with_labels(rows(1, "champion", 1, entity="{"), labels(rows(1, "champion", 1)))


# What is missing


def test_labels_that_cannot_be_joined_are_no_reason_to_wait(monkeypatch):
    """Of a stage that needs labels it is said why; a stage that needs none goes on."""
    monkeypatch.setattr(personal, "marks", lambda: {source.KEY[0]: "hash"})
    monkeypatch.delenv("LOOP_PERSONAL_KEY", raising=False)
    log, state, needs = split(3000), canary(), needing(labels_min=1)
    found = gather(state, log, labels(log), at=needs)
    assert (found.labels, found.missing[0]) == (0, "0 of 1 labels")
    assert "LOOP_PERSONAL_KEY_FILE" in found.unjoinable
    assert f"labels: cannot be joined: {found.unjoinable}" in found.text()
    assert rollout.following(state, found, needs).startswith("it cannot go on, since labels cannot be joined")
    with pytest.raises(LoopError, match="its labels cannot be joined"):
        rollout._sufficient(found)
    assert gather(state, log, labels(log)).unjoinable == ""


def test_labels_that_all_are_for_no_row_are_counted_with_what_is_missing():
    log = split(3000)
    others = labels(log).assign(**{source.KEY[0]: "another"})
    found = gather(canary(), log, others, at=needing(labels_min=1))
    assert "0 of 1 labels (3,000 are known for no row of the log" in found.missing[0]


@pytest.mark.parametrize("state", [SHADOW, CANARY], ids=["shadow", "canary"])
def test_of_an_empty_log_everything_is_missing_and_nothing_is_worse(state):
    found = gather(state, prediction_log.empty(), at=needing(days_min=2, rows_min=1000, labels_min=50))
    assert found.missing[:3] == ["0 of 2 days", "0 of 1,000 rows", "0 of 50 labels"]
    assert not found.worse
    assert "version 2" in found.text()
    json.dumps(found.as_json(), allow_nan=False)


def test_what_is_there_is_not_missing():
    found = gather(SHADOW, shadowed(432), at=needing(days_min=2, rows_min=432))
    assert found.missing == []


def test_days_count_as_long_as_something_is_on_record():
    found = gather(SHADOW, shadowed(144), at=needing(days_min=2))
    assert found.missing == ["0.9 of 2 days"]


def test_a_stage_in_which_nothing_is_asked_of_the_challenger_only_takes_time():
    waiting = transitions.enter(serving(1), _second(), policy(("off", 0, False)), NOW)
    found = gather(waiting, rows(1, "champion", 10))
    assert (found.rows, found.checks, found.missing, found.days) == (0, [], [], 30)


def test_of_a_stage_that_the_policy_no_longer_has_the_next_larger_is_asked():
    step = needing(rows_min=7).stages[2]
    assert evidence.needed(CANARY.challenger, STAGED.model_copy(update={"stages": [step]})).rows_min == 7
    assert evidence.needed(CANARY.challenger, policy()).rows_min == 0


# Pairs


def test_pairs_are_compared_by_what_became_of_them_where_labels_have_come():
    log = shadowed(300, score=0.2, decision=False)
    found = gather(SHADOW, log, labels(log, known_at=START))
    loss = check(found, f"{LOSS}, worse by")
    assert loss.value == pytest.approx(-np.log(0.2) + np.log(0.5))
    assert loss.status == check(found, f"{COST}, worse by").status == "worse"


def test_an_equal_challenger_in_shadow_is_no_worse_by_its_labels_and_without_labels_nothing_is_said():
    log = shadowed(300)
    assert check(gather(SHADOW, log, labels(log)), f"{LOSS}, worse by").status == "ok"
    assert not [one for one in gather(SHADOW, log).checks if "worse by" in one.title]


def test_pairs_are_joined_by_the_request_whoever_came_first():
    log = shadowed(20, score=0.6, decision=False)
    found = gather(SHADOW, log.sample(frac=1, random_state=1))
    assert found.rows == 20
    assert check(found, "score").value == pytest.approx(0.1)
    assert check(found, "requests decided otherwise").value == 1
    assert len(found.worse) == 2


def test_two_requests_under_one_id_are_two_pairs_each_with_its_own():
    """A caller that counts from 1 after each restart gives its ids again."""
    again = shadowed(20, score=0.6)
    ours = again["role"] == "champion"
    log = pd.concat([shadowed(20), again.assign(body=1, score=np.where(ours, 0.7, 0.8))], ignore_index=True)
    found = gather(SHADOW, log)
    assert (found.rows, check(found, "requests it left").value) == (40, 0)
    assert check(found, "score").value == pytest.approx(0.05)
    unanswered = log[(log["role"] == "champion") | (log["body"] == 0)]
    assert gather(SHADOW, unanswered).rows == 20
    assert check(gather(SHADOW, unanswered), "requests it left").value == pytest.approx(0.5, abs=0.02)


def test_models_that_keep_different_parts_of_a_body_are_paired_all_the_same():
    found = gather(SHADOW, shadowed(20, body=7))
    assert (found.rows, check(found, "requests it left").value) == (20, 0)


def test_equal_models_are_ok_in_every_figure():
    found = gather(SHADOW, shadowed(300))
    assert {one.status for one in found.checks} == {"ok"}
    assert not found.worse


def test_the_shift_of_scores_has_an_interval_by_day():
    log = shadowed(300, score=np.where(np.arange(300) < 150, 0.5, 0.52))
    found = check(gather(SHADOW, log), "score")
    assert found.low < 0.01 < found.high


def test_requests_that_only_the_champion_answered_are_counted_as_errors():
    log = shadowed(100)
    log = log[~((log["role"] == "shadow") & log["id"].isin(["r1", "r2", "r3"]))]
    found = gather(SHADOW, log)
    assert found.rows == 97
    assert check(found, "requests it left unanswered").value == pytest.approx(3 / 99)  # the last may yet come
    assert check(found, "requests it left unanswered").status == "worse"


def test_a_challenger_that_answers_nothing_is_seen_before_it_has_a_pair():
    found = check(gather(SHADOW, rows(1, "champion", 50)), "requests it left unanswered")
    assert (found.value, found.status) == (1, "worse")


def test_rows_of_others_are_not_compared():
    """Another commit with the same role, the champion's own shadow, and what was before the stage began."""
    log = shadowed(10)
    before = shadowed(5, score=0.9)
    before = before.assign(at=before["at"] - pd.Timedelta(days=9), id=before["id"] + "b")
    strangers = pd.concat([rows(3, "shadow", 10, score=0.9), rows(1, "shadow", 10, score=0.9)])
    found = gather(SHADOW, pd.concat([log, strangers, before], ignore_index=True))
    assert (found.rows, check(found, "score").value) == (10, 0)


def test_a_slow_challenger_is_worse():
    found = gather(SHADOW, shadowed(20, latency_ms=30.0))
    assert check(found, "median latency").value == pytest.approx(3)
    assert check(found, "median latency").status == "worse"


def test_few_pairs_are_not_enough_to_call_anything_worse():
    found = gather(SHADOW, shadowed(5, score=0.9), at=needing(rows_min=10))
    assert not found.worse
    assert check(found, "score").status == "not enough"


def test_without_a_threshold_decisions_are_not_compared():
    log = shadowed(20).assign(decision=None)
    assert not [one for one in gather(SHADOW, log).checks if "decided" in one.title]


# Cohorts


def test_pending_labels_are_counted_and_are_no_outcome():
    log = split(2000)
    theirs = log[log["role"] == "challenger"]
    found = gather(canary(), log, labels(theirs.iloc[:10]), at=needing(labels_min=50))
    assert (found.rows, found.labels, found.pending) == (len(theirs), 10, len(theirs) - 10)
    assert "10 of 50 labels" in found.missing


def test_labels_known_later_than_now_are_not_seen():
    log = split(400)
    known = labels(log, known_at=LATER + pd.Timedelta(hours=1))
    assert gather(canary(), log, known).labels == 0


def test_a_challenger_with_worse_outcomes_is_worse_and_an_equal_one_is_not():
    log = split(6000, score=0.3)
    found = gather(canary(), log, labels(log))
    outcome = check(found, f"{LOSS}, worse by")
    assert outcome.value == pytest.approx(np.log(0.5 / 0.3), rel=0.05)  # of log loss, as all labels are 1
    assert outcome.status == "worse"
    equal = split(6000)
    scores = np.random.default_rng(5).choice([0.3, 0.5, 0.8], len(equal))
    assert not gather(canary(), equal.assign(score=scores), labels(equal)).worse


def test_decisions_that_cost_more_are_worse_though_the_scores_are_the_same():
    log = split(3000, decision=False)
    found = gather(canary(), log, labels(log))
    assert check(found, f"{LOSS}, worse by").status == "ok"
    assert check(found, f"{COST}, worse by").status == "worse"


def test_a_metric_of_which_more_is_better_is_turned(monkeypatch):
    hit = SimpleNamespace(title="hits", better="higher", value=None, rows=lambda label, score: score * label)
    monkeypatch.setattr(metrics, "METRICS", {"log_loss": hit})
    log = split(3000, score=0.3)
    found = check(gather(canary(), log, labels(log)), "hits, worse by")
    assert found.value == pytest.approx(0.2, abs=0.01)


def test_of_a_primary_metric_that_is_no_mean_of_rows_the_next_that_is_one_is_tested(monkeypatch):
    auc = SimpleNamespace(title="AUC", better="higher", value=None, rows=None)
    monkeypatch.setattr(metrics, "METRICS", {"auc": auc, **metrics.METRICS})
    monkeypatch.setattr(metrics, "PRIMARY", "auc")
    log = split(400)
    assert [one.title for one in gather(canary(), log, labels(log)).checks][:2] == [
        f"{LOSS}, worse by", f"{COST}, worse by",
    ]  # fmt: skip


@pytest.mark.parametrize("without", ["business metric", "threshold"])
def test_without_a_business_metric_or_a_threshold_no_cost_is_tested(monkeypatch, without):
    log = split(400)
    if without == "threshold":
        log = log.assign(decision=None)
    else:
        monkeypatch.delattr(metrics, "BUSINESS")
    assert not [one for one in gather(canary(), log, labels(log)).checks if COST in one.title]


def test_few_labels_are_no_bounds_and_where_labels_are_needed_that_is_missing():
    log = split(100)
    found = gather(canary(), log, labels(log), at=needing(labels_min=1))
    assert any(f"of {sequential.BURN_IN} labels for bounds" in what for what in found.missing)


def test_rows_of_all_canary_stages_are_pooled_each_with_its_share():
    early, late = split(3000, 0.05, minutes=1), split(3000, 0.25, seed=2, minutes=1)
    gap = pd.Timedelta(days=4)
    late = late.assign(at=late["at"] + gap, id=late["id"] + "b")
    late["entity"] = [json.dumps({**json.loads(text), source.KEY[0]: "late"}) for text in late["entity"]]
    state = transitions.advance(CANARY, STAGED, START + gap)
    log = pd.concat([early, late], ignore_index=True)
    found = gather(state, log, labels(log, known_at=START + gap))
    outcome = check(found, f"{LOSS}, worse by")
    alone = gather(state, late, labels(late, known_at=START + gap))
    assert found.rows == alone.rows == int((late["role"] == "challenger").sum())
    assert np.isfinite(outcome.low)
    assert check(found, "share due").value == pytest.approx(0, abs=0.1)


def test_a_challenger_that_fails_is_missed_in_its_share():
    log = split(8000, minutes=0.5)
    failed = (log["role"] == "challenger") & (np.arange(len(log)) % 3 == 0)
    log.loc[failed, ["role", "commit"]] = ["champion", rows(1, "champion", 1)["commit"][0]]
    found = gather(canary(), log)
    assert check(found, "share due").value == pytest.approx(0.33, abs=0.06)
    assert check(found, "share due").status == "worse"


def test_what_the_champion_answers_while_a_new_share_takes_effect_was_not_due_to_the_challenger():
    log = rows(1, "champion", 400, minutes=0.01)
    assert check(gather(canary(), log), "share due").status == "not enough"
    late = rows(1, "champion", 400, minutes=0.01, first=600)
    assert check(gather(canary(), late), "share due").status == "worse"


def test_the_chance_of_a_false_alarm_is_divided_among_the_tests(monkeypatch):
    log = split(2000)
    log = log.assign(score=np.random.default_rng(5).choice([0.3, 0.5, 0.8], len(log)))
    with_cost = check(gather(canary(), log, labels(log)), f"{LOSS}, worse by")
    monkeypatch.delattr(metrics, "BUSINESS")
    alone = check(gather(canary(), log, labels(log)), f"{LOSS}, worse by")
    assert with_cost.low < alone.low < alone.value == with_cost.value


def test_a_request_is_counted_once():
    log = split(400)
    rows_of = gather(canary(), log).rows
    assert gather(canary(), pd.concat([log, log])).rows == rows_of
    assert gather(canary(), pd.concat([log, log.assign(body=1)])).rows == 2 * rows_of


def test_the_evidence_is_one_screen():
    log = split(2000)
    output = gather(canary(), log, labels(log), at=needing(days_min=9)).text()
    assert len(output.splitlines()) < 20
    assert max(map(len, output.splitlines())) < 130
    assert "of 9 days" in output


@pytest.mark.parametrize("without", [1, 20])
def test_a_challenger_that_takes_no_decision_does_not_take_the_comparison_of_decisions_away(without):
    log = shadowed(20).astype({"decision": object})
    mine = log.index[log["role"] == "shadow"]
    log.loc[mine, "decision"] = False
    log.loc[mine[:without], "decision"] = None
    found = gather(serving(1, 2), log)
    assert check(found, "requests decided otherwise").value == 1.0
    assert check(found, "requests decided otherwise").status == "worse"


def test_a_row_without_a_decision_does_not_take_the_business_metric_away():
    log = split(3000, decision=False).astype({"decision": object})
    log.loc[log.index[0], "decision"] = None
    found = gather(canary(), log, labels(log))
    assert check(found, COST).status == "worse"


# The KPI


def sold(kpi_value, by: str = "KEY", hours: float = 1, **changed: object) -> Kpi:
    """A KPI whose outcomes are those of a log's rows: `kpi_value(rows)`, so many hours after each."""

    def outcomes(since, until, as_of):
        rows = SOLD[0].drop_duplicates("id")
        rows = rows[(rows["decided_at"] >= since) & (rows["decided_at"] < until)].reset_index(drop=True)
        named = (
            pd.DataFrame({"request_id": rows["id"]})
            if by == "id"
            else pd.DataFrame(map(json.loads, rows["entity"]))
        )
        known_at = rows["decided_at"] + pd.Timedelta(hours=hours)
        return named.assign(value=kpi_value(rows), known_at=known_at)[known_at <= as_of]

    made = {"title": "revenue a sale", "unit": "EUR", "better": "higher", "outcomes": outcomes}
    return Kpi(**(made | {"final_after": pd.Timedelta(days=1)} | changed))


SOLD: list[pd.DataFrame] = []


@pytest.fixture
def selling(monkeypatch):
    """Make a log's requests come to something, and give the evidence of its canary."""

    def made(log: pd.DataFrame, one: Kpi, at: Policy = STAGED, now: pd.Timestamp = LATER):
        SOLD[:] = [log]
        monkeypatch.setattr(metrics, "KPI", one, raising=False)
        state = canary()
        return evidence.gather(
            state.champion, state.challenger, at, log, labels(log), now, kpi.of_log(log, now)
        )

    return made


def limited(kpi_max: float | None, of: Policy = STAGED) -> Policy:
    return of.model_copy(update={"limits": of.limits.model_copy(update={"kpi_max": kpi_max})})


def fall(rows: pd.DataFrame, by: float = 2.0) -> np.ndarray:
    """About 10 a sale, less where the challenger answered."""
    drawn = np.random.default_rng(7).normal(10, 1, len(rows))
    return drawn - by * (rows["role"] == "challenger").to_numpy()


@pytest.mark.parametrize("by", ["KEY", "id"])
def test_a_challenger_whose_requests_come_to_less_money_is_worse_by_its_limit_alone(selling, by):
    log = split(4000)
    assert not selling(log, sold(fall, by)).worse, "shown, and decides nothing"
    found = selling(log, sold(fall, by), limited(0.5))
    money = check(found, "revenue a sale, worse by")
    assert (money.status, money.limit) == ("worse", 0.5)
    assert money.value == pytest.approx(2, abs=0.1)
    assert 0.5 < money.low < money.value < money.high
    theirs, ours = (fall(log)[log["role"] == role].mean() for role in ("challenger", "champion"))
    assert money.title.endswith(f"{theirs:.4g} beside {ours:.4g} EUR")
    assert found.worse
    assert f"KPI: {len(log):,} counting" in found.text()
    assert not selling(log, sold(lambda rows: fall(rows, 0)), limited(0.5)).worse
    assert not selling(log, sold(fall, by, better="lower"), limited(0.5)).worse, "less is better"


def test_a_kpi_that_only_is_shown_takes_nothing_of_the_chance_of_a_false_alarm(selling, monkeypatch):
    log = split(2000).assign(score=np.random.default_rng(5).choice([0.3, 0.5, 0.8], 2000))
    shown, deciding = (
        check(selling(log, sold(fall), at), f"{LOSS}, worse by") for at in (STAGED, limited(9.0))
    )
    monkeypatch.delattr(metrics, "KPI")
    assert check(gather(canary(), log, labels(log)), f"{LOSS}, worse by") == shown
    assert deciding.low < shown.low


def test_a_value_counts_from_when_it_is_final_and_as_it_was_known_then(selling):
    """At a later instant the same requests give the same figures: what comes too late changes none."""
    log = split(1000)
    now = START + pd.Timedelta(days=30)
    for hours, without, expected in [
        (1, None, (1000, 0, 0, 0)), (25, None, (0, 0, 1000, 1000)), (25, 0.0, (1000, 0, 1000, 1000)),
    ]:  # fmt: skip
        counts = _counts(selling, log, sold(fall, hours=hours, without=without), now)
        assert (counts.counting, counts.pending, counts.without, counts.late) == expected
    half = _counts(selling, log, sold(fall), START + pd.Timedelta(days=1, minutes=499))
    assert (half.counting, half.pending) == (500, 500)


def _counts(selling, log: pd.DataFrame, one: Kpi, now: pd.Timestamp) -> kpi.Counts:
    selling(log, one, now=now)
    found = kpi.of_log(log, now)
    assert found is not None
    return found.counts


def test_what_is_odd_of_outcomes_is_counted_and_makes_no_figure(selling):
    log = split(300)
    early = _counts(selling, log, sold(fall, hours=-1, without=0.0), LATER)
    assert (early.counting, early.before) == (0, 300)
    again = pd.concat([log, log.iloc[:5].assign(body=1)], ignore_index=True)
    shared = _counts(selling, again, sold(fall, "id"), LATER)
    assert (shared.counting, shared.ambiguous, shared.orphan) == (295, 10, 5)
    assert "10 of a shared request id" in shared.text()


FAULTS = {
    "lack known_at": lambda found: found.drop(columns="known_at"),
    "1 value that are no number": lambda found: found.assign(value=[np.nan, *found["value"][1:]]),
    "`known_at` as datetime64": lambda found: found.assign(known_at=found["known_at"].dt.tz_localize(None)),
    "1 row of requests that have one": lambda found: pd.concat([found, found.tail(1)]),
    "are a int": lambda found: 7,
    "end in KeyError": lambda found: found["nothing"],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_outcomes_that_are_wrong_are_named_and_hide_no_other_figure(selling, fault):
    log, good = split(300), sold(fall)
    broken = replace(good, outcomes=lambda *ends: FAULTS[fault](good.outcomes(*ends)))
    found = selling(log, broken)
    assert fault in found.kpi
    assert fault in found.text()
    assert found.missing == []
    assert check(found, f"{LOSS}, worse by").status == "ok"
    assert fault in selling(log, broken, limited(0.5)).missing[0], "what may decide is waited for"
    json.dumps(found.as_json(), allow_nan=False)


def test_a_limit_of_a_kpi_that_the_problem_has_not_lets_nobody_go_on():
    log = split(300)
    assert "src/problem/metrics.py no KPI" in gather(canary(), log, labels(log), limited(0.5)).missing[0]


def test_a_hashed_key_is_joined_as_labels_are(selling, monkeypatch):
    monkeypatch.setattr(personal, "marks", lambda: {source.KEY[0]: "hash"})
    log, one = split(300), sold(fall)
    assert "LOOP_PERSONAL_KEY_FILE" in selling(log, one).kpi
    monkeypatch.setenv("LOOP_PERSONAL_KEY", "ab" * 32)
    hider, plain = prediction_log._of_key(), log.copy()
    log["entity"] = [json.dumps(hider.kept(json.loads(text))) for text in plain["entity"]]
    SOLD[:] = [plain]
    found = kpi.of_log(log, LATER)
    assert found is not None
    assert found.counts.counting == 300


@pytest.mark.parametrize(
    ("value", "shown"), [(1.5, "+1.5000"), (-1.5, "-1.5000"), (1234.0, "+1,234"), (-1234.0, "-1,234")]
)
def test_a_figure_has_its_sign_however_large(value, shown):
    assert evidence_check.number(value) == shown
