"""`loop render`: what serves now, in files that can be run by."""

import shutil
import stat

import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.deploy import render
from loop.production import branch, transitions
from support.states import NOW, STAGED, released, version


@pytest.fixture
def checkout(clone):
    """The clone, with the settings that rendering reads."""
    (clone / "deploy").mkdir()
    for path in ("params.yaml", "deploy/policy.yaml", "deploy/kubernetes.yaml"):
        shutil.copy(ROOT / path, clone / path)
    return clone


def test_a_cluster_gets_the_base_that_the_branch_holds(checkout, capsys):
    released(version(1), version(2))
    render.main("kubernetes", checkout / "build/kubernetes")
    base = yaml.safe_load((checkout / "build/kubernetes/kustomization.yaml").read_text())
    assert base["resources"][1:] == ["models/model-v2.yaml", "models/shared.yaml", "route/model.yaml"]
    assert (checkout / "build/kubernetes/models/model-v2.yaml").is_file()
    assert "7 files" in capsys.readouterr().out


def test_compose_gets_nginx_beside_it_which_another_user_can_read(checkout):
    released(version(1))
    render.main("compose", checkout / "out")
    made = yaml.safe_load((checkout / "out/compose.yaml").read_text())
    assert set(made["services"]) == {"model-v1", "proxy"}
    conf = checkout / "out/proxy/nginx.conf"
    assert "server model-v1:3000" in conf.read_text()
    assert conf.stat().st_mode & stat.S_IROTH


def test_without_an_image_nothing_is_written_and_reported_why(checkout):
    bare = version(1, image=None)
    branch.change(
        lambda now: (transitions.enter(now.state, bare, STAGED, NOW), "Release 1", bare), lambda _: {}
    )
    for what in ("kubernetes", "compose"):
        with pytest.raises(LoopError, match=r"has an image|has no image"):
            render.main(what, checkout / "out")
    assert not (checkout / "out").exists()
