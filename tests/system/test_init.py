"""A file of data becomes a problem that runs, is reviewed, monitored and tested, without an edit by hand."""

import json
import re

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from conftest import Repo, copy, copy_sources
from loop.repo import machinery

WORDS = re.compile(r"flight|carrier|airport|airline", re.IGNORECASE)  # of the example that leaves
TESTS = ["tests/contract", "tests/problem"]
DOCS = "docs"  # a path that this file named would be one that it is reached by


def sales(rows: int = 4000) -> pd.DataFrame:
    """Half a year of a shop by the hour, as a German spreadsheet writes it; two columns are the label."""
    rng = np.random.default_rng(5)
    at = pd.Timestamp("2023-01-02 00:00") + pd.to_timedelta(np.arange(rows), unit="h")
    price = rng.uniform(1, 9, rows).round(2)
    promo = rng.random(rows) < 0.2
    online = rng.poisson(20 + 10 * promo + 3 * (at.hour > 8), rows)
    till = rng.poisson(30 - 2 * price, rows)
    frame = pd.DataFrame(
        {
            "Zeitpunkt": at.strftime("%d.%m.%Y %H:%M"),
            "price (€)": pd.Series(price).astype("str").str.replace(".", ","),
            "class": rng.choice(["a", "b", "c"], rows),
            "promo": np.where(promo, "yes", "no"),
            "humidity": pd.Series(rng.uniform(0, 1, rows).round(3)).astype("str").str.replace(".", ","),
            "online": online,
            "till": till,
            "sold": online + till,
        }
    )
    frame.loc[rng.random(rows) < 0.05, "humidity"] = ""
    frame["sample_weight"] = rng.choice([1, 3], rows)
    return frame


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Repo:
    """The repository in which sales took the place of the example, whose pipeline has run."""
    folder = tmp_path_factory.mktemp("Läden und mehr")
    file = folder / "Sales of 2023.csv"
    sales().to_csv(file, sep=";", index=False, encoding="utf-8-sig")
    repo = copy_sources(folder / "repo")
    repo.git("config", "user.name", "ann")
    repo.git("config", "user.email", "ann@shop.example")
    repo.said = repo.run(
        "loop", "init", str(file), "--label", "sold", "--zone", "Europe/Berlin", "--label-after", "1 day"
    ).stdout
    repo.run("loop", "run")
    return repo


def test_it_says_what_it_took_the_columns_for_and_what_gives_the_label_away(shop):
    assert "time of decision: zeitpunkt" in shop.said
    assert "sold = online + till" in shop.said
    assert re.search(r"inputs: 4 .*price, class_, promo, humidity", shop.said)


def test_it_is_one_commit_and_nothing_that_speaks_of_the_example_is_left(shop):
    assert shop.git("log", "--format=%s").split("\n")[0] == "Begin Sales of 2023, from Sales of 2023.csv"
    listed = shop.git("ls-files").split("\n")
    assert not [name for name in listed if WORDS.search(name)]
    texts = {name: (shop.path / name).read_text(errors="replace") for name in listed}
    assert not [name for name, text in texts.items() if WORDS.search(text)]
    assert {
        "README.md",
        "src/problem/source.py",
        "tests/contract/test_problem.py",
        f"{DOCS}/review.md",
    } <= set(listed)
    assert not [name for name in listed if name.startswith(("benchmarks/", "tests/system/"))]
    assert machinery.recorded(shop.path).machinery
    assert machinery.edited(shop.path) == []
    assert "part: [1/1]\n" in shop.text(".github/workflows/checks.yml"), "its tests are few"


def test_no_page_that_is_left_points_at_one_that_is_gone(shop):
    for page in [shop.path / "README.md", *sorted((shop.path / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            made = target.startswith("models/card")  # by the run
            assert "://" in target or made or (page.parent / target).exists(), f"{page.name}: {target}"


def test_rows_count_by_their_weight_which_is_no_input(shop):
    assert "weight of a row: sample_weight" in shop.said
    holdout, predictions = (
        pd.read_parquet(shop.path / f"data/{name}.parquet") for name in ("examples/holdout", "predictions")
    )
    rows = holdout.merge(predictions, on="row")
    error = (rows["score"] - rows["label"]).abs().repeat(rows["row_weight"].astype(int))
    assert json.loads(shop.text("reports/metrics.json"))["mae"]["value"] == pytest.approx(
        error.mean(), abs=1e-6
    )
    assert "sample_weight" not in holdout


def test_the_first_model_beats_guessing(shop):
    mae = json.loads(shop.text("reports/metrics.json"))["mae"]
    spread = (sales()["sold"] - sales()["sold"].mean()).abs().mean()
    assert mae["value"] < 0.9 * spread


def test_the_first_model_is_reviewed_without_a_champion(shop, tmp_path):
    repo = copy(shop, tmp_path / "repo")
    done = repo.run("loop", "review", check=False)
    verdict = json.loads(repo.text("review/verdict.json"))
    assert {check["result"] for check in verdict["checks"]} == {"pass"}, done.stdout
    assert verdict["champion"] == "none yet"


def test_a_change_is_judged_against_it(shop, tmp_path):
    repo = copy(shop, tmp_path / "repo")
    repo.commit()
    repo.git("switch", "--quiet", "--create", "change")
    repo.set_param("train.model.trees", 110)
    repo.run("loop", "run")
    repo.run("loop", "review", check=False)
    assert json.loads(repo.text("review/verdict.json"))["verdict"] in {"equivalent", "better"}


def test_it_is_monitored(shop, tmp_path):
    repo = copy(shop, tmp_path / "repo")
    repo.commit()
    repo.run("loop", "monitor", "--now", "2023-06-18", check=False)
    found = json.loads(repo.text("monitor/finding.json"))
    assert found["decision"] in {"nothing", "warning"}
    assert found["matured"]["rows"] > 0


def test_its_own_tests_and_those_of_any_problem_pass_and_lint_finds_nothing(shop):
    done = shop.run("python", "-m", "pytest", "-q", *TESTS, check=False, CI="true")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "failed" not in done.stdout
    checked = shop.run("ruff", "check", "src/problem", "tests/problem", check=False)
    assert checked.returncode == 0, checked.stdout
    assert shop.run("ruff", "format", "--check", "src/problem", "tests/problem", check=False).returncode == 0


RENAMED = {
    "src/loop/settings/monitor_settings.py": ("cool_down_days: int", "quiet_days: int"),
    "src/loop/monitor/decide.py": ("retrain.cool_down_days", "retrain.quiet_days"),
    "src/loop/settings/renamed.py": (
        "KEYS = {",
        'KEYS = {\n    ("monitor", "retrain", "cool_down_days"): "quiet_days",',
    ),
}


@pytest.fixture(scope="module")
def versions(shop, tmp_path_factory) -> Repo:
    """The template that the shop came from, and two later versions: one renames a key, one edits a stage."""
    made = Repo(tmp_path_factory.mktemp("versions") / "template")
    shop.git("clone", "--quiet", ".", str(made.path))
    made.git("checkout", "--quiet", "-B", "main", made.git("rev-list", "--max-parents=0", "HEAD"))
    made.git("config", "user.name", "bob")
    made.git("config", "user.email", "bob@template.example")
    made.git("tag", "v0.1.0")
    for file, (old, new) in RENAMED.items():
        made.edit(file, old, new)
    made.append("src/loop/pipeline/train.py", "# A later version.\n")
    made.commit()
    made.run("python", ".ci/release", "0.2.0")
    made.append("Makefile", "# A still later version.\n")
    made.edit("CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- Another thing.\n")
    made.commit()
    made.run("python", ".ci/release", "0.3.0")
    return made


def model_in(repo: Repo) -> str:
    outs = yaml.safe_load(repo.text("dvc.lock"))["stages"]["train"]["outs"]
    return next(one["md5"] for one in outs if one["path"] == "models/model.skops")


def test_later_versions_come_one_by_one_and_the_review_finds_the_same_model(shop, versions, tmp_path):
    repo = copy(shop, tmp_path / "repo")
    repo.edit("params.yaml", "cool_down_days: 28", "cool_down_days: 14  # ours")
    repo.edit("Makefile", ".DEFAULT_GOAL := help", ".DEFAULT_GOAL := test  # ours")
    repo.commit()
    model = model_in(repo)
    champion = repo.git("rev-parse", "HEAD")
    said = repo.run("loop", "update", "--from", str(versions.path), "--to", "0.2.0").stdout
    assert "`params.yaml: monitor.retrain.cool_down_days -> monitor.retrain.quiet_days`" in said
    repo.git("merge", "--quiet", "update/0.2.0")
    assert "quiet_days: 14  # ours\n" in repo.text("params.yaml")
    repo.run("loop", "update", "--from", str(versions.path))
    repo.git("switch", "--quiet", "update/0.3.0")
    assert ".DEFAULT_GOAL := test  # ours" in repo.text("Makefile")
    assert repo.text("Makefile").endswith("# A still later version.\n")
    assert machinery.edited(repo.path) == ["Makefile"]
    changed = repo.git("diff", "--name-only", champion, "HEAD").split()
    assert not [name for name in changed if name.startswith(("src/problem", "data", "tests/system"))]
    repo.git("branch", "--force", "main", champion)
    repo.run("loop", "run")
    repo.commit()
    assert model_in(repo) == model, "to the bit"
    repo.run("loop", "review", "--against", "main", check=False)
    assert json.loads(repo.text("review/verdict.json"))["verdict"] in {"no model change", "equivalent"}


def test_a_second_run_changes_nothing_and_another_problem_needs_force(shop, tmp_path):
    repo = copy(shop, tmp_path / "repo")
    repo.commit()
    file = next((repo.path / "data/source").iterdir())
    again = repo.run("loop", "init", str(file), "--label", "sold")
    assert "nothing is changed" in again.stdout
    assert repo.git("status", "--porcelain") == ""
    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "cells.csv", index=False)
    other = repo.run("loop", "init", str(tmp_path / "cells.csv"), check=False)
    assert other.returncode == 1
    assert "holds another problem already" in other.stderr


def test_work_that_is_not_committed_is_not_touched(bare_copy, tmp_path):
    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "cells.csv", index=False)
    bare_copy.append("README.md", "mine\n")
    done = bare_copy.run("loop", "init", str(tmp_path / "cells.csv"), check=False)
    assert done.returncode == 1
    assert "not committed" in done.stderr
    assert bare_copy.git("status", "--porcelain") == "M README.md"


def test_rows_without_a_time_are_held_out_by_their_key(bare_copy):
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "benign"})
    laid = bare_copy.path / "my cells [1].parquet"  # beside the code, as people do
    frame.to_parquet(laid)
    bare_copy.git("config", "user.name", "ann")
    bare_copy.git("config", "user.email", "ann@cells.example")
    told = bare_copy.run("loop", "init", laid.name, "--label", "benign", "--name", "cells").stdout
    assert f"{laid.name} stays, and git leaves it alone" in told
    assert laid.exists()
    assert laid.name not in bare_copy.git("status", "--porcelain", "--ignored=no")
    assert bare_copy.git("ls-files", "--", "*.parquet") == f"data/source/{laid.name}"
    assert (
        "nothing is changed"
        in bare_copy.run("loop", "init", laid.name, "--label", "benign", "--name", "cells").stdout
    )
    bare_copy.run("loop", "run")
    assert json.loads(bare_copy.text("reports/metrics.json"))["roc_auc"]["value"] > 0.95
    unknown = "leaks over time, cannot be told"
    assert unknown in bare_copy.text("models/card.md")
    assert unknown in bare_copy.text("reports/evaluation.html")
    bare_copy.run("loop", "review", check=False)
    assert unknown in bare_copy.text("review/report.md")
    assert unknown in bare_copy.text("review/report.html")


MODEL = '''"""A notebook as a script."""
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


class Logs(TransformerMixin, BaseEstimator):
    """Logarithms of numbers from zero on."""

    def fit(self, x, y=None):
        return self

    def transform(self, x):
        return np.log1p(x)


numbers = make_pipeline(Logs(), StandardScaler())
columns = ColumnTransformer([("numbers", numbers, ["mean area", "mean texture", "worst concavity"])])
model = Pipeline([("columns", columns), ("line", LogisticRegression(C=0.5))])
'''


def test_a_view_of_a_database_and_a_pipeline_of_a_notebook_become_a_problem(bare_copy, tmp_path):
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "benign"})
    frame.insert(0, "case no", [f"c{number:03}" for number in range(len(frame))])
    file = tmp_path / "clinic.db"
    with duckdb.connect(file) as engine:
        engine.register("frame", frame)
        engine.execute("CREATE TABLE cells AS SELECT * FROM frame")
        engine.execute("CREATE VIEW known AS SELECT * FROM cells WHERE benign IS NOT NULL")
    (tmp_path / "mine.py").write_text(MODEL)
    bare_copy.git("config", "user.name", "ann")
    bare_copy.git("config", "user.email", "ann@cells.example")
    options = ("--table", "known", "--label", "benign", "--model", f"{tmp_path / 'mine.py'}:model")
    bare_copy.run("loop", "init", f"duckdb://{file}", *options)
    assert "Query(" in bare_copy.text("src/problem/source.py")
    assert "Logs()" in bare_copy.text("src/problem/model.py")
    assert "C: 0.5" in bare_copy.text("params.yaml")
    bare_copy.run("loop", "run")
    assert json.loads(bare_copy.text("reports/metrics.json"))["roc_auc"]["value"] > 0.95
    script = "import loop; now = loop.open(); print(len(now.predictions), now.model[0], list(now.tables))"
    assert "Logs" in bare_copy.run("python", "-c", script).stdout
    assert bare_copy.run("ruff", "check", "src/problem", check=False).returncode == 0
