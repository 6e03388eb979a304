"""Characters that pass for ASCII ones where these are at home: homoglyphs, with which attacks write words anew."""

import re
import unicodedata
from functools import lru_cache

__all__ = ["lookalikes"]

# Drawn like one letter or digit of ASCII, by Unicode's Technical Standard 39, and small capitals. There it has more
# scripts; these have many such letters. Last the digits that attacks use, and the zeros like them.
_ALIKE = frozenset(
    "ıƄƍƖƦƧƷƼƽǀǃȜȢȣɁɑɡɣɩɯʋʔᴑᶃᶌẝỿꝚꝪꝮꞘꞙꞟꞫꞲꞳꞴꬲꬵꬽꭇꭈꭎꭒꭚ"
    "ʙɢʜɪʟɴʀʏᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱ"
    "ͿΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσυϜϱϲϳϹϺᴦ"
    "ЅІЈАВЕЗКМНОРСТУХЬабгеорсухѕіјѡѴѵҮүһҽӀӏӠԁԌԛԜԝꙄꙇ"
    "ՍՏՕագզհոռսցքօ"
    "ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏎᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏮᏳᏴꭵꮁꮃꮓꮩꮪꮯ"
    "ꓐꓑꓒꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ"
    "ᐯᑌᑭᑯᑲᒍᒪᒿᕁᕼᕽᖇᖯᖴᗅᗞᗪᗰᗷ᙭᙮"
    "ϨⲅⲎⲒⲔⲘⲚⲞⲟⲢⲣⲤⲥⲦⲨⲬⳊⳌⳐⳒ"
    "𐐄𐐕𐐛𐐠𐐬𐐽𐑈"
    "०০৪৭੦੧੪୦୨௦౦೦൦൭๐໐"
)
# Hyphens, slashes, asterisks, bars and colons; dashes, quotes and primes are ordinary typography.
_SIGNS = frozenset("‐‑⁃˗⁄∕⧸∖⧵∗⁎∣∶꞉˸։\u05c3")
# What stands above, below or within a circle is what it seems: m², ①.
_PLACED = ("<super>", "<sub>", "<circle>")

# Scripts with letters that are drawn like Latin ones, as their letters' Unicode names begin.
_LIKE_LATIN = ("ARMENIAN", "CANADIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "DESERET", "GREEK", "LISU")
# Phonetic letters are called Latin, too: the script g, the alpha, small capitals.
_PHONETIC = (range(0x0250, 0x02B0), range(0x1D00, 0x1DC0))
_MULTIPLICATION = "×"
_WORD_OR_SIGN = re.compile(rf"[^\W_]+(?:{_MULTIPLICATION}[^\W_]+)*|[^\w\s\x00-\x7f]")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_OTHER_LETTER = re.compile(r"[^\W\d_\x00-\x7f]")

# The dotless i is a letter of languages that have some of these, too.
_DOTLESS = "ı"
_BESIDE_DOTLESS = re.compile("[çğöşüəÇĞÖŞÜİƏ]")


def lookalikes(text: str, around: str = "") -> set[int]:
    """The positions of characters that pass for ASCII ones.

    In a word that has ASCII letters they are all letters of the scripts and alphabets that have such letters. Others
    are told only where the other letters are mainly ASCII: words that have nothing else, digits and signs.

    Args:
        text: any.
        around: what the text is a part of, for its other letters; the text itself by default.
    """
    among_ascii, possible = _found(text)
    if possible and (_has_ascii_around(around) if around else _is_mainly_ascii(text, among_ascii | possible)):
        spelt = _DOTLESS in text and _BESIDE_DOTLESS.search(around or text)
        among_ascii.update(position for position in possible if not (spelt and text[position] == _DOTLESS))
    return among_ascii


def _found(text: str) -> tuple[set[int], set[int]]:
    """Positions that no other letters of the text can excuse, and those that they can."""
    among_ascii: set[int] = set()
    possible: set[int] = set()
    for found in _WORD_OR_SIGN.finditer(text):
        word = found[0]
        if word.isascii():
            continue
        if _ASCII_LETTER.search(word):
            for position, character in enumerate(word, found.start()):
                if _is_of_related_script(character):
                    among_ascii.add(position)
                elif not character.isascii() and _is_alike(character):
                    possible.add(position)
        elif all(map(_is_alike, word)):
            possible.update(
                position for position, character in enumerate(word, found.start()) if not character.isascii()
            )
    return among_ascii, possible


# The passages of one text are looked at one after another.
@lru_cache(maxsize=8)
def _has_ascii_around(text: str) -> bool:
    among_ascii, possible = _found(text)
    return _is_mainly_ascii(text, among_ascii | possible)


def _is_mainly_ascii(text: str, alike: set[int]) -> bool:
    """Whether at least half of the letters are, but for those that pass for ASCII; so it is without any."""
    others = sum(letter.start() not in alike for letter in _OTHER_LETTER.finditer(text))
    return len(_ASCII_LETTER.findall(text)) >= others


@lru_cache(maxsize=4096)
def _is_of_related_script(character: str) -> bool:
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


@lru_cache(maxsize=4096)
def _is_alike(character: str) -> bool:
    """Whether it is drawn like one of ASCII by itself, also where that is in another width or style; or is one."""
    if character.isascii() or character in _ALIKE or character in _SIGNS:
        return True
    if unicodedata.decomposition(character).startswith(_PLACED):
        return False
    simple = unicodedata.normalize("NFKC", character)
    if character.isalnum():
        return (simple.isascii() and simple.isalnum()) or simple in _ALIKE
    return len(simple) == 1 and "!" <= simple <= "~"
