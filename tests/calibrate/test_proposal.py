"""What the data say of a number gives way to a person, and to too few data."""

import pytest

from loop.calibrate import proposal
from loop.calibrate.proposal import Proposal
from loop.settings import params_text, yaml_file

TEXT = """\
review:
  size:
    limit: 5.0     # by hand: what the phones can load
    reason: phones
  latency:
    limit: 1.5
    reason: "not calibrated"
monitor:
  alpha: 0.05      # one signal
"""
SIZE = Proposal("review.size.limit", 3.0, "the model has 1 MB", explained=True)
LATENCY = Proposal("review.latency.limit", 2.0, "twice the noise", explained=True)
ALPHA = Proposal("monitor.alpha", None, "three windows would do")


def weighed(*found, before=None):
    return proposal.weigh(TEXT, yaml_file.parse(TEXT), found, before or {})


def edited(numbers):
    return params_text.edit(TEXT, proposal.changes(numbers, yaml_file.parse(TEXT)), "todo")


def test_a_number_is_set_with_its_reason():
    assert edited(weighed(LATENCY)) == TEXT.replace("1.5", "2.0").replace(
        '"not calibrated"', "twice the noise"
    )


def test_a_number_marked_by_hand_stays_and_what_the_data_say_is_known():
    (number,) = weighed(SIZE)
    assert (number.became, number.value, number.found) == ("by hand", 5.0, 3.0)
    assert edited([number]) == TEXT


def test_a_number_that_a_person_changed_since_the_last_calibration_stays():
    (number,) = weighed(LATENCY, before={"review.latency.limit": 3.0})
    assert (number.became, number.value) == ("changed", 1.5)


def test_a_number_that_is_as_the_data_say_is_nobodys_though_the_record_is_of_before():
    same = Proposal("review.latency.limit", 1.5, "not calibrated", explained=True)
    (number,) = weighed(same, before={"review.latency.limit": 3.0})
    assert number.became == "as it was", "a calibration that was killed before its record is no person"


def test_a_number_of_the_last_calibration_follows_the_data():
    (number,) = weighed(LATENCY, before={"review.latency.limit": 1.5})
    assert (number.became, number.value) == ("set", 2.0)


def test_too_few_data_keep_the_number_and_say_how_many_would_do():
    (number,) = weighed(ALPHA)
    assert (number.became, number.value, number.why) == ("too few data", 0.05, "three windows would do")


def test_what_is_as_the_data_say_already_is_not_touched():
    (number,) = weighed(Proposal("review.latency.limit", 1.5, "not calibrated", explained=True))
    assert number.became == "as it was"
    assert edited([number]) == TEXT


def test_a_check_that_the_policy_does_not_have_gets_no_number():
    assert weighed(Proposal("review.guards.roc_auc.margin", 0.1, "luck")) == []


EVERYWHERE = """\
# above all
review: # of the section
  # above a key
  size:   # of a mapping
    # by hand, but above: it is beside no number
    limit: 20.0\t# kept "as # it" is
    # between
    reason: "not calibrated # yet" # of a reason

  latency: {limit: 1.5, reason: 'old'}  # by hand: the phones
monitor:
  hysteresis: { # opened
    runs: 2, # one
    of: 3    # by hand
  } # closed
# the end"""


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_comments_in_every_place_stay_and_one_beside_a_number_alone_is_a_persons(line):
    text = EVERYWHERE.replace("\n", line)
    found = [
        SIZE,
        LATENCY,
        Proposal("monitor.hysteresis.runs", 1, "quiet"),
        Proposal("monitor.hysteresis.of", 1, "quiet"),
    ]
    numbers = proposal.weigh(text, yaml_file.parse(text), found, {})
    assert [one.became for one in numbers] == ["set", "by hand", "set", "by hand"]
    edited = params_text.edit(text, proposal.changes(numbers, yaml_file.parse(text)), "todo")
    expected = EVERYWHERE.replace("20.0", "3.0").replace("runs: 2", "runs: 1")
    expected = expected.replace('"not calibrated # yet"', "the model has 1 MB")
    assert edited == expected.replace("\n", line)
