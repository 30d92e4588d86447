"""`loop VERB`: what a workflow step runs, a laptop runs too. Exit codes are in `loop --help`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from loop import stage
from loop.errors import guard

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    name="loop",
    help=(
        "Every change to a model is a pull request with evidence.\n\n"
        "Exit codes: 0 done, 1 refused (bad data, bad params, a full disk), 2 wrong usage, 130 interrupted. "
        "For review: 0 may take over, 1 worse, 2 cannot tell."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


setting = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Set up what no file can hold.")
app.add_typer(setting, name="setup")
rolling = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Take a challenger on, or back.")
app.add_typer(rolling, name="rollout")

Now = Annotated[str | None, typer.Option(help="An instant in UTC; the clock's by default.")]
Predictions = Annotated[
    list[Path] | None,
    typer.Option(help="A folder of the prediction log, may repeat; else LOOP_PREDICTIONS."),
]
registry = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="MLflow's registry, drawn from git.")
app.add_typer(registry, name="registry")
release = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Release what was merged.")
app.add_typer(release, name="release")


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Every change to a model is a pull request with evidence."""
    if debug:
        os.environ["LOOP_DEBUG"] = "1"


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context) -> None:
    """Run the stages that are out of date, and say what was trained and how good it is.

    Options are passed on to `dvc repro`.

    Example: loop run --force
    """
    from loop.pipeline import run as pipeline

    raise typer.Exit(pipeline.run(context.args))


@app.command()
def ingest() -> None:
    """Read the source's raw tables, as known at windows.as_of, into data/raw.

    Example: loop ingest
    """
    stage.run("ingest")


@app.command()
def validate() -> None:
    """Repair raw facts by named rules and hold them against their contract.

    Example: loop validate; cat reports/validation.json
    """
    stage.run("validate")


@app.command()
def examples() -> None:
    """Join each request with what was known at its decision, and with its label.

    Example: loop examples
    """
    stage.run("examples")


@app.command()
def train() -> None:
    """Fit the model on the training window, and write its lineage.

    Example: OMP_NUM_THREADS=1 loop train
    """
    stage.run("train")


@app.command()
def evaluate() -> None:
    """Judge the model on the holdout: metrics, slices, report and model card.

    Example: loop evaluate
    """
    stage.run("evaluate")


@app.command()
def review(
    against: Annotated[str, typer.Option(help="The base: a branch, tag or commit.")] = "main",
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run again from the base's results first, as CI does.")
    ] = False,
) -> None:
    """Say whether the working tree's model may take over from the champion of a base branch.

    Writes review/report.md, review/report.html and review/verdict.json, and leaves all else as
    it is. Exit codes: 0 better, equivalent or nothing to judge, 1 worse, 2 cannot tell.

    With --rerun nothing that the branch committed is trusted: results are made again, from the
    lock of the commit where the branch parted, and the gate `rerun` says what differs.

    Example: loop review --against main
    """
    for name in ("verdict.json", "report.md", "report.html"):  # older ones are not this review's
        Path("review", name).unlink(missing_ok=True)
    try:
        from loop.review import review as judge
    except Exception as error:  # code of the branch that does not even load
        if os.environ.get("LOOP_DEBUG") == "1":
            raise
        from loop.review import unloadable

        raise typer.Exit(unloadable.main(against, error)) from None
    raise typer.Exit(judge.main(against, rerun))


@app.command()
def publish(
    run: Annotated[int, typer.Argument(help="The number of a run of review.yml.")],
) -> None:
    """Bring a review to its pull request: the comment, the status `gate`, and dvc.lock.

    For the workflow publish.yml, with code of main only: what the run left is not trusted.

    Example: loop publish "$RUN"
    """
    from loop.publish import publish as posting

    raise typer.Exit(posting.main(run))


@app.command()
def materialize(
    as_of: Annotated[str | None, typer.Option(help="An instant in UTC; windows.as_of by default.")] = None,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", help="Leave a store alone that holds anything, as of windows.as_of.")
    ] = False,
) -> None:
    """Fill the feature store: of each view and entity the newest row known at an instant.

    The store is data/online, or LOOP_FEATURES: another folder, or redis://HOST:PORT/NUMBER.

    Example: loop materialize --as-of 2013-06-03T00:00Z
    """
    from loop.serve import materialize as filling

    if if_empty:
        from loop import settings

        filling.fill(settings.place().features)
    else:
        filling.main(as_of)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 3000,
) -> None:
    """Serve the model of this checkout on this machine, and print a request to try.

    Exit codes: 0 stopped, 1 could not be served.

    Example: loop serve --port 3000
    """
    from loop.serve import serve as serving

    raise typer.Exit(serving.main(host, port))


@app.command()
def score(
    requests: Annotated[Path, typer.Argument(metavar="IN", help="Requests, .parquet or .csv.")],
    scores: Annotated[Path, typer.Argument(metavar="OUT", help="Where scores go, .parquet or .csv.")],
) -> None:
    """Score a file of requests of any size, as the server would.

    Features come from the store, or from IN if it has a column for each.

    Example: loop score data/examples/holdout.parquet scores.parquet
    """
    from loop.serve import score as scoring

    scoring.main(requests, scores)


@app.command()
def collect(
    now: Annotated[str | None, typer.Option(help="An instant in UTC; the clock's by default.")] = None,
) -> None:
    """Compact the prediction log into Parquet by day, each prediction once, and delete what is too old.

    Example: loop collect
    """
    from loop.serve import collect as collecting

    collecting.main(_now(now))


@app.command()
def image(
    tag: Annotated[str | None, typer.Option(help="NAME:TAG; loop:MODEL by default.")] = None,
    push: Annotated[bool, typer.Option("--push", help="Push it to the registry that --tag names.")] = False,
) -> None:
    """Build the image that answers requests in production, and the list of what is in it.

    Needs Docker. LOOP_IMAGE_BASE and LOOP_IMAGE_BUILDER name other base images than the pinned ones.

    With --push the digest by which the registry knows it is told, in a workflow as the outputs `digest` and
    `name` too. Exit codes: 0 done, 1 not built, or not pushed whole.

    Example: loop image --push --tag registry.example.com/team/model:1
    """
    from loop.serve import image as building

    raise typer.Exit(building.main(tag, push))


@app.command()
def render(
    what: Annotated[Literal["kubernetes", "compose"], typer.Argument(help="For what it is written.")],
    to: Annotated[Path | None, typer.Option(help="The folder; build/WHAT by default.")] = None,
) -> None:
    """Write what serves now as a kustomize base, as on the branch production, or as compose.yaml with nginx.

    What was written there before is replaced. Exit codes: 0 written, 1 not: a model has no image, for one.

    Example: loop render kubernetes && kubectl diff -k build/kubernetes
    """
    from loop.release import render as rendering

    rendering.main(what, to or Path("build", what))


@app.command()
def rollback(
    to: Annotated[
        int | None, typer.Option(help="A version; the last champion before by default.", min=1)
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; the log of production keeps it.")] = None,
    pull_request: Annotated[
        bool, typer.Option(help="Whether to open the pull request that takes the change back from main.")
    ] = True,
    only_pull_request: Annotated[
        bool, typer.Option("--only-pull-request", help="Production is back already: open that alone.")
    ] = False,
) -> None:
    """Let an earlier champion serve again, by one commit on `production`: nothing is built.

    Exit codes: 0 production is back, whatever became of the pull request; 1 refused, nothing changed.

    Example: loop rollback --reason "scores went up by night"
    """
    import pandas as pd

    from loop.release import rollback as going_back

    now = pd.Timestamp.now("UTC").floor("s")
    raise typer.Exit(
        going_back.main(to, reason, now, commit=not only_pull_request, pull_request=pull_request)
    )


@app.command()
def reproduce(
    version: Annotated[str, typer.Argument(help="A version, `champion`, or a commit.")] = "champion",
    issue: Annotated[
        bool, typer.Option("--issue", help="In a workflow: open an issue when it does not come out again.")
    ] = False,
) -> None:
    """Make a version again from raw data, in a worktree of its commit, and compare every hash.

    Exit codes: 0 everything came out the same, or nothing is released yet; 1 something did not.

    Example: loop reproduce champion
    """
    from loop.release import reproduce as rebuilding

    raise typer.Exit(rebuilding.main(version, issue))


@app.command()
def deploy(
    listen: Annotated[str | None, typer.Option(help="HOST:PORT; the last one, or 127.0.0.1:8080.")] = None,
    containers: Annotated[
        bool | None, typer.Option("--containers/--processes", help="How models run; as last time.")
    ] = None,
    watch: Annotated[
        float | None, typer.Option(help="Seconds until it looks again; it ends by Ctrl-C.", min=1)
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Stop all that was started here.")] = False,
) -> None:
    """Bring about on this host what the branch production says, without a dropped request.

    Exit codes: 0 it serves, 1 it does not, or without the challenger.

    Example: loop deploy --listen 0.0.0.0:8080 --watch 10
    """
    from loop.release import deploy as deployment

    raise typer.Exit(deployment.main(listen, containers, watch, down))


@setting.command()
def github(
    apply: Annotated[bool, typer.Option("--apply", help="Do it, by gh, as whoever is logged in.")] = False,
    reviewer: Annotated[
        list[str] | None, typer.Option(help="Who approves releases: LOGIN or ORGANIZATION/TEAM; may repeat.")
    ] = None,
) -> None:
    """Print what a new repository needs on GitHub, or do it; any number of times.

    Exit codes: 0 done, 1 something was refused, and the rest was done.

    Example: loop setup github --apply --reviewer alice
    """
    from loop.setup import github as repository

    raise typer.Exit(repository.main(apply, reviewer or []))


@rolling.command()
def status(
    predictions: Predictions = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    now: Now = None,
) -> None:
    """Say what serves, what the challenger has shown, what is missing, and what to do next.

    Example: loop rollout status
    """
    from loop.release import rollout

    rollout.status(rollout.view(predictions or [], _now(now)), as_json=as_json)


@rolling.command()
def advance(predictions: Predictions = None, now: Now = None) -> None:
    """Take the challenger to its next stage, or make it champion: one commit that carries the evidence.

    Exit codes: 0 done, 1 evidence is missing or speaks against it, and nothing was changed.

    Example: loop rollout advance
    """
    from loop.release import rollout

    rollout.advance(rollout.view(predictions or [], _now(now)))


@rolling.command()
def hold(
    reason: Annotated[str | None, typer.Option(help="Why it may not go on.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Let it go on again.")] = False,
) -> None:
    """Keep the challenger where it is, for a reason, until it is released.

    Example: loop rollout hold --reason "holidays until Monday"
    """
    from loop.release import rollout

    if (reason is None or not reason.strip()) != release:
        raise typer.BadParameter("give either --reason TEXT or --release")
    rollout.hold(reason)


@rolling.command()
def abort(
    reason: Annotated[str, typer.Option(help="Why it is taken back.")],
    predictions: Predictions = None,
    now: Now = None,
) -> None:
    """Take the challenger back: all requests go to the champion, and no release brings it again by itself.

    Example: loop rollout abort --reason "answers too late"
    """
    from loop.release import rollout

    if not reason.strip():
        raise typer.BadParameter("--reason is empty")
    rollout.abort(predictions or [], _now(now), reason)


def _now(text: str | None) -> "pd.Timestamp":
    import pandas as pd

    from loop.params import instant_option

    return instant_option("--now", text) or pd.Timestamp.now("UTC")


@release.command()
def plan() -> None:
    """Say whether the checked-out commit of main is to be released, and verify that it may be.

    For the workflow release.yml: leaves outputs for its next steps. Exit codes: 0 decided, 1 the commit may
    not be released, or its model card is incomplete.

    Example: loop release plan
    """
    from loop.release import plan as planning

    raise typer.Exit(planning.main())


@release.command("reproduce")
def recompute() -> None:
    """Make main's results again, from cache, remote or nothing, and hold them to dvc.lock by hash.

    Exit codes: 0 they came out again, 1 a stage did not, by name.

    Example: loop release reproduce
    """
    from loop.release import recompute

    raise typer.Exit(recompute.main())


@release.command()
def record(
    image: Annotated[str, typer.Option(help="NAME@sha256:… as it was pushed.")] = "",
) -> None:
    """Write the version on the branch production, tell the registry, and make GitHub's release of it.

    Any number of times: a version that is there is left as it is.

    Example: loop release record --image ghcr.io/owner/name@sha256:0123…
    """
    import pandas as pd

    from loop.release import register as registering

    raise typer.Exit(registering.main(image, pd.Timestamp.now("UTC")))


@app.command()
def doctor() -> None:
    """Say what is missing, on this machine and on GitHub, with the command that mends each.

    Exit codes: 0 nothing that is needed is missing, 1 something is.

    Example: loop doctor
    """
    from loop.setup import doctor as examination

    raise typer.Exit(examination.main())


@app.command()
def lineage(
    what: Annotated[
        str | None,
        typer.Argument(metavar="VERSION|REQUEST_ID|FILE", help="By default the model file of this checkout."),
    ] = None,
    version: Annotated[int | None, typer.Option(help="A version, by its number.")] = None,
    request: Annotated[str | None, typer.Option(help="A request, by its id.")] = None,
) -> None:
    """Trace a prediction, a version or a model file to the commit, people, data, params and locks behind it.

    A number is a version if there is one, else a request.

    Example: loop lineage 3; loop lineage models/model.skops
    """
    from loop.release import trace
    from loop.serve import find

    print(trace.main(what, version, request, find.find))


@app.command()
def explain(
    request: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The X-Request-Id of an answer.")],
) -> None:
    """Say why a request got its score: what each feature added, by the model that answered.

    Example: loop explain 9f0c2a7e
    """
    from loop.release import trace
    from loop.serve import why

    print(why.main(request, trace.brief))


@app.command()
def audit(
    since: Annotated[str | None, typer.Option(help="The first day (UTC); that of the first release.")] = None,
    until: Annotated[str | None, typer.Option(help="The day after the last; tomorrow by default.")] = None,
    day: Annotated[str | None, typer.Option(help="This day alone.")] = None,
) -> None:
    """Say who changed what serves, when and why, and what served on each day; as audit/index.html too.

    Example: loop audit --day 2026-01-05
    """
    import pandas as pd

    from loop.release import audit as auditing

    auditing.main(since, until, day, pd.Timestamp.now("UTC"))


@registry.command()
def sync() -> None:
    """Let MLflow's registry say what git says: versions, tags, aliases; rebuilds one that was lost.

    Example: loop registry sync
    """
    from loop.release import registry as registering

    registering.main()


def main() -> None:
    """The console script: every mistake of the user ends as one message."""
    guard(app)
