"""Laws of the trace: what a step takes, exactly, and what the card's allocator makes of it."""

import functools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from losses.vgg_files import made_up_weights
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile
from tracer import CATEGORIES, trace

from vsr_device import Platform
from vsr_losses import VGG16, HybridLoss
from vsr_settings import Data, Hardware, Loss, Model, Settings, Train
from vsr_settings.memory import WORKSPACE
from vsr_settings.memory.allocator import CachingAllocator, reserved_bytes
from vsr_train.step import Stepper, TrainingState

GIB = 1 << 30
MIB = 1 << 20
NETWORKS = {
    "64x24": Model(align="none"),
    "128x36": Model(n_feats=128, n_blocks=36, align="none"),
    "64x24 aligned": Model(),
    "128x36 aligned": Model(n_feats=128, n_blocks=36),
}
AMP_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}

MOST_GIB = {
    ("64x24", "none", "fp16"): 2.2,
    ("64x24", "none", "fp32"): 4.0,
    ("64x24", "blocks", "fp16"): 1.3,
    ("64x24", "blocks", "fp32"): 2.2,
    ("64x24", "segments", "fp16"): 0.75,
    ("64x24", "segments", "fp32"): 1.1,
    ("128x36", "none", "fp16"): 5.7,
    ("128x36", "none", "fp32"): 11.0,
    ("128x36", "blocks", "fp16"): 3.2,
    ("128x36", "blocks", "fp32"): 5.75,
    ("128x36", "segments", "fp16"): 1.55,
    ("128x36", "segments", "fp32"): 2.7,
    ("64x24 aligned", "none", "fp16"): 2.45,
    ("64x24 aligned", "none", "fp32"): 4.5,
    ("64x24 aligned", "blocks", "fp16"): 1.35,
    ("64x24 aligned", "blocks", "fp32"): 2.3,
    ("64x24 aligned", "segments", "fp16"): 0.8,
    ("64x24 aligned", "segments", "fp32"): 1.15,
    ("128x36 aligned", "none", "fp16"): 6.2,
    ("128x36 aligned", "none", "fp32"): 12.0,
    ("128x36 aligned", "blocks", "fp16"): 3.25,
    ("128x36 aligned", "blocks", "fp32"): 5.95,
    ("128x36 aligned", "segments", "fp16"): 1.6,
    ("128x36 aligned", "segments", "fp32"): 2.75,
}
"""Peak of batch 4, 5 frames of 180×180 pixels, scale 3, perceptual loss on."""

MOST_GFLOP = {"64x24": 1250, "128x36": 4911, "64x24 aligned": 1351, "128x36 aligned": 5302}
MOST_EXTRA = {"none": 0.0, "blocks": 0.16, "segments": 0.27}
MOST_EXTRA_ALIGNED = {"none": 0.0, "blocks": 0.175, "segments": 0.27}


PARAMETERS = {
    "64x24": 2_133_187,
    "128x36": 12_060_035,
    "64x24 aligned": 2_321_923,
    "128x36 aligned": 12_740_611,
}


@functools.cache
def full_size(network, recompute, precision):
    model = NETWORKS[network].model_copy(update={"recompute": recompute})
    return trace(Settings(model=model), precision)


@pytest.mark.parametrize(("network", "recompute", "precision"), MOST_GIB)
def test_a_full_size_step_takes_no_more_than_it_did(network, recompute, precision):
    traced = full_size(network, recompute, precision)
    assert traced.peak_bytes <= MOST_GIB[network, recompute, precision] * GIB
    assert traced.peak_bytes <= traced.reserved_bytes <= traced.peak_bytes * 1.3
    assert set(traced.peak) == set(CATEGORIES)


@pytest.mark.parametrize("recompute", MOST_EXTRA)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_full_size_sample_costs_no_more_arithmetic_than_it_did(network, recompute):
    flops = full_size(network, recompute, "fp16").flops_per_sample
    extra = MOST_EXTRA if NETWORKS[network].align == "none" else MOST_EXTRA_ALIGNED
    assert flops <= MOST_GFLOP[network] * 1e9 * (1 + extra[recompute])
    assert flops == full_size(network, recompute, "fp32").flops_per_sample


@pytest.mark.parametrize("network", NETWORKS)
def test_what_stays_between_steps_is_known_from_the_number_of_parameters(network):
    """Weights, gradients, Adam's two moments and its step counts, the average."""
    peak = full_size(network, "none", "fp32").peak
    parameters = PARAMETERS[network]
    assert peak["parameters"] == peak["gradients"] == 4 * parameters
    assert peak["average"] == 4 * parameters + 4  # and how many updates it has followed
    assert 0 <= peak["optimiser"] - 8 * parameters < 4096
    assert peak["perceptual_weights"] == 4 * 7_635_264 + 2 * 3 * 4


SMALL = {
    "plain": (Model(n_feats=16, n_blocks=8, recompute="none"), 32, 2, "fp32", 0.0),
    "blocks": (Model(n_feats=32, n_blocks=8, recompute="blocks"), 24, 2, "bf16", 0.0),
    "segments": (Model(n_feats=16, n_blocks=12, recompute="segments"), 24, 3, "fp32", 0.0),
    "perceptual": (Model(n_feats=32, n_blocks=4, recompute="none"), 32, 2, "fp32", 0.1),
}


def small(name):
    model, patch, batch, precision, perceptual = SMALL[name]
    settings = Settings(
        hardware=Hardware(preset="cpu"),
        model=model,
        loss=Loss(perceptual_weight=perceptual),
        data=Data(patch=patch),
        train=Train(batch_size=batch, accumulation_steps=2),
    )
    return settings, precision


@pytest.mark.parametrize("name", SMALL)
def test_the_trace_is_what_a_real_step_takes_but_for_operators_own_workspaces(name):
    settings, precision = small(name)
    peak, workspace = measured_on_cpu(settings, precision)
    traced = trace(settings, precision).peak_bytes
    assert traced == pytest.approx(peak, rel=0.01)
    assert workspace < WORKSPACE


def measured_on_cpu(settings, precision):
    """Peak bytes of a real step by the profiler's account, and the most of a workspace.

    A workspace is what a convolution takes and gives back before it returns.
    """
    platform = Platform(torch.device("cpu"), AMP_DTYPES[precision], torch.channels_last)
    run = MidRun(settings, platform)
    held = run.held_bytes()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run.step()
    allocations = sorted(_allocations(profiler.profiler.kineto_results.experimental_event_tree()))
    born, workspaces = {}, set()
    for place, (_, address, size, convolution) in enumerate(allocations):
        if size > 0:
            born[address] = place, convolution
        elif address in born:
            begin, where = born.pop(address)
            if where is not None and where == convolution:
                workspaces |= {begin, place}
    now = peak = held
    workspace = most = 0
    for place, (_, _, size, _) in enumerate(allocations):
        if place in workspaces:
            workspace += size
            most = max(most, workspace)
        else:
            now += size
            peak = max(peak, now)
    return peak, most


def _allocations(events, convolution=None):
    """(time, address, bytes, the convolution it happens in) of every allocation and release."""
    for event in events:
        if event.tag == _EventType.Allocation:
            fields = event.extra_fields
            yield event.start_time_ns, fields.ptr, fields.alloc_size, convolution
        outermost = convolution is None and event.name.startswith("aten::convolution")
        yield from _allocations(event.children, event.id if outermost else convolution)


class MidRun:
    """A run after its first step, on real tensors: the trace's counterpart."""

    def __init__(self, settings, platform):
        self.state = TrainingState.fresh(settings, platform)
        weights = VGG16(made_up_weights(), "made up") if settings.loss.perceptual_weight else None
        self.loss = HybridLoss(settings.loss, weights).to(platform.device)
        self.lr = settings.train.max_lr
        accumulation = settings.train.accumulation_steps
        self.stepper = Stepper(
            self.state.network,
            self.loss,
            self.state.optimizer,
            self.state.scaler,
            platform,
            grad_clip=settings.train.grad_clip,
        )
        model, side, batch = settings.model, settings.data.patch, settings.train.batch_size
        lq = torch.randint(256, (batch, model.n_frames, 3, side, side), dtype=torch.uint8)
        gt = torch.randint(256, (batch, 3, *[side * model.scale] * 2), dtype=torch.uint8)
        self.batches = [(lq, gt)] * accumulation
        self.step()
        self.state.optimizer.zero_grad()

    def step(self):
        result = self.stepper.step(self.batches, self.lr)
        self.state.average.update(self.state.network)
        return result

    def held_bytes(self):
        modules = (self.state.network, self.state.average.network, self.loss)
        tensors = [t for module in modules for t in (*module.parameters(), *module.buffers())]
        for detail_statistics in self.state.optimizer.state.values():
            tensors += detail_statistics.values()
        return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


def test_gradients_that_live_through_the_next_micro_batch_are_counted():
    settings, precision = small("plain")
    once = settings.model_copy(
        update={"train": settings.train.model_copy(update={"accumulation_steps": 1})}
    )
    gradients = trace(settings, precision).peak["gradients"]
    assert trace(once, precision).peak["gradients"] < gradients


def test_a_trace_leaves_random_numbers_and_the_default_device_alone():
    before = torch.get_rng_state()
    trace(*small("plain"))
    assert torch.equal(torch.get_rng_state(), before)
    assert type(torch.empty(1)) is torch.Tensor


SIZES = st.integers(1, 64 * MIB) | st.sampled_from([1, 512, 513, MIB, MIB + 1, 10 * MIB, 20 * MIB])


@st.composite
def histories(draw):
    """Allocations and releases in any order; some never released."""
    events, alive = [], {}
    for key in range(draw(st.integers(1, 40))):
        while alive and draw(st.booleans()):
            gone = draw(st.sampled_from(sorted(alive)))
            events.append((gone, -alive.pop(gone)))
        alive[key] = draw(SIZES)
        events.append((key, alive[key]))
    return events, alive


@given(histories())
def test_the_allocator_never_holds_less_than_what_is_alive(history):
    events, _ = history
    now = peak = 0
    for _, size in events:
        now += size
        peak = max(peak, now)
    assert reserved_bytes(events) >= peak
    assert reserved_bytes(events) % (2 * MIB) == 0


@given(histories())
def test_what_is_freed_is_served_again_without_asking_the_driver(history):
    events, alive = history
    allocator = replayed(events)
    for key in alive:
        allocator.free(key)
    assert allocator.allocated == 0
    before = allocator.reserved
    for key, size in events:
        if size > 0:
            allocator.allocate(key, size)
            allocator.free(key)
    assert allocator.reserved == before


def replayed(events):
    allocator = CachingAllocator()
    for key, size in events:
        if size > 0:
            allocator.allocate(key, size)
        else:
            allocator.free(key)
    return allocator


@pytest.mark.parametrize(
    ("sizes", "reserved"),
    [
        ([1], 2 * MIB),
        ([MIB], 2 * MIB),
        ([MIB, MIB], 2 * MIB),
        ([MIB, MIB, 1], 4 * MIB),
        ([MIB + 1], 20 * MIB),
        ([MIB + 1, 9 * MIB, 9 * MIB], 20 * MIB),
        ([10 * MIB - 512], 20 * MIB),
        ([10 * MIB], 10 * MIB),
        ([10 * MIB + 1], 12 * MIB),
        ([512, 10 * MIB], 12 * MIB),
    ],
)
def test_segments_are_sized_as_cuda_sizes_them(sizes, reserved):
    assert reserved_bytes(enumerate(sizes)) == reserved


@pytest.mark.parametrize("size", [1, 511, 512, 513])
def test_requests_are_rounded_up_to_512_bytes(size):
    assert replayed([(0, size)]).allocated == -(-size // 512) * 512


def test_neighbours_that_are_free_join_and_the_best_fit_is_taken():
    allocator = replayed(enumerate([30 * MIB, 40 * MIB]))
    allocator.free(0)
    allocator.free(1)
    allocator.allocate(2, 25 * MIB)  # from the 30, not the 40
    allocator.allocate(3, 40 * MIB)
    assert allocator.reserved == 70 * MIB
    allocator.free(2)  # joins its rest
    allocator.allocate(4, 30 * MIB)
    assert allocator.reserved == 70 * MIB
