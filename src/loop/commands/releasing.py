"""From a merge to production, and back."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from loop.base.errors import UsageError
from loop.commands.options import Environment, Now, Predictions, instant

commands = typer.Typer()
release = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Release what was merged.")
commands.add_typer(release, name="release")
rolling = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Take a challenger on, or back.")
commands.add_typer(rolling, name="rollout")


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
def record(image: Annotated[str, typer.Option(help="NAME@sha256:… as it was pushed.")] = "") -> None:
    """Write the version on the branch production, tell the registry, and make GitHub's release of it.

    Any number of times: a version that is there is left as it is. Exit codes: 0 released, or nothing to
    release, as without a branch production at origin; 1 not released.

    Example: loop release record --image ghcr.io/owner/name@sha256:0123…
    """
    from loop.release import record as registering

    raise typer.Exit(registering.main(image, instant(None)))


@rolling.command()
def status(
    predictions: Predictions = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    now: Now = None,
    environment: Environment = None,
) -> None:
    """Say what serves, what the challenger has shown, what is missing, and what to do next.

    Exit codes: 0 said, or nothing was released yet; 1 the branch or its evidence cannot be read.

    Example: loop rollout status
    """
    from loop.production.state import BRANCH
    from loop.rollout import next_environment, rollout

    at = rollout.view(predictions or [], instant(now))
    if environment in (None, BRANCH):
        rollout.status(at, as_json=as_json)
    else:
        next_environment.status(environment, at, as_json=as_json)


@rolling.command()
def advance(predictions: Predictions = None, now: Now = None, environment: Environment = None) -> None:
    """Take the challenger to its next stage, or make it champion: one commit that carries the evidence.

    Of an environment before production: the version that waits there enters the next one, by the same digest,
    with what its rehearsal has shown. With `approvals` in deploy/policy.yaml it opens a pull request to
    `production`, which another person merges. Exit codes: 0 done or opened, 1 evidence is missing or speaks
    against it, and nothing was changed.

    Example: loop rollout advance
    """
    from loop.production.state import BRANCH
    from loop.rollout import next_environment, rollout

    at = rollout.view(predictions or [], instant(now))
    if environment in (None, BRANCH):
        rollout.advance(at)
    else:
        next_environment.advance(environment, at)


@rolling.command()
def rehearse(
    environment: Annotated[
        str | None, typer.Option(help="One before production; the first of the chain by default.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="A day (UTC) of the log; the last with enough by default.")
    ] = None,
    champion: Annotated[
        str | None, typer.Option(help="URL of its server; this checkout's by default.")
    ] = None,
    challenger: Annotated[str | None, typer.Option(help="URL of the version's; likewise.")] = None,
    predictions: Predictions = None,
    now: Now = None,
) -> None:
    """Send a day of the champion's logged requests to both models of an environment, and keep the evidence.

    Personal columns are as the log has them. Exit codes: 0 the version may go on; 1 it may not, or nothing
    could be rehearsed.

    Example: loop rollout rehearse --environment staging
    """
    from loop.rollout import rehearse, rollout

    where = rehearse.Addresses(champion, challenger)
    at = rollout.view(predictions or [], instant(now))
    raise typer.Exit(rehearse.main(environment, day and f"{instant(day, '--day'):%Y-%m-%d}", at, where))


@rolling.command()
def verify() -> None:
    """Say who gave each version its share of the requests, asked of GitHub, as `loop deploy` does.

    And whether a release pushed each image. Needs GITHUB_TOKEN, which may read actions, contents and pull
    requests. Exit codes: 0 another person approved each share, nobody is asked for, or nothing was released;
    1 an approval is missing, or the release of an image.

    Example: loop rollout verify
    """
    from loop.rollout import rollout

    raise typer.Exit(rollout.verify())


@rolling.command()
def hold(
    reason: Annotated[str | None, typer.Option(help="Why it may not go on.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Let it go on again.")] = False,
    environment: Environment = None,
) -> None:
    """Keep the challenger where it is, for a reason, until it is released; likewise in staging.

    Example: loop rollout hold --reason "holidays until Monday"
    """
    from loop.production import environments
    from loop.production.state import BRANCH
    from loop.rollout import rollout

    if (reason is None or not reason.strip()) != release:
        found = "both --reason and --release" if release else "neither --reason nor --release"
        raise UsageError(found, "one of the two", 'for example --reason "holidays until Monday"')
    rollout.hold(reason, environments.known(environment) if environment else BRANCH)


@rolling.command()
def abort(
    reason: Annotated[str, typer.Option(help="Why it is taken back.")],
    predictions: Predictions = None,
    now: Now = None,
    environment: Environment = None,
) -> None:
    """Take the challenger back: all requests go to the champion, and no release brings it again by itself.

    Of an environment before production: the version that waits there never enters the next.

    Example: loop rollout abort --reason "answers too late"
    """
    from loop.production import environments
    from loop.production.state import BRANCH
    from loop.rollout import rollout

    if not reason.strip():
        raise UsageError("--reason is empty", "a reason, which the log keeps", "say why")
    where = environments.known(environment) if environment else BRANCH
    rollout.abort(predictions or [], instant(now), reason, where)


@commands.command()
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
    from loop.rollout import rollback as going_back

    raise typer.Exit(
        going_back.main(to, reason, instant(None), commit=not only_pull_request, pull_request=pull_request)
    )


@commands.command()
def deploy(
    listen: Annotated[str | None, typer.Option(help="HOST:PORT; the last one, or 127.0.0.1:8080.")] = None,
    containers: Annotated[
        bool | None, typer.Option("--containers/--processes", help="How models run; as last time.")
    ] = None,
    watch: Annotated[
        float | None, typer.Option(help="Seconds until it checks again; it ends by Ctrl-C.", min=1)
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Stop all that was started here.")] = False,
    environment: Annotated[
        str | None, typer.Option(help="One of deploy/environments.yaml; the last one, or production.")
    ] = None,
) -> None:
    """Bring about on this host what the branch production says, without a dropped request.

    Exit codes: 0 it serves, 1 it does not, or without the challenger.

    Example: loop deploy --listen 0.0.0.0:8080 --watch 10
    """
    from loop.deploy import deploy as deployment

    raise typer.Exit(deployment.main(listen, containers, watch, down, environment))


@commands.command()
def render(
    what: Annotated[
        Literal["kubernetes", "compose", "monitoring"], typer.Argument(help="For what it is written.")
    ],
    to: Annotated[
        Path | None, typer.Option(help="The folder; build/WHAT by default, deploy/monitoring for alerts.")
    ] = None,
    environment: Environment = None,
) -> None:
    """Write what serves now for a cluster or for docker compose; or, from deploy/slo.yaml, what watches it.

    kubernetes: a kustomize base, as on the branch production; compose: compose.yaml with nginx; monitoring:
    rules of Prometheus, routes of Alertmanager, a dashboard of Grafana. What was written there before is
    replaced. compose gives no version a share that another person must approve and did not, as `loop deploy`.
    Exit codes: 0 written; 1 not: a model has no image, for one; or an older state, which was approved.

    Example: loop render kubernetes && kubectl diff -k build/kubernetes
    """
    from loop.deploy import render as rendering
    from loop.production.state import BRANCH

    folder = to or (Path("deploy/monitoring") if what == "monitoring" else Path("build", what))
    raise typer.Exit(rendering.main(what, folder, environment or BRANCH))
