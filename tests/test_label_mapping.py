"""Which output of a checkpoint belongs to which class: the wrong answer turns 84% into 7%."""

import pytest

from robustbench_mt.errors import UserError
from robustbench_mt.tasks import map_labels

NLI = ("entailment", "neutral", "contradiction")


@pytest.mark.parametrize(
    ("task_names", "id2label", "given", "columns"),
    [
        (("negative", "positive"), {0: "negative", 1: "positive"}, None, [0, 1]),
        (("negative", "positive"), {0: "POSITIVE", 1: "NEGATIVE"}, None, [1, 0]),
        (NLI, {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}, None, [2, 1, 0]),
        (("not_entailment", "entailment"), {0: "Entailment", 1: "not-entailment"}, None, [1, 0]),
        (("not_duplicate", "duplicate"), {0: "Duplicate", 1: "Not duplicate"}, None, [1, 0]),
        (NLI, {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}, None, [0, 1, 2]),
        (NLI, {2: "LABEL_2", 0: "LABEL_0", 1: "LABEL_1"}, None, [0, 1, 2]),
        (("negative", "positive"), {0: "0", 1: "1"}, None, [0, 1]),
        (("1", "2"), {0: "LABEL_0", 1: "LABEL_1"}, None, [0, 1]),
        (("0", "1"), {0: "1", 1: "0"}, None, [1, 0]),
        (("negative", "positive"), {0: "POS", 1: "NEG"}, {"negative": "NEG", "positive": "POS"}, [1, 0]),
        (("negative", "positive"), {0: "pos", 1: "negative"}, {"Positive": "POS"}, [1, 0]),
        (
            ("negative", "positive"),
            {0: "LABEL_0", 1: "LABEL_1"},
            {"negative": "LABEL_1", "positive": "LABEL_0"},
            [1, 0],
        ),
        (
            ("negative", "positive"),
            {0: "positive", 1: "negative"},
            {"negative": "positive", "positive": "negative"},
            [0, 1],
        ),
    ],
)
def test_mapped(task_names, id2label, given, columns):
    assert map_labels(task_names, id2label, given) == columns


@pytest.mark.parametrize(
    ("task_names", "id2label", "given", "said"),
    [
        (("negative", "positive"), dict(enumerate(NLI)), None, ["2 classes", "has 3", "contradiction"]),
        (NLI, {0: "a", 1: "b"}, {"entailment": "a", "neutral": "b"}, ["3 classes", "has 2"]),
        (("negative", "positive"), {0: "NEG", 1: "POS"}, None, ["--map-labels negative=NEG,positive=POS"]),
        (("negative", "positive"), {0: "negative", 1: "POS"}, None, ["negative, POS", "--map-labels"]),
        (tuple("abcdefghijklmn"), dict(enumerate("ABCDEFGHIJKLMO")), None, ["l=L,... if that is"]),
        # A data set's 0 is not surely the checkpoint's first class, where that has a name.
        (("0", "1", "2"), dict(enumerate(NLI)), None, ["--map-labels 0=entailment,1=neutral,2=contradiction"]),
        # Numbers out of their order may mean either.
        (("negative", "positive"), {0: "LABEL_1", 1: "LABEL_0"}, None, ["--map-labels"]),
        (("negative", "positive"), {0: "1", 1: "2"}, None, ["--map-labels"]),
        (("negative", "positive"), {0: "a-b", 1: "A_B"}, None, ["--map-labels"]),
        (("negative", "positive"), {0: "NEG", 1: "POS"}, {"negative": "NEG"}, ["--map-labels"]),
        (("negative", "positive"), {0: "NEG", 1: "POS"}, {"neg": "NEG"}, ["no class 'neg'", "negative, positive"]),
        (("negative", "positive"), {0: "NEG", 1: "POS"}, {"negative": "bad"}, ["no class 'bad'", "NEG, POS"]),
        (("negative", "positive"), {0: "NEG", 1: "POS"}, {"negative": "NEG", "positive": "neg"}, ["two of", "'neg'"]),
    ],
)
def test_refused(task_names, id2label, given, said):
    with pytest.raises(UserError) as raised:
        map_labels(task_names, id2label, given)
    for words in said:
        assert words in str(raised.value)
