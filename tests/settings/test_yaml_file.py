"""A YAML file is a mapping, or an error that names file and line."""

import math
import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from loop.base.errors import LoopError
from loop.settings import yaml_file


@pytest.mark.parametrize(
    ("text", "output"),
    [("a: 1\nb: [2\nc: 3\n", "line 3"), ("- 1\n", "is not a mapping"), ("", "is empty")],
)
def test_a_file_that_is_no_mapping_is_refused_with_its_line(tmp_path, text, output):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(LoopError, match=output):
        yaml_file.load(path)


def test_a_conflict_that_a_merge_left_is_called_one(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text("schema: '2.0'\n<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n")
    with pytest.raises(LoopError, match="line 2: a merge left both sides of a conflict") as error:
        yaml_file.load(path)
    assert "make run" in error.value.todo
    path.rename(tmp_path / "params.yaml")
    with pytest.raises(LoopError, match="line 2: a merge left both sides of a conflict") as error:
        yaml_file.load(tmp_path / "params.yaml")
    assert error.value.todo.endswith("drop those of <<<, === and >>>"), "one side of it is no choice"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a:\n  b:\u00a00.05\n  c: 1\n", "line 2: the sign U+00A0"),
        ("a: 1\n\u200bb: [\n", "line 2: the sign U+200B"),
        ("a: x\0y\n", "line 1: the sign U+0000"),
    ],
)
def test_a_sign_that_nobody_sees_is_named_where_it_breaks_a_line(tmp_path, text, found):
    """As pasted from a web page: the line looks right."""
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(LoopError, match=re.escape(found)) as error:
        yaml_file.load(path)
    assert error.value.todo == "type it anew"


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(LoopError, match="run from the repository's root"):
        yaml_file.load(tmp_path / "params.yaml")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES)
@example({"hash": "12e345678901", "switch": "on", "time": "1:30", "octal": "0o17", "day": "2013-01-01"})
def test_what_is_written_is_read_again_by_old_readers_too(values):
    text = yaml_file.dump(values)
    assert yaml_file.parse(text) == values
    assert yaml.safe_load(text) == values


@pytest.mark.parametrize(
    "text",
    ["1e-05", "1E5", "on", "1:30", "100_000", "0o17", "0x1F", "08", ".5", "1.", "~", "TRUE", "yes", "'1'"],
)
def test_a_value_is_what_dvc_reads(text):
    assert yaml_file.parse(f"a: {text}") == YAML(typ="safe").load(f"a: {text}")


SIGNS = st.text("+-._ 01789aefoxbTZtn:=<~", min_size=1, max_size=12)
DIFFER = [
    ".05_",
    "0o1_7",
    "0b1",
    "+0x1F",
    "0x_1",
    "1e20131",
    "._1",
    "+_9",
    "2013-01-01",
    "=",
    "<<",
]


@given(SIGNS | st.from_regex(r"[-+]?(0[box])?[0-9_]{1,4}\.?_?(e[-+]?[0-9]{1,6})?", fullmatch=True))
@example("2013-1-1 1:30:00")
@example("-0o_")
def test_a_value_is_what_dvc_reads_or_is_refused(text):
    try:
        found = yaml_file.parse(f"a: {text}")
    except yaml.YAMLError:
        return
    assert str(found) == str(YAML(typ="safe").load(f"a: {text}"))  # so that a NaN is one


@pytest.mark.parametrize("text", DIFFER)
def test_what_dvc_reads_otherwise_is_refused_with_its_key_and_is_a_text_in_quotes(tmp_path, text):
    path = tmp_path / "params.yaml"
    with pytest.raises(LoopError, match=r"line 3: rate: `.*` is a .* for DVC and a text here: quote it"):
        yaml_file.mapping(f"train:\n  model:\n    rate: {text}\n".encode(), path)
    with pytest.raises(LoopError, match="for DVC"):
        yaml_file.mapping(f"rates: [{text}]\n".encode(), path)
    assert yaml_file.parse(f"a: '{text}'") == {"a": text}
    written = yaml_file.dump({"a": text})
    assert yaml_file.parse(written) == YAML(typ="safe").load(written) == {"a": text}


def test_a_small_number_as_dvc_exp_writes_it_is_a_number():
    assert math.isclose(yaml_file.parse("a: 1e-05")["a"], 0.00001)


@pytest.mark.parametrize(
    "text",
    [
        "a: &b [1]\nc: [*b, *b]",
        "a: &b {x: 1, y: 2}\nc: {d: {<<: *b, x: 3}}\ne: {<<: [*b, {z: 1}]}\nf: {'<<': 1}",
    ],
)
def test_anchors_and_merges_are_read_as_dvc_reads_them(text):
    assert yaml_file.parse(text) == YAML(typ="safe").load(text)


def doubled(text: str) -> str:
    """Nine-and-twenty values, each made of the one before."""
    return "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {text.format(f'*a{n - 1}')}\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("a: .inf\n", "line 1: .inf is not a finite number"),
        ("a: 99999999999999999999\n", "line 1: 9+ is no whole number that 64 bits hold"),
        ("a: .NaN\n", "not a finite number"),
        ("a: 1e999\n", "not a finite number"),
        ("a: 1\na: 2\n", "line 2: `a` twice"),
        ("true: a\n1: b\n", "line 2: `1` twice"),  # one key of Python's
        ("{1: a, 1.0: b}", "`1.0` twice"),
        ("{null: a, ~: b}", "`~` twice"),
        ("%YAML 1.1\n---\na: on\n", r"line 1: `%YAML 1\.1`"),
        ("# 1\n%YAML 1.3\n---\na: 1\n", r"line 2: (`%YAML 1\.3`|found incompatible YAML document)"),
        ("a: !!int '1_:1_'\n", "a tag"),
        ("a: !!python/object:os.system x\n", "a tag"),
        ("a: &a [*a]\n", "line 1: an alias of what it lies in"),
        ("a: *b\n", "line 1: found undefined alias"),
        (doubled("[{0}, {0}]"), "aliases of more than 10,000 values"),
        (doubled("{{<<: [{0}, {0}]}}"), "aliases of more than 10,000 values"),
        (doubled("[[[[[[{0}]]]]]]"), "more than 50 levels"),
        ("a: 1 #" + "x" * yaml_file.LARGEST, "more than 500,000 bytes"),
        ("- " * 5000, "more than 50 levels"),
        ("a: " + "9" * 400_000, "not a finite number"),
        ("a: " + "[" * 5000, "more than 50 levels"),
    ],
)
def test_what_people_do_not_write_is_refused_with_its_line(tmp_path, text, output):
    with pytest.raises(LoopError, match=output):
        yaml_file.mapping(text.encode(), tmp_path / "params.yaml")


def test_another_encoding_is_named_with_its_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes("a: 1\nowner: Müller\n".encode("latin-1"))
    with pytest.raises(LoopError, match="line 2: byte 0xfc is not UTF-8"):
        yaml_file.load(path)
