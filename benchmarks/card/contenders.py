"""The ways to make a step that are timed: what each is compared with, and what makes it."""

from concurrent.futures import ThreadPoolExecutor

import torch
from plain import PLAIN

from vsr_model.blocks import ResidualBlock
from vsr_train.step.stepper import loss_terms

from .plan import interrupted
from .runs import MadeRun, answering_weights

CAPTURE_WARM_UP = 3


def contenders(place, model, precision):
    """Return what is timed: by name, the contender it is compared with, and what makes its step."""
    unaligned = model.model_copy(update={"align": "none"})

    def run(its=model, kept=precision, **given):
        return lambda: _step_of(place, its, kept, **given)

    amp = {"without AMP": ("ours", run(kept="fp32"))} if precision != "fp32" else {}
    return {
        "ours": ("ours", run()),
        "plain": ("ours", run(formulation=PLAIN)),
        "unaligned": ("unaligned", run(unaligned)),
        "old trainer": ("unaligned", run(unaligned, formulation=PLAIN)),
        **amp,
        "channels_last": ("ours", run(order=torch.channels_last)),
        "without cudnn.benchmark": ("ours", lambda: _untuned(run()())),
    }


def graphs(place, model, precision):
    """Return what may leave CUDA as nobody wants it, beside the same without a graph."""
    return {
        "backward alone": ("backward alone", lambda: _prepared(place, model, precision)),
        "backward alone, CUDA graph": ("backward alone", lambda: _graphed(place, model, precision)),
    }


def compilers(place, model, precision, deadline):
    """Return what may take minutes to begin, by a deadline: first blocks, which are all alike."""

    def compiled(part):
        return lambda: _compiled(place, model, precision, part, deadline)

    return {
        "ours, again": ("ours, again", lambda: _step_of(place, model, precision)),
        "torch.compile of blocks": ("ours, again", compiled(_compile_blocks)),
        "torch.compile": ("ours, again", compiled(_compile_all)),
    }


def _step_of(place, model, precision, *, order=torch.contiguous_format, **given):
    """Return what makes a step of one micro-batch, as a formulation has it."""
    return _run_of(place, model, precision, order=order, **given).step


def _run_of(place, model, precision, *, order=torch.contiguous_format, **given):
    settings = place.settings(model, precision)
    platform = place.platform(settings, memory_format=order)
    weights = answering_weights(model)
    return MadeRun(settings, platform, weights=weights, micro_batches=1, **given)


def _untuned(step):
    """Return a step that is made without cudnn.benchmark, in a thread of its own.

    A convolution of a shape that cuDNN has tried kernels for takes the best whatever the flag says
    by then. What was tried is kept by thread; backward is kept in that thread too.
    """
    worker = ThreadPoolExecutor(1)
    return lambda: worker.submit(_without_trials, step).result()


def _without_trials(step):
    cudnn = torch.backends.cudnn
    before, cudnn.benchmark = cudnn.benchmark, False
    try:
        with torch.autograd.set_multithreading_enabled(False):
            return step()
    finally:
        cudnn.benchmark = before


def _compiled(place, model, precision, compile_part, deadline):
    """Return the same step with the network, or what of it is told, compiled within a deadline."""
    if place.is_card and torch.cuda.get_device_capability(place.device) < (7, 0):
        raise RuntimeError("Triton needs compute capability 7.0")
    made = _run_of(place, model, precision)
    compile_part(made, place.sizes.compiler)
    try:
        with interrupted(deadline):
            made.step()
    except BaseException:
        torch._dynamo.reset()  # noqa: SLF001 - no public twin; half of it is compiled
        raise
    return made.step


def _compile_blocks(made, compiler):
    for module in made.state.network.modules():
        if isinstance(module, ResidualBlock):
            module.compile(backend=compiler, dynamic=False)


def _compile_all(made, compiler):
    network = torch.compile(made.state.network, backend=compiler, dynamic=False)
    made.stepper._network = network  # noqa: SLF001 - the very same step otherwise


def _prepared(place, model, precision):
    """Return what computes loss and gradients of a batch that is on the device already."""
    run = _run_of(place, model, precision)
    batch = [run.platform.to_unit(part) for part in run.batches[0]]
    parameters = list(run.state.network.parameters())

    def backward():
        for parameter in parameters:
            parameter.grad = None
        loss_terms(run.state.network, run.loss, run.platform, *batch).total.backward()

    return backward


def _graphed(place, model, precision):
    """Return the same, captured once as a CUDA graph and replayed."""
    if not place.is_card:
        raise RuntimeError("CUDA graphs need a card")
    backward = _prepared(place, model, precision)
    current = torch.cuda.current_stream()
    stream = torch.cuda.Stream()
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        for _ in range(CAPTURE_WARM_UP):
            backward()
    current.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            backward()
    except BaseException:
        torch.cuda.set_stream(current)  # a capture that fails leaves its own
        raise

    def replay():
        graph.replay()

    replay.reads = backward  # whose tensors a graph does not keep alive
    return replay
