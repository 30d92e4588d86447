"""Overlays of environments: read from the checkout or a commit, held to what a base takes in, by name."""

import shutil

import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.deploy import overlay, render
from loop.production.state import BRANCH
from production.test_branch import git
from support.states import clone, serving  # noqa: F401 - clone is a fixture

COMPONENT = yaml.dump(overlay.KIND)


@pytest.fixture
def checkout(clone):  # noqa: F811
    """A clone whose main has the settings of a cluster and the overlay of staging, as they come."""
    shutil.copytree(ROOT / "deploy", clone / "deploy")
    git("add", "deploy")
    git("commit", "--quiet", "-m", "a cluster")
    git("push", "--quiet", "origin", "HEAD:main")
    return clone


def write(name: str, **files: str) -> None:
    """The overlay of an environment; `__` stands for a dot."""
    folder = overlay.OVERLAYS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, text in files.items():
        (folder / path.replace("__", ".")).write_text(text)


def test_each_environment_has_its_own_and_those_without_one_have_none(checkout):
    made = {name: render.rendered(serving(1, 2), name) for name in ("staging", BRANCH)}
    assert made["staging"]["kubernetes/overlay/kustomization.yaml"] == (
        ROOT / "deploy/overlays/staging/kustomization.yaml"
    ).read_text(encoding="utf-8")
    assert not [path for path in made[BRANCH] if "overlay" in path]


def test_a_checkout_of_another_time_takes_those_of_main(checkout):
    before = render.rendered(serving(1, 2), "staging")
    shutil.rmtree(checkout / "deploy")
    assert render.rendered(serving(1, 2), "staging") == before


def test_all_files_go_along_but_hidden_ones_and_links(checkout):
    write("staging", kustomization__yaml=COMPONENT + "resources: [claim.yaml]\n", claim__yaml="kind: x\n")
    (overlay.OVERLAYS / "staging/.swp").write_text("x")
    (overlay.OVERLAYS / "staging/link.yaml").symlink_to("/etc/hostname")
    assert list(overlay.read("staging")) == ["claim.yaml", "kustomization.yaml"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"claim__yaml": "kind: x\n"}, "staging has no kustomization.yaml"),
        ({"kustomization__yaml": COMPONENT.replace("Component", "Kustomization")}, "has kind: Kustomization"),
        ({"kustomization__yaml": COMPONENT.replace("v1alpha1", "v1beta1")}, r"has apiVersion: .*/v1beta1"),
        ({"kustomization__yaml": "kind: [\n"}, r"kustomization.yaml, line \d: "),
        ({"kustomization__yaml": "\n"}, "kustomization.yaml is empty"),
        ({"kustomization__yaml": COMPONENT + "resources: [a.yaml]\n"}, "names a.yaml, which is not there"),
        ({"kustomization__yaml": COMPONENT + "patches: [{path: b.yaml}]\n"}, "names b.yaml"),
        ({"kustomization__yaml": COMPONENT + "resources: a.yaml\n"}, "resources is not a list of texts"),
        ({"kustomization__yaml": COMPONENT + "patches: [b.yaml]\n"}, "patches is not a list of mappings"),
    ],
)
def test_what_no_base_can_take_in_is_refused_with_its_file(checkout, files, found):
    write("staging", **files)
    with pytest.raises(LoopError, match=found):
        overlay.read("staging")
