"""Names of domains beyond ASCII, and what the DNS has for them (RFC 5890, RFC 5891).

    müller.example      xn--mller-kva.example
    MÜLLER.example      no U-label: those are in small letters
    fußball.example     xn--fuball-cta.example, which is another name than fussball.example

Nothing is mapped to anything else: what a name looks like is not what it is.
"""

from __future__ import annotations

from smtpdsl.mail.address_syntax import MAX_DOMAIN_OCTETS, AddressError


def ascii_domain(domain: str) -> str:
    """Return *domain* with an A-label for each U-label, for whoever asks the DNS or the next server.

    Labels of ASCII, and address literals, stay as they are.

    Raises:
        AddressError: One of the labels is no U-label, or the name gets too long.
    """
    if domain.isascii():
        return domain
    position = 0
    labels = []
    for label in domain.split("."):
        labels.append(_a_label(label, position))
        position += len(label) + 1
    name = ".".join(labels)
    if len(name) > MAX_DOMAIN_OCTETS:
        message = f"expected a domain of at most {MAX_DOMAIN_OCTETS} octets, found {len(name)} of its A-labels"
        raise AddressError(message, 0, len(domain))
    return name


def folded_name(name: str) -> str:
    """Return *name*, of a host or a domain in A-labels, in the spelling that is compared.

    RFC 4343 §3: case makes no difference.  RFC 1034 §3.1: a name that is complete may say so with a dot at its end.
    """
    return name.removesuffix(".").lower()


def _a_label(label: str, start: int) -> str:
    if label.isascii():
        return label
    # Its tables take longer to load than most sessions last, and hardly any of them needs it.
    import idna  # noqa: PLC0415

    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        message = "expected the label of an internationalized domain name"
        raise AddressError(message, start, start + len(label)) from None
