"""A step that is not finite leaves no trace in the weights, and is traced to what caused it."""

import pytest
import torch
from train.watch_runs import CPU, PHOTOGRAPHS, SCALE, FeatureLoss, ForcedLoss, footage

from vsr_data import TrainingStream
from vsr_device import Platform
from vsr_losses import HybridLoss
from vsr_model import Network
from vsr_settings import Loss, Model, Train
from vsr_train.step import Stepper, make_optimizer
from vsr_train.watch import Watch
from vsr_train.watch.incidents import MOST_INCIDENTS

NAN = float("nan")


class NaNWhereBright(FeatureLoss):
    """Features that are not finite for pictures of more than some brightness."""

    limit = 2.0

    def forward(self, sr, gt):
        return super().forward(sr, gt) + (NAN if gt.mean() > self.limit else 0) * sr.sum()


class NaNBackwards(torch.autograd.Function):
    """The identity, with a gradient that is not finite."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * NAN


class Scene:
    """A network that steps under a watch, on a stream of one sample a micro-batch."""

    def __init__(self, loss=None, platform=CPU):
        torch.manual_seed(0)
        self.train = Train(batch_size=1, accumulation_steps=4, warmup_steps=0, watch_every=5)
        self.network = Network(Model(n_feats=4, n_blocks=2))
        self.loss = loss or HybridLoss(Loss(perceptual_weight=0))
        self.optimizer = make_optimizer(self.network, self.train)
        scaler = platform.grad_scaler()
        self.stepper = Stepper(
            self.network, self.loss, self.optimizer, scaler, platform,
            grad_clip=1.0,
        )  # fmt: skip
        self.watch = Watch(self.network, self.loss, self.optimizer, platform, self.train)
        self.stream = TrainingStream(
            footage(PHOTOGRAPHS), n_frames=5, scale=SCALE, patch=12, seed=0,
            batch_size=1, accumulation_steps=4,
        )  # fmt: skip
        self.made = 0

    def step(self):
        self.made += 1
        (batches,) = self.stream.steps(self.made - 1, self.made)
        self.watch.before_step(self.made, batches)
        result = self.stepper.step(batches, 1e-3)
        self.watch.after_step(self.made, 1e-3, result)
        return result

    def state(self):
        weights = [p.detach().clone() for p in self.network.parameters()]
        memory = [v.clone() for s in self.optimizer.state.values() for v in s.values()]
        return [*weights, *memory]


def same(one, other):
    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_a_withheld_step_leaves_weights_and_memory_as_they_were_and_training_goes_on():
    scene = Scene(ForcedLoss({"l1": 1.0, "perceptual": 0.1}, NaNWhereBright()))
    scene.step()
    scene.loss.perceptual.limit = -1
    before = scene.state()
    scene.step()
    assert same(scene.state(), before)
    scene.loss.perceptual.limit = 2
    scene.step()
    assert not same(scene.state(), before)
    assert all(value.isfinite().all() for value in scene.state())


def test_an_incident_names_term_file_and_frame():
    scene = Scene(ForcedLoss({"l1": 1.0, "perceptual": 0.1}, NaNWhereBright()))
    means = [float(scene.stream.sample(0, i)[1].float().mean()) / 255 for i in range(4)]
    brightest = means.index(max(means))
    scene.loss.perceptual.limit = sum(sorted(means)[-2:]) / 2
    scene.step()
    origin = scene.stream.origin(0, brightest)  # asked for before it is set aside
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "step 1 was not finite" in line
    assert "loss term perceptual is not finite" in line
    assert origin in line
    assert scene.watch.examine_incidents(scene.stream) == []


def test_an_incident_names_the_module_whose_output_broke():
    scene = Scene()
    with torch.no_grad():
        scene.network.forward_trunk[0].conv2.bias[1] = float("inf")
    scene.step()
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "the output of forward_trunk.0.conv2 is not finite" in line


def test_an_incident_names_the_tensor_whose_gradient_broke():
    scene = Scene()
    torch.nn.init.normal_(scene.network.upsample[2].weight)
    hook = lambda module, inputs, output: NaNBackwards.apply(output)
    scene.network.backward_trunk[0].register_forward_hook(hook)
    scene.step()
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "the gradient of backward_trunk.0" in line


def test_an_incident_names_the_aligned_branch_whose_output_broke():
    scene = Scene()
    with torch.no_grad():
        scene.network.align.out.bias[1] = float("inf")
    scene.step()
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "the output of align.out is not finite for every sample" in line


def test_a_gradient_that_breaks_in_upsampling_is_not_laid_to_the_aligned_branch_before_it():
    scene = Scene()
    torch.nn.init.normal_(scene.network.upsample[2].weight)
    hook = lambda module, inputs, output: NaNBackwards.apply(output)
    scene.network.upsample[1].register_forward_hook(hook)
    scene.step()
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "the gradient of upsample.0" in line


def test_a_gradient_that_breaks_in_the_aligned_branch_is_named():
    scene = Scene()
    for layer in (scene.network.upsample[2], scene.network.align.out):
        torch.nn.init.normal_(layer.weight)
    hook = lambda module, inputs, output: NaNBackwards.apply(output)
    scene.network.align.blocks.register_forward_hook(hook)
    scene.step()
    (line,) = scene.watch.examine_incidents(scene.stream)
    assert "the gradient of align.blocks.1" in line


def test_finite_steps_are_no_incident():
    scene = Scene()
    for _ in range(3):
        scene.step()
    assert scene.watch.examine_incidents(scene.stream) == []
    assert not scene.watch.too_many_incidents


def test_more_incidents_than_the_budget_are_too_many_also_after_resuming():
    scene = Scene(ForcedLoss({"l1": 1.0}, scale=NAN))
    for _ in range(MOST_INCIDENTS):
        scene.step()
    lines = scene.watch.examine_incidents(scene.stream)
    assert lines[-1] == f"and {MOST_INCIDENTS - 3} steps more"
    assert not scene.watch.too_many_incidents
    resumed = Watch(scene.network, scene.loss, scene.optimizer, CPU, scene.train)
    resumed.load_state_dict(scene.watch.state_dict())
    scene.watch = resumed
    scene.step()
    resumed.examine_incidents(scene.stream)
    assert resumed.too_many_incidents


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.*")
def test_an_overflow_that_grad_scaler_meets_is_no_incident():
    scene = Scene(platform=Platform(torch.device("cpu"), torch.float16, torch.contiguous_format))
    scene.stepper._scaler = torch.GradScaler("cpu", init_scale=2.0**120, enabled=True)
    assert scene.step().withheld
    assert scene.watch.examine_incidents(scene.stream) == []
