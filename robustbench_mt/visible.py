"""Showing hostile text: characters that hide, turn the text around, or pass for others are spelt out."""

import unicodedata
from typing import Literal, NamedTuple

from robustbench_mt.lookalikes import lookalikes

__all__ = ["Piece", "pieces", "visible"]

_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
# Invisible characters of other categories: joiners, fillers, blanks, selectors, and codes kept for more of them.
_UNSEEN = frozenset(
    chr(code)
    for codes in (
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x2800, 0x3164, 0xFFA0),
        range(0xFE00, 0xFE10),
        range(0xFFF0, 0xFFF9),
        range(0xE0000, 0xE1000),
    )
    for code in codes
)


class Piece(NamedTuple):
    """A stretch of text that is shown alike.

    Attributes:
        kind: ``plain``; ``unseen``, whose text is one character spelt out, as ``⟨U+202E⟩``; or ``lookalike``, a
            character that passes for an ASCII one.
        code: ``U+0430`` of the character, unless plain.
        name: its Unicode name, unless plain; empty where it has none.
    """

    text: str
    kind: Literal["plain", "unseen", "lookalike"] = "plain"
    code: str = ""
    name: str = ""


def pieces(text: str, around: str = "") -> list[Piece]:
    """Cut a text into stretches that are shown as they are, and single characters that are not what they seem.

    Unseen are controls (but for line breaks and tabs), bidirectional and zero-width characters, spaces other than the
    plain one, selectors, fillers, private characters and lone surrogates. A lookalike is a letter of Cyrillic, Greek
    and the like, of a phonetic alphabet, or of another width or style, in a word that has ASCII letters. Where letters
    are mainly ASCII, lookalikes are also words that have nothing but such letters, digits and punctuation.

    Args:
        text: any.
        around: what the text is a part of, which tells whether letters are mainly ASCII; the text itself by default.
    """
    if _is_plain(text):
        return [Piece(text)] if text else []
    alike = lookalikes(text, around)
    found: list[Piece] = []
    start = 0
    for position, character in enumerate(text):
        unseen = _is_unseen(character)
        if unseen or position in alike:
            if start < position:
                found.append(Piece(text[start:position]))
            code, name = f"U+{ord(character):04X}", unicodedata.name(character, "")
            shown = _spelt(character) if unseen else character
            found.append(Piece(shown, "unseen" if unseen else "lookalike", code, name))
            start = position + 1
    if start < len(text):
        found.append(Piece(text[start:]))
    return found


def visible(text: str) -> str:
    """The text with unseen characters spelt out; all of it can be encoded as UTF-8."""
    if _is_plain(text):
        return text
    return "".join(_spelt(character) if _is_unseen(character) else character for character in text)


def _is_plain(text: str) -> bool:
    """Whether nothing needs a look; most text is so, and reports have millions of words."""
    return text.isascii() and text.isprintable()


def _spelt(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def _is_unseen(character: str) -> bool:
    if " " <= character <= "~" or character in "\n\t":
        return False
    return character in _UNSEEN or unicodedata.category(character) in _CATEGORIES
