"""A finding as `loop monitor` writes one, literally."""

import json
from pathlib import Path
from typing import Any

NOW = "2013-09-02T00:00Z"
BASE: dict[str, Any] = {
    "schema_version": 3,
    "now": NOW,
    "decision": "retrain",
    "reason": "the newest rows are scored too high, and a model of newer rows gains",
    "since": "2013-08-05",
    "todo": "run `loop retrain`",
    "runbook": "docs/runbook/retrain.md",
    "features_that_matter": ["temperature"],
    "model": {
        "name": "main",
        "commit": "0" * 40,
        "sha256": "0" * 64,
        "train_from": "2013-01-01T00:00Z",
        "train_until": "2013-05-01T00:00Z",
    },
    "source": "scored in batch",
    "primary": "log loss",
    "inputs": {"since": "2013-08-05", "until": "2013-09-02", "rows": 26000},
    "matured": {"since": "2013-08-03", "until": "2013-08-31", "rows": 25000},
    "outcomes": None,
    "signals": [
        {
            "kind": "concept",
            "name": "bias",
            "title": "calibration bias",
            "value": 0.044,
            "low": 0.03,
            "high": 0.06,
            "limit": 0.035,
            "p": 0.001,
            "alarm": True,
            "since": "2013-08-05",
            "summary": "scores are 0.044 above the share that came true",
        }
    ],
    "runs": [],
    "features": [
        {
            "name": "temperature",
            "importance": 0.12,
            "p": 0.001,
            "alarm": True,
            "since": "2013-07-29",
            "statistics": [{"name": "psi", "value": 5.0, "limit": 2.5, "p": None}],
            "heat": [],
        }
    ],
    "curves": [],
    "cusum": None,
    "gain": {
        "value": 0.018,
        "low": 0.009,
        "high": 0.026,
        "confidence": 0.9,
        "rows": 25000,
        "train_from": "2013-01-01",
        "train_until": "2013-08-03",
        "champion": 0.48,
        "challenger": 0.462,
    },
    "breaches": [],
    "events": [],
    "notes": [],
}


def finding(sha256: str = "0" * 64, **changed: Any) -> dict[str, Any]:
    """The values of a finding about the model of that hash."""
    return {**BASE, "model": {**BASE["model"], "sha256": sha256}, **changed}


def write(home: Path, **changed: Any) -> None:
    """Write monitor/finding.json in a repository, about the model that its main holds."""
    sha256 = json.loads((home / "models/lineage.json").read_text())["model"]["sha256"]
    (home / "monitor").mkdir(exist_ok=True)
    (home / "monitor/finding.json").write_text(json.dumps(finding(sha256, **changed)))
