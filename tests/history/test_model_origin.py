"""From a model file to the commit that first recorded it, and to what made it there."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from loop.base.errors import LoopError
from loop.history import model_origin
from loop.repo import git

MODEL, LINEAGE = Path("models/model.skops"), Path("models/lineage.json")


def recorded(code: str) -> str:
    """A commit whose lineage names the model, made by a code file of this name."""
    made = {"model": {"sha256": sha256(MODEL.read_bytes()).hexdigest()}, "rows": 7, "data": {}, "params": {}}
    LINEAGE.write_text(json.dumps(made | {"environment": {}, "code": {code: "0" * 32}}, indent=2))
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(["git", "commit", "--quiet", "-m", code], check=True)
    return git.git("rev-parse", "HEAD")


def test_a_model_whose_files_moved_since_leads_to_the_first_commit_and_counts_the_later_ones(clone):
    Path("models").mkdir()
    MODEL.write_bytes(b"model")
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": {}}))
    first = recorded("old.py")
    assert "the first to record this model, with the files below\n" in model_origin.screen(MODEL)
    recorded("new.py")
    last = recorded("newest.py")
    output = model_origin.screen(MODEL)
    assert f"commit  {first}\n" in output
    assert f"the files below; so do 2 later, the last {last[:12]}\n" in output
    assert "old.py" in output
    assert "new" not in output.partition("code ")[2]


@pytest.mark.parametrize("damage", [lambda text: text[:-20], lambda text: text + b"\xff", lambda _: b"[]"])
def test_a_lineage_that_is_damaged_is_one_message(clone, damage):
    Path("models").mkdir()
    MODEL.write_bytes(b"model")
    text = json.dumps({"model": {"sha256": sha256(b"model").hexdigest()}, "data": {}}).encode()
    LINEAGE.write_bytes(damage(text))
    with pytest.raises(LoopError, match=r"lineage\.json"):
        model_origin.screen(MODEL)
