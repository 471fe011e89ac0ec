"""The loss of a batch is that of its labelled cells, however it is cut; what starts at the baseline
answers it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.fusion import Settings as Fusion
from models.heads import Settings as Heads
from networks.objectives import objective_of
from tasks import attributes, price

CPU = torch.device("cpu")
LABELS = np.array([[0, -1], [1, -1], [-1, -1], [2, 1], [0, 0], [-1, 1]])
ALL = np.arange(6)


def classes(labels=LABELS, sizes=(3, 2), **settings):
    """The objective of attributes with these labels (n, a), all of them trained on."""
    outputs = {str(a): list("abc"[:k]) for a, k in enumerate(sizes)}
    rows = SimpleNamespace(task=attributes, sizes=list(sizes), outputs=outputs, target=labels)
    return objective_of(rows, Heads(**settings), CPU, np.arange(len(labels)))


def number(prices):
    """The objective of a number: log1p prices (n,), all of them trained on."""
    target = np.array(prices)[:, None]
    rows = SimpleNamespace(task=price, sizes=[1], outputs={"price": [1, 9]}, target=target)
    return objective_of(rows, Fusion(), CPU, np.arange(len(target)))


def test_the_loss_of_classes_is_the_mean_of_the_labelled_means():
    torch.manual_seed(0)
    logits, target = torch.randn(6, 5), torch.as_tensor(LABELS)
    objective = classes()
    expected = (
        F.cross_entropy(logits[[0, 1, 3, 4], :3], target[[0, 1, 3, 4], 0])
        + F.cross_entropy(logits[[3, 4, 5], 3:], target[[3, 4, 5], 1])
    ) / 2
    assert torch.allclose(objective.loss(logits, ALL, ALL), expected)
    parts = [ALL[i : i + 2] for i in (0, 2, 4)]
    micro = [objective.loss(logits[part], part, ALL) for part in parts]
    assert torch.allclose(sum(micro), expected)


def test_a_batch_without_labels_has_a_loss_and_a_gradient_of_0():
    logits = torch.randn(1, 5, requires_grad=True)
    unlabelled = np.array([2])
    loss = classes().loss(logits, unlabelled, unlabelled)
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


def test_class_weights_have_a_mean_of_one_over_the_rows():
    labels = np.repeat([[0], [1]], [8, 2], axis=0)
    balanced = classes(labels, [2], class_weight=1.0)
    assert torch.allclose(balanced.weight, torch.tensor([0.625, 2.5]))  # .8 * .625 + .2 * 2.5 = 1
    absent = classes(labels, [3], class_weight=1.0)
    assert torch.allclose(absent.weight, torch.tensor([0.625, 2.5, 0.0]))


def test_the_loss_of_a_number_is_its_error_over_the_rows_of_the_batch():
    output = torch.tensor([[1.0], [2.0], [5.0]])
    objective = number([1.0, 2.5, 3.0])
    idx = np.arange(3)
    expected = F.smooth_l1_loss(output[:, 0], torch.tensor([1.0, 2.5, 3.0]), beta=0.1)
    assert torch.allclose(objective.loss(output, idx, idx), expected)
    micro = [objective.loss(output[part], part, idx) for part in (idx[:2], idx[2:])]
    assert torch.allclose(sum(micro), expected)

    objective.error = lambda x, y: (x - y).abs().sum()
    assert objective.loss(output, idx, idx) == pytest.approx(2.5 / 3)


def test_an_answer_is_probabilities_or_the_number_itself():
    output = torch.tensor([[0.0, 0.0, 0.0, 9.0, 0.0]], dtype=torch.bfloat16)
    answer = classes().answer(output)
    assert answer.dtype == torch.float32
    assert answer[0, :3].tolist() == pytest.approx([1 / 3] * 3) and answer[0, 3] > 0.99
    assert number([1.0, 2.0]).answer(torch.tensor([[1.5]])).tolist() == [[1.5]]


@pytest.mark.parametrize("objective", [classes(), number([1.0, 2.0, 9.0])])
def test_a_network_that_starts_at_the_baseline_answers_it(objective):
    head = torch.nn.Linear(4, objective.columns)
    objective.start(head)
    answer = objective.answer(head(torch.zeros(1, 4)))
    assert np.allclose(answer.detach().numpy()[0], objective.baseline, atol=1e-5)


def test_with_class_weights_the_start_is_where_the_weighted_loss_has_no_slope():
    labels = np.repeat([[0], [1], [2]], [70, 20, 10], axis=0)
    objective = classes(labels, [3], class_weight=0.5)
    head = torch.nn.Linear(1, 3)
    objective.start(head)
    idx = np.arange(100)
    objective.loss(head(torch.zeros(100, 1)), idx, idx).backward()
    assert head.bias.grad.abs().max() < 1e-6
