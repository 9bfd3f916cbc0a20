"""The command: one message and an exit code for what goes wrong, and lines that tell the rest."""

import shlex
import subprocess
import sys

import pytest
import torch
from data.makers import shared_files
from upscale.films import base_network, shown, write_film

from vsr_model import save_weights
from vsr_settings.degradation_text import describe_degradation
from vsr_upscale import command as upscale_command
from vsr_upscale.__main__ import main


def run(capfd, *words):
    code = main([str(word) for word in words])
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_a_film_is_enlarged_and_told_of(tmp_path, film, weights, capfd):
    code, out, err = run(capfd, film, tmp_path / "out.mkv", "--weights", weights)
    first, last = err.splitlines()
    assert (code, out) == (0, "")
    assert "64×48 to 128×96 (libx264, yuv420p), frames whole, cpu fp32" in first
    assert "12 frames" in last
    assert "dB like the film" in last


def test_weights_say_what_they_were_trained_for(tmp_path, film, capfd):
    path, facts = tmp_path / "net.safetensors", {"step": "1500", "gain_bicubic_db": "2.8437"}
    save_weights(base_network(), path, facts | {"degradation": "web-video"})
    code, _, err = run(capfd, film, tmp_path / "out.mkv", "--weights", path)
    assert code == 0
    assert f"the network was trained for {describe_degradation('web-video')}, up to step" in err
    assert ", up to step 1500, to +2.84 dB over bicubic in validation" in err


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, None),
        ({"step": "x", "gain_bicubic_db": "nan", "degradation": "?"}, None),
        ({"degradation": "bicubic"}, "the network was trained for bicubic"),
        ({"step": "7", "gain_bicubic_db": "1e999"}, "the network was trained up to step 7"),
        ({"step": "9" * 99, "gain_bicubic_db": "-0.5"},
         "the network was trained to -0.50 dB over bicubic in validation"),
    ],
    ids=["none", "nonsense", "older", "odd gain", "odd step"],
)  # fmt: skip
def test_of_what_weights_say_only_what_makes_sense_is_told(facts, said):
    assert upscale_command.trained(facts) == said


def test_what_is_printed_to_go_on_with_goes_on(tmp_path, weights, monkeypatch, capfd):
    film = write_film(tmp_path / "-film.mkv", 30)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vsr_upscale.output.film.SEGMENT", 4)
    real = upscale_command.upscale

    def stopped(*words, watch, **more):
        def stop(count):
            watch(count)
            if count.done == 20:
                raise KeyboardInterrupt

        return real(*words, watch=stop, **more)

    with monkeypatch.context() as patch:
        patch.setattr(upscale_command, "upscale", stopped)
        code, _, err = run(capfd, "--weights", weights, "--", film.name, "-out.mkv")
    assert code == 130
    words = shlex.split(err.strip().splitlines()[-1].partition("python -m vsr_upscale ")[2])
    assert run(capfd, *words)[0] == 0
    assert len(shown(tmp_path / "-out.mkv")) == 30


def test_raw_frames_do_not_go_to_a_terminal(film, weights, monkeypatch, capfd):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, err = run(capfd, film, "-", "--weights", weights)
    assert (code, out) == (2, "")
    assert "pipe it into another program" in err


def test_the_package_is_there_before_torch_is():
    program = "import sys, vsr_upscale.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def refused_films(folder):
    (folder / "text.mkv").write_text("hello")
    (folder / "empty.mkv").write_bytes(b"")
    return {
        "missing.mkv": "not a readable video",
        "text.mkv": "not a readable video",
        "empty.mkv": "not a readable video",
    }


@pytest.mark.parametrize("name", ["missing.mkv", "text.mkv", "empty.mkv"])
def test_a_film_that_is_none_is_refused_as_data(tmp_path, weights, capfd, name):
    words = refused_films(tmp_path)[name]
    code, _, err = run(capfd, tmp_path / name, tmp_path / "out.mkv", "--weights", weights)
    assert code == 3
    assert f"{name}' cannot be enlarged: {words}" in err
    assert not list(tmp_path.glob("out*"))


def test_weights_that_are_none_are_refused(tmp_path, film, capfd):
    code, _, err = run(capfd, film, tmp_path / "o.mkv", "--weights", tmp_path / "no.safetensors")
    assert code == 2
    assert "no.safetensors" in err


def test_a_network_of_no_numbers_is_refused(tmp_path, film, capfd):
    network = base_network()
    network.upsample[2].bias.data.fill_(torch.finfo(torch.float32).max)
    network.upsample[2].weight.data.fill_(torch.finfo(torch.float32).max)
    save_weights(network, tmp_path / "wild.safetensors")
    code, _, err = run(
        capfd, film, tmp_path / "out.mkv", "--weights", tmp_path / "wild.safetensors"
    )
    assert code == 2
    assert "frame 0 that are no numbers" in err
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--device", "cuda:63"], 4, "--device is 'cuda:63'"),
        (["--device", "foo"], 4, "it must be auto, cpu, cuda, cuda:N or mps"),
        (["--device", "cuda:x"], 4, "it must be auto, cpu, cuda, cuda:N or mps"),
        (["--encoder-option", "crf"], 2, "write it as NAME=VALUE"),
        (
            ["--encoder-option", "no-such-option=1", "--encoder", "libx264"],
            2,
            "which libx264 has not",
        ),
        (["--duration", "0"], 3, "which asks for nothing"),
    ],
)
def test_options_that_cannot_be_met_are_told(tmp_path, film, weights, capfd, words, code, said):
    found, _, err = run(capfd, film, tmp_path / "out.mkv", "--weights", weights, *words)
    assert (found, said in err) == (code, True), err
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("text", ["-5", "x", "1.5"])
def test_a_tile_that_is_none_is_told(tmp_path, film, weights, capfd, text):
    with pytest.raises(SystemExit, match="2"):
        main([str(film), str(tmp_path / "o.mkv"), "--weights", str(weights), f"--tile={text}"])
    assert "is no side" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["x", "-1", "1:2:x", "nan", "1e99"])
def test_a_time_that_is_none_is_told(tmp_path, film, weights, capfd, text):
    with pytest.raises(SystemExit, match="2"):
        main([str(film), str(tmp_path / "o.mkv"), "--weights", str(weights), f"--start={text}"])
    assert "is no time" in capfd.readouterr().err


def test_times_may_be_written_with_minutes(tmp_path, weights, capfd):
    film = write_film(tmp_path / "film.mkv", 30)
    words = ["--start", "0:00:00.4", "--duration", "0:0.4"]
    assert run(capfd, film, tmp_path / "out.mkv", "--weights", weights, *words)[0] == 0
    assert len(shown(tmp_path / "out.mkv")) == 10


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("out.docx", "has the suffix '.docx', which means nothing here"),
        ("out", "has no suffix, which means nothing here"),
        ("no/such/folder/out.mkv", "a folder that exists"),
        ("film.mkv", "is the film itself"),
    ],
)
def test_a_name_that_cannot_be_written_to_is_told(tmp_path, weights, capfd, name, said):
    film = write_film(tmp_path / "film.mkv", 2)
    before = film.read_bytes()
    code, _, err = run(capfd, film, tmp_path / name, "--weights", weights)
    assert (code, said in err) == (2, True)
    assert film.read_bytes() == before


def test_an_output_unlike_its_film_is_warned_of_at_its_first_frame(tmp_path, film, capfd):
    network = base_network()
    network.upsample[2].bias.data.fill_(0.4)
    save_weights(network, tmp_path / "wrong.safetensors")
    _, _, err = run(capfd, film, tmp_path / "o.mkv", "--weights", tmp_path / "wrong.safetensors")
    assert "warning: frame 0 of the output is only" in err


def test_a_full_disk_is_told_with_how_to_go_on(tmp_path, weights, monkeypatch, capfd):
    film = write_film(tmp_path / "film.mkv", 20)
    import errno

    from vsr_upscale.output import film as film_output

    def join(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(film_output, "join", join)
    code, _, err = run(capfd, film, tmp_path / "out.mkv", "--weights", weights)
    assert code == 2
    assert "the disk is full; what is done is kept, go on with: python -m vsr_upscale" in err
    monkeypatch.undo()
    assert run(capfd, film, tmp_path / "out.mkv", "--weights", weights, "--resume")[0] == 0
    assert len(shown(tmp_path / "out.mkv")) == 20


def test_a_reader_that_goes_away_ends_a_pipe_in_words(film, weights):
    words = [sys.executable, "-m", "vsr_upscale", str(film), "-", "--weights", str(weights)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 2
    assert "whoever reads the output has gone" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("path", shared_files("broken"))
def test_a_broken_file_is_a_film_or_a_reason(tmp_path, weights, capfd, path):
    """With what can be decoded of it, or exit code 3; and nothing left lying about."""
    words = ["--weights", weights, "--duration", 0.5, "--encoder-option", "preset=ultrafast"]
    code, _, err = run(capfd, path, tmp_path / "out.mkv", *words)
    assert code in (0, 3), err
    assert [found.name for found in tmp_path.iterdir()] == (["out.mkv"] if code == 0 else [])
    if code == 0:
        assert shown(tmp_path / "out.mkv")
