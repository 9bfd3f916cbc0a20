"""Two rehearsed steps measure a card, and leave the run as it was."""

import torch

from vsr_device import choose_platform
from vsr_losses import HybridLoss
from vsr_train.rehearsal import make_steps, rehearse
from vsr_train.step import Stepper, TrainingState


def test_without_a_card_there_is_nothing_to_rehearse(settings_of):
    platform = choose_platform(settings_of())
    assert rehearse(settings_of(), platform, HybridLoss(settings_of().loss)) is None


def test_a_rehearsal_leaves_the_run_as_its_seed_makes_it(settings_of):
    settings = settings_of()
    platform = choose_platform(settings)
    before = TrainingState.fresh(settings, platform).network.state_dict()
    make_steps(settings, platform, HybridLoss(settings.loss))
    after = TrainingState.fresh(settings, platform).network.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_a_rehearsal_leaves_random_numbers_as_a_checkpoint_had_them(settings_of):
    settings = settings_of()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    make_steps(settings, choose_platform(settings), HybridLoss(settings.loss))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rehearsal_makes_two_whole_steps_of_full_size(settings_of, monkeypatch):
    settings = settings_of(train__accumulation_steps=3)
    step, made = Stepper.step, []

    def note(self, batches, lr):
        made.append([tuple(part.shape) for batch in batches for part in batch])
        return step(self, batches, lr)

    monkeypatch.setattr(Stepper, "step", note)
    platform, loss = choose_platform(settings), HybridLoss(settings.loss)
    make_steps(settings, platform, loss, between=lambda: made.append("between"))
    assert made.pop(1) == "between"
    assert made == [[(2, 5, 3, 12, 12), (2, 3, 24, 24)] * 3] * 2
