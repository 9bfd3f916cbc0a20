"""What rules between settings allow; what they refuse is in test_refusals."""

import pytest

from vsr_settings import SettingsError, load, read
from vsr_settings.fields import facts
from vsr_settings.rules import RULES

CPU = ["hardware.preset=cpu"]


def allowed(*options: str) -> bool:
    try:
        load(overrides=options, environ={})
    except SettingsError:
        return False
    return True


def test_every_rule_reads_settings_that_exist_and_says_what_it_demands():
    for rule in RULES:
        assert set(rule.reads) <= set(facts())
        assert rule.check.__doc__


@pytest.mark.parametrize("batch", [1, 2, 4, 8, 16])
def test_every_way_to_an_effective_batch_of_16_is_allowed_on_a_p4(batch):
    assert allowed(f"train.batch_size={batch}", f"train.accumulation_steps={16 // batch}")


def test_the_remedy_of_a_wrong_batch_loads():
    with pytest.raises(SettingsError) as refusal:
        load(overrides=["train.batch_size=8"], environ={})
    pairs = refusal.value.problems[0].remedy.partition("one of ")[2].split(", ")
    assert len(pairs) == 5
    for pair in pairs:
        batch, steps = pair.split(" × ")
        assert allowed(f"train.batch_size={batch}", f"train.accumulation_steps={steps}")


def test_bf16_is_allowed_where_it_is_native_where_amp_is_off_and_on_the_cpu():
    assert allowed("train.amp_dtype=bf16", "hardware.preset=rtx-3060")
    assert allowed("train.amp_dtype=bf16", "train.use_amp=false")
    assert allowed("train.amp_dtype=bf16", "run.device=cpu")
    assert allowed("train.amp_dtype=bf16", *CPU)
    assert allowed("train.amp_dtype=bf16", "hardware.compute_capability=8.0")
    assert not allowed("train.amp_dtype=bf16")


def test_the_perceptual_file_need_not_exist_where_there_is_no_perceptual_loss():
    missing = "loss.perceptual_weights=missing.pth"
    assert allowed(missing, "loss.perceptual_weight=0")
    assert not allowed(missing)


def test_a_digest_goes_with_a_file(tmp_path):
    weights = tmp_path / "vgg.pth"
    weights.touch()
    digest = f"loss.perceptual_sha256={'0' * 64}"
    assert allowed(f"loss.perceptual_weights={weights}", digest)


def test_one_source_may_be_split_by_frames():
    same = ["data.train=a.mp4", "data.val=a.mp4"]
    assert allowed(*same, "data.train_frames=:64", "data.val_frames=64:")
    assert allowed(*same, "data.train_frames=100:", "data.val_frames=0:100")
    assert not allowed(*same, "data.train_frames=:65", "data.val_frames=64:")
    assert not allowed(*same)


def test_demo_and_patches_hold_out_their_own_pictures(tmp_path):
    assert allowed("data.train=demo", "data.val=demo")
    (tmp_path / "Patches").mkdir()
    assert allowed(f"data.train={tmp_path}", f"data.val={tmp_path}")


def test_lists_of_septuplets_hold_out_their_own(tmp_path):
    (tmp_path / "sequences").mkdir()
    same = f"data.train={tmp_path}/sequences", f"data.val={tmp_path}/sequences"
    assert not allowed(*same)
    (tmp_path / "sep_testlist.txt").write_text("00001/0001")
    assert allowed(*same)
    assert allowed(f"data.train={tmp_path}", f"data.val={tmp_path}")


def test_a_source_among_several_may_be_split_by_frames():
    def sources(frames: str) -> str:
        return f'data.train=[{{path = "other"}}, {{path = "a.mp4", frames = "{frames}"}}]'

    val = ["data.val=a.mp4", "data.val_frames=64:"]
    assert allowed(sources(":64"), *val)
    assert not allowed(sources(":65"), *val)
    assert not allowed(sources(":"), "data.val=a.mp4")
    assert allowed(sources(":"), "data.val=b.mp4")
    assert allowed('data.train=[{path = "demo"}]', "data.val=demo")
    assert not allowed("data.train=films/*", "data.val=films/a.mp4")
    assert not allowed("data.train=films/a.mp4", "data.val=films/*")


def test_a_folder_of_patches_among_several_holds_out_its_own_pictures(tmp_path):
    (tmp_path / "Patches").mkdir()
    assert allowed(f"data.train=[{{path = 'a'}}, {{path = '{tmp_path}'}}]", f"data.val={tmp_path}")


def warnings(*options: str) -> list[str]:
    return read(overrides=options, environ={}).warnings


def test_a_degradation_of_ready_made_pairs_is_warned_of_not_refused(tmp_path):
    (tmp_path / "Patches").mkdir()
    pairs = f"data.train=[{{path = 'a'}}, {{path = '{tmp_path}'}}]"
    for plain in ("bicubic", "area", "clean"):
        assert warnings(pairs, f"data.degradation={plain}") == []
    (warning,) = warnings(pairs, "data.degradation=dvd")
    assert f"data.degradation does nothing for {str(tmp_path)!r}" in warning
    assert warnings("data.degradation=dvd") == []


def test_what_a_pipeline_hardly_means_is_warned_of_not_refused():
    (jagged,) = warnings("data.degradation={resize = 'subsample'}")
    assert "resize is 'subsample'" in jagged
    blur = "blur = {kind = 'gaussian', sigma = 1.6}"
    assert warnings(f"data.degradation={{resize = 'subsample', {blur}}}") == []
    (mixed,) = warnings(f"data.degradation={{resize = 'subsample', clean_share = 0.2, {blur}}}")
    assert "resize is 'subsample'" in mixed
    (idle,) = warnings(f"data.degradation={{clean_share = 1, {blur}}}")
    assert "clean_share is 1, which leaves every take without its blur" in idle


def test_a_range_holds_exactly_one_window():
    assert allowed("data.train_frames=10:15")
    assert not allowed("data.train_frames=10:14")
    assert not allowed("data.train_frames=15:10")


def test_cadences_longer_than_the_run_are_allowed():
    every = [f"train.{name}_every=1000" for name in ("val", "save", "log")]
    assert allowed("train.max_steps=10", *every)


def test_the_smallest_patch_reaches_vgg16s_deepest_tap():
    """relu4_3 lies behind three poolings; no patch the schema allows is too small for it."""
    smallest = next(iter(facts()["data.patch"].kinds)).low
    scales = [scale for scale in facts()["model.scale"].choices if isinstance(scale, int)]
    assert smallest * min(scales) >= 2**3


def test_a_cpu_or_mps_preset_is_not_budgeted_but_can_be():
    for preset in ("cpu", "mps"):
        assert allowed(f"hardware.preset={preset}", "hardware.reserve_mib=100")
        assert allowed(f"hardware.preset={preset}", "hardware.vram_mib=8192")
    assert not allowed("hardware.vram_mib=0")


def test_fp16_is_allowed_where_its_losses_can_be_scaled():
    assert not allowed("train.amp_dtype=fp16", "hardware.preset=mps", "run.device=mps")
    assert allowed("train.amp_dtype=fp16", "hardware.preset=mps", "run.device=cpu")
    assert allowed("train.amp_dtype=fp16", "hardware.preset=mps", "train.use_amp=false")
    assert allowed("train.amp_dtype=bf16", "hardware.preset=mps")


def test_one_process_may_name_its_card_and_several_take_one_each():
    two = ["train.world_size=2", "train.batch_size=2"]
    assert allowed("run.device=cuda:3")
    assert allowed("run.device=cuda", *two)
    assert not allowed("run.device=cuda:3", *two)


def test_a_rule_comes_after_those_whose_remedies_come_first():
    for place, rule in enumerate(RULES):
        assert set(map(id, rule.after)) <= set(map(id, RULES[:place]))


def test_a_batch_that_is_suggested_holds_what_vgg16_sees_at_once():
    with pytest.raises(SettingsError) as refusal:
        load(overrides=["train.batch_size=8", "loss.perceptual_chunk=4"], environ={})
    assert "one of 4 × 4, 8 × 2, 16 × 1" in refusal.value.problems[0].remedy


def test_devices_go_with_their_presets():
    assert allowed("run.device=cpu")
    assert allowed("run.device=cuda:3")
    assert allowed("hardware.preset=mps", "run.device=mps")
    assert allowed("hardware.preset=mps", "run.device=cpu")
    assert not allowed(*CPU, "run.device=cuda")
    assert not allowed(*CPU, "run.device=mps")
