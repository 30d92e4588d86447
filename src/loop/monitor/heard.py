"""That a schedule ran, put on record with what the monitor decided: `loop heartbeat`."""

import io
import zipfile
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from loop.base.errors import LoopError, UsageError
from loop.base.exit_codes import MONITOR
from loop.github import workflow_run
from loop.github.client import GitHub
from loop.monitor.schema import FINDING, FOLDER, Finding
from loop.production import heartbeats
from loop.production.heartbeats import SCHEDULES, Earned, Heartbeat

WELL = {"success", "0"}  # how GitHub says it, and an exit code
LARGEST = 20_000_000  # bytes, of the archive and of the finding in it


def record(
    schedule: str,
    result: str,
    run: str | None,
    finding: Path | None,
    now: pd.Timestamp,
    *,
    of_run: int | None = None,
) -> str:
    """Record a run that ended at `now` (UTC), and say so; `of_run`: its number, where GitHub knows it.

    One that ran other code than main's is not recorded. A result that is an exit code says whether the
    finding is this run's: one that failed leaves that of the run before it. Raises LoopError.
    """
    if schedule not in SCHEDULES:
        raise UsageError(f"{schedule!r} is no schedule", f"one of {', '.join(SCHEDULES)}", "name one of them")
    text = finding.read_bytes() if finding is not None and finding.is_file() else None
    if of_run is not None:
        github = GitHub.of_this_run()
        file = f"{workflow_run.FOLDER}/{schedule}.yml"
        told = github.get(f"actions/runs/{of_run}")
        if not workflow_run.by_main(github, told, {file: workflow_run.SCHEDULED}):
            return f"not recorded: run {of_run} is not of main's own {file}"
        if text is None and schedule == FOLDER.name:
            text = _left_by(github, of_run)
    decided = {} if text is None else _decided(text)
    earlier = result.isdigit() and bool(decided) and int(result) != MONITOR[decided["Decision"]]
    decided = {} if earlier else decided
    good = result in WELL or bool(decided)
    beat = Heartbeat(schedule, now.floor("min"), result, good, run, decided)
    new = heartbeats.record(beat)
    told = f"; {finding} is of an earlier run" if earlier else ""
    return f"the run of {schedule} is {'recorded' if new else 'on record already'}: {result}{told}"


def _left_by(github: GitHub, run: int) -> bytes | None:
    """The finding that a run left as an artifact: read in memory, never unpacked; None where it left none."""
    listed = github.pages(f"actions/runs/{run}/artifacts", key="artifacts", name=FOLDER.name)
    found = next((one for one in listed if not one["expired"]), None)
    if found is None:
        return None
    link = f"{github.api}/repos/{github.repository}/actions/artifacts/{int(found['id'])}/zip"
    archive = github.download(link, LARGEST)
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            info = opened.getinfo(FINDING.name)
            usual = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            return opened.read(info) if usual and info.file_size <= LARGEST else None
    except (KeyError, zipfile.BadZipFile):
        return None


def _decided(text: bytes) -> dict[str, str]:
    """What a monitoring run found, in short. Raises LoopError for a text that is no finding."""
    try:
        found = Finding.model_validate_json(text)
    except ValidationError as error:
        raise LoopError(
            f"{FINDING} is not what a monitoring run writes: {error.error_count()} faults",
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
        within = last.loss_low is not None and last.loss_high is not None
        said["Loss"] = f"{last.loss:.4f}" + (
            f", {last.loss_low:.4f} to {last.loss_high:.4f}" if within else ""
        )
    if found.gain is not None:
        said["Gain"] = f"{found.gain.value:+.4f}, {found.gain.low:+.4f} to {found.gain.high:+.4f}"
    week = (
        next((one for one in reversed(found.kpi.weeks) if one.value is not None), None) if found.kpi else None
    )
    if found.kpi is not None and week is not None and week.value is not None:
        until = pd.Timestamp(week.until, tz="UTC")
        about = (found.kpi.title, found.kpi.unit, until, week.value, week.low, week.high)
        said |= Earned(*about).trailers()
    return {name: text for name, text in said.items() if text}
