"""The options of a statement, each given at most once."""

from __future__ import annotations

from collections.abc import Iterable

from smtpdsl.diagnostics.codes import CONFLICTING_OPTIONS, DUPLICATE_OPTION, OVERWRITTEN_OPTION
from smtpdsl.diagnostics.diagnostic import Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.syntax import Number, Option, TableRef, Word


class Options:
    """Options by keyword; the first one holds, and a second one is reported."""

    def __init__(self, options: Iterable[Option], report: Report, *, several: str = "", last_wins: str = "") -> None:
        """Take *options*; those named in *several* may be repeated, of *last_wins* the last one holds."""
        self._given: dict[str, Option] = {}
        self.all: tuple[Option, ...] = tuple(options)
        for option in self.all:
            first = self._given.setdefault(option.keyword, option)
            if first is option or option.keyword in several.split():
                continue
            related = (Related(first.span, "first given here"),)
            if option.keyword in last_wins.split():
                message = f"`{option.keyword}` is given again; this one holds"
                report(OVERWRITTEN_OPTION.at(option.keyword_span, message, related=related, help="remove one of them"))
                self._given[option.keyword] = option
                continue
            message = f"`{option.keyword}` is given twice"
            report(DUPLICATE_OPTION.at(option.keyword_span, message, related=related, help="remove one of them"))

    def __contains__(self, keyword: str) -> bool:
        return keyword in self._given

    def get(self, keyword: str) -> Option | None:
        """The option *keyword*, if given."""
        return self._given.get(keyword)

    def word(self, keyword: str) -> Word | None:
        """The argument of *keyword*, which takes a word."""
        option = self._given.get(keyword)
        return option.argument if option and isinstance(option.argument, Word) else None

    def number(self, keyword: str) -> Number | None:
        """The argument of *keyword* if it is a number."""
        option = self._given.get(keyword)
        return option.argument if option and isinstance(option.argument, Number) else None

    def table(self, keyword: str) -> TableRef | None:
        """The argument of *keyword*, which takes a table."""
        option = self._given.get(keyword)
        if option is None or option.argument is None or isinstance(option.argument, Word | Number):
            return None
        return option.argument

    def span(self, keyword: str) -> Span | None:
        """Where the keyword stands."""
        option = self._given.get(keyword)
        return option.keyword_span if option else None

    def one_of(self, keywords: str, report: Report, advice: str) -> Option | None:
        """Return the first given of *keywords*, which exclude each other; a second one is reported."""
        given = [option for option in self._given.values() if option.keyword in keywords.split()]
        for other in given[1:]:
            message = f"`{other.keyword}` and `{given[0].keyword}` exclude each other"
            related = (Related(given[0].keyword_span, "given here already"),)
            report(CONFLICTING_OPTIONS.at(other.keyword_span, message, related=related, help=advice))
        return given[0] if given else None
