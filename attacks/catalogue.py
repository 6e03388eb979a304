"""TextAttack's recipes that attack classifiers, by name."""

from typing import Any

from attacks.recipe import Recipe
from attacks.sentence_encoder import THRESHOLDS, with_sentence_encoder
from attacks.settings import RecipeOptions

__all__ = ["RECIPES"]


def _rank_by_gradients(attack: Any, victim: Any, _: RecipeOptions) -> Any:
    from attacks.gradient_recipes import rank_by_gradients

    return rank_by_gradients(attack, victim)


def _compose_hotflip(victim: Any) -> Any:
    from attacks.gradient_recipes import build_hotflip

    return build_hotflip(victim)


def _pruthi(name: str, summary: str, **arguments: int) -> Recipe:
    """The paper's attack, with as many characters as it allows: no word is changed twice."""
    return Recipe(
        name,
        "Pruthi2019",
        "Pruthi, Dhingra and Lipton (2019), Combating Adversarial Misspellings with Robust Word Recognition",
        "https://arxiv.org/abs/1905.11268",
        summary,
        (_STOP_WORDS,),
        arguments=arguments,
    )


def _bad_characters(name: str, kind: str, summary: str, needs: tuple[str, ...] = ()) -> Recipe:
    """One of the paper's kinds of changes that a reader does not see."""
    return Recipe(
        name,
        "BadCharacters2021",
        "Boucher, Shumailov, Anderson and Papernot (2022), Bad Characters: Imperceptible NLP Attacks",
        "https://arxiv.org/abs/2106.09898",
        f"{summary}; to any other label, where TextAttack aims at a certain one",
        needs,
        single_field="it changes the text as a whole, whatever its fields",
        # TextAttack asks for a goal and offers only targeted ones; attacks.recipes.build gives it ours.
        arguments={"goal_function_type": "targeted_classification", "perturbation_type": kind},
    )


_STOP_WORDS = "stop words"
_WORDNET = "wordnet"
_TAGGER = "part-of-speech tagger"
_VECTORS = "counter-fitted vectors"
_USE = "universal sentence encoder"
_BERT = "bert masked language model"
_FLAIR_TAGGER = "flair part-of-speech tagger"

_OWN = "TextAttack's own (Morris et al., 2020), described in no paper"
_OWN_URL = "https://arxiv.org/abs/2005.05909"

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "deepwordbug",
            "DeepWordBugGao2018",
            "Gao, Lanchantin, Soffa and Qi (2018), Black-box Generation of Adversarial Text Sequences to Evade Deep "
            "Learning Classifiers",
            "https://arxiv.org/abs/1801.04354",
            "typing errors in the words that matter most",
            (_STOP_WORDS,),
        ),
        Recipe(
            "pwws",
            "PWWSRen2019",
            "Ren, Deng, He and Che (2019), Generating Natural Language Adversarial Examples through Probability "
            "Weighted Word Saliency",
            "https://www.aclweb.org/anthology/P19-1103/",
            "WordNet synonyms, by saliency and effect",
            (_STOP_WORDS, _WORDNET),
        ),
        Recipe(
            "textfooler",
            "TextFoolerJin2019",
            "Jin, Jin, Zhou and Szolovits (2020), Is BERT Really Robust? A Strong Baseline for Natural Language Attack "
            "on Text Classification and Entailment",
            "https://arxiv.org/abs/1907.11932",
            "near words of the same part of speech, sentence meaning kept",
            (_VECTORS, _TAGGER, _USE),  # it brings its own stop words
        ),
        Recipe(
            "textbugger",
            "TextBuggerLi2018",
            "Li, Ji, Du, Li and Wang (2019), TextBugger: Generating Adversarial Text Against Real-world Applications",
            "https://arxiv.org/abs/1812.05271",
            "typing errors, look-alike characters and near words",
            (_STOP_WORDS, _VECTORS, "homoglyph table", _USE),
        ),
        _pruthi("pruthi", "one typing error"),
        _pruthi("pruthi-2", "at most two typing errors, in different words", max_num_word_swaps=2),
        Recipe(
            "checklist",
            "CheckList2020",
            "Ribeiro, Wu, Guestrin and Singh (2020), Beyond Accuracy: Behavioral Testing of NLP models with CheckList",
            "https://arxiv.org/abs/2005.04118",
            "contractions, other names, numbers and places",
            ("flair entity tagger",),
        ),
        Recipe(
            "input-reduction",
            "InputReductionFeng2018",
            "Feng, Wallace, Grissom II, Iyyer, Rodriguez and Boyd-Graber (2018), Pathologies of Neural Models Make "
            "Interpretations Difficult",
            "https://arxiv.org/abs/1804.07781",
            "leaves words out while the prediction stays",
            (_STOP_WORDS,),
            keeps_label=True,
        ),
        Recipe(
            "bae",
            "BAEGarg2019",
            "Garg and Ramakrishnan (2020), BAE: BERT-based Adversarial Examples for Text Classification",
            "https://arxiv.org/abs/2004.01970",
            "words that BERT puts in the gap, sentence meaning kept",
            (_STOP_WORDS, _TAGGER, _BERT, _USE),
        ),
        Recipe(
            "bert-attack",
            "BERTAttackLi2020",
            "Li, Ma, Guo, Xue and Qiu (2020), BERT-ATTACK: Adversarial Attack Against BERT Using BERT",
            "https://arxiv.org/abs/2004.09984",
            "words and word pieces that BERT puts there",
            (_STOP_WORDS, _BERT, _USE),
        ),
        Recipe(
            "a2t",
            "A2TYoo2021",
            "Yoo and Qi (2021), Towards Improving Adversarial Training of NLP Models",
            "https://arxiv.org/abs/2109.00544",
            "near words, in the order of the victim's gradients; unlike TextAttack, of each word's own tokens",
            (_STOP_WORDS, _VECTORS, _TAGGER, "sentence-bert"),
            gradients=True,
            # TextAttack's ranking takes the gradients of other words' tokens for some, see GradientRanking.
            adapt=_rank_by_gradients,
        ),
        Recipe(
            "clare",
            "CLARE2020",
            "Li, Zhang, Peng, Chen, Brockett, Sun and Dolan (2021), Contextualized Perturbation for Textual "
            "Adversarial Attack",
            "https://arxiv.org/abs/2009.07502",
            "replaces, inserts and merges words as RoBERTa would",
            (_STOP_WORDS, "roberta masked language model", _FLAIR_TAGGER, _USE),
            # WordMergeMaskedLM takes no notice of which words may be changed.
            single_field="it merges words of either sentence, and across both",
        ),
        Recipe(
            "iga",
            "IGAWang2019",
            "Wang, Jin and He (2019), Natural Language Adversarial Attacks and Defenses in Word Level",
            "https://arxiv.org/abs/1909.06723",
            "near words, by an improved genetic algorithm",
            (_STOP_WORDS, _VECTORS),
        ),
        Recipe(
            "pso",
            "PSOZang2020",
            "Zang, Qi, Yang, Liu, Zhang, Liu and Sun (2020), Word-level Textual Adversarial Attacking as Combinatorial "
            "Optimization",
            "https://www.aclweb.org/anthology/2020.acl-main.540/",
            "words with the same sememes, by a particle swarm",
            (_STOP_WORDS, "hownet synonyms", _FLAIR_TAGGER),
        ),
        Recipe(
            "alzantot",
            "GeneticAlgorithmAlzantot2018",
            "Alzantot, Sharma, Elgohary, Ho, Srivastava and Chang (2018), Generating Natural Language Adversarial "
            "Examples",
            "https://arxiv.org/abs/1804.07998",
            "near words, by a genetic algorithm",
            (_STOP_WORDS, _VECTORS, "one-billion-words language model"),
        ),
        Recipe(
            "faster-alzantot",
            "FasterGeneticAlgorithmJia2019",
            "Jia, Raghunathan, Göksel and Liang (2019), Certified Robustness to Adversarial Word Substitutions",
            "https://arxiv.org/abs/1909.00986",
            "near words, by a faster genetic algorithm",
            (_STOP_WORDS, _VECTORS, "learning-to-write language model"),
        ),
        Recipe(
            "kuleshov",
            "Kuleshov2017",
            "Kuleshov, Thakoor, Lau and Ermon (2018), Adversarial Examples for Natural Language Classification "
            "Problems",
            "https://openreview.net/forum?id=r1QZ3zbAZ",
            "near words that GPT-2 finds likely",
            (_STOP_WORDS, _VECTORS, "gpt-2"),
        ),
        Recipe(
            "hotflip",
            "HotFlipEbrahimi2017",
            "Ebrahimi, Rao, Lowd and Dou (2018), HotFlip: White-Box Adversarial Examples for Text Classification",
            "https://arxiv.org/abs/1712.06751",
            "words swapped along the victim's gradient",
            (_STOP_WORDS, _VECTORS, _TAGGER),
            not_applicable="it needs a victim whose tokens are whole words (TextAttack's own LSTM); a subword model's "
            "are not, and hotflip-subword is for these",
        ),
        Recipe(
            "hotflip-subword",
            "HotFlipEbrahimi2017",
            "Ebrahimi, Rao, Lowd and Dou (2018), HotFlip: White-Box Adversarial Examples for Text Classification",
            "https://arxiv.org/abs/1712.06751",
            "words swapped along the gradient of their pieces",
            (_STOP_WORDS, _VECTORS, _TAGGER),
            gradients=True,
            compose=_compose_hotflip,
        ),
        Recipe(
            "leap",
            "LEAP2023",
            "Xiao, Xiao, Dong, Ji and Zhang (2023), LEAP: Efficient and Automated Test Method for NLP Software",
            "https://arxiv.org/abs/2308.11284",
            "WordNet synonyms, by a particle swarm with Levy flights",
            (_STOP_WORDS, _WORDNET),
        ),
        _bad_characters("bad-characters", "homoglyphs", "one look-alike character", ("homoglyph table",)),
        # The paper's fourth kind, invisible characters, does nothing to BERT's tokenizer, which drops them.
        _bad_characters("bad-characters-deletions", "deletions", "one character that a backspace after it deletes"),
        _bad_characters(
            "bad-characters-reorderings", "reorderings", "two characters swapped that direction marks show unswapped"
        ),
        Recipe(
            "french",
            "FrenchRecipe",
            _OWN,
            _OWN_URL,
            "French synonyms, names and places",
            (_WORDNET,),
            not_applicable="TextAttack 0.3.11 cannot build it: it asks NLTK for French before NLTK has read which "
            "languages there are",
        ),
        Recipe(
            "spanish",
            "SpanishRecipe",
            _OWN,
            _OWN_URL,
            "Spanish synonyms, names and places",
            (_WORDNET,),
            not_applicable="TextAttack 0.3.11 cannot build it: it asks NLTK for the language 'esp', which is 'spa'",
        ),
        Recipe(
            "chinese",
            "ChineseRecipe",
            _OWN,
            _OWN_URL,
            "Chinese look-alikes, homophones and words of like meaning",
            ("multilingual masked language model",),
            not_applicable="TextAttack 0.3.11 cannot build it: its wheel lacks the table of homophones",
        ),
    )
}
"""TextAttack 0.3.11's recipes but Seq2Sick and Morpheus, which attack translation."""

RECIPES |= {f"{name}-sbert": with_sentence_encoder(RECIPES[name]) for name in THRESHOLDS}
