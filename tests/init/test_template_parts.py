"""What a copy keeps of pages that speak of pages which leave with the template's example."""

import pytest

from loop.init.template_parts import without_dead_links


@pytest.mark.parametrize(
    ("page", "left"),
    [
        ("- [Kept](kept.md): a\n- [Gone](gone.md): b\n", "- [Kept](kept.md): a\n"),
        ("- [Gone](gone), and why:\n  - [One](gone/1.md)\n  - [Two](gone/2.md)\n", ""),
        ("It waits ([why](gone.md)). It ends.\n", "It waits. It ends.\n"),
        ("It waits\n([why](gone.md)).\n", "It waits.\n"),
        ("It waits.\nHow often it errs: [judged](gone.md#table).\nIt ends.\n", "It waits.\nIt ends.\n"),
        ("Pages are made\n[within a minute](gone.md).\n", "Pages are made\nwithin a minute.\n"),
        ("It takes [11 s](gone.md) or more.\n", "It takes 11 s or more.\n"),
        ("![A figure](gone.png)\n", ""),
        ("See [this](kept.md) ([why](kept.md#why)), [that](#below), [all](https://x.org/gone.md).\n", None),
        ("```yaml\n  ...\n```\n\n- one:\n\n```sh\nloop status\n```\n", None),
    ],
)
def test_words_about_a_page_that_is_gone_go_with_it_and_sentences_stay_whole(page, left):
    found = without_dead_links(page, lambda target: not target.startswith("gone"))
    assert found == (page if left is None else left)
