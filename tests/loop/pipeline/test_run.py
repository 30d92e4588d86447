"""run: refuses a bad params.yaml before anything runs, and ends by saying how good the model is."""

import json

import pytest

from loop.pipeline.run import summary


def test_it_ends_with_what_was_trained_how_good_it_is_and_where_to_look(finished):
    said = finished.run("loop", "run").stdout
    card = json.loads(finished.text("models/card.json"))
    assert said.rstrip().endswith(summary(card).rstrip())
    for part in ("trained on", "judged on", "95 % interval", "reports/evaluation.html", "make ui"):
        assert part in said
    for metric in card["metrics"].values():
        assert f"{metric['value']:.4f}" in said


def test_a_second_run_runs_nothing_again(finished):
    assert "Running stage" not in finished.run("loop", "run").stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("train:\n  seed", "trian:\n  seed", "`trian` is not a section; did you mean `train`?"),
        ("replicates:", "replicate:", "`evaluate.replicate` is not a key; did you mean `replicates`?"),
        ("seed: 20130501", "seed: many", "`train.seed` is 'many'"),
        ("2013-06-03T00:00Z", "2013-06-03", "has no time zone"),
        ("owner:", "ower:", "`card.ower` is not a key; did you mean `owner`?"),
    ],
)
def test_a_typo_is_refused_before_anything_runs(working_copy, old, new, said):
    working_copy.edit("params.yaml", old, new)
    done = working_copy.run("loop", "run", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "Running stage" not in done.stdout


def test_a_removed_section_is_named(working_copy):
    text = working_copy.text("params.yaml")
    (working_copy.path / "params.yaml").write_text(text[: text.index("card:")])
    done = working_copy.run("loop", "run", check=False)
    assert "section `card` is missing" in done.stderr
