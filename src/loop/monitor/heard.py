"""That a schedule ran, put on record with what the monitor decided: `loop heartbeat`."""

from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from loop.base.errors import LoopError, UsageError
from loop.monitor.schema import Finding
from loop.production import heartbeats
from loop.production.heartbeats import SCHEDULES, Heartbeat


def record(schedule: str, result: str, run: str | None, finding: Path | None, now: pd.Timestamp) -> str:
    """Record a run that ended at `now` (UTC), and say so. Raises LoopError."""
    if schedule not in SCHEDULES:
        raise UsageError(f"{schedule!r} is no schedule", f"one of {', '.join(SCHEDULES)}", "name one of them")
    decided = _decided(finding) if finding is not None and finding.is_file() else {}
    good = result == "success" or bool(decided)
    beat = Heartbeat(schedule, now.floor("min"), result, good, run, decided)
    new = heartbeats.record(beat)
    return f"the run of {schedule} is {'recorded' if new else 'on record already'}: {result}"


def _decided(path: Path) -> dict[str, str]:
    """What a monitoring run found, in short. Raises LoopError for a file that is none."""
    try:
        found = Finding.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise LoopError(
            f"{path} is not what a monitoring run writes: {error.error_count()} faults",
            "finding.json of `loop monitor`",
            "run the monitor again",
        ) from None
    last = next((point for point in reversed(found.curves) if point.loss is not None), None)
    said = {
        "Decision": found.decision,
        "Reason": found.reason,
        "Model": found.model.name,
        "Since": found.since,
    }
    if last is not None:
        said["Loss"] = f"{last.loss:.4f}"
        if last.loss_low is not None and last.loss_high is not None:
            said["Loss"] += f", {last.loss_low:.4f} to {last.loss_high:.4f}"
    if found.gain is not None:
        said["Gain"] = f"{found.gain.value:+.4f}, {found.gain.low:+.4f} to {found.gain.high:+.4f}"
    return {name: text for name, text in said.items() if text}
