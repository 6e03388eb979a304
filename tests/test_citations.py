"""All that a record can name has a correct-looking entry, and no entry is idle."""

import re

import pytest

from attacks.catalogue import RECIPES
from robustbench_mt.bases import BASES
from robustbench_mt.methods import METHODS
from robustbench_mt.reporting import citations
from robustbench_mt.reporting.citations import base_keys, bibtex, entries, recipe_keys
from robustbench_mt.resources import RESOURCES
from robustbench_mt.tasks import TASKS

REQUIRED = {
    "inproceedings": {"author", "title", "booktitle", "year"},
    "article": {"author", "title", "journal", "volume", "year"},
    "book": {"author", "title", "publisher", "year"},
    "misc": {"author", "title", "year"},
}
KNOWN = {
    *("author", "title", "booktitle", "journal", "volume", "number", "pages", "year"),
    *("publisher", "doi", "eprint", "archiveprefix", "howpublished", "url"),
}
ENTRY = re.compile(r"@(\w+)\{([a-z]+\d{4}[a-z]+),\n((?:  \w+ = \{.*\},?\n)+)\}\n")
FIELD = re.compile(r"  (\w+) = \{(.*)\}(,?)\n")


def fields(entry: str) -> dict[str, str]:
    return {name: value for name, value, _ in FIELD.findall(entry)}


def test_the_file_is_bibtex() -> None:
    every = entries()
    text = citations._FILE.read_text(encoding="utf-8")
    assert text.isascii()
    assert text == "\n".join(every.values()) and len(every) == text.count("\n@") + 1
    for key, entry in every.items():
        match = ENTRY.fullmatch(entry)
        assert match, key
        kind, _, body = match.groups()
        commas = [comma for _, _, comma in FIELD.findall(body)]
        assert commas == [","] * (len(commas) - 1) + [""], key
        found = fields(entry)
        assert len(found) == len(commas), f"{key} has a field twice"
        assert REQUIRED[kind] <= found.keys() <= KNOWN, key
        for value in found.values():
            assert balanced(value), (key, value)


def balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("key", entries())
def test_fields_are_well_formed(key: str) -> None:
    found = fields(entries()[key])
    assert found["year"] in key
    # Without what LaTeX puts before a letter for its accent.
    family = re.sub(r"\\(v(?=\{)|\W)", "", re.split(r",| and ", found["author"])[0])
    assert key.partition(found["year"])[0] == re.sub(r"[^a-z]", "", family.lower())
    for author in found["author"].split(" and "):
        assert ", " in author or author in ("others", "{Student}"), author
    assert re.fullmatch(r"\d{4}\.\d{4,5}", found.get("eprint", "2000.00000"))
    assert ("eprint" in found) == (found.get("archiveprefix") == "arXiv")
    assert re.fullmatch(r"10\.\d{4,}/\S+", found.get("doi", "10.1000/x"))
    assert re.fullmatch(r"\d+--\d+", found.get("pages", "1--2"))


def test_all_that_is_registered_is_cited() -> None:
    assert citations.METHODS.keys() == METHODS.keys()
    assert citations.TASKS.keys() == TASKS.keys()
    assert all(map(recipe_keys, RECIPES))
    assert citations.RECIPES.keys() <= RECIPES.keys()
    assert citations.RESOURCES.keys() <= RESOURCES.keys()
    assert all(map(base_keys, BASES))


def test_no_key_is_missing_and_none_is_idle() -> None:
    used = {key for _, keys in citations.METHODS.values() for key in keys}
    used |= {key for mapping in (citations.RECIPES, citations.TASKS) for keys in mapping.values() for key in keys}
    used |= {key for _, keys in citations._BASES for key in keys}
    used |= {key for _, key in citations.TOOLS.values()}
    used |= {*citations.RESOURCES.values(), *citations.STATISTICS.values(), citations.SENTENCE_ENCODER}
    assert used == set(entries())


def test_papers_agree_with_the_recipes_catalogue() -> None:
    for name, recipe in RECIPES.items():
        found = fields(entries()[recipe_keys(name)[0]])
        arxiv = re.search(r"arxiv\.org/abs/([\d.]+)", recipe.url)
        if arxiv:
            assert found["eprint"] == arxiv[1], name
        title = re.sub(r"\W", "", found["title"]).lower()
        assert title in re.sub(r"\W", "", recipe.paper).lower() or recipe.paper.startswith("TextAttack"), name


@pytest.mark.parametrize(
    ("base", "first"),
    [
        ("minilm", "wang2020minilm"),
        ("bert-base-uncased", "devlin2019bert"),
        ("FacebookAI/roberta-large", "liu2019roberta"),
        ("distilbert-base-cased", "sanh2019distilbert"),
        ("microsoft/deberta-v3-base", "he2021deberta"),
        ("answerdotai/ModernBERT-base/", "warner2024smarter"),
        ("FacebookAI/xlm-roberta-base", "conneau2020unsupervised"),
        ("almanach/camembert-base", "martin2020camembert"),
        ("sentence-transformers/all-mpnet-base-v2", "song2020mpnet"),
        ("/home/bert/mine", None),
    ],
)
def test_bases_are_known_by_their_names(base: str, first: str | None) -> None:
    assert next(iter(base_keys(base)), None) == first


def test_bibtex_holds_what_is_asked_for() -> None:
    text = bibtex(["tong2022robust", "holm1979simple", "tong2022robust"])
    assert re.findall(r"^@\w+\{(.*),$", text, re.MULTILINE) == ["tong2022robust", "holm1979simple"]
