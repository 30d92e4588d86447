"""What `loop calibrate` reads first and writes last."""

from types import SimpleNamespace

import pytest

from loop.base.errors import LoopError
from loop.calibrate import calibrate
from loop.calibrate.proposal import Number
from loop.settings.paths import PARAMS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is missing"),
        (b"a: 1 # \xff", "is not UTF-8"),
        (b"a: [\n", "line 2"),
        (b"- a\n", "params"),
    ],
)
def test_params_that_cannot_be_read_are_one_message(content, why):
    if content is not None:
        PARAMS.write_bytes(content)
    with pytest.raises(LoopError, match=why):
        calibrate.main(40, dry_run=True)


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_record_is_written_when_params_are(monkeypatch, dry_run):
    PARAMS.write_text("alpha: 0.05  # one signal\n")
    number = Number("alpha", 0.05, 0.02, "luck", "set", ("alpha",))
    read = []
    monkeypatch.setattr(calibrate, "calibrate", lambda *_: SimpleNamespace(numbers=[number]))
    monkeypatch.setattr(calibrate.calibration_page, "terminal", lambda *_: "")
    monkeypatch.setattr(calibrate.calibration_page, "write", lambda _: None)
    monkeypatch.setattr(calibrate.calibration_record, "write", lambda _: read.append(PARAMS.read_text()))
    calibrate.main(40, dry_run)
    assert read == ([] if dry_run else ["alpha: 0.02  # one signal\n"])
    assert PARAMS.read_text() == ("alpha: 0.05  # one signal\n" if dry_run else read[0])
