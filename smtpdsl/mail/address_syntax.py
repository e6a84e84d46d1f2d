"""Local parts and domains: what may be written, and how it is quoted (RFC 5321 §4.1.2).

More is taken than the RFC asks for: an underscore anywhere in a label and a hyphen at
its end (such names exist), local parts of up to 255 octets (VERP and SRS need more
than 64), and address literals without the tag, ``[::1]``.  Less is taken too: the
empty local part ``""``, which names nobody, and address literals of other protocols.
"""

from __future__ import annotations

import string

from smtpdsl.mail.ip import ipv4_value, ipv6_value
from smtpdsl.text_error import TextError

# RFC 5321 §4.5.3.1; the first is more than the 64 it requires, and what OpenSMTPD takes.
MAX_LOCAL_PART_OCTETS = 255
MAX_DOMAIN_OCTETS = 255
MAX_LABEL_CHARACTERS = 63

# atext                                  RFC 5322 §3.2.3
ATEXT = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"
# qtextSMTP, and what a quoted-pairSMTP stands for
_QUOTED = "".join(map(chr, range(32, 127)))
# Let-dig, and the underscore
_LABEL_START = string.ascii_letters + string.digits + "_"
DOMAIN_CHARACTERS = _LABEL_START + "-."

# RFC 5892 appendix A: what letters, marks and digits do not cover and a U-label may hold.
_CONTEXTUAL = "\u00b7\u0375\u05f3\u05f4\u200c\u200d\u30fb"


class AddressError(TextError):
    """A text that is no address."""

    def moved(self, offset: int) -> AddressError:
        """Return the same error for a text in which this one begins at *offset*."""
        return AddressError(self.message, self.start + offset, self.end + offset, self.help)


def parse_local_part(text: str, *, utf8: bool = False) -> str:
    """Read a local part as written and return it without its quoting.

    Raises:
        AddressError: *text* is neither a Dot-string nor a Quoted-string.
    """
    plain = _stand_in(text, utf8=utf8)
    if plain.startswith('"'):
        return _unquote(text, plain)
    if not plain:
        message = "expected a local part before `@`, found none"
        raise AddressError(message, 0, 0)
    _refuse_stranger(text, plain, ATEXT + ".", "an unquoted local part")
    # Dot-string = Atom *("." Atom)
    position = 0
    for atom in plain.split("."):
        if not atom:
            raise _lonely_dot(position, len(text))
        position += len(atom) + 1
    _refuse_length(text, text, MAX_LOCAL_PART_OCTETS, "local part")
    return text


def quote_local_part(local_part: str) -> str:
    """Write *local_part* as RFC 5321 §4.1.2 wants it: quoted only where it must be."""
    # One atom of ASCII, as most of them are.
    if local_part and not local_part.strip(ATEXT):
        return local_part
    if all(atom and not _stand_in(atom, utf8=True).strip(ATEXT) for atom in local_part.split(".")):
        return local_part
    escaped = local_part.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def end_of_local_part(text: str) -> int:
    """Return where the ``@`` stands that ends the local part, or the length of *text*; quotes are respected.

    Raises:
        AddressError: A quote is not closed, or something else than ``@`` follows it.
    """
    if not text.startswith('"'):
        return text.find("@") if "@" in text else len(text)
    position = 1
    while position < len(text) and text[position] != '"':
        position += 2 if text[position] == "\\" else 1
    end = position + 1
    if end > len(text):
        message = "expected a closing quote at the end of the local part"
        raise AddressError(message, len(text), len(text))
    if end < len(text) and text[end] != "@":
        message = "expected `@` after the quoted local part"
        raise AddressError(message, end, end + 1)
    return end


def parse_domain(text: str, *, utf8: bool = False) -> str:
    """Read a domain or an address literal, and return it as written.

    Raises:
        AddressError: *text* is neither (RFC 5321 §4.1.2 and §4.1.3, with the liberties above).
    """
    if text.startswith("["):
        return _parse_address_literal(text)
    if not text:
        message = "expected a domain after `@`, found none"
        raise AddressError(message, 0, 0)
    plain = _stand_in(text, utf8=utf8, domain=True)
    _refuse_stranger(text, plain, DOMAIN_CHARACTERS, "a domain")
    position = 0
    for label in plain.split("."):
        _check_label(label, position, len(text))
        position += len(label) + 1
    _refuse_length(text, text, MAX_DOMAIN_OCTETS, "domain")
    return text


def _check_label(label: str, start: int, end_of_domain: int) -> None:
    """Raise unless *label*, found at *start*, may stand between two dots."""
    if not label:
        raise _lonely_dot(start, end_of_domain)
    if label[0] not in _LABEL_START:
        message = "expected a letter or a digit at the start of a label, found a hyphen"
        raise AddressError(message, start, start + 1)
    if len(label) > MAX_LABEL_CHARACTERS:
        message = f"expected a label of at most {MAX_LABEL_CHARACTERS} characters, found {len(label)}"
        raise AddressError(message, start, start + len(label))


def _lonely_dot(position: int, end: int) -> AddressError:
    """Blame the dot beside the empty label or atom at *position*."""
    start = min(position, end - 1)
    return AddressError("expected a character on both sides of each dot", start, start + 1)


def _parse_address_literal(text: str) -> str:
    if not text.endswith("]"):
        message = "expected `]` at the end of an address literal"
        raise AddressError(message, len(text), len(text))
    address = text[1:-1]
    is_tagged = address[:5].lower() == "ipv6:"
    if ipv6_value(address[5:] if is_tagged else address) is None and (is_tagged or ipv4_value(address) is None):
        message = "expected an IPv4 address, or `IPv6:` and an IPv6 address, between the brackets"
        raise AddressError(message, 1, len(text) - 1)
    return text


def _unquote(text: str, plain: str) -> str:
    """Return what the Quoted-string *text* stands for; *plain* is *text* with stand-ins, so offsets agree."""
    _refuse_stranger(text, plain, _QUOTED, "an address")
    end = end_of_local_part(plain)
    if end < len(text):
        message = "expected nothing after the quoted local part"
        raise AddressError(message, end, len(text))
    content = []
    position = 1
    while position < end - 1:
        # quoted-pairSMTP = %d92 %d32-126
        position += text[position] == "\\"
        content.append(text[position])
        position += 1
    if not content:
        message = "expected a local part between the quotes, found none"
        raise AddressError(message, 0, end)
    _refuse_length(text, "".join(content), MAX_LOCAL_PART_OCTETS, "local part")
    return "".join(content)


def _stand_in(text: str, *, utf8: bool, domain: bool = False) -> str:
    """Return *text* with the letter x for each character beyond ASCII that may stand there (RFC 6531 §3.3)."""
    if text.isascii() or not utf8:
        return text
    allowed = _is_label_character if domain else str.isprintable
    return "".join("x" if not character.isascii() and allowed(character) else character for character in text)


def _is_label_character(character: str) -> bool:
    """Whether a U-label may hold *character* (RFC 5892: letters, marks and digits, and a few joiners)."""
    # Needed for internationalized domains only.
    from unicodedata import category  # noqa: PLC0415

    kind = category(character)
    return kind[0] in "LM" or kind == "Nd" or character in _CONTEXTUAL


def _refuse_stranger(text: str, plain: str, allowed: str, where: str) -> None:
    """Raise if *plain*, which is *text* with stand-ins, holds a character that is not *allowed*."""
    offset = len(plain) - len(plain.lstrip(allowed))
    if offset == len(plain):
        return
    stranger = text[offset]
    if stranger == " ":
        message = f"expected no blank in {where}"
    elif not stranger.isprintable():
        message = f"expected only printable characters in {where}, found U+{ord(stranger):04X}"
    elif stranger.isascii() or plain != text:
        message = f'expected no "{stranger}" in {where}'
    else:
        message = f'expected only ASCII characters in {where}, found "{stranger}"'
    raise AddressError(message, offset, offset + 1)


def _refuse_length(text: str, meant: str, limit: int, what: str) -> None:
    octets = len(meant) if meant.isascii() else len(meant.encode())
    if octets > limit:
        message = f"expected a {what} of at most {limit} octets, found {octets}"
        raise AddressError(message, 0, len(text))
