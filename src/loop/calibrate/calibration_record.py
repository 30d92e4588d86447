"""What a calibration leaves for the next: its data, the numbers that it left, and how well they held."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from loop.base import files
from loop.base.counted import counted
from loop.calibrate.proposal import Number
from loop.review.candidate import Candidate
from loop.settings.params_text import Value

if TYPE_CHECKING:
    from loop.calibrate.calibrate import Calibration

RECORD = Path("reports/calibration.json")


@dataclass(frozen=True)
class Data:
    """The rows that a calibration was of, and the days of their decisions: [since, until)."""

    train_rows: int
    judged_rows: int
    since: str
    until: str

    @classmethod
    def of(cls, champion: Candidate) -> "Data":
        """The rows of the champion's windows."""
        windows = champion.windows
        days = f"{windows.train.since:%Y-%m-%d}", f"{windows.holdout.until:%Y-%m-%d}"
        return cls(len(champion.train), len(champion.holdout), *days)


@dataclass(frozen=True)
class Record:
    """The last calibration; no data where there was none."""

    data: Data | None = None
    numbers: dict[str, Value] = field(default_factory=dict)


def read() -> Record:
    """The last calibration; an empty one where there was none, or where its file cannot be read."""
    try:
        return TypeAdapter(Record).validate_json(RECORD.read_bytes())
    except (OSError, ValidationError):
        return Record()


def write(found: "Calibration") -> None:
    """Data, numbers, and how they held. Of a number that is a person's, what the calibration before left."""
    numbers = {one.key: one.value for one in found.numbers if one.became in ("set", "as it was")}
    any_check = found.power[0]
    held: dict[str, Any] = {
        "pairs": found.rates.pairs,
        "verdicts": {name: files.rounded(share) for name, share in found.rates.verdicts.items()},
        "margins_widened_by_the_same_pairs": found.widened,
        "smallest_loss_caught": any_check.smallest,
        "caught_at_the_margin": any_check.at_margin,
        "false_alarms_a_year": files.rounded(found.alarms.fresh),
        "faults": len(found.controls),
        "faults_not_refused": [one.fault for one in found.controls if not one.refused],
    }
    kept = read().numbers | numbers
    files.write_json(RECORD, {"data": asdict(found.data), "numbers": kept, "held": held})


def moved(before: Record, numbers: list[Number], data: Data) -> list[str]:
    """What is another number than after the last calibration, and which data that was of."""
    then, old = before.data, before.numbers
    if then is None or then == data:
        return []
    span = f"{then.since} to {then.until}, {counted(then.train_rows, 'row')} trained"
    found = [
        f"{one.key}: {old[one.key]} then, {one.value} now ({one.why})"
        for one in numbers
        if old.get(one.key, one.value) != one.value
    ]
    return [f"the last calibration was of {span}", *(found or ["no number moved"])]
