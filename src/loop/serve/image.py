"""image: the model of this checkout as an OCI image, and a list of what is in it.

BentoML lays out the bento by bentofile.yaml, Docker builds it by deploy/Dockerfile.j2. Code comes from
files that git tracks, models from where DVC put them, packages from uv.lock, with their hashes. Layers hold
times of files, so two builds of one commit differ in digest: a release builds once, and serves that digest.

LOOP_IMAGE_BASE      the image that the server runs on, in place of the one in deploy/Dockerfile.j2
LOOP_IMAGE_BUILDER   the image that installs and compiles: the same Python at the same path, and gcc
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from loop.base import environment, files, program
from loop.base.errors import LoopError
from loop.github import workflow_output
from loop.model import artifacts, lineage
from loop.production import image_origin
from loop.production.content import EXPORT, PACKAGES, in_image
from loop.repo import closure, uv_lock
from loop.repo.commit import checked_out
from loop.repo.git import git
from loop.repo.worktree import uv
from loop.settings import serve_settings
from loop.settings.paths import CARD, CARD_JSON, ENVIRONMENT_LOCK, LINEAGE, MODEL, PARAMS, REFERENCE

BENTOFILE = Path("bentofile.yaml")
TEMPLATE = Path("deploy/Dockerfile.j2")
JOBS = Path("deploy/jobs")
INSTALLER = Path("requirements-uv.txt")
REQUIREMENTS, WHEELS = Path("requirements.txt"), Path("wheels")
SBOM = Path("dist/sbom.cdx.json")
MODELS = (MODEL, LINEAGE, REFERENCE, CARD_JSON, CARD)
BASES = {"BASE": "LOOP_IMAGE_BASE", "BUILDER": "LOOP_IMAGE_BUILDER"}


def jobs(tag: str | None, push: bool = False) -> int:
    """Build the image of a cluster's jobs, push it if asked; print what it is, a workflow's outputs too.

    Raises LoopError as `main` does.
    """
    name = _pushable(tag) if push else None
    _ready(shutil.which("docker"))
    tag = tag or "loop-jobs"
    with TemporaryDirectory(prefix="loop-image-") as folder:
        context = Path(folder, "context")
        _lay_out_jobs(context)
        built = _build(context, context / "Dockerfile", tag, {"SOURCE": _source()})
    return _tell(tag, built, name, {})


def main(tag: str | None, push: bool = False) -> int:
    """Build the image and write its SBOM, push it if asked; print what they are, a workflow's outputs too.

    Raises LoopError for what is missing, and for a push that fails: then no digest is told.
    """
    name = _pushable(tag) if push else None
    serve_settings.params()
    sha256 = artifacts.here(*MODELS)
    _ready(shutil.which("docker"))
    commit, version = checked_out(), sha256[:12]
    tag = tag or f"loop:{version}"
    with TemporaryDirectory(prefix="loop-image-") as folder:
        context = Path(folder, "context")
        _lay_out(context)
        bento = _bento(context, Path(folder, "bentoml"))
        title = lineage.load(CARD_JSON)["name"]
        given = {"COMMIT": commit, "VERSION": version, "TITLE": title, "SOURCE": _source()}
        built = _build(bento, bento / "env/docker/Dockerfile", tag, given)
    write_sbom()
    return _tell(tag, built, name, {"model": version, "commit": commit, "sbom": str(SBOM)})


def _tell(tag: str, built: str, name: str | None, more: dict[str, str]) -> int:
    """Push what was built to a registry's `name` if there is one, and print what it is."""
    told = {"image": tag, "size": f"{int(_inspect(built, '{{.Size}}')) / 1e6:.0f} MB", **more}
    if name is not None:
        digest = told["digest"] = _push(tag, built)
        workflow_output.put(name=name, digest=digest, receipt=image_origin.receipt_of(digest))
    for key, value in told.items():
        print(f"  {key:<8} {value}")
    return 0


def _pushable(tag: str | None) -> str:
    """The name in a tag REGISTRY/NAME:TAG."""
    found = re.fullmatch(
        r"((?:localhost|\w[\w-]*(?=[.:])[\w.-]*)(?::\d+)?/[a-z0-9./_-]+)(?::[\w.-]+)?", tag or ""
    )
    if found is None:
        raise LoopError(
            f"--push has no registry to push to: --tag is {tag!r}",
            "REGISTRY/NAME:TAG in lower case",
            "`loop image --push --tag registry.example.com/team/model:1`",
        )
    return found[1]


def _ready(docker: str | None) -> None:
    if docker is None:
        raise LoopError(
            "there is no `docker`", "Docker 20.10 or newer", "https://docs.docker.com/get-docker/"
        )
    asked = program.ask([docker, "version", "--format", "{{.Server.Version}}"], seconds=60)
    if asked.code:
        raise LoopError(
            f"Docker's engine does not answer: {asked.gist()}",
            "an engine that this user may ask",
            "start it, or set DOCKER_HOST; `docker version` shows whether it answers",
        )


def _source() -> str:
    """The page of the repository, if its remote `origin` has one."""
    try:
        return _page(git("remote", "get-url", "origin"))
    except LoopError:
        return ""


def _page(origin: str) -> str:
    """The https address of a git remote, without user or token; empty for a path or another scheme."""
    found = re.fullmatch(
        r"(?:https://|ssh://)?(?:[^@/]+@)?([\w.-]+\.\w+(?::\d+(?=/))?)[:/](?!/)(.+?)(?:\.git)?/?", origin
    )
    return f"https://{found[1]}/{found[2]}" if found else ""


def _lay_out(context: Path) -> None:
    """Copy what the bento may hold into a folder as bentofile.yaml expects it."""
    for name in _code():
        _copy(Path(name), context / Path(name).relative_to("src"))
    for path in (*MODELS, PARAMS, BENTOFILE, TEMPLATE, INSTALLER):
        _copy(path, context / path)
    _export(context / REQUIREMENTS)
    _wheels(context)


def _lay_out_jobs(context: Path) -> None:
    """Copy what deploy/jobs/Dockerfile takes; the repository's own wheels by the paths that uv.lock names."""
    for path in (INSTALLER, *map(Path, PACKAGES), JOBS / "run", JOBS / "Dockerfile"):
        _copy(path, context / path.name)
    locked = uv_lock.packages(ENVIRONMENT_LOCK.read_text("utf-8")).values()
    for source in [one.get("source") or {} for some in locked for one in some]:
        if "path" in source:
            _copy(Path(source["path"]), context / "packages" / source["path"])


def _wheels(context: Path) -> None:
    """Lay the repository's own wheels beside the requirements, which name them as they lie where it is built.

    Raises LoopError for a package without a hash: the stage that builds takes none.
    """
    text = (context / REQUIREMENTS).read_text("utf-8")
    for one in text.replace("\\\n", "").splitlines():
        if not one.lstrip().startswith(("#", "--")) and one.strip() and "--hash=" not in one:
            raise LoopError(
                f"the image cannot take {one.split(' ;')[0]}: {ENVIRONMENT_LOCK} holds no hash of its files",
                "packages of an index, or wheels: neither folders nor git",
                "build its wheel (`uv build --wheel`), and `uv add --group serve ./wheels/NAME.whl`",
            )

    def laid(found: re.Match[str]) -> str:
        source = Path(found[0])
        _copy(source, context / WHEELS / source.name)
        return f"/build/{source.name}"

    files.write_text(context / REQUIREMENTS, re.sub(r"^\.{0,2}/\S+", laid, text, flags=re.MULTILINE))


def _code() -> set[str]:
    """Files of `src`, in git, that the service reaches, and the packages that they lie in."""
    listed = [name for name in git("ls-files", "-z", "--", "src").split("\0") if name]
    texts = {name: text for name in listed if (text := closure.here(name)) is not None}
    held = in_image(texts)
    folders = {str(parent) for name in held for parent in Path(name).parents}
    return held | {
        name for name in texts if name.endswith("/__init__.py") and str(Path(name).parent) in folders
    }


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _bento(context: Path, home: Path) -> Path:
    """Build the bento in a store of its own; its folder."""
    more = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONPATH": str(context)}
    _run("bentoml build", [sys.executable, "-m", "bentoml", "build"], cwd=context, more=more)
    return next(home.glob("bentos/*/*/bento.yaml")).parent  # the tag is printed with an emoji for `:loop:`


def _build(context: Path, recipe: Path, tag: str, arguments: dict[str, str]) -> str:
    """Build the image, whose id this is; Docker says on stderr what it does."""
    bases = {name: os.environ[variable] for name, variable in BASES.items() if os.environ.get(variable)}
    known = re.findall(r"^ARG (\w+)", recipe.read_text(encoding="utf-8"), re.MULTILINE)
    given = [f"--build-arg={name}={text}" for name, text in {**bases, **arguments}.items() if name in known]
    id_file = context.parent / "id"
    command = ["docker", "build", f"--file={recipe}", f"--tag={tag}", f"--iidfile={id_file}", *given]
    code = program.follow([*command, str(context)], seconds=7200, env=environment.child(DOCKER_BUILDKIT="1"))
    if code:
        raise LoopError(
            f"`docker build` ended with {code}",
            "an image; what Docker said is above",
            "fix that and build again; a base that cannot be fetched is replaced by LOOP_IMAGE_BASE "
            "and LOOP_IMAGE_BUILDER",
        )
    return id_file.read_text().strip()


def _push(tag: str, built: str) -> str:
    """Push a tag; the digest by which its registry knows what was built. Who may is `docker login`'s."""
    todo = (
        "`docker login`, look whether the registry answers, and run it again; nothing refers to what it got"
    )
    try:
        said = _run("docker push", ["docker", "push", tag])
    except LoopError as error:
        raise LoopError(error.found, f"{tag}, pushed whole", todo) from None
    digest = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
    known = json.loads(_inspect(built, "{{json .RepoDigests}}"))
    if digest is None or not any(one.endswith(f"@{digest[1]}") for one in known):
        raise LoopError(
            f"{tag} was pushed as {digest[1] if digest else 'nothing'}",
            f"what was built: {built}",
            "see that nobody else tags images of that name on this machine, and run it again",
        )
    return digest[1]


def _inspect(tag: str, form: str) -> str:
    return _run("docker inspect", ["docker", "image", "inspect", "--format", form, tag]).strip()


def write_sbom() -> None:
    """The packages of the image in CycloneDX; those of the base are its maker's to list."""
    with files.replacing(SBOM) as draft:
        _export(draft, "--format", "cyclonedx1.5", "--preview-features", "sbom-export")


def _export(to: Path, *form: str) -> None:
    _run("uv's export", [uv(Path.cwd()), *EXPORT, "--locked", *form, "--output-file", str(to)])


def _run(
    name: str, command: list[str], *, cwd: Path | None = None, more: dict[str, str] | None = None
) -> str:
    """What a tool prints. Raises LoopError with the end of what it said if it fails."""
    done = program.ask(command, seconds=3600, cwd=cwd, env=environment.child(**(more or {})))
    if done.code:
        said = "\n".join((done.errors or done.out).strip().splitlines()[-5:])
        raise LoopError(f"{name} failed: {said}", "exit code 0", f"fix it, then `{' '.join(command[:3])} …`")
    return done.out
