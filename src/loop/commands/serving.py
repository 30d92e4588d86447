"""A model that answers, and the record of its answers."""

from pathlib import Path
from typing import Annotated

import typer

from loop.base.errors import UsageError
from loop.commands.options import Environment, Now, instant

commands = typer.Typer()


@commands.command()
def materialize(
    as_of: Annotated[str | None, typer.Option(help="An instant in UTC; windows.as_of by default.")] = None,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", help="Leave a store alone that holds anything, as of windows.as_of.")
    ] = False,
    served: Annotated[
        bool,
        typer.Option("--served", help="For each version that runs, by its own code; as of now by default."),
    ] = False,
    environment: Environment = None,
) -> None:
    """Fill the feature store: of each view and entity the newest row known at an instant.

    The store is data/online, or LOOP_FEATURES: another folder, or redis://HOST:PORT/NUMBER.

    Example: loop materialize --as-of 2013-06-03T00:00Z
    """
    from loop.serve import materialize as filling

    if (environment and not served) or (if_empty and served):
        found = "--if-empty with --served" if served else "--environment without --served"
        raise UsageError(found, "--served for the versions of an environment", "leave one of them out")
    if served:
        from loop.deploy import fill
        from loop.production.state import BRANCH

        fill.main(environment or BRANCH, instant(as_of, "--as-of"))
    elif if_empty:
        from loop.settings import serve_settings

        filling.fill(serve_settings.place().features)
    else:
        filling.main(as_of)


@commands.command()
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


@commands.command()
def score(
    requests: Annotated[
        Path, typer.Argument(metavar="IN", help="Requests, .parquet or .csv, or a folder of such parts.")
    ],
    scores: Annotated[
        Path, typer.Argument(metavar="OUT", help="Where scores go, .parquet or .csv, or a folder for parts.")
    ],
    zone: Annotated[
        str | None, typer.Option(help="Of times that name none, such as UTC or Europe/London.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What separates the columns of a CSV, such as ';' or tab.")
    ] = None,
) -> None:
    """Score a file of requests of any size, as the server would.

    Features come from the store, or from IN if it has a column for each. Values are those that a request
    takes: what could mean two things, such as a time without a zone, is refused. A folder is made by the
    engine of params.yaml, on Spark many parts at once; a file is made by this machine.

    Example: loop score data/examples/holdout.parquet scores.parquet
    """
    if scores.suffix:
        from loop.serve import score as scoring

        scoring.main(requests, scores, zone, delimiter)
    else:
        from loop.serve import score_parts

        score_parts.main(requests, scores, zone, delimiter)


@commands.command()
def collect(now: Now = None) -> None:
    """Compact the prediction log into Parquet by day, each prediction once, and delete what is too old.

    Example: loop collect
    """
    from loop.serve import collect as collecting

    collecting.main(instant(now))


@commands.command()
def image(
    tag: Annotated[str | None, typer.Option(help="NAME:TAG; loop:MODEL by default.")] = None,
    push: Annotated[bool, typer.Option("--push", help="Push it to the registry that --tag names.")] = False,
    jobs: Annotated[
        bool,
        typer.Option("--jobs", help="That of a cluster's jobs instead: git, uv, the packages of uv.lock."),
    ] = False,
) -> None:
    """Build the image that answers requests in production, and the list of what is in it.

    Needs Docker. LOOP_IMAGE_BASE and LOOP_IMAGE_BUILDER name other base images than the pinned ones.

    With --push the registry's digest is printed too, in a workflow as the outputs `digest` and
    `name` too. Exit codes: 0 done, 1 not built, or not pushed whole.

    Example: loop image --push --tag registry.example.com/team/model:1
    """
    from loop.serve import image as building

    raise typer.Exit(building.jobs(tag, push) if jobs else building.main(tag, push))


@commands.command()
def explain(
    request: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The X-Request-Id of an answer.")],
) -> None:
    """Say why a request got its score: what each feature added, by the model that answered.

    Example: loop explain 9f0c2a7e
    """
    from loop.history import trace
    from loop.serve import why

    print(why.main(request, trace.brief))
