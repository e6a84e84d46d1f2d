"""What is imported before root is given up."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from smtpdsl.runtime.late_imports import CODECS, OF_SERVER, import_late


@pytest.mark.parametrize("name", [*CODECS, *OF_SERVER])
def test_there_is_such_a_module(name: str) -> None:
    """A name that is misspelt would be taken for one that is not installed."""
    assert import_module(name)


def test_what_is_not_installed_is_left_out() -> None:
    """And what comes after it is imported all the same."""
    import_late(("nobody_has_this_module", "encodings.idna"))

    assert "encodings.idna" in sys.modules
