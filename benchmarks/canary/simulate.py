"""A/A rollouts judged every hour, and the days until a planted loss is seen."""

from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from benchmarks.canary import worlds
from benchmarks.canary.hourly import HOURS, Hourly, hourly, shortfall
from benchmarks.verdicts.data import share as wilson
from loop.production import rollout_policy
from loop.stats import sequential

DAYS, ALPHA, TESTS = 30, 0.05, 3  # tests of one canary: the primary metric, the business metric, errors
HORIZON, RUNS = 90, 400  # days, and rollouts for each planted loss
LOSSES, TRAFFIC, SHARES = (0.01, 0.02, 0.05), (900, 10_000, 100_000), (0.05, 0.25)
STAGED = np.repeat([0.05, 0.25], [10, 20])
CASES: list[tuple[str, int, str]] = [
    (world, traffic, stages)
    for traffic, some in (
        (900, ("log loss", "cost", "normal", "rare", "revenue")),
        (10_000, ("log loss", "cost", "revenue")),
    )
    for world in some
    for stages in ("5 %", "25 %")
] + [(world, traffic, "5 % then 25 %") for world in ("whole", "alike") for traffic in (900, 10_000)]
RETURNING = 300  # entities, each of which asks three times a day


def simulate(seed: int, rollouts: int) -> dict[str, Any]:
    """Every case: what share of the rollouts was called worse at some hour, by which test."""
    worlds.real()  # before the fork: both workers share it
    with get_context("fork").Pool(2, threadpool_limits, (1,)) as pool:
        cases = [_case(pool, seed, rollouts, case) for case in CASES]
        seen = pool.map(_returning, [(seed, number) for number in range(rollouts)], chunksize=8)
    cases.append(
        {
            "world": "log loss, 300 entities that return",
            "traffic": 900,
            "stages": "25 %",
            "worse": wilson(sum(one["units"] for one in seen), rollouts),
            "rows as units": wilson(sum(one["rows"] for one in seen), rollouts),
        }
    )
    return {
        "seed": seed, "rollouts": rollouts, "days": DAYS, "hours": DAYS * HOURS, "alpha": ALPHA,
        "false_alarms": cases, "power": power(seed),
    }  # fmt: skip


def _case(pool: Any, seed: int, rollouts: int, case: tuple[str, int, str]) -> dict[str, Any]:
    found = pool.map(partial(_rollout, case), [(seed, number) for number in range(rollouts)], chunksize=8)
    counted = {name: wilson(sum(one[name] for one in found), rollouts) for name in found[0]}
    return {"world": case[0], "traffic": case[1], "stages": case[2], **counted}


def _rollout(case: tuple[str, int, str], seed: tuple[int, int]) -> dict[str, bool]:
    world, traffic, stages = case
    rng, rows = np.random.default_rng(seed), traffic // HOURS
    share = {"5 %": np.full(DAYS, 0.05), "25 %": np.full(DAYS, 0.25)}.get(stages, STAGED)
    arm = (rng.random((DAYS, HOURS, rows)) < share[:, None, None]).astype(np.float64)
    if world == "whole":
        return _whole(worlds.drawn(rng, DAYS, rows, "log loss", "cost"), arm, share)
    if world == "alike":
        ours, other = worlds.drawn(rng, DAYS, rows, "log loss", "other")
        one = hourly(np.where(arm == 1, other, ours), arm, share)
        limit = rollout_policy.read().limits.loss_max
        return {"worse": one.worse(ALPHA).any(), "beyond the limit": one.worse(ALPHA, limit).any()}
    made = {"normal": worlds.normal, "rare": worlds.rare, "revenue": worlds.revenue}.get(world)
    loss = made(rng, DAYS, rows) if made else worlds.drawn(rng, DAYS, rows, world)[0]
    one = hourly(loss, arm, share)
    if seed[1] == 0:
        _same(one, loss, arm, share)
    return {
        "worse": one.worse(ALPHA).any(),
        "better": one.better(ALPHA).any(),
        "mSPRT": one.msprt(ALPHA).any(),
        "plain, every hour": one.plain(norm.ppf(1 - ALPHA)).any(),
        "plain, last hour": one.plain(norm.ppf(1 - ALPHA))[-1],
    }


def _whole(losses: list[np.ndarray], arm: np.ndarray, share: np.ndarray) -> dict[str, bool]:
    """All tests of a canary as the rollout makes them, with limits of zero, and with those of the policy."""
    limits = rollout_policy.read().limits
    tests = [*(hourly(loss, arm, share) for loss in losses), shortfall(arm, share)]
    most = (limits.loss_max, limits.cost_max, limits.error_share_max)
    return {
        "worse": any(one.worse(ALPHA / TESTS).any() for one in tests),
        "beyond the limit": any(
            one.worse(ALPHA / TESTS, limit).any() for one, limit in zip(tests, most, strict=True)
        ),
        "plain, every hour": any(one.plain(norm.ppf(1 - ALPHA)).any() for one in tests[:2]),
    }


def _same(found: Hourly, loss: np.ndarray, arm: np.ndarray, share: np.ndarray) -> None:
    """Fail unless the sums lead where the library's function does, at the last hour."""
    one, day = arm.ravel(), np.repeat(np.arange(DAYS), arm[0].size)
    expected = sequential.difference(
        loss.ravel(), one, share[day], entity=np.arange(len(one)), block=day, alpha=ALPHA
    )
    off = sequential.margin(found.variance, found.information, ALPHA)[-1]
    low = (found.total[-1] - off) / found.information[-1]
    if not np.isclose(low, expected.low, rtol=1e-6):
        raise AssertionError(f"the simulation says {low}, the library {expected.low}")


def _returning(seed: tuple[int, int]) -> dict[str, bool]:
    """Entities with losses of their own, always answered by the same model; judged each day."""
    rng, rows, share = np.random.default_rng(seed), 900, 0.25
    loss = worlds.drawn(rng, DAYS, rows // HOURS + 1, "log loss")[0].reshape(DAYS, -1)[:, :rows]
    entity = np.stack([rng.permutation(np.arange(rows) % RETURNING) for _ in range(DAYS)])
    loss = (loss + rng.normal(0, 0.2, RETURNING)[entity]).ravel()
    arm = (rng.random(RETURNING) < share)[entity.ravel()].astype(np.float64)
    day = np.repeat(np.arange(DAYS), rows)
    found = {}
    for name, unit in (("units", entity.ravel()), ("rows", np.arange(len(loss)))):
        found[name] = any(
            sequential.difference(
                loss[:end], arm[:end], np.full(end, share), entity=unit[:end], block=day[:end], alpha=ALPHA
            ).low > 0
            for end in range(rows, len(loss) + 1, rows)
        )  # fmt: skip
    return found


def power(seed: int) -> list[dict[str, Any]]:
    """Days until half, and nine in ten, of the rollouts see a loss, at a limit of zero; None beyond 90.

    Sums of an hour are drawn from their normal limit, with the mean and the spread within days of the real
    losses; the alpha is that of one of three tests.
    """
    rng, found = np.random.default_rng(seed), []
    for name in ("log loss", "cost"):
        days = worlds.real()[name]
        mean = np.concatenate(days).mean()
        spread = np.sqrt(np.concatenate([day - day.mean() for day in days]).var())
        for traffic in TRAFFIC:
            for share in SHARES:
                for loss in LOSSES:
                    seen = _days(rng, mean * loss / spread, traffic / HOURS * share * (1 - share))
                    half, most = (float(np.quantile(seen, part, method="higher")) for part in (0.5, 0.9))
                    found.append(
                        {
                            "metric": name, "mean": round(float(mean), 4), "traffic": traffic, "share": share,
                            "loss": loss, "half": _within(half), "nine in ten": _within(most),
                        }
                    )  # fmt: skip
    return found


def _days(rng: np.random.Generator, excess: float, information: float) -> np.ndarray:
    """Days until each of RUNS rollouts sees an excess loss, in units of its spread; inf beyond HORIZON."""
    hours = HORIZON * HOURS
    steps = rng.normal(excess * information, np.sqrt(information), (RUNS, hours))
    so_far = information * np.arange(1, hours + 1)
    worse = steps.cumsum(axis=1) > sequential.margin(so_far, so_far, ALPHA / TESTS)
    return np.where(worse.any(axis=1), (worse.argmax(axis=1) + 1) / HOURS, np.inf)


def _within(days: float) -> float | None:
    return round(days, 1) if np.isfinite(days) else None
