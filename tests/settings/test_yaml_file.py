"""A YAML file is a mapping, or an error that names file and line."""

import pytest

from loop.base.errors import LoopError
from loop.settings import yaml_file


@pytest.mark.parametrize(
    ("text", "output"),
    [("a: 1\nb: [2\nc: 3\n", "line 3"), ("- 1\n", "is a list"), ("", "is empty")],
)
def test_a_file_that_is_no_mapping_is_refused_with_its_line(tmp_path, text, output):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(LoopError, match=output):
        yaml_file.load(path)


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(LoopError, match="run from the repository's root"):
        yaml_file.load(tmp_path / "params.yaml")
