"""Homoglyphs are told from letters that are at home in a text."""

import unicodedata

import pytest

from robustbench_mt.lookalikes import lookalikes
from robustbench_mt.visible import Piece, pieces

# As TextAttack's `WordSwapHomoglyphSwap` replaces characters; its "`" and "l" are ASCII, its × is one between letters.
TEXTATTACK = "˗৭Ȣ𝟕бƼᏎƷᒿɑЬϲԁе𝚏ɡհіϳ𝒌ⅼｍոорԛⲅѕ𝚝սѵԝуᴢ"


def marked(text: str, around: str = "") -> str:
    return "".join(piece.text for piece in pieces(text, around) if piece.kind == "lookalike")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("This is \u0430 great film", "\u0430"),
        ("\u0421\u043e\u0441\u0430 is", "\u0421\u043e\u0441\u0430"),
        ("\u0455\u0441\u0430\u0440\u0435", "\u0455\u0441\u0430\u0440\u0435"),
        ("1\u043e0", "\u043e"),
        ("100\u041e", "\u041e"),
        ("0\u039f", "\u039f"),
        ("great\uff01", "\uff01"),
        ("rated \uff11 of 5", "\uff11"),
        ("rated \U0001d7cf of 5", "\U0001d7cf"),
        ("fi\U0001d7cfm", "\U0001d7cf"),
        ("dull\u037e and long", "\u037e"),
        ("the end\u2024", "\u2024"),
        ("well\u2010made", "\u2010"),
        ("wow\u01c3", "\u01c3"),
        ("wow \u01c3", "\u01c3"),
        ("b\u0131g", "\u0131"),
        ("na\u00efve b\u0131g", "\u0131"),
        ("the \uff47\uff52\uff45\uff41\uff54 film", "\uff47\uff52\uff45\uff41\uff54"),
        ("in 19\u09ed0", "\u09ed"),
        ("\uff01", "\uff01"),
        ("a \u0261\u1d0f\u1d0f\u1d05 film", "\u0261\u1d0f\u1d0f\u1d05"),
    ],
)
def test_what_passes_for_ascii_is_marked(text: str, told: str) -> None:
    assert marked(text) == told


@pytest.mark.parametrize("character", TEXTATTACK)
def test_textattacks_homoglyphs_are_marked_alone_and_in_words(character: str) -> None:
    assert marked(f"a film, {character} and more") == character
    # Letters of other scripts in a word of ASCII letters, too; a sign in one.
    assert marked(f"a fi{character}m") == character


@pytest.mark.parametrize(
    "text",
    [
        "Это очень хороший фильм, а сюжет со вкусом; о нём и рос мой интерес с 1980х годов",
        "Η ταινία ήταν καλή\u037e ναι, ο Νίκος και η Ρένα το είπαν το 1990",
        "映画はすごい！ １２月に見た。ＤＶＤも買った（２枚）。DVD２枚",
        "这部电影很好看！评分：９０％。",
        "Հայերեն տեքստ է սա։ հոն ոսն",
        "हिन्दी की फ़िल्म १०० में से ९०",
        "kısa ve güzel bir film, ama sonu zayıf",
        "İyi bir yapım, kadın oyuncular harika",
        # Words of another script in English that have letters of their own, and ordinary typography.
        "the Москва film and its κόσμος",
        "“Quotes” – it’s… m² ½ ① 5′ − 3×4 10 µm Ω π, à la carte, 2º",
    ],
)
def test_what_is_at_home_is_not_marked(text: str) -> None:
    assert pieces(text) == [Piece(text)]


def test_a_part_is_judged_by_what_is_around_it() -> None:
    assert marked("\u0430", "Это хороший фильм") == ""
    assert marked("\u0430", "this is a great film") == "\u0430"
    assert marked("\uff01", "映画がすごい") == ""
    assert marked("kısa", "kısa ve güzel") == "" and marked("kısa", "a short one") == "ı"
    # In a word with ASCII letters it is no word of that language either.
    assert marked("gr\u0435at", "Это хороший фильм") == "\u0435"


def test_every_ascii_character_in_another_style_is_marked() -> None:
    for code in range(0xFF01, 0xFF5F):
        assert lookalikes(f"see {chr(code)} here") == {4}, unicodedata.name(chr(code))
    for code in range(0x1D7CE, 0x1D800):
        assert lookalikes(f"see {chr(code)} here") == {4}
