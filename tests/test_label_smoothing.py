"""Label smoothing: transformers' own label smoother, the formula by hand, and what is refused."""

from types import SimpleNamespace

import pytest
import torch
from method_samples import check_setting_is_refused
from transformers.trainer_pt_utils import LabelSmoother

from robustbench_mt.methods.choice import parse_method

LOGITS = torch.randn(5, 3, generator=torch.Generator().manual_seed(3))
LABELS = torch.tensor([0, 2, 1, 1, 0])


def loss(spec: str, logits: torch.Tensor = LOGITS, labels: torch.Tensor = LABELS) -> torch.Tensor:
    method = parse_method(spec).create()
    return method.loss(lambda **_: SimpleNamespace(logits=logits), {"labels": labels})


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_it_is_transformers_own(smoothing: float) -> None:
    expected = LabelSmoother(epsilon=smoothing)({"logits": LOGITS}, LABELS)
    torch.testing.assert_close(loss(f"label-smoothing:smoothing={smoothing}"), expected)


def test_by_hand() -> None:
    spread = torch.full((5, 3), 0.1 / 3)
    spread[torch.arange(5), LABELS] += 0.9
    torch.testing.assert_close(loss("label-smoothing"), -(spread * LOGITS.log_softmax(dim=1)).sum(dim=1).mean())


def test_certainty_has_a_price() -> None:
    """With two classes the best probability of the label is 1 - smoothing / 2; beyond it the loss rises again."""
    # Logits x and -x give the label a probability of 0.95 at x = log(19) / 2.
    less, best, more = (loss("label-smoothing", torch.tensor([[x, -x]]), LABELS[:1]) for x in (0.5, 1.4722, 5.0))
    assert best < min(less, more)


@pytest.mark.parametrize("value", ["-0.1", "1", "much", "True"])
def test_what_is_no_share_is_refused(value: str) -> None:
    check_setting_is_refused(f"label-smoothing:smoothing={value}", "give a number from 0 to below 1")
