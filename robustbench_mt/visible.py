"""Showing hostile text: characters that hide, or that turn the text around, are spelt out."""

import unicodedata

__all__ = ["pieces", "visible"]

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


def pieces(text: str) -> list[tuple[str, bool]]:
    """Cut a text into runs, each with whether it spells out an unseen character, as ``⟨U+202E⟩``.

    Unseen are controls (but for line breaks and tabs), bidirectional and zero-width characters, spaces other than the
    plain one, selectors, fillers, private characters and lone surrogates.
    """
    found: list[tuple[str, bool]] = []
    start = 0
    for position, character in enumerate(text):
        if _is_unseen(character):
            if start < position:
                found.append((text[start:position], False))
            found.append((f"⟨U+{ord(character):04X}⟩", True))
            start = position + 1
    if start < len(text):
        found.append((text[start:], False))
    return found


def visible(text: str) -> str:
    """The text with unseen characters spelt out; all of it can be encoded as UTF-8."""
    return "".join(piece for piece, _ in pieces(text))


def _is_unseen(character: str) -> bool:
    if " " <= character <= "~" or character in "\n\t":
        return False
    return character in _UNSEEN or unicodedata.category(character) in _CATEGORIES
