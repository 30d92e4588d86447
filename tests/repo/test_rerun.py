"""A pipeline that is run again: how a failure is told."""

import pytest

from loop.repo.rerun import OBJECTS, _distrust, failure

FAILED = "ERROR: failed to reproduce 'train': failed to run: python, exited with 1"


@pytest.mark.parametrize(
    ("output", "report"),
    [
        (
            ["Running stage 'train':", "Traceback", "NameError: name 'x' is not defined", "", FAILED],
            "stage train failed: NameError: name 'x' is not defined",
        ),
        (
            ["error: train.model.tree is not a key; did you mean trees?", "  expected: a key"],
            "the pipeline did not run: train.model.tree is not a key; did you mean trees?",
        ),
        ([], "the pipeline did not run: it said nothing"),
    ],
)
def test_a_failure_names_the_stage_and_the_line_that_says_why(output, report):
    assert failure(output) == report


def test_an_object_of_the_cache_that_is_a_link_is_dropped_and_what_it_leads_to_left_alone(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    secret, objects = tmp_path / "key", tmp_path / OBJECTS / "aa"
    objects.mkdir(parents=True)
    secret.write_text("mine")
    secret.chmod(0o400)
    (objects / "1").symlink_to(secret)
    (objects / "2").symlink_to(tmp_path / "nowhere")
    (objects / "3").write_text("an object")
    (objects / "3").chmod(0o444)
    _distrust()
    assert secret.stat().st_mode & 0o777 == 0o400
    assert [(path.name, path.stat().st_mode & 0o777) for path in objects.iterdir()] == [("3", 0o644)]
