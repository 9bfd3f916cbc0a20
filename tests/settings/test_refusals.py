"""Every wrong file, variable and option is refused, with its source, value, rule and remedy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from vsr_settings import SettingsError, read
from vsr_settings.__main__ import main


@dataclass(frozen=True)
class Wrong:
    """A mistake, and what the line that refuses it must hold."""

    name: str
    toml: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    says: Sequence[str] = ()


def file(name: str, toml: str, *says: str) -> Wrong:
    return Wrong(name, toml=toml, says=says)


def variable(name: str, key: str, value: str, *says: str, toml: str = "") -> Wrong:
    return Wrong(name, toml=toml, env={key: value}, says=says)


def option(name: str, text: str, *says: str, toml: str = "") -> Wrong:
    return Wrong(name, toml=toml, options=[text], says=says)


DIGEST = "0" * 64
SYNTAX = [
    file("a key without a value", "[train]\nseed =", "x.toml:2", "is not TOML", "mend"),
    file("a string without an end", '[run]\nname = "p4', "x.toml:2", "is not TOML"),
    file(
        "a key twice",
        "[train]\nseed = 1\nseed = 2",
        "x.toml:3",
        "train.seed",
        "is not TOML",
        "overwrite",
        "on line 2 already",
        "keep one",
    ),
    file(
        "a section twice",
        "[run]\n[train]\n[run]",
        "x.toml:3",
        "run",
        "is not TOML",
        "twice",
        "on line 1 already",
    ),
    file("YAML", "train:\n  seed: 1", "x.toml:1", "is not TOML"),
    file("a control character", "[run]\nname = 'a\x01'", "x.toml:2", "is not TOML"),
    file("endless brackets", "x = " + "[" * 5000, "x.toml", "is not TOML"),
    file("a number of 5,000 digits", "[train]\nseed = " + "9" * 5000, "x.toml", "is not TOML"),
]
UNKNOWN = [
    file("a misspelt setting", "[model]\nn_feat = 3", "x.toml:2", "model.n_feat", "got 3",
         "unknown setting", "did you mean 'model.n_feats'?"),
    file("a misspelt section", "\n[trian]\nseed = 1", "x.toml:2", "[trian]", "unknown section",
         "did you mean '[train]'?"),
    file("a section of another trainer", "[optimizer]\nmax_lr = 1", "x.toml:1", "[optimizer]",
         "did you mean '[train]'?"),
    file("an unknown section", "[zzz]\nqqqq = 1", "x.toml:1", "unknown section", "[hardware]"),
    file("a setting without a section", "batch_size = 4", "x.toml:1", "batch_size", "got 4",
         "unknown setting", "did you mean 'train.batch_size'?"),
    file("a setting in another section", "[train]\nn_feats = 4", "x.toml:2", "train.n_feats",
         "did you mean 'model.n_feats'?"),
    file("another trainer's name", "[train]\nlearning_rate = 1e-4", "x.toml:2", "0.0001",
         "unknown setting", "did you mean 'train.max_lr'?"),
    file("an upper-case name", "[train]\nBATCH_SIZE = 4", "x.toml:2", "train.BATCH_SIZE",
         "did you mean 'train.batch_size'?"),
    file("a name like no setting", "[run]\nqqqq = 1", "x.toml:2", "run.qqqq", "got 1",
         "unknown setting", "see 'docs/settings.md'"),
    file("a misspelt dotted key", "train.sed = 1", "x.toml:1", "did you mean 'train.seed'?"),
    file("a misspelt key in an inline table", "\nrun = {nam = 'x'}", "x.toml:2", "run.nam",
         "got 'x'", "did you mean 'run.name'?"),
    file("a section inside a section", "[train.optimizer]\nlr = 1", "x.toml:1",
         "train.optimizer", "unknown setting"),
    file("a value where a section belongs", "train = 4", "x.toml:1", "train", "got 4",
         "is a section", "write '[train]'"),
    file("a list of sections", "[[train]]\nseed = 1", "x.toml:1", "train", "is a section"),
    file("a section where a value belongs", "[train.seed]\nx = 1", "x.toml:1", "train.seed",
         "must be an integer"),
    variable("a misspelt section in a variable", "VSR_TRIAN__BATCH_SIZE", "2",
             "VSR_TRIAN__BATCH_SIZE", "got '2'", "no setting", "'VSR_TRAIN__BATCH_SIZE'?"),
    variable("one underscore in a variable", "VSR_TRAIN_BATCH_SIZE", "2", "VSR_TRAIN_BATCH_SIZE",
             "got '2'", "did you mean 'VSR_TRAIN__BATCH_SIZE'?"),
    variable("a misspelt setting in a variable", "VSR_MODEL__N_FEAT", "2", "VSR_MODEL__N_FEAT",
             "did you mean 'VSR_MODEL__N_FEATS'?"),
    variable("a variable without a section", "VSR_BATCH_SIZE", "2", "VSR_BATCH_SIZE",
             "did you mean 'VSR_TRAIN__BATCH_SIZE'?"),
    variable("a variable like no setting", "VSR_QQQQ", "2", "VSR_QQQQ", "no setting", "unset it"),
    variable("a misspelt variable in lower case", "vsr_train__sead", "1", "vsr_train__sead",
             "did you mean 'VSR_TRAIN__SEED'?"),
    option("a misspelt option", "train.bach_size=2", "--set train.bach_size=2", "got '2'",
           "unknown setting", "did you mean 'train.batch_size'?"),
    option("an option without a section", "seed=2", "--set seed=2", "'train.seed'?"),
    option("an option that names a section", "train=2", "--set train=2", "unknown setting"),
]  # fmt: skip
TYPES = [
    file("a quoted integer", '[train]\nbatch_size = "4"', "x.toml:2", "train.batch_size",
         "got '4'", "must be an integer from 1 to 4096", "write batch_size = 4"),
    file("a truth for an integer", "[train]\nbatch_size = true", "x.toml:2", "got true",
         "must be an integer", "batch_size = 4"),
    file("a truth for a number", "[train]\nmax_lr = true", "x.toml:2", "got true",
         "must be a number", "max_lr = 0.0004"),
    file("a fraction for an integer", "[train]\nbatch_size = 1.5", "x.toml:2", "got 1.5",
         "must be an integer"),
    file("an integer with a point", "[train]\nbatch_size = 4.0", "x.toml:2", "got 4.0",
         "must be an integer", "write batch_size = 4"),
    file("an integer for a truth", "[train]\nuse_amp = 1", "x.toml:2", "got 1",
         "must be true or false", "use_amp = true"),
    file("a quoted truth", '[train]\nuse_amp = "true"', "x.toml:2", "got 'true'",
         "must be true or false", "write use_amp = true"),
    file("a number for a text", "[run]\nname = 4", "x.toml:2", "got 4", 'write name = "4"'),
    file("a capability as a number", "[hardware]\ncompute_capability = 6.1", "x.toml:2",
         "got 6.1", "a compute capability as text", 'write compute_capability = "6.1"'),
    file("a list for a number", "[train]\nmax_lr = [1e-4]", "x.toml:2", "[0.0001]", "a number"),
    file("a date for a seed", "[train]\nseed = 2024-01-01", "x.toml:2", "datetime.date(2024, 1, 1)",
         "must be an integer"),
    file("text for a number", '[loss]\nl1_weight = "much"', "x.toml:2", "'much'",
         "must be a number from 0 to 1_000_000", "l1_weight = 1.0"),
    variable("a variable that is no integer", "VSR_TRAIN__SEED", "four", "VSR_TRAIN__SEED",
             "train.seed", "got 'four'", "must be an integer", "seed = 0"),
    variable("a variable that is no truth", "VSR_TRAIN__USE_AMP", "maybe", "VSR_TRAIN__USE_AMP",
             "got 'maybe'", "must be true or false"),
    variable("an empty variable", "VSR_TRAIN__SEED", "", "VSR_TRAIN__SEED", "got ''", "unset it"),
    variable("a blank variable", "VSR_RUN__NAME", "  ", "VSR_RUN__NAME", "got '  '", "unset it"),
    variable("an inexact integer", "VSR_MODEL__N_FEATS", "6.4e1", "VSR_MODEL__N_FEATS",
             "got '6.4e1'", "must be an integer"),
    variable("bytes that are no text", "VSR_DATA__TRAIN", "\udcff", "VSR_DATA__TRAIN", "udcff"),
    option("an option that is no integer", "train.max_steps=many", "--set train.max_steps=many",
           "got 'many'", "must be an integer", "max_steps = 100000"),
]  # fmt: skip
RANGES = [
    file("no samples", "[train]\nbatch_size = 0", "x.toml:2", "got 0", "from 1 to 4096",
         "batch_size = 4, the default"),
    file("a negative weight", "[loss]\nl1_weight = -1", "x.toml:2", "got -1", "from 0",
         "l1_weight = 1.0, the default"),
    file("not a number", "[train]\nmax_lr = nan", "x.toml:2", "got nan", "above 0, at most 1"),
    file("an infinite weight", "[loss]\nl1_weight = inf", "x.toml:2", "got inf", "1_000_000"),
    file("an absurd learning rate", "[train]\nmax_lr = 10", "x.toml:2", "got 10", "at most 1",
         "max_lr = 0.0004, the default"),
    file("a learning rate of 0", "[train]\nmax_lr = 0", "x.toml:2", "got 0", "above 0",
         "max_lr = 0.0004, the default"),
    file("an even window", "[model]\nn_frames = 4", "x.toml:2", "got 4",
         "must be an odd integer from 3 to 63", "write n_frames = 5"),
    file("a window of one frame", "[model]\nn_frames = 1", "x.toml:2", "got 1", "odd"),
    file("an odd number of blocks", "[model]\nn_blocks = 7", "x.toml:2", "got 7",
         "must be an even integer from 2 to 512", "write n_blocks = 8"),
    file("a scale of 5", "[model]\nscale = 5", "x.toml:2", "got 5", "must be 2, 3 or 4"),
    file("a misspelt choice", "[model]\nrecompute = 'segment'", "x.toml:2", "got 'segment'",
         "'segments'", "did you mean 'segments'?"),
    file("a misspelt card", "[hardware]\npreset = 'tesla-p-4'", "x.toml:2", "got 'tesla-p-4'",
         "did you mean 'tesla-p4'?"),
    file("a patch too small", "[data]\npatch = 4", "x.toml:2", "got 4", "from 8 to 4096",
         "write patch = 8"),
    file("an average that keeps everything", "[train]\nema_decay = 1.0", "x.toml:2", "got 1.0",
         "below 1", "ema_decay = 0.999, the default"),
    file("a seed too large", f"[train]\nseed = {1 << 63}", "x.toml:2", str(1 << 63), "integer"),
    file("a name with a slash", "[run]\nname = 'a/b'", "x.toml:2", "got 'a/b'", "letters"),
    file("an empty name", "[run]\nname = ''", "x.toml:2", "got ''", "letters"),
    file("an unknown device", "[run]\ndevice = 'gpu'", "x.toml:2", "got 'gpu'", "'cuda:N'"),
    file("a malformed range of frames", "[data]\ntrain_frames = '0-64'", "x.toml:2", "'0-64'",
         "first:stop"),
    file("a malformed digest", "[loss]\nperceptual_sha256 = 'abc'", "x.toml:2", "got 'abc'",
         "64 hexadecimal digits"),
    file("an empty path", "[data]\ntrain = ''", "x.toml:2", "got ''", "text of 1 to"),
    file("a path of two lines", '[data]\ntrain = "a\\nb"', "x.toml:2", r"'a\nb'", "control"),
    file("too many workers", "[data]\nworkers = 1000", "x.toml:2", "got 1000", "'auto'",
         "write workers = 256"),
    file("no validation", "[train]\nval_every = 0", "x.toml:2", "got 0", "at least 1",
         "write val_every = 1"),
    file("an integer too long to print", "[train]\nseed = 0x" + "f" * 5000, "x.toml:2",
         "an integer of 20000 bits", "must be an integer"),
    file("256 thousand features", "[model]\nn_feats = 256_000", "x.toml:2", "got 256000",
         "n_feats = 64, the default"),
    variable("an infinite variable", "VSR_TRAIN__MAX_LR", "inf", "VSR_TRAIN__MAX_LR", "got inf"),
    variable("a variable out of range", "VSR_MODEL__SCALE", "9", "VSR_MODEL__SCALE", "got '9'",
             "must be 2, 3 or 4"),
    option("an option out of range", "train.grad_clip=-1", "--set train.grad_clip=-1", "got -1.0",
           "from 0", "grad_clip = 1.0, the default"),
]  # fmt: skip
OPTIONS = [
    option("an option without a value", "train.seed", "--set train.seed", "'section.name=value'",
           "'--set train.seed=0'"),
    option("an option without a name", "=3", "--set =3", "must be 'section.name=value'"),
    option("an empty option", "", "--set", "must be 'section.name=value'", "for example"),
    option("an option with an empty value", "train.seed=", "--set train.seed=", "got ''",
           "give it a value"),
    Wrong("an option twice", options=["train.seed=1", "train.seed=2"],
          says=["--set train.seed=2", "got '2'", "also set by '--set train.seed=1'", "keep one"]),
    Wrong("a variable in two cases", env={"VSR_TRAIN__SEED": "1", "vsr_train__seed": "2"},
          says=["vsr_train__seed", "also set by 'VSR_TRAIN__SEED'", "unset one"]),
    variable("a world of no number", "WORLD_SIZE", "two", "WORLD_SIZE", "got 'two'",
             "number of processes", "torchrun"),
    variable("a world of no processes", "WORLD_SIZE", "0", "WORLD_SIZE", "got '0'", "torchrun"),
]  # fmt: skip
RULES = [
    file("batch 8 on a P4", "[train]\nbatch_size = 8", "x.toml:2", "train.batch_size",
         "8 × 4 × 1 is 32", "must be hardware.effective_batch, 16", "2 × 8, 4 × 4, 8 × 2"),
    file("accumulation 8 on a P4", "[train]\naccumulation_steps = 8", "x.toml:2",
         "train.accumulation_steps", "4 × 8 × 1 is 32", "4 × 4"),
    file("a batch against one's own demand", "[hardware]\npreset = 'l4'\neffective_batch = 12",
         "4 × 4 × 1 is 16", "12", "3 × 4, 4 × 3"),
    variable("two processes on a P4", "WORLD_SIZE", "2", "4 × 4 × 2 is 32", "4 × 2"),
    variable("three processes on a P4", "WORLD_SIZE", "3", "3 processes cannot share 16",
             "multiple"),
    variable("a variable that breaks the batch", "VSR_TRAIN__BATCH_SIZE", "2",
             "VSR_TRAIN__BATCH_SIZE", "2 × 4 × 1 is 8"),
    Wrong("another world than the file's", env={"WORLD_SIZE": "4"},
          toml="[train]\nworld_size = 2\nbatch_size = 2",
          says=["x.toml:2", "train.world_size", "got 2", "WORLD_SIZE says, 4", "auto"]),
    file("bf16 on a P4", "[train]\namp_dtype = 'bf16'", "x.toml:2", "train.amp_dtype", "'bf16'",
         "Tesla P4", "6.1", 'write train.amp_dtype = "fp16"'),
    file("bf16 on a T4", "[hardware]\npreset = 't4'\n[train]\namp_dtype = 'bf16'", "x.toml:4",
         "7.5", "fp16"),
    file("bf16 on an overridden capability", "[hardware]\npreset='l4'\ncompute_capability='7.5'\n"
         "[train]\namp_dtype = 'bf16'", "x.toml:5", "has 7.5", "fp16"),
    file("min_lr above max_lr", "[train]\nmin_lr = 0.1", "x.toml:2", "0.1 and 0.0004",
         "min_lr must be at most max_lr", "write train.min_lr = 4e-06"),
    file("max_lr below min_lr", "[train]\nmax_lr = 1e-6", "x.toml:2", "train.max_lr", "1e-06",
         "min_lr must be at most max_lr", "write train.max_lr = 0.0004, the default"),
    Wrong("a warm-up as long as the run", toml="[train]\nwarmup_steps = 50",
          options=["train.max_steps=50"],
          says=["x.toml:2", "50 and 50", "less than max_steps", "auto"]),
    file("no loss at all", "[loss]\nl1_weight = 0\nperceptual_weight = 0.0", "x.toml:2",
         "loss.l1_weight", "all four loss weights are 0", "write loss.l1_weight = 1.0"),
    file("a chunk larger than the batch", "[loss]\nperceptual_chunk = 8", "x.toml:2", "8 and 4",
         "at most train.batch_size", "write loss.perceptual_chunk = 4"),
    file("perceptual weights that are missing", "[loss]\nperceptual_weights = 'no/vgg.pth'",
         "x.toml:2", "'no/vgg.pth'", "a file that exists", "perceptual_weight = 0"),
    file("a digest without a file", f"[loss]\nperceptual_sha256 = '{DIGEST}'", "x.toml:2",
         "perceptual_sha256", "'imagenet'", "leave it out"),
    file("an empty range of frames", "[data]\ntrain_frames = '64:64'", "x.toml:2", "'64:64'",
         "holds 0", 'write data.train_frames = "64:69"'),
    file("a range shorter than a window", "[data]\nval_frames = '0:3'", "x.toml:2", "'0:3'",
         "holds 3", "n_frames, 5"),
    file("a range shorter than a wide window", "[model]\nn_frames = 9\n[data]\nval_frames = '0:8'",
         "x.toml:4", "holds 8", "n_frames, 9"),
    file("validation on what was trained on", "[data]\ntrain = 'a'\nval = './a'", "x.toml:3",
         "data.val", "must not be trained on", "'a'", 'val_frames = "64:"'),
    file("overlapping ranges", "[data]\ntrain = 'a'\nval = 'a'\ntrain_frames = ':64'\n"
         "val_frames = '32:'", "x.toml:5", "'32:'", "':64'", "share frames"),
    file("a reserve that takes all", "[hardware]\nvram_mib = 512", "x.toml:2", "512 and 550",
         "vram_mib must be more than reserve_mib", "leave both out"),
    file("a capability on the CPU", "[hardware]\npreset = 'cpu'\ncompute_capability = '6.1'",
         "x.toml:3", "'6.1'", "CUDA", "leave it out"),
    file("CUDA with the CPU's preset", "[hardware]\npreset = 'cpu'\n[run]\ndevice = 'cuda:1'",
         "x.toml:4", "run.device", "'cuda:1'", "'cpu'", "hardware.preset"),
    file("CUDA with Apple's preset", "[hardware]\npreset = 'mps'\n[run]\ndevice = 'cuda'",
         "x.toml:4", "'cuda'", "'mps'", "hardware.preset"),
    file("fp16 on mps", "[hardware]\npreset = 'mps'\n[train]\namp_dtype = 'fp16'", "x.toml:4",
         "'fp16'", "mps", 'write train.amp_dtype = "auto"'),
    Wrong("two processes on one card", env={"WORLD_SIZE": "2"},
          toml="[run]\ndevice = 'cuda:1'\n[train]\nbatch_size = 2",
          says=["x.toml:2", "run.device", "2 processes", "'cuda:1'", 'write run.device = "cuda"']),
    file("mps with a P4's preset", "[run]\ndevice = 'mps'", "x.toml:2", "'mps'", "'tesla-p4'",
         'write hardware.preset = "mps"'),
]  # fmt: skip
TABLES = [
    file("a misspelt degradation", "[data]\ndegradation = 'webvideo'", "x.toml:2", "'webvideo'",
         "'dvd', 'web-video' or 'phone', or a table", "did you mean 'web-video'?"),
    file("a codec where no pipeline is", "[data.codec]\nkind = 'h264'", "x.toml:1", "data.codec",
         "unknown setting", "did you mean 'data.degradation.codec'?"),
    file("a misspelt part", "[data.degradation]\nchrome = '420'", "x.toml:2",
         "data.degradation.chrome", "got '420'", "did you mean 'data.degradation.chroma'?"),
    file("an entry of a part beside it", "[data.degradation]\ncrf = 3", "x.toml:2",
         "data.degradation.crf", "did you mean 'data.degradation.codec.crf'?"),
    file("a misspelt entry in braces", "[data.degradation]\ncodec = {kind = 'h264', crt = 3}",
         "x.toml:2", "data.degradation.codec.crt", "did you mean 'data.degradation.codec.crf'?"),
    file("an entry of another kind", "[data.degradation.codec]\nkind='h264'\nquantiser = 3",
         "x.toml:3", "data.degradation.codec.quantiser", "is for kind 'mpeg2', got 3",
         "kind 'h264' takes kind, gop, bit_rate, share, crf and speed"),
    file("an entry like none", "[data.degradation.blur]\nkind='gaussian'\nsigma=1\nqq=2",
         "x.toml:4", "data.degradation.blur.qq", "unknown setting, got 2",
         "the names here are kind, sigma and share"),
    file("a codec of no kind", "[data.degradation.codec]\ncrf = 30", "x.toml:1",
         "data.degradation.codec.kind", "is missing, and must be 'h264', 'h265', 'vp9' or 'mpeg2'",
         'for example kind = "h264"'),
    file("a kind that follows", "[data.degradation.codec]\nquantiser = 3", "x.toml:1",
         "data.degradation.codec.kind: is missing", 'for example kind = "mpeg2"'),
    file("an unknown kind", "[data.degradation]\nnoise = {kind = 'perlin'}", "x.toml:2",
         "data.degradation.noise.kind", "got 'perlin'", "'gaussian', 'poisson' or 'sensor'"),
    file("a misspelt kind", "[data.degradation.codec]\nkind = 'x264'", "x.toml:2", "got 'x264'",
         "did you mean 'h264'?"),
    file("a kind that is no text", "[data.degradation.codec]\nkind = ['h264']", "x.toml:2",
         "data.degradation.codec.kind", "got ['h264']", "must be 'h264'"),
    file("a kind in place of a table", "[data.degradation]\nblur = 'gaussian'", "x.toml:2",
         "data.degradation.blur", "got 'gaussian'", "a table of kind 'gaussian' or 'anisotropic'",
         'write blur = {kind = "gaussian", sigma = 1.6}'),
    file("a missing entry", "\n[data.degradation.blur]\nkind = 'gaussian'", "x.toml:2",
         "data.degradation.blur.sigma", "is missing, and must be a number from 0 to 20",
         "for example sigma = 1.6"),
    file("a range the wrong way round", "[data.degradation.codec]\nkind = 'vp9'\ncrf = [44, 24]",
         "x.toml:3", "data.degradation.codec.crf", "got [44, 24]", "write crf = [24, 44]"),
    file("a range out of bounds", "[data.degradation.codec]\nkind = 'vp9'\ncrf = [24, 99]",
         "x.toml:3", "got [24, 99]", "from 0 to 63", "write crf = [24, 63]"),
    file("a range of three", "[data.degradation.codec]\nkind = 'vp9'\ncrf = [1, 2, 3]", "x.toml:3",
         "got [1, 2, 3]", "two of them as a range [low, high]", "crf = [24, 44], the default"),
    file("fractions in a range of integers", "[data.degradation.codec]\nkind='vp9'\ncrf = [1.5, 2]",
         "x.toml:3", "got [1.5, 2]", "an integer from 0 to 63"),
    file("a share of two", "[data.degradation]\nclean_share = 2", "x.toml:2",
         "data.degradation.clean_share", "got 2", "from 0 to 1", "clean_share = 0.0, the default"),
    file("an odd take of fields", "[data.degradation]\ninterlace = 'tff'\ntake = 9", "x.toml:3",
         "data.degradation.take", "got 9", "must be even", "write take = 10"),
    file("a list of parts", "[[data.degradation]]\nchroma = '420'", "x.toml:1", "data.degradation",
         'write degradation = {chroma = "420"}'),
    file("a source in single brackets", "[data.train]\npath = 'a'", "x.toml:1", "data.train",
         "a list of tables of path, weight and frames", 'write train = [{path = "a"}]'),
    file("sources as plain texts", "[data]\ntrain = ['a']", "x.toml:2", "data.train[0]", "got 'a'",
         "must be a table of path, weight and frames", 'write {path = "a"}'),
    file("no sources", "[data]\ntrain = []", "x.toml:2", "data.train", "got []", "data/train"),
    file("a source without a path", "[[data.train]]\npath='a'\n[[data.train]]\nweight=2",
         "x.toml:3", "data.train[1].path", "is missing", 'for example path = "films"'),
    file("a misspelt entry of a source",
         "[[data.train]]\npath='a'\n[[data.train]]\npath='b'\nwight=2",
         "x.toml:5", "data.train[1].wight", "did you mean 'data.train[1].weight'?"),
    file("a source of no weight",
         "[data]\ntrain = [\n {path = 'a'},\n {path = 'b', weight = 0},\n]",
         "x.toml:4", "data.train[1].weight", "got 0", "above 0", "weight = 1.0, the default"),
    variable("a wrong entry in a variable", "VSR_DATA__TRAIN", "[{path = 'a', weight = -1}]",
             "VSR_DATA__TRAIN", "data.train[0].weight", "got -1"),
    variable("a variable that reaches inside", "VSR_DATA__DEGRADATION__CODEC__CRF", "3",
             "is an entry of data.degradation", "set VSR_DATA__DEGRADATION='{"),
    variable("a variable that is no table", "VSR_DATA__DEGRADATION", "{codec",
             "VSR_DATA__DEGRADATION", "data.degradation", "is not a TOML value", "for example {"),
    option("an option that reaches inside", "data.degradation.codec.crf=3",
           "--set data.degradation.codec.crf=3", "sets as a whole",
           "write --set data.degradation='{"),
    option("an option that is no list", "data.train=[0-9]*.mp4", "--set data.train=[0-9]*.mp4",
           "is not a TOML value", "'./[…' for a path"),
    file("frames of several sources", "[data]\ntrain = [{path = 'a'}]\ntrain_frames = ':64'",
         "x.toml:3", "data.train_frames", "train is a list of 1", 'write frames = ":64"'),
    file("a source that holds no window",
         "[data]\ntrain = [\n{path='a'},\n{path='b', frames=':2'}]",
         "x.toml:4", "data.train[1].frames", "':2' holds 2", 'write frames = "0:5" or longer'),
    file("a source that is validated too", "[data]\nval = 'b'\n[[data.train]]\npath = 'a'\n"
         "[[data.train]]\npath = './b'", "x.toml:5", "data.train[1].frames",
         "must not be trained on", "'./b'", 'data.val_frames = "64:"'),
]  # fmt: skip
WRONG = [*SYNTAX, *UNKNOWN, *TYPES, *RANGES, *OPTIONS, *RULES, *TABLES]
every_wrong = pytest.mark.parametrize("wrong", WRONG, ids=[wrong.name for wrong in WRONG])


def test_at_least_ninety_mistakes_are_known_by_name():
    assert len({wrong.name for wrong in WRONG}) == len(WRONG) >= 90


@every_wrong
def test_a_mistake_is_refused_with_source_value_rule_and_remedy(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(wrong.toml, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        read("x.toml", wrong.options, wrong.env)
    report = str(refusal.value)
    assert any(all(part in line for part in wrong.says) for line in report.splitlines()), report
    assert all(problem.rule and problem.remedy for problem in refusal.value.problems)


@every_wrong
def test_one_mistake_is_one_problem(wrong, tmp_path, monkeypatch):
    """A name not understood is not blamed a second time for what its absence does."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(wrong.toml, encoding="utf-8")
    with pytest.raises(SettingsError) as refusal:
        read("x.toml", wrong.options, wrong.env)
    assert len(refusal.value.problems) == 1, str(refusal.value)


@every_wrong
def test_the_command_refuses_a_mistake_with_exit_2(wrong, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text(wrong.toml, encoding="utf-8")
    for name, value in wrong.env.items():
        monkeypatch.setenv(name, value)
    options = [part for text in wrong.options for part in ("--set", text)]
    assert main(["check", "x.toml", *options]) == 2
    output = capsys.readouterr()
    assert not output.out
    assert "Traceback" not in output.err
    lines = output.err.splitlines()
    assert any(all(part in line for part in wrong.says) for line in lines), output.err


def test_every_problem_of_every_source_is_in_one_report(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[model]\nn_feat = 1\nn_frames = 4\n[train]\nmin_lr = 0.5\n", encoding="utf-8")
    environ = {"VSR_TRIAN__SEED": "1", "VSR_DATA__PATCH": "x"}
    with pytest.raises(SettingsError) as refusal:
        read(path, ["train.seed=a", "nonsense"], environ)
    sources = [problem.source for problem in refusal.value.problems]
    assert sources == [
        f"{path}:2",
        f"{path}:3",
        f"{path}:5",
        "VSR_TRIAN__SEED",
        "VSR_DATA__PATCH",
        "--set nonsense",
        "--set train.seed=a",
    ]


def test_a_wrong_value_is_refused_even_where_a_higher_source_overrides_it(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[train]\nseed = 'x'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="train.seed: must be an integer"):
        read(path, ["train.seed=1"], {})
