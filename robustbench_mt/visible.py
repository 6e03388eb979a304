"""Showing hostile text: characters that hide, turn the text around, or pass for others are spelt out."""

import re
import unicodedata
from typing import Literal, NamedTuple

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
# Scripts with letters that are drawn like Latin ones, as their letters' Unicode names begin.
_LIKE_LATIN = ("ARMENIAN", "CANADIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "DESERET", "GREEK", "LISU")
# Phonetic letters are called Latin, too: the script g, the alpha, small capitals.
_PHONETIC = (range(0x0250, 0x02B0), range(0x1D00, 0x1DC0))
_MULTIPLICATION = "×"
_WORD = re.compile(rf"[^\W_]+(?:{_MULTIPLICATION}[^\W_]+)*")
_ASCII_LETTER = re.compile(r"[A-Za-z]")


class Piece(NamedTuple):
    """A stretch of text that is shown alike.

    Attributes:
        kind: ``plain``; ``unseen``, whose text is one character spelt out, as ``⟨U+202E⟩``; or ``lookalike``, a letter
            that passes for an ASCII one.
        code: ``U+0430`` of the character, unless plain.
        name: its Unicode name, unless plain; empty where it has none.
    """

    text: str
    kind: Literal["plain", "unseen", "lookalike"] = "plain"
    code: str = ""
    name: str = ""


def pieces(text: str) -> list[Piece]:
    """Cut a text into stretches that are shown as they are, and single characters that are not what they seem.

    Unseen are controls (but for line breaks and tabs), bidirectional and zero-width characters, spaces other than the
    plain one, selectors, fillers, private characters and lone surrogates. A lookalike is a letter of Cyrillic, Greek
    and the like, of a phonetic alphabet, or of another width or style, in a word that has ASCII letters.
    """
    if _is_plain(text):
        return [Piece(text)] if text else []
    lookalikes = _lookalikes(text)
    found: list[Piece] = []
    start = 0
    for position, character in enumerate(text):
        unseen = _is_unseen(character)
        if unseen or position in lookalikes:
            if start < position:
                found.append(Piece(text[start:position]))
            code, name = f"U+{ord(character):04X}", unicodedata.name(character, "")
            found.append(Piece(f"⟨{code}⟩" if unseen else character, "unseen" if unseen else "lookalike", code, name))
            start = position + 1
    if start < len(text):
        found.append(Piece(text[start:]))
    return found


def visible(text: str) -> str:
    """The text with unseen characters spelt out; all of it can be encoded as UTF-8."""
    return text if _is_plain(text) else "".join(piece.text for piece in pieces(text))


def _is_plain(text: str) -> bool:
    """Whether nothing needs a look; most text is so, and reports have millions of words."""
    return text.isascii() and text.isprintable()


def _is_unseen(character: str) -> bool:
    if " " <= character <= "~" or character in "\n\t":
        return False
    return character in _UNSEEN or unicodedata.category(character) in _CATEGORIES


def _lookalikes(text: str) -> set[int]:
    """Their positions."""
    return {
        position
        for word in _WORD.finditer(text)
        if not word[0].isascii() and _ASCII_LETTER.search(word[0])
        for position in range(*word.span())
        if _passes_for_ascii(text[position])
    }


def _passes_for_ascii(character: str) -> bool:
    if character.isascii():
        return False
    if character == _MULTIPLICATION:
        return True
    if unicodedata.category(character)[0] != "L" and unicodedata.category(character) != "Nl":
        return False
    return (
        unicodedata.name(character, "").startswith(_LIKE_LATIN)
        or any(ord(character) in codes for codes in _PHONETIC)
        or unicodedata.normalize("NFKC", character).isascii()
    )
