"""Laws of export: what a program without torch makes of a file is what the network makes."""

import functools
import io
import json
import sys
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from model.windows import moving_window

from vsr_model import Network, gather_evidence, save_weights
from vsr_model.__main__ import main
from vsr_model.alignment.flow import FULL_PYRAMID, LEVELS, _pyramid
from vsr_model.export import ExportError, comparing, export_onnx
from vsr_model.export.graph import as_layout, onnx_model
from vsr_settings import Model

PLAIN = [(2, 3, "4d"), (4, 7, "5d")]
ALIGNED = [(2, 3, "4d"), (3, 5, "5d"), (4, 7, "4d")]
"""Scale, frames in a window, layout."""

MOVING = [((93, 93), (0.37, -0.61)), ((94, 151), (3.4, -2.3)), ((127, 97), (-0.3, 1.2))]
"""Sizes, even and odd, wide and high, the first as small as it may be; and pixels a frame."""


def random_network(**chosen):
    """A network whose every tensor is random: the zero-initialised ones too."""
    torch.manual_seed(0)
    network = Network(Model(**{"n_feats": 4, "n_blocks": 2, **chosen}))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.requires_grad_(False)


@functools.cache
def exported(align, scale, n_frames, layout):
    """A network, what was made of it, and who runs that."""
    network = random_network(align=align, scale=scale, n_frames=n_frames)
    model = onnx_model(network, layout)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return network, model, session


def differences(align, scale, n_frames, layout, lq_1TCHW):
    network, _, session = exported(align, scale, n_frames, layout)
    wanted = network(lq_1TCHW)
    (found,) = session.run(["sr"], {"lq": as_layout(lq_1TCHW, layout).numpy()})
    assert found.shape == wanted.shape
    return (torch.from_numpy(found) - wanted).abs()


def assert_equal_but_for_rounding(difference):
    """Where rounding decides which pixel is nearest, another neighbour's sample is taken."""
    assert difference.median() < 1e-5
    assert (difference > 1e-4).double().mean() < 1e-3


# What it gives


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (64, 23)])
@pytest.mark.parametrize("of", PLAIN)
def test_what_is_exported_enlarges_as_a_plain_network_does_at_any_size(of, size):
    lq = torch.rand(1, of[1], 3, *size)
    assert differences("none", *of, lq).max() < 1e-5


@pytest.mark.parametrize(("size", "motion"), MOVING)
@pytest.mark.parametrize("of", ALIGNED)
def test_what_is_exported_enlarges_what_moves_as_the_network_does(of, size, motion):
    lq = moving_window(of[1], *size, motion).float()
    assert gather_evidence(lq, of[0])[0].mean() > 0.3
    assert_equal_but_for_rounding(differences("samples", *of, lq))


@pytest.mark.parametrize("of", ALIGNED)
def test_what_is_exported_enlarges_noisy_frames_as_the_network_does(of):
    """How much noise there is is the median that ONNX does not have."""
    window = moving_window(of[1], 95, 94).float()
    noisy = (window + 0.015 * torch.randn_like(window)).clamp(0, 1)
    assert_equal_but_for_rounding(differences("samples", *of, noisy))


@pytest.mark.parametrize("of", ALIGNED)
def test_frames_that_show_nothing_new_add_nothing(of):
    still = moving_window(1, 93, 96).float().expand(-1, of[1], -1, -1, -1)
    strange = torch.rand(1, of[1], 3, 93, 96)
    for lq in (still, strange):
        assert not gather_evidence(lq, of[0])[0].any()
        assert differences("samples", *of, lq).max() < 1e-4


def test_without_its_neighbours_an_aligned_network_would_differ():
    """The laws above would see it."""
    network, lq = random_network(n_frames=5), moving_window(5, 93, 96).float()
    nothing = [torch.zeros_like(each) for each in gather_evidence(lq, 3)]
    assert (network(lq) - network(lq, nothing)).abs().mean() > 1e-3


def test_the_smallest_side_is_that_from_which_on_the_pyramid_has_all_levels():
    def levels(*size):
        return len(_pyramid(torch.zeros(1, 1, *size)))

    assert FULL_PYRAMID == 93
    assert levels(FULL_PYRAMID, FULL_PYRAMID) == LEVELS
    assert levels(FULL_PYRAMID, 4 * FULL_PYRAMID) == LEVELS
    assert levels(FULL_PYRAMID - 1, 4 * FULL_PYRAMID) == LEVELS - 1


def test_smaller_frames_are_enlarged_too_on_more_levels_than_the_network_uses():
    """Not equal any more; the nearer, the less moves and the larger they are."""
    for size, nearly in [((92, 92), 1e-3), ((40, 47), 1e-2), ((1, 1), 1)]:
        lq = moving_window(5, *size, (0.37, -0.61)).float()
        assert differences("samples", 3, 5, "5d", lq).max() < nearly


# What it is


def test_both_layouts_give_the_same():
    network, lq = random_network(align="none", n_frames=3), torch.rand(1, 3, 3, 33, 46)
    outputs = []
    for layout in ("5d", "4d"):
        session = onnxruntime.InferenceSession(onnx_model(network, layout).SerializeToString())
        outputs += session.run(None, {"lq": as_layout(lq, layout).numpy()})
    assert (outputs[0] == outputs[1]).all()


def shape_of(value):
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("of", [("none", *PLAIN[0]), ("samples", *ALIGNED[0])])
def test_one_window_of_any_size_goes_in_and_one_picture_comes_out(of):
    graph = exported(*of)[1].graph
    (lq,), (sr,) = graph.input, graph.output
    assert (lq.name, shape_of(lq)) == ("lq", [1, 9, "height", "width"])
    assert (sr.name, shape_of(sr)) == ("sr", [1, 3, "enlarged_height", "enlarged_width"])


@pytest.mark.parametrize("of", [("none", *PLAIN[0]), ("samples", *ALIGNED[0])])
def test_who_fixes_the_size_of_frames_knows_that_of_the_picture(of):
    """As filters for VapourSynth do, before they ask for the first frame."""
    model = onnx.ModelProto()
    model.CopyFrom(exported(*of)[1])
    of_input = model.graph.input[0].type.tensor_type.shape.dim
    of_output = model.graph.output[0].type.tensor_type.shape.dim
    of_input[2].dim_value, of_input[3].dim_value = 135, 240
    for side in (2, 3):
        of_output[side].Clear()
    del model.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model)
    assert shape_of(inferred.graph.output[0]) == [1, 3, 270, 480]


def test_what_programs_take_differently_or_not_at_all_is_not_in_a_file():
    """Means beyond the border are onnxruntime's own up to 1.22, and TensorRT's TopK ends early."""
    nodes = exported("samples", *ALIGNED[0])[1].graph.node
    assert "TopK" not in {each.op_type for each in nodes}
    pools = [each for each in nodes if each.op_type == "AveragePool"]
    assert pools
    assert not any(each.i for pool in pools for each in pool.attribute if each.name == "ceil_mode")


def test_a_file_says_what_it_is():
    network, model, _ = exported("samples", 2, 3, "4d")
    facts = {each.key: each.value for each in model.metadata_props}
    settings = json.loads(facts.pop("vsr_model"))
    assert Model(**settings) == network.settings
    assert facts == {
        "project": "vsr",
        "scale": "2",
        "frames": "3",
        "layout": "4d",
        "smallest_side": "93",
        "colour": "RGB in [0, 1]",
    }
    assert {each.domain: each.version for each in model.opset_import} == {"": 16}


def test_a_file_is_the_same_each_time_and_tells_nothing_of_the_machine():
    network, model, _ = exported("none", 4, 7, "5d")
    content = model.SerializeToString()
    assert onnx_model(network, "5d").SerializeToString() == content
    for path in (Path(__file__).parents[2], sys.prefix, Path.home()):
        assert str(path).encode() not in content or str(path) == "/"


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_weights_of_any_precision_become_fp32_and_the_network_stays_as_it_was(tmp_path, dtype):
    network = random_network(align="none").to(dtype).train()
    assert export_onnx(network, tmp_path / "net.onnx") < 1e-4
    assert network.feat_extract.weight.dtype == dtype
    assert network.training
    model = onnx.load(tmp_path / "net.onnx")
    kinds = {each.data_type for each in model.graph.initializer}
    assert onnx.TensorProto.FLOAT in kinds
    assert not kinds & {onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}


@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning:torch.onnx")
def test_exporting_leaves_torch_s_exporter_as_it_was():
    def of_another():
        content = io.BytesIO()
        torch.onnx.export(
            torch.nn.Unflatten(1, (2, 3)), (torch.zeros(1, 6),), content, dynamo=False
        )
        return content.getvalue()

    before = of_another()
    onnx_model(random_network(align="none"), "5d")
    assert of_another() == before


# The command


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "net.safetensors"
    save_weights(random_network(align="none"), path)
    return path


def test_the_command_writes_what_the_network_gives(weights, tmp_path, capsys):
    out = tmp_path / "net.onnx"
    assert main(["export", str(weights), str(out), "--layout", "4d"]) == 0
    printed = capsys.readouterr().out
    assert f"wrote {out}\ntakes lq (1, 15, height, width), sides from 1 pixels on\n" in printed
    assert "gives sr (1, 3, 3*height, 3*width)\nequals the network to " in printed
    assert onnxruntime.InferenceSession(out).get_inputs()[0].shape == [1, 15, "height", "width"]


def test_an_old_trainer_s_weights_are_exported_for_as_many_frames_as_are_said(tmp_path):
    torch.save({"params": random_network(align="none").state_dict()}, tmp_path / "old.pth")
    command = ["export", str(tmp_path / "old.pth"), str(tmp_path / "old.onnx")]
    assert main([*command, "--n-frames", "7"]) == 0
    session = onnxruntime.InferenceSession(tmp_path / "old.onnx")
    assert session.get_inputs()[0].shape == [1, 7, 3, "height", "width"]


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(weights, tmp_path, capsys):
    out = tmp_path / "net.onnx"
    out.write_text("mine")
    assert main(["export", str(weights), str(out)]) == 2
    assert "net.onnx' is there already; give another name" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main(["export", str(weights), str(out), "--overwrite"]) == 0
    onnx.checker.check_model(str(out))


def test_the_example_of_the_docs_runs(weights, tmp_path, capsys, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    example = page.partition("## In Python")[2].partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(weights), "net.onnx"]) == 0
    capsys.readouterr()
    exec(example, {})  # noqa: S102 - ours
    assert capsys.readouterr().out == "(1, 3, 360, 480)\n"


def refused(command, capsys):
    """The one message that a refused command gives."""
    assert main(["export", *map(str, command)]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    return printed.err


def test_what_cannot_be_exported_is_refused_in_one_message(weights, tmp_path, capsys):
    out = tmp_path / "net.onnx"
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "folder.onnx").mkdir()
    assert "text.pth' cannot be read as weights" in refused([tmp_path / "text.pth", out], capsys)
    assert "No such file" in refused([tmp_path / "none.pth", out], capsys)
    for wrong in (tmp_path / "net.pt", tmp_path / "no" / "net.onnx"):
        assert "must be an .onnx file in a folder" in refused([weights, wrong], capsys)
    assert "is there already" in refused([weights, tmp_path / "folder.onnx"], capsys)
    message = refused([weights, tmp_path / "folder.onnx", "--overwrite"], capsys)
    assert "folder.onnx' cannot be written: Is a directory" in message
    assert not out.exists()


def test_a_disk_that_refuses_is_said_and_leaves_nothing(weights, capsys):
    message = refused([weights, weights.parent / f"{'n' * 251}.onnx"], capsys)
    assert "cannot be written: File name too long" in message
    assert list(weights.parent.iterdir()) == [weights]


def test_without_onnx_the_message_says_what_to_install(weights, tmp_path, capsys, monkeypatch):
    for name in [each for each in sys.modules if each.startswith("vsr_model.export")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("vsr_model.export")
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = refused([weights, tmp_path / "net.onnx"], capsys)
    assert message == "error: export needs onnx; install it with `python -m pip install onnx`\n"


def test_without_onnxruntime_it_says_that_nothing_was_compared(
    weights, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["export", str(weights), str(tmp_path / "net.onnx")]) == 0
    assert "not compared with the network: onnxruntime is not" in capsys.readouterr().out


def test_what_differs_from_the_network_is_not_written(tmp_path, monkeypatch):
    def another(model, layout):
        return onnx_model(random_network(align="none", n_feats=8), layout)

    monkeypatch.setattr("vsr_model.export.exporting.onnx_model", another)
    with pytest.raises(ExportError, match=r"differs from the network by up to .* nothing is writ"):
        export_onnx(random_network(align="none"), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_compared_moves_by_half_a_pixel():
    """So that neighbours count in what an aligned network is compared by."""
    for n_frames in (3, 7):
        lq = comparing._moving_noise(n_frames)
        assert gather_evidence(lq, 2)[0].mean() > 0.5
