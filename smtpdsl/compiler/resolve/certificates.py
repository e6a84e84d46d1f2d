"""`pki`, `ca`, `mda wrapper`: declarations that other statements name."""

from __future__ import annotations

from smtpdsl.compiler.resolve.options import Options
from smtpdsl.compiler.resolve.scope import Scope, name_span
from smtpdsl.diagnostics.codes import OVERWRITTEN_OPTION, UNKNOWN_CA, UNKNOWN_PKI, UNUSABLE_NAME, UNUSABLE_VALUE
from smtpdsl.diagnostics.diagnostic import Fix, Related
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir import syntax
from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.ir.resolved import Ca, Pki, Setting, Wrapper
from smtpdsl.ir.syntax import Word

_DHE = ("none", "auto", "legacy")


def declare_certificates(scope: Scope) -> None:
    """Declare every pki, ca and wrapper; several `pki` statements of one name add up."""
    for statement in scope.config.statements:
        match statement:
            case syntax.Pki():
                _add_pki(statement, scope)
            case syntax.Ca(name=name, cert=cert):
                _check_name("ca", name, scope)
                _replaces_ca(statement, scope)
                scope.cas[name.text.lower()] = Ca(span=statement.span, name=name.text.lower(), cert=cert)
            case syntax.MdaWrapper(name=name, command=command):
                wrapper = Wrapper(span=statement.span, name=name.text, command=command)
                scope.declare("wrapper", scope.wrappers, name, wrapper)


def _check_name(kind: str, name: Word, scope: Scope) -> None:
    if name.text != "*" and (problem := host_name_problem(name.text)):
        note = f"the name of a `{kind}` has the form of a host name, or is `*`"
        scope.report(UNUSABLE_NAME.at(name.span, problem, notes=(note,), help="give it another name"))


def _add_pki(statement: syntax.Pki, scope: Scope) -> None:
    name = statement.name.text.lower()
    if name not in scope.pkis:
        _check_name("pki", statement.name, scope)
    default = Setting(value="none", reason="default of `pki dhe`")
    pki = scope.pkis.get(name) or Pki(span=statement.span, name=name, dhe=default)
    for option in statement.options:
        assert isinstance(option.argument, Word)
        given = {"cert": pki.cert, "key": pki.key, "dhe": pki.dhe}[option.keyword]
        before = given.span if given is not None else None
        if before is not None:
            message = f'pki "{name}" is given another `{option.keyword}`; this one holds'
            related = (Related(before, "replaced by the later one"),)
            found = OVERWRITTEN_OPTION.at(option.keyword_span, message, related=related, help="remove one of them")
            scope.report(found)
        if option.keyword == "dhe":
            pki = pki.replace(dhe=_dhe(option.argument, scope))
        else:
            pki = pki.replace(**{option.keyword: option.argument})
    scope.pkis[name] = pki


def _dhe(word: Word, scope: Scope) -> Setting[str]:
    if word.text.lower() not in _DHE:
        message = f'expected one of {", ".join(_DHE)} after `dhe`, found "{word.text}"'
        near = nearest(word.text, _DHE)
        help_text = f"did you mean `{near}`?" if near else "write `dhe auto`, or leave it out"
        fix = Fix.replacing(word.span, near) if near else None
        scope.report(UNUSABLE_VALUE.at(word.span, message, help=help_text, fix=fix))
    return Setting(value=word.text.lower(), span=word.span)


def _replaces_ca(statement: syntax.Ca, scope: Scope) -> None:
    before = scope.cas.get(statement.name.text.lower())
    if before is not None:
        message = f'ca "{statement.name.text}" is declared again; this one holds'
        related = (Related(name_span(before.span, before.name), "replaced by the later one"),)
        scope.report(OVERWRITTEN_OPTION.at(statement.name.span, message, related=related, help="remove one of them"))


def find_pki(name: Word, scope: Scope) -> Pki | None:
    """Return the pki that *name* refers to, whatever its case."""
    return scope.find("pki", scope.pkis, name.replace(text=name.text.lower()), UNKNOWN_PKI)


def find_ca(options: Options, scope: Scope) -> Ca | None:
    """Return the ca that the option `ca` refers to, whatever its case."""
    name = options.word("ca")
    return scope.find("ca", scope.cas, name.replace(text=name.text.lower()), UNKNOWN_CA) if name else None
