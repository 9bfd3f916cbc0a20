"""Laws of the watch: what its figures mean, what its verdicts follow from, and that it disturbs
nothing."""

import json
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from train.watch_runs import CPU, Pieces, Trial, batches, conduct, footage

from vsr_data import Finding
from vsr_losses import LossTerms
from vsr_settings import Train
from vsr_train.step import StepResult
from vsr_train.watch import (
    Judgement,
    Verdict,
    detail,
    detail_statistics,
    is_watch_state,
    write_diagnosis,
)
from vsr_train.watch.case import Case, RunFacts
from vsr_train.watch.causes import causes
from vsr_train.watch.diagnosis import diagnose
from vsr_train.watch.order import towards_output
from vsr_train.watch.probe import probe
from vsr_train.watch.snapshot import WHOLE, Snapshot
from vsr_train.watch.verdicts import (
    ABOVE_BICUBIC,
    JUDGED,
    ValidationGain,
    first_judged_step,
    judge,
    judge_end,
)
from vsr_train.watch.watch import MOST_SNAPSHOTS, thinned

TRAIN = Train(warmup_steps=50, max_steps=2000, max_lr=1e-3, min_lr=1e-5)
SMALL = Trial(feats=4, blocks=2, batch=2, patch=12, steps=30)


def snapshot_at(step, *, ratio=0.0, correlation=0.0, gain_db=0.0, **changed):
    """A snapshot with such figures, of a run with nothing wrong but what is said."""
    figures = (ratio**2, 1.0, ratio * correlation, 10 ** (-gain_db / 10), 1.0)
    values = {
        "step": step, "lr": 1e-3, "detail_statistics": figures, "grad_norm": 0.02, "clipped": 0.0,
        "clip_factor": 1.0, "skipped": 0.0, "terms": {"l1": 0.02}, "shares": {"l1": 1.0},
        "alignment": {"l1": 0.7}, "output_gradient": 1.0, "update_ratio": {WHOLE: 4e-3},
        "gradients": {WHOLE: 0.02}, "idle": 0.0, "last_gradient": 0.01, "weight_norm": 10.0,
        "not_finite": (), "blocks": {"a": 0.3, "b": 0.4}, "perceptual_norm": 0.0,
    }  # fmt: skip
    return Snapshot(**{**values, **changed})


def snapshots_to(last, *, every=50, **figures):
    return [snapshot_at(step, **figures) for step in range(every, last + 1, every)]


def verdict_of(snapshots, validations=(), train=TRAIN):
    return judge(snapshots, validations, train).verdict


# Figures


def pictures(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(2, 3, 8, 8, generator=generator) for _ in range(3)]


def detail_between(sr, gt, base):
    return detail([tuple(detail_statistics(sr, gt, base).double().tolist())])


def test_the_base_itself_adds_nothing_and_the_ground_truth_adds_all():
    _, gt, base = pictures()
    nothing, everything = detail_between(base, gt, base), detail_between(gt, gt, base)
    assert (nothing.ratio, nothing.correlation, nothing.gain_db) == (0, 0, 0)
    assert everything.ratio == pytest.approx(1)
    assert everything.correlation == pytest.approx(1)
    assert everything.restored == pytest.approx(1)
    assert everything.gain_db > 30


@given(share=st.floats(0.05, 1.5), noise=st.floats(0, 2))
def test_ratio_and_correlation_are_standard_deviation_and_correlation(share, noise):
    other, gt, base = pictures()
    sr = base + share * (gt - base) + noise * (other - 0.5)
    found = detail_between(sr, gt, base)
    added, missing = ((p - base) - (p - base).mean((-2, -1), keepdim=True) for p in (sr, gt))
    both = torch.stack([added.flatten(), missing.flatten()]).double()
    assert found.ratio == pytest.approx(float(both[0].std() / both[1].std()), rel=1e-4)
    assert found.correlation == pytest.approx(float(torch.corrcoef(both)[0, 1]), abs=1e-4)


def test_a_change_of_brightness_is_no_detail():
    _, gt, base = pictures()
    assert detail_between(base + 0.1, gt, base).ratio == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_figures_of_an_output_that_is_not_finite_are_nan(value):
    sr, gt, base = pictures()
    found = detail_between(sr * value, gt, base)
    assert found.ratio != found.ratio


# Verdicts


@given(
    ratio=st.floats(0, 2), correlation=st.floats(-1, 1), last=st.integers(1, 3),
)  # fmt: skip
def test_before_patience_has_passed_nothing_stagnates(ratio, correlation, last):
    snapshots = snapshots_to(last * 50, ratio=ratio, correlation=correlation)
    assert verdict_of(snapshots) in (Verdict.WARMING_UP, Verdict.LEARNING)
    assert last * 50 < first_judged_step(TRAIN)


@given(correlation=st.floats(0.16, 1), ratio=st.floats(0.05, 2))
def test_correlated_detail_is_learning_at_any_step(correlation, ratio):
    assert verdict_of(snapshots_to(500, ratio=ratio, correlation=correlation)) == Verdict.LEARNING


@given(correlation=st.floats(-0.2, 0.04), ratio=st.floats(0, 1.5))
def test_uncorrelated_detail_is_stagnation_after_patience_however_much_there_is(correlation, ratio):
    assert verdict_of(snapshots_to(400, ratio=ratio, correlation=correlation)) == Verdict.STAGNATING


def test_correlation_without_amount_is_no_learning():
    """It is free of scale: an output that moved by nothing can be correlated."""
    assert verdict_of(snapshots_to(400, ratio=1e-5, correlation=0.5)) == Verdict.STAGNATING


def test_a_gain_that_climbs_to_the_base_is_no_learning():
    """The failure this project began with: noise around the base dies away, PSNR rises by 5 dB."""
    snapshots = [
        snapshot_at(s, ratio=1.3 * 0.9 ** (s / 50), correlation=0.01, gain_db=-5 + s / 100)
        for s in range(50, 500, 50)
    ]
    assert verdict_of(snapshots) == Verdict.STAGNATING


def test_a_slow_run_is_waited_for_as_long_as_it_grows():
    def growing(pace):
        return [
            snapshot_at(s, ratio=pace * s, correlation=min(0.04, 1e-4 * s))
            for s in range(20, 401, 20)
        ]

    assert verdict_of(growing(1e-4)) == Verdict.WARMING_UP
    assert verdict_of(growing(3e-9)) == Verdict.STAGNATING
    at_its_end = TRAIN.model_copy(update={"max_steps": 410})
    assert verdict_of(growing(3e-6), train=at_its_end) == Verdict.STAGNATING


def test_a_run_that_goes_on_after_a_stop_is_given_patience_again():
    stuck = [snapshot_at(step, ratio=0.01) for step in range(5050, 5500, 50)]
    assert verdict_of(stuck[:3]) == Verdict.WARMING_UP
    assert verdict_of(stuck) == Verdict.STAGNATING


def test_validations_without_gain_are_convergence_only_of_what_has_learned():
    flat = [ValidationGain(step, 1.5) for step in range(100, 1100, 100)]
    assert verdict_of(snapshots_to(1000, ratio=0.4, correlation=0.5), flat) == Verdict.CONVERGED
    assert verdict_of(snapshots_to(1000, ratio=0.4, correlation=0.01), flat) == Verdict.STAGNATING
    rising = [ValidationGain(seen.step, seen.step / 500) for seen in flat]
    assert verdict_of(snapshots_to(1000, ratio=0.4, correlation=0.5), rising) == Verdict.LEARNING


DIVERGED = {
    "output not finite": [snapshot_at(50, ratio=float("nan"))],
    "gradients not finite": snapshots_to(100, not_finite=("upsample.2.weight",)),
    "gradient norm": snapshots_to(100, grad_norm=1e6),
    "gain": [*snapshots_to(300, ratio=0.3, correlation=0.4), *snapshots_to(100, gain_db=-5)],
    "forgotten": [
        *snapshots_to(500, ratio=0.4, correlation=0.5),
        *(snapshot_at(s, ratio=0.1, correlation=0.1) for s in range(550, 901, 50)),
    ],
}


@pytest.mark.parametrize("snapshots", DIVERGED.values(), ids=DIVERGED)
def test_a_run_that_gets_worse_diverges(snapshots):
    assert verdict_of(snapshots) == Verdict.DIVERGING


def test_a_single_spike_is_no_divergence():
    calm = snapshots_to(300, ratio=0.4, correlation=0.5)
    spike = snapshot_at(350, ratio=0.4, correlation=0.5, grad_norm=1e6, not_finite=("x",))
    assert verdict_of([*calm, spike]) == Verdict.LEARNING


def test_a_validation_that_falls_while_training_looks_well_diverges():
    """Wrong targets look healthy in the run's own figures."""
    gains = {50: 1.0, 100: 1.2, 150: -2.0, 200: -5.0}
    falling = [ValidationGain(step, gain) for step, gain in gains.items()]
    assert verdict_of(snapshots_to(200, ratio=0.5, correlation=0.6), falling) == Verdict.DIVERGING
    assert (
        verdict_of(snapshots_to(150, ratio=0.5, correlation=0.6), falling[:3]) == Verdict.LEARNING
    )


@pytest.mark.parametrize("gains", [(4.0, 3.0, 3.0), (0.4, 0.1, 0.1)])
def test_a_validation_that_falls_by_less_than_half_or_than_its_noise_is_no_divergence(gains):
    found = [ValidationGain(50 * place, gain) for place, gain in enumerate(gains, 1)]
    assert verdict_of(snapshots_to(150, ratio=0.5, correlation=0.6), found) == Verdict.LEARNING


def test_calibration_of_grad_scaler_is_no_alarm():
    skipping = snapshot_at(10, skipped=1.0, grad_norm=float("inf"), not_finite=("x",))
    assert verdict_of([skipping, replace(skipping, step=20)]) == Verdict.WARMING_UP
    later = [replace(skipping, step=step) for step in (30, 40, 50)]
    assert verdict_of([skipping, *later]) == Verdict.STAGNATING


DEAD = {"aligned": 0.0, "confidence": 0.4, "gradients": {"align": 0.0, WHOLE: 0.02}}
LEARNING = {"ratio": 0.4, "correlation": 0.5}


def test_an_aligned_branch_that_neither_adds_nor_learns_is_an_alarm_however_the_rest_learns():
    assert verdict_of(snapshots_to(250, **LEARNING, **DEAD)) == Verdict.STAGNATING


@pytest.mark.parametrize(
    "changed",
    [
        {"aligned": 0.2},
        {"gradients": {"align": 1e-9, WHOLE: 0.02}},
        {"confidence": 0.0},
        {"confidence": 1e-9},
        {"aligned": None, "confidence": None},
        {"aligned": float("nan")},
    ],
    ids=str,
)
def test_a_branch_that_adds_or_learns_or_has_nothing_to_add_is_none(changed):
    """Of footage that stands still, of a checkpoint from before there was a branch."""
    snapshots = snapshots_to(250, **LEARNING, **{**DEAD, **changed})
    assert verdict_of(snapshots) == Verdict.LEARNING
    assert "dead aligned branch" not in [cause.name for cause in causes(case_of(snapshots))]


def test_a_branch_that_has_not_begun_yet_is_none():
    begun = [snapshot_at(step, **LEARNING, **DEAD) for step in (5, 10, 15, 20, 25, 30)]
    assert verdict_of(begun) == Verdict.LEARNING
    assert "dead aligned branch" not in [cause.name for cause in causes(case_of(begun[:4]))]


# Diagnosis


def case_of(snapshots, train=TRAIN, findings=(), **facts):
    sound = RunFacts(0.0, 0.0, 0.0, "", perceptual_trained=False)
    judgement = Judgement(Verdict.STAGNATING, "not learning")
    facts = replace(sound, **facts)
    return Case(snapshots[-1].step, judgement, snapshots, train, facts, findings, pairs=16)


CAUSES = {
    "AMP skips steps": case_of(snapshots_to(300, skipped=1.0)),
    "frozen parameters": case_of(snapshots_to(300), frozen=1.0),
    "loss without gradient": case_of(snapshots_to(300, output_gradient=0.0)),
    "dead output layer": case_of(snapshots_to(300, idle=0.96, last_gradient=0.0)),
    "gradients clipped away": case_of(
        snapshots_to(300, clip_factor=1e-8, update_ratio={WHOLE: 1e-5})
    ),
    "learning rate too small": case_of(
        snapshots_to(300, lr=1e-7, update_ratio={WHOLE: 4e-7}),
        TRAIN.model_copy(update={"max_lr": 1e-7}),
    ),
    "learning rate too large": case_of(snapshots_to(300, update_ratio={WHOLE: 0.2})),
    "gradients not finite": case_of(snapshots_to(300, terms={"l1": float("nan")})),
    "weight decay": case_of(
        [snapshot_at(50), snapshot_at(300, weight_norm=2.0)],
        TRAIN.model_copy(update={"weight_decay": 10}),
    ),
    "a term drowns the others": case_of(
        snapshots_to(300, shares={"l1": 0.01, "grad": 0.99}, alignment={"l1": 0.7, "grad": 0.0})
    ),
    "initial noise": case_of(
        [snapshot_at(50, ratio=1.3, gain_db=-5), *snapshots_to(300, ratio=0.3, gain_db=-0.2)[1:]]
    ),
    "perceptual network is trained": case_of(
        snapshots_to(300, perceptual_norm=5.0), perceptual_weight=0.1, perceptual_trained=True
    ),
    "dead perceptual loss": case_of(
        snapshots_to(300, shares={"perceptual": 0.0}, alignment={"perceptual": 0.0}),
        perceptual_weight=0.1, provenance="verified",
    ),
    "unverified perceptual loss": case_of(
        snapshots_to(
            300, shares={"perceptual": 1.0}, alignment={"perceptual": 0.1}, perceptual_norm=5
        ),
        perceptual_weight=0.1, provenance="trusted by loss.perceptual_sha256",
    ),
    "random misalignment": case_of(
        snapshots_to(300), findings=(Finding("random misalignment", "fatal", "shifted"),)
    ),
    "dead aligned branch": case_of(
        snapshots_to(300, aligned=0.0, confidence=0.4, gradients={"align": 0.0, WHOLE: 0.02})
    ),
    "exploding aligned branch": case_of(snapshots_to(300, aligned=50.0, confidence=0.4)),
    "dead blocks": case_of(snapshots_to(300, blocks={"a": 0.0, "b": 0.0})),
    "exploding blocks": case_of(snapshots_to(300, blocks={"a": 1e4, "b": 1e5})),
    "too few steps": case_of(
        snapshots_to(300, ratio=0.02, correlation=0.1), TRAIN.model_copy(update={"max_steps": 300})
    ),
    "unexplained": case_of(snapshots_to(300)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "case"), CAUSES.items(), ids=CAUSES)
def test_one_sign_makes_its_cause_the_first(name, case):
    assert causes(case)[0].name == name


@pytest.mark.parametrize("case", CAUSES.values(), ids=CAUSES)
def test_every_cause_has_evidence_and_a_change_and_is_told_in_order(case, tmp_path):
    diagnosis = diagnose(case)
    likelihoods = [cause.likelihood for cause in diagnosis.causes]
    assert likelihoods == sorted(likelihoods, reverse=True)
    assert all(0 < likelihood <= 1 for likelihood in likelihoods)
    write_diagnosis(diagnosis, path := tmp_path / "diagnosis.md", case.snapshots)
    text = path.read_text(encoding="utf-8")
    assert path.with_suffix(".json").exists()
    for cause in diagnosis.causes:
        assert cause.name in text
        assert cause.evidence in text
        assert cause.remedy in text
    assert diagnosis.causes[0].name in diagnosis.headline


@given(
    lr=st.floats(1e-9, 9e-4) | st.floats(1e-3, 1), decay=st.floats(0, 10),
    clip=st.floats(1e-9, 0.9) | st.floats(1, 1e6),
    update=st.floats(0, 1) | st.just(float("inf")), shrunk=st.floats(0.1, 3),
    share=st.floats(0.5, 1),
)  # fmt: skip
def test_what_a_remedy_says_to_raise_is_raised_and_to_lower_is_lowered(
    lr, decay, clip, update, shrunk, share
):
    train = {"max_lr": lr, "weight_decay": decay, "grad_clip": clip, "max_steps": 300}
    figures = {
        "lr": lr, "clip_factor": 1e-3, "update_ratio": {WHOLE: update}, "ratio": 0.02,
        "correlation": 0.1, "shares": {"l1": 1 - share, "ms": share},
        "alignment": {"l1": 1.0, "ms": 0.0},
    }  # fmt: skip
    snapshots = [
        snapshot_at(50, **figures),
        snapshot_at(300, **figures, weight_norm=10 * shrunk),
    ]
    case = case_of(snapshots, TRAIN.model_copy(update=train))
    remedies = [cause.remedy for cause in causes(case)]
    told = [re.search(r"(raise|lower) \S+ from ([^ ,]+) to ([^ ,]+)", each) for each in remedies]
    for verb, now, then in (match.groups() for match in told if match):
        assert (float(then) > float(now)) == (verb == "raise")
    (divisor,) = (float(each.split()[3]) for each in remedies if each.startswith("divide"))
    assert divisor >= 2


def test_a_diagnosis_names_the_step_it_was_made_at_and_the_latest_snapshots():
    diagnosis = diagnose(replace(CAUSES["unexplained"], step=310))
    assert diagnosis.headline.startswith("stagnating at step 310")
    assert diagnosis.seen[0] == "the latest snapshot is of step 300"


# The end of a run


def end_of(steps, gain_bicubic_db, **figures):
    train = TRAIN.model_copy(update={"max_steps": steps})
    every = max(1, steps // 10)
    return judge_end(snapshots_to(steps, every=every, **figures), gain_bicubic_db, train)


SOUND = {"ratio": 0.02, "correlation": 0.1}


@pytest.mark.parametrize("steps", [JUDGED, 120, 200, 5000])
@pytest.mark.parametrize("figures", [{"ratio": 5e-6, "correlation": 0.5}, {"correlation": 0.02}])
def test_a_run_of_any_length_that_restored_nothing_ends_in_an_alarm(steps, figures):
    assert end_of(steps, None, **figures).verdict == Verdict.STAGNATING
    assert end_of(steps, +0.5, **figures).verdict == Verdict.STAGNATING


def test_a_run_too_short_to_have_learned_is_not_judged():
    assert end_of(JUDGED - 1, -0.9, ratio=0.0) is None


def test_a_run_that_ends_below_bicubic_says_so_and_after_enough_steps_alarms():
    short, long = end_of(200, -0.33, **SOUND), end_of(ABOVE_BICUBIC, -0.33, **SOUND)
    assert "0.33 dB below bicubic" in short.evidence
    assert "0.33 dB below bicubic" in long.evidence
    assert (short.verdict, long.verdict) == (Verdict.LEARNING, Verdict.STAGNATING)
    assert end_of(ABOVE_BICUBIC, +0.01, **SOUND).verdict == Verdict.LEARNING


# The watch in a run


def test_the_watch_changes_nothing_that_training_does():
    random = torch.get_rng_state()
    watched = conduct(replace(SMALL, watch_every=3), stop=False).pieces
    assert len(watched.watch.snapshots) == SMALL.steps // 3
    torch.set_rng_state(random)
    plain = Pieces(SMALL)
    for number, batch in enumerate(batches(SMALL), 1):
        plain.step_unwatched(number, batch)
    for name, value in watched.network.state_dict().items():
        assert torch.equal(value, plain.network.state_dict()[name])
    assert not [m for m in watched.network.modules() if m._forward_hooks]


def test_a_resumed_watch_judges_as_one_never_stopped():
    """Stopped between two snapshots, its state through a file's types and back."""
    trial, stopped_at = replace(SMALL, watch_every=4), 14
    whole, resumed = conduct(trial, stop=False).pieces.watch, Pieces(trial)
    for number, batch in enumerate(batches(trial), 1):
        resumed.step(number, batch)
        if number == stopped_at:
            stored = json.loads(json.dumps(resumed.watch.state_dict()))
            resumed.watch = resumed.new_watch()
            resumed.watch.load_state_dict(stored)
    assert resumed.watch.state_dict() == whole.state_dict()
    assert resumed.watch.judge() == whole.judge()


def test_a_resumed_watch_remembers_validations_and_the_verdict_it_told():
    watch, resumed = Pieces(SMALL).watch, Pieces(SMALL).watch
    watch.add_validation(50, 1.5)
    watch.note_verdict(Judgement(Verdict.STAGNATING, ""))
    stored = json.loads(json.dumps(watch.state_dict()))
    resumed.load_state_dict(stored)
    assert resumed.state_dict() == watch.state_dict() == stored
    assert stored != Pieces(SMALL).watch.state_dict()
    assert not resumed.note_verdict(Judgement(Verdict.STAGNATING, ""))


def test_nothing_of_a_snapshot_waits_for_the_device():
    """Fake tensors have no values: fetching one, or deciding by one, raises."""
    trial = replace(SMALL, watch_every=1)
    batch = next(batches(trial))
    with FakeTensorMode() as mode:
        fake = tuple(mode.from_tensor(part) for part in batch)
        pieces = Pieces(trial)
        watch = pieces.watch
        for parameter in pieces.network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        watch.before_step(1, [fake])
        result = StepResult(torch.zeros(len(LossTerms._fields)), torch.zeros(()), torch.zeros(()))
        watch.after_step(1, 1e-3, result)
        with pytest.raises(DataDependentOutputException):
            watch.judge()


def recorded(trial):
    """The last snapshot of a run that takes one every third step."""
    return conduct(replace(trial, watch_every=3), stop=False).pieces.watch.snapshots[-1]


def still():
    return footage(still=True)


def test_a_snapshot_has_what_the_aligned_branch_adds_and_how_far_neighbours_are_believed():
    moving, standing = recorded(SMALL), recorded(replace(SMALL, footage=still))
    assert 0 < moving.aligned < 10
    assert 0 < moving.confidence <= 1
    assert (standing.aligned, standing.confidence) == (0, 0)
    plain = recorded(replace(SMALL, align="none"))
    assert (plain.aligned, plain.confidence) == (None, None)


def test_tensors_that_still_footage_leaves_without_gradient_are_not_idle():
    standing = recorded(replace(SMALL, footage=still))
    assert standing.gradients["align"] == 0
    assert standing.idle == 0


def test_the_last_layer_of_an_aligned_network_is_that_of_its_output():
    pieces = Pieces(SMALL)
    assert list(towards_output(pieces.network))[-2:] == ["upsample.2.weight", "upsample.2.bias"]
    assert {*towards_output(pieces.network)} == {
        name for name, _ in pieces.network.named_parameters()
    }
    assert recorded(SMALL).last_gradient > 0


def test_snapshots_from_before_there_was_a_branch_are_taken_up():
    watch = conduct(replace(SMALL, watch_every=3), stop=False).pieces.watch
    stored = json.loads(json.dumps(watch.state_dict()))
    for snapshot in stored["snapshots"]:
        del snapshot["aligned"], snapshot["confidence"]
    assert is_watch_state(stored)
    resumed = Pieces(SMALL).watch
    resumed.load_state_dict(stored)
    assert resumed.snapshots == tuple(
        replace(each, aligned=None, confidence=None) for each in watch.snapshots
    )


def test_old_snapshots_are_thinned_and_the_first_and_the_latest_kept():
    snapshots = []
    for step in range(1, 1000):
        snapshots = thinned([*snapshots, snapshot_at(step)])
        assert len(snapshots) <= MOST_SNAPSHOTS
    assert snapshots[0].step == 1
    assert [snapshot.step for snapshot in snapshots[-20:]] == list(range(980, 1000))


def test_a_verdict_is_news_once():
    watch = Pieces(SMALL).watch
    verdicts = [Verdict.WARMING_UP, Verdict.LEARNING, Verdict.LEARNING, Verdict.STAGNATING]
    assert [watch.note_verdict(Judgement(v, "")) for v in verdicts] == [True, True, False, True]


def test_the_probe_leaves_the_network_alone_and_tells_sound_from_dead():
    trial = Trial(batch=8)
    network, batch = Pieces(trial).network, next(batches(trial))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert probe(network, batch, CPU).learned
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    for parameter in network.upsample.parameters():
        torch.nn.init.zeros_(parameter)
    assert not probe(network, batch, CPU).learned
