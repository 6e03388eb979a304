"""One of the attacks in flight: TextAttack's ``Attack`` with a state, a budget and counts of its own.

Imported only where TextAttack is.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from textattack import Attack
from textattack.attack_results import FailedAttackResult, MaximizedAttackResult, SuccessfulAttackResult
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.goal_function_results import GoalFunctionResultStatus

from attacks.settings import AttackSettings

__all__ = ["OwnAttack"]


class OwnAttack(Attack):
    """A sibling of a built attack: the same recipe, sharing what keeps no state.

    Budgets that run out end the search as TextAttack's own query budget does; search methods that take no notice and
    ask for more are ended with the best text they have had scored.

    Args:
        built: what TextAttack built.
        victim: the model wrapper to ask for scores.
        settings: with the budgets.
        clock: seconds that the attack which calls it has taken so far; only differences count.

    Attributes:
        candidates, candidates_kept: of the last example, see :class:`robustbench_mt.records.AttackRecord`.
    """

    def __init__(self, built: Any, victim: Any, settings: AttackSettings, clock: Callable[[], float]) -> None:
        goal = copy.copy(built.goal_function)
        goal.model = victim
        # The victim makes its own batches, sorted by length; TextAttack would cut them to 32 texts in its order.
        goal.batch_size = 2**31
        self._score = goal.get_results
        goal.get_results = self._results_in_time
        self._settings = settings
        self._clock = clock
        self._words = _WordBudget(settings.max_words) if settings.max_words is not None else None
        super().__init__(
            goal,
            [*built.constraints, *built.pre_transformation_constraints, *filter(None, [self._words])],
            built.transformation,
            copy.copy(built.search_method),
            built.transformation_cache_size,
            built.constraint_cache_size,
        )

    def attack_within_budget(self, example: Any, label: int, open_words: int) -> Any:
        """Attack an example; returns TextAttack's ``AttackResult``.

        Args:
            example: an ``OrderedDict`` of the fields.
            label: its class.
            open_words: words of the fields that may change.
        """
        self.candidates = self.candidates_kept = 0
        self._ran_out = False
        self._deadline = self._clock() + (self._settings.max_seconds or math.inf)
        self.goal_function.query_budget = self._settings.max_queries or math.inf
        if self._words:
            self._words.begin(open_words)
        try:
            return self.attack(example, label)
        except _BudgetSpentError:
            self._best.num_queries = self.goal_function.num_queries
            return _RESULTS[self._best.goal_status](self._first, self._best)

    @property
    def ended_by(self) -> Literal["", "queries", "seconds", "words"]:
        """The budget that stood in the way of the last example's attack, supposing that it failed."""
        if self._ran_out:
            return "seconds"
        if self.goal_function.num_queries >= (self._settings.max_queries or math.inf):
            return "queries"
        return "words" if self._words and self._words.refused else ""

    def filter_transformations(
        self, transformed_texts: Sequence[Any], current_text: Any, original_text: Any = None
    ) -> list[Any]:
        kept: list[Any] = super().filter_transformations(transformed_texts, current_text, original_text)
        self.candidates += len(transformed_texts)
        self.candidates_kept += len(kept)
        return kept

    def _results_in_time(self, texts: Sequence[Any], check_skip: bool = False) -> tuple[list[Any], bool]:
        results, is_over = self._score(texts, check_skip)
        if texts and not results:
            raise _BudgetSpentError
        if check_skip:
            self._first = self._best = results[0]
        self._best = max([self._best, *results], key=lambda result: result.score)
        if self._clock() > self._deadline:
            self._ran_out = is_over = True
            self.goal_function.query_budget = self.goal_function.num_queries
        return results, is_over


_RESULTS = {
    GoalFunctionResultStatus.SUCCEEDED: SuccessfulAttackResult,
    GoalFunctionResultStatus.SEARCHING: FailedAttackResult,
    GoalFunctionResultStatus.MAXIMIZING: MaximizedAttackResult,
}


class _BudgetSpentError(Exception):
    """A search method asks for scores that it must not have any more."""


class _WordBudget(MaxWordsPerturbed):
    """At most a share of the words that may change.

    Attributes:
        refused: whether it has turned a candidate down.
    """

    def __init__(self, share: float) -> None:
        super().__init__(max_percent=share)
        self._share = share
        self.begin(0)

    def begin(self, open_words: int) -> None:
        self._most = math.floor(self._share * open_words)
        self.refused = False

    def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
        is_kept = int(reference_text.words_diff_num(transformed_text)) <= self._most
        self.refused = self.refused or not is_kept
        return is_kept
