"""What `make` does whatever a user's shell holds."""

import os
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "uri",
    [
        "http://u:se@cret@host:9",
        "http://u:se/cret@host:9",
        "HTTP://u:cret@host:9",
        "http://host:9/?token=cret",
    ],
)
def test_make_ui_names_a_server_without_its_password(uri: str) -> None:
    line = next(
        line
        for line in (Path(__file__).parents[2] / "Makefile")
        .read_text()
        .split("ui: setup")[1]
        .split("\n\n")[:1]
    )
    recipe = line.split("\n\t@", 1)[1].replace("$$", "$")
    shown = subprocess.run(
        ["sh", "-c", recipe],
        env=os.environ | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "host:9" in shown.stdout
    assert "cret" not in shown.stdout + shown.stderr
