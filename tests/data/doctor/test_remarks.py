"""What is wrong with a film is said in plain words, with what training does about it."""

import pytest

from vsr_data.cache import Account
from vsr_data.doctor.findings import Examined
from vsr_data.doctor.remarks import reason_against, remarks_on
from vsr_data.request import Request
from vsr_settings import Data, Model

GOOD = {"decoded": 300, "runs": 1, "longest": 300, "codec": "h264", "height": 720, "width": 1280,
        "motion": 2.0, "detail": 5.0, "level": 110.0, "noise": 0.8}  # fmt: skip


def told(data=None, windows=296, promised=0, **facts):
    """The film's remarks, as sentences, and its verdict."""
    request = Request.of(data or Data(), Model(), "train")
    found = Examined("film.mkv", "train", "video", windows=windows, promised=promised)
    found.account, found.lq_size = Account(**{**GOOD, **facts}), (240, 426)
    found.refused = reason_against(found, request, patch_is_given=True)
    found.remarks = remarks_on(found, request, patch_is_given=True)
    return found.verdict, [remark.sentence for remark in found.remarks]


def test_a_good_film_has_nothing_said_of_it():
    assert told() == ("good", [])


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"fields": "tff"}, "interlaced (upper field first): made whole by bwdif"),
        ({"fields": "bff"}, "interlaced (lower field first): made whole by bwdif"),
        ({"fields": "tff", "telecined": True},
         "telecined (3:2 pulldown): film frames found again, one in five dropped"),
        ({"hdr": "pq"}, "HDR (PQ): tone-mapped to SDR"),
        ({"hdr": "hlg"}, "HDR (HLG): tone-mapped to SDR"),
        ({"enlarged": 2.0},
         "already enlarged about 2×: teaches blur; leave it out, or use the original"),
        ({"bars": [60, 60, 0, 0]}, "black bars (60 px at the top, 60 px at the bottom): cropped"),
        ({"repeated": 60}, "60 frames of 300 repeat the one before: left out"),
        ({"notes": ["reading stopped: end of file"]}, "reading stopped: end of file"),
    ],
)  # fmt: skip
def test_what_is_mended_or_costs_something_makes_a_film_usable(facts, sentence):
    assert told(**facts) == ("usable", [sentence])


@pytest.mark.parametrize(
    ("facts", "start"),
    [
        ({"pixel_aspect": 16 / 15}, "pixels are not square (16:15)"),
        ({"damaged": 3}, "3 damaged frames of 300"),
        ({"blockiness": 1.9}, "a codec's blocks show"),
        ({"motion": 0.01}, "next to nothing moves"),
        ({"detail": 0.5}, "little detail"),
        ({"level": 2.0, "detail": 0.2}, "nearly black"),
        ({"promised": 500}, "300 of the 500 frames"),
        ({"windows": 3}, "only 3 windows"),
    ],
)
def test_what_may_spoil_training_is_said(facts, start):
    verdict, sentences = told(**facts)
    assert verdict == "usable"
    assert sentences[0].startswith(start)


@pytest.mark.parametrize("facts", [{"repeated": 2}, {"noise": 6.0}])
def test_what_changes_little_leaves_a_film_good(facts):
    verdict, sentences = told(**facts)
    assert (verdict, len(sentences)) == ("good", 1)


def test_settings_decide_what_is_done():
    kept = Data(interlaced="keep", hdr="keep", bars="keep")
    _, sentences = told(kept, fields="tff", hdr="pq", bars=[8, 8, 0, 0])
    assert [sentence.partition(": ")[2] for sentence in sentences] == [
        "taken as it is, combed",
        "its code values are taken as they are",
        "kept, as data.bars says",
    ]


def test_a_film_without_a_window_is_refused_as_training_refuses_it():
    verdict, sentences = told(windows=0, decoded=3, longest=3)
    assert verdict == "refused"
    assert sentences == ["it has 3 frames; a window needs 5"]


def test_a_film_too_small_for_the_patch_is_refused():
    verdict, (sentence,) = told(Data(patch=300))
    assert verdict == "refused"
    assert "lower data.patch to at most 240" in sentence
