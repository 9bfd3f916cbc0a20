"""The page stands alone, is sound HTML, and takes names from outside as text."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from vsr_data.cache import Account
from vsr_data.doctor.contact_sheet import contact_sheet, side_by_side
from vsr_data.doctor.findings import Examined, Remark, Series, WindowPicture
from vsr_data.doctor.leaks import Leak, Place
from vsr_data.doctor.page import page
from vsr_data.doctor.report import Report
from vsr_data.doctor.table import printed
from vsr_data.request import Request
from vsr_settings import Data, Model

VOID = {"meta", "br", "img", "rect", "path", "line"}
HOSTILE = "<script>alert(1)</script>\"'&[red].mp4"


class Checker(HTMLParser):
    """Collects tags and their attributes, and sees that they are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], set(), set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        attributes = dict(attrs)
        self.ids.add(attributes.get("id"))
        if attributes.get("href", "").startswith("#"):
            self.links.add(attributes["href"][1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag


def film(name=HOSTILE, frames=60, refused="", **facts):
    """A file as reading it would leave it."""
    numbers = np.arange(frames)
    wave = np.abs(np.sin(numbers / 9)).astype(np.float32)
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    found = Examined(name, "train", "video", refused=refused, rate=25.0)
    found.account = Account(decoded=frames, codec="h264", height=90, width=120, **facts)
    found.series = Series(numbers, 9 * wave, 5 * wave)
    found.windows, found.lq_size = max(0, frames - 4), (30, 40)
    found.pictures = [WindowPicture(picture[::3, ::3], picture, 7)] if frames else []
    found.remarks = [Remark("warning", "HDR", "HDR (PQ)", "tone-mapped to SDR", "<nothing>")]
    if refused:
        found.remarks = [Remark("fatal", "not used", refused)]
    return found


def report_of(*files, **parts):
    requests = (Request.of(Data(train=HOSTILE), Model(), "train"),)
    return Report(requests, list(files), **parts)


def checked(report):
    """The page, and what is in it."""
    text, checker = page(report), Checker()
    checker.feed(text)
    assert checker.open == []
    return text, checker


def leak():
    places = [Place(HOSTILE, number, number / 25) for number in (3, 4, 9)]
    return Leak("leak", places[0], places[1], places[2], 5)


REPORTS = {
    "plain": report_of(film()),
    "nothing": report_of(),
    "refused": report_of(film(refused="it is <empty>", frames=0)),
    "mixed": report_of(
        film("a.mp4", cuts=[20, 40], fields="tff", hdr="pq", bars=[9, 9, 0, 0], pixel_aspect=1.5),
        film("b.mp4", frames=1),
        film("c.mp4", refused="too small"),
        leaks=[leak()],
        remarks=[Remark("fatal", "pairs", "shifted <all>")],
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_sound_and_needs_nothing_else(name):
    text, checker = checked(REPORTS[name])
    assert "script" not in checker.tags
    assert checker.links <= checker.ids
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_names_cannot_leave_their_place():
    text, _ = checked(REPORTS["plain"])
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<nothing>" not in text


def test_a_refusal_is_said_first_and_why():
    text, _ = checked(REPORTS["refused"])
    assert text.index("Not fit for training yet") < text.index("It is &lt;empty&gt;")


def test_cuts_are_drawn_and_told():
    text, _ = checked(REPORTS["mixed"])
    assert text.count('class="cut"') == 2
    assert "scene cuts at 0:00, 0:01" in text


def test_what_training_does_and_what_one_could_do_are_told_apart():
    text, _ = checked(REPORTS["plain"])
    assert "<b>HDR (PQ).</b> Training: tone-mapped to SDR. You: &lt;nothing&gt;." in text


def test_a_window_is_shown_with_its_input_as_large_as_its_target():
    (picture,) = film().pictures
    pixels = side_by_side(picture)
    assert pixels.shape == (90, 240, 3)
    assert (pixels[:, 120:] == picture.gt_HWC).all()
    assert (pixels[::3, :120:3] == picture.lq_HWC).all()


def test_the_contact_sheet_shows_every_file_before_it_shows_one_twice():
    files = [film(f"{number}.mp4") for number in range(5)]
    for file in files:
        file.pictures *= 3
    assert contact_sheet(report_of(*files)).width > 1000
    assert contact_sheet(report_of(film(frames=0))) is None


def test_text_has_a_row_and_a_sentence_for_every_file():
    table, *sentences = printed(REPORTS["mixed"])
    assert table.row_count == 3
    assert any("a.mp4: HDR (PQ): tone-mapped to SDR" in str(one) for one in sentences)
    assert "not fit for training" in str(sentences[-1])
