"""Laws of the hybrid loss: every term stated, the total their weighted sum, 0 meaning absent."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vsr_losses import HybridLoss, PerceptualLoss
from vsr_settings import Loss

WEIGHT = st.one_of(st.just(0.0), st.floats(0.01, 10))


@pytest.fixture
def with_vgg(vgg_file):
    path, digest = vgg_file
    return {"perceptual_weights": str(path), "perceptual_sha256": digest}


@given(l1=WEIGHT, ms=WEIGHT, grad=WEIGHT)
def test_the_total_is_the_weighted_sum_of_the_terms(l1, ms, grad):
    if not l1 + ms + grad:
        l1 = 1.0
    loss = HybridLoss(Loss(l1_weight=l1, ms_weight=ms, grad_weight=grad, perceptual_weight=0))
    sr, gt = torch.rand(2, 2, 3, 6, 8, dtype=torch.float64)
    terms = loss(sr, gt)
    error = (sr - gt).abs()
    assert torch.isclose(terms.l1, error.mean())
    pooled = [x.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)) for x in (sr, gt)]
    assert torch.isclose(terms.ms, (pooled[0] - pooled[1]).abs().mean())
    along_x = [(x[..., 1:] - x[..., :-1]).abs() for x in (sr, gt)]
    along_y = [(x[..., 1:, :] - x[..., :-1, :]).abs() for x in (sr, gt)]
    differences = [(a - b).abs().mean() for a, b in (along_x, along_y)]
    assert torch.isclose(terms.grad, sum(differences) / 2)
    assert terms.perceptual == 0
    assert torch.isclose(terms.total, l1 * terms.l1 + ms * terms.ms + grad * terms.grad)


def test_without_weight_there_is_no_perceptual_module_and_every_term_is_returned():
    loss = HybridLoss(Loss(perceptual_weight=0))
    assert loss.perceptual is None
    assert not list(loss.parameters())
    terms = loss(*torch.rand(2, 1, 3, 8, 8))
    assert terms._fields == ("l1", "ms", "grad", "perceptual", "plain", "total")
    assert all(term.shape == () for term in terms)


@pytest.mark.parametrize("weight", [0.1, 2.0])
def test_with_weight_the_perceptual_term_is_there_and_enters_the_total_as_stated(with_vgg, weight):
    loss = HybridLoss(Loss(l1_weight=1.0, perceptual_weight=weight, **with_vgg))
    assert isinstance(loss.perceptual, PerceptualLoss)
    terms = loss(*torch.rand(2, 1, 3, 16, 16))
    assert terms.perceptual > 0
    torch.testing.assert_close(terms.total, terms.l1 + weight * terms.perceptual)


@given(st.sets(st.sampled_from(["l1", "ms", "grad"]), min_size=1))
def test_a_term_of_weight_zero_is_not_in_the_graph(present):
    settings = {f"{name}_weight": float(name in present) for name in ("l1", "ms", "grad")}
    sr = torch.rand(1, 3, 8, 8, requires_grad=True)
    terms = HybridLoss(Loss(**settings, perceptual_weight=0))(sr, torch.rand(1, 3, 8, 8))
    for name in ("l1", "ms", "grad"):
        assert getattr(terms, name).requires_grad == (name in present)


@given(l1=WEIGHT, ms=WEIGHT, grad=WEIGHT)
def test_the_plain_output_adds_its_own_weighted_pixel_terms(l1, ms, grad):
    if not l1 + ms + grad:
        l1 = 1.0
    loss = HybridLoss(Loss(l1_weight=l1, ms_weight=ms, grad_weight=grad, perceptual_weight=0))
    sr, plain, gt = torch.rand(3, 2, 3, 6, 8, dtype=torch.float64)
    terms, without, alone = loss(sr, gt, plain), loss(sr, gt), loss(plain, gt)
    assert torch.isclose(terms.plain, l1 * alone.l1 + ms * alone.ms + grad * alone.grad)
    assert torch.isclose(terms.total, without.total + terms.plain)
    assert terms[:4] == without[:4]
    assert without.plain == 0


@pytest.mark.parametrize(
    ("weights", "plain_weights"),
    [
        ({"l1_weight": 0.0}, {"l1_weight": 1.0}),
        ({"l1_weight": 0.0, "ms_weight": 0.3}, {"l1_weight": 0.0, "ms_weight": 0.3}),
        ({"l1_weight": 0.7, "grad_weight": 0.2}, {"l1_weight": 0.7, "grad_weight": 0.2}),
    ],
)
def test_the_plain_output_is_never_shown_to_vgg_and_has_l1_where_no_pixel_term_has_a_weight(
    with_vgg, weights, plain_weights
):
    loss = HybridLoss(Loss(perceptual_weight=2.0, **weights, **with_vgg))
    sr, plain, gt = torch.rand(3, 1, 3, 16, 16)
    plain.requires_grad_()
    felt = []
    loss.perceptual.register_forward_hook(lambda module, inputs, output: felt.append(inputs[0]))
    terms = loss(sr, gt, plain)
    assert len(felt) == 1
    assert felt[0] is sr
    wanted = HybridLoss(Loss(perceptual_weight=0, **plain_weights))(plain, gt).total
    torch.testing.assert_close(terms.plain, wanted)
    found, want = (torch.autograd.grad(each, plain)[0] for each in (terms.total, wanted))
    torch.testing.assert_close(found, want)


def test_without_a_plain_output_the_total_is_that_of_the_other_terms_bit_for_bit(with_vgg):
    weights = {"l1": 0.7, "ms": 0.3, "grad": 0.2, "perceptual": 0.1}
    settings = {f"{name}_weight": weight for name, weight in weights.items()}
    loss = HybridLoss(Loss(**settings, **with_vgg))
    sr, gt = torch.rand(2, 1, 3, 16, 16)
    terms = loss(sr, gt)
    weighted = [weight * getattr(terms, name) for name, weight in weights.items()]
    assert torch.equal(terms.total, torch.stack(weighted).sum())
    assert torch.equal(terms.total, loss(sr, gt, None).total)


def test_equal_micro_batches_average_to_the_gradient_of_one_batch(with_vgg):
    loss = HybridLoss(Loss(ms_weight=0.3, grad_weight=0.2, **with_vgg)).double()
    pairs = torch.rand(2, 16, 3, 8, 8, dtype=torch.float64)
    whole, parts = pairs[0].clone().requires_grad_(), pairs[0].clone().requires_grad_()
    loss(whole, pairs[1], whole**2).total.backward()
    for sr, gt in zip(parts.split(4), pairs[1].split(4), strict=True):
        (loss(sr, gt, sr**2).total / 4).backward()
    torch.testing.assert_close(parts.grad, whole.grad, rtol=1e-12, atol=1e-14)


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="every loss weight is 0"):
        HybridLoss(Loss(l1_weight=0, perceptual_weight=0))
