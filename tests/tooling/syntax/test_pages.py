"""Blocks of pages that are made from the grammar."""

from __future__ import annotations

import pytest

from smtpdsl.tooling.syntax.pages import UnknownBlockError, renewed, syntax_names

PAGE = """# Settings

```syntax smtp limit
something old
```

```smtpd.conf
smtp limit max-rcpt 10
```

```syntax legacy expire
```
"""


def test_a_block_gets_what_the_grammar_says() -> None:
    """Whatever it said before; everything else stays."""
    found = renewed(PAGE)

    assert "```syntax smtp limit\nsmtp limit [LIMIT VALUE …]\n```\n\n```smtpd.conf\nsmtp limit max-rcpt 10\n" in found
    assert found.endswith("```syntax legacy expire\nexpire TIME\n```\n")


def test_renewing_twice_changes_nothing() -> None:
    """A page that is right stays as it is."""
    assert renewed(renewed(PAGE)) == renewed(PAGE)


def test_the_parts_of_a_form_stand_below_it() -> None:
    """Each once, those that are words to choose from on one line."""
    found = renewed("```syntax filter\n```\n")

    assert "\n\nPHASE:\n    connect | helo | ehlo | auth | mail-from | rcpt-to | data | commit\n\n" in found
    assert found.count("CONDITION:\n") == 1


def test_blocks_are_found_by_the_words_of_their_forms() -> None:
    """A part of a statement is a block, if its forms begin alike."""
    names = list(syntax_names(PAGE))

    assert names == ["smtp limit", "legacy expire"]


@pytest.mark.parametrize("block", ["syntax sing", "syntax legacy match", "syntax smtp lim", "words klingon"])
def test_a_block_of_nothing_is_a_mistake(block: str) -> None:
    """Of the page, since no statement begins like that."""
    with pytest.raises(UnknownBlockError):
        renewed(f"```{block}\n```\n")


def test_keywords_are_listed() -> None:
    """Those that cannot be names, in lines of one width."""
    modern, legacy = renewed("```words modern\n```\n"), renewed("```words legacy\n```\n")

    assert "\naction admd alias any " in modern
    assert "\naccept alias any as " in legacy
    assert max(map(len, modern.splitlines())) <= 100
