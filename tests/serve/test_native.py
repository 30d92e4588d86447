"""Trees become machine code without a word on the terminal: a command's output is its own."""

import shutil

import numpy as np
import pytest
import treelite
from sklearn.ensemble import HistGradientBoostingRegressor

from loop.serve import native


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("clang")), reason="no C compiler")
def test_what_the_libraries_say_of_a_build_is_no_output_of_ours(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(native.os, "cpu_count", lambda: 2)  # of one core tl2cgen says nothing
    x = np.random.default_rng(1).normal(size=(200, 2))
    trees = treelite.sklearn.import_model(HistGradientBoostingRegressor(max_iter=4).fit(x, x[:, 0]))
    assert native.library(trees, "0" * 64, tmp_path).is_file()
    assert capfd.readouterr() == ("", "")
