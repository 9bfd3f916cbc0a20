"""Pages in a real browser: they open in silence, fit a phone, and do what they offer."""

import io
import os
import shutil
import threading

import numpy as np
import pytest
from PIL import Image
from viewer.run_folders import NOW, rows_of, write_animation, write_rows, write_run, write_strip

from vsr_train.__main__ import main
from vsr_viewer.page import page_on_its_own
from vsr_viewer.pictures import Shelf
from vsr_viewer.record import RunReader
from vsr_viewer.server import RunServer

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1200, "height": 900}

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const box = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !box.getClientRects().length) continue;
    found.push([parseFloat(getComputedStyle(box).fontSize), walker.currentNode.data.trim()]);
  }
  return found;
}"""
"""Size in pixels of every text that is seen, and the text."""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: chromium, chromium-browser or google-chrome")
    from playwright.sync_api import sync_playwright

    is_root = hasattr(os, "getuid") and os.getuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if is_root else []
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Open pages that must be silent: no error, no warning, no request to anywhere else."""
    contexts, told = [], []

    def open_page(address, *, width=DESK, may_ask=(), **options):
        context = browser.new_context(viewport=width, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        allowed = (address, "data:", *may_ask)
        page.on(
            "request",
            lambda request: None if request.url.startswith(allowed) else told.append(request.url),
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A run's page and a comparison, as files."""
    root = tmp_path_factory.mktemp("browser")
    for name, gain in (("narrow", 1.0), ("wide", 2.0)):
        folder = write_run(root / "runs" / name, gain=gain)
        write_animation(folder)
    page = page_of(root / "runs" / "wide")
    (root / "run.html").write_text(page)
    assert main(["report", str(root / "runs"), "--out", str(root / "both.html")]) == 0
    return {name: (root / f"{name}.html").as_uri() for name in ("run", "both")}


def page_of(folder):
    reader = RunReader(folder)
    return page_on_its_own(reader.read(), Shelf(reader.root), NOW)


def pixels(locator):
    with Image.open(io.BytesIO(locator.screenshot())) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def clip_path(sample):
    return sample.locator(".right img.whole").evaluate("one => getComputedStyle(one).clipPath")


@pytest.mark.parametrize("name", ["run", "both"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK], ids=["phone", "desk"])
def test_a_page_opens_in_silence_fits_and_can_be_read(opened, pages, name, scheme, width):
    page = opened(pages[name], width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width["width"]
    sizes = page.evaluate(TEXTS)
    assert len(sizes) > 100
    assert [each for each in sizes if each[0] < 12] == []
    paper, ink = (
        page.evaluate(f"getComputedStyle(document.body).{part}")
        for part in ("backgroundColor", "color")
    )
    assert (luminance(paper) > luminance(ink)) == (scheme == "light")
    assert contrast(paper, ink) > 12
    loaded = (
        "[...document.images].filter(one => one.checkVisibility()).every(one => one.naturalWidth)"
    )
    assert page.evaluate(loaded)


def luminance(colour):
    parts = [int(each) / 255 for each in colour[4:-1].split(",")]
    linear = [
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_faint_text_and_links_can_be_read_on_every_ground(opened, pages):
    for scheme in ("light", "dark"):
        page = opened(pages["run"], color_scheme=scheme)
        style = page.evaluate("""() => {
          const probe = document.body.appendChild(document.createElement("i"));
          const colour = (name) => {
            probe.style.color = `var(--${name})`;
            return getComputedStyle(probe).color;
          };
          const names = ["paper", "card", "faint", "link", "good", "usable", "refused",
            "good-back", "usable-back", "refused-back", "chip-back", "ink",
            "c0", "c1", "c2", "c3", "c4", "c5"];
          return Object.fromEntries(names.map((name) => [name, colour(name)]));
        }""")
        for ground in ("paper", "card"):
            for text in ("faint", "link", "good", "usable", "refused"):
                assert contrast(style[ground], style[text]) >= 4.5, (scheme, ground, text)
            for curve in ("c0", "c1", "c2", "c3", "c4", "c5"):
                assert contrast(style[ground], style[curve]) >= 3, (scheme, ground, curve)
        for chip in ("good", "usable", "refused"):
            assert contrast(style[f"{chip}-back"], style[chip]) >= 4.5, (scheme, chip)


def test_the_slider_follows_a_pointer_and_shows_more_of_one_picture(opened, pages):
    sample = opened(pages["run"]).locator(".sample").first
    stack = sample.locator(".stack")
    before, middle = clip_path(sample), pixels(stack)
    box = stack.bounding_box()
    mouse = sample.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.1, box["y"] + 40, steps=3)
    mouse.up()
    assert clip_path(sample) != before
    assert clip_path(sample) == "inset(0px 0px 0px 10%)"
    left = pixels(stack)
    width = left.shape[1]
    inner = slice(int(width * 0.2), int(width * 0.4))  # bicubic before, output now
    assert np.abs(left[40:60, inner] - middle[40:60, inner]).mean() > 3
    far = slice(int(width * 0.7), int(width * 0.9))  # output before and now
    assert np.abs(left[40:60, far] - middle[40:60, far]).mean() == 0


def test_the_slider_follows_the_keyboard_and_says_where_it_is(opened, pages):
    sample = opened(pages["run"]).locator(".sample").first
    slide = sample.get_by_role("slider")
    slide.focus()
    for key, at in (
        ("ArrowRight", "50.5%"),
        ("Home", "0%"),
        ("End", "100%"),
        ("ArrowLeft", "99.5%"),
    ):
        slide.press(key)
        assert clip_path(sample) == f"inset(0px 0px 0px {at})"
    assert slide.get_attribute("aria-valuetext") == "bicubic up to 100 %, then output"


def test_the_slider_follows_a_finger(opened, pages):
    page = opened(pages["run"], width=PHONE, has_touch=True, is_mobile=True)
    sample = page.locator(".sample").first
    sample.scroll_into_view_if_needed()
    box = sample.locator(".stack").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + 30)
    assert clip_path(sample) == "inset(0px 0px 0px 80%)"


def test_buttons_put_the_ground_truth_or_a_detail_in_place(opened, pages):
    sample = opened(pages["run"]).locator(".sample").first
    caption = sample.locator(".right figcaption")
    assert caption.inner_text() == "output 27.40 dB"
    truth = sample.get_by_role("button", name="ground truth")
    truth.click()
    assert caption.inner_text() == "ground truth"
    assert truth.get_attribute("aria-pressed") == "true"
    whole = pixels(sample.locator(".stack"))
    sample.get_by_role("button", name="detail").click()
    assert np.abs(pixels(sample.locator(".stack")) - whole).mean() > 3
    sample.locator("[data-side=left]", has_text="output").click()
    assert sample.locator(".left figcaption").inner_text() == "output"  # PSNR is the whole's


def test_runs_lie_over_one_another_and_any_can_be_chosen(opened, pages):
    sample = opened(pages["both"]).locator(".sample").first
    assert sample.locator(".left figcaption").inner_text().startswith("narrow ")
    assert sample.locator(".right figcaption").inner_text().startswith("wide ")
    sample.locator("[data-side=right]", has_text="ground truth").click()
    assert sample.locator(".right figcaption").inner_text() == "ground truth"


def test_a_chart_tells_its_figures_under_a_pointer_and_by_keys(opened, pages):
    figure = opened(pages["run"]).locator(".chart", has_text="What is gained")
    value = figure.locator(".legend .value").first
    plot = figure.locator(".plot")
    assert value.inner_text() == "+1.86"
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    plot.page.mouse.move(box["x"] + 0.26 * box["width"], box["y"] + 50)
    assert figure.locator(".at").inner_text() == "step 100"
    assert value.inner_text() == "+0.97"
    plot.page.mouse.move(5, 5)
    assert value.inner_text() == "+1.86"
    plot.focus()
    told = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft", "Escape"):
        plot.press(key)
        told.append(figure.locator(".at").inner_text())
    assert told == ["step 100", "step 200", "step 400", "step 300", ""]


def test_logarithmic_figures_are_told_as_they_were(opened, pages):
    figure = opened(pages["run"]).locator(".chart", has_text="Loss")
    figure.locator(".plot").focus()
    figure.locator(".plot").press("Home")
    assert figure.locator(".at").inner_text() == "step 10"
    assert figure.locator(".legend .value").first.inner_text() == "0.0600"


def test_a_command_is_copied_or_selected(opened, pages):
    page = opened(pages["run"])
    button = page.locator("button.copy").first
    button.click()
    page.wait_for_function("one => one.textContent !== 'copy'", arg=button.element_handle())
    assert button.inner_text() in {"copied", "selected"}


def test_without_a_script_all_pictures_and_figures_are_there(opened, pages):
    page = opened(pages["run"], java_script_enabled=False)
    sample = page.locator(".sample").first
    shown = [each for each in sample.locator("img.whole").all() if each.is_visible()]
    assert len(shown) == 3
    assert len({round(each.bounding_box()["x"]) for each in shown}) == 3  # beside one another
    assert not [each for each in page.locator(".scripted").all() if each.is_visible()]
    assert page.get_by_text("+1.86").first.is_visible()


def test_on_paper_there_is_nothing_to_press(opened, pages):
    page = opened(pages["run"])
    page.emulate_media(media="print")
    buttons = page.locator("button, input, nav, select").all()
    assert not [each for each in buttons if each.is_visible()]
    layers = page.locator(".sample").first.locator("img.whole").all()
    assert all(each.is_visible() for each in layers)
    assert len(page.pdf()) > 10_000


def test_a_hostile_name_runs_nothing(opened, tmp_path):
    attack = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    folder = write_run(tmp_path / attack.replace("/", ""), steps=100, clips=(attack, "b"))
    (tmp_path / "page.html").write_text(page_of(folder))
    page = opened((tmp_path / "page.html").as_uri())
    assert attack in page.locator(".sample h3").first.inner_text()


@pytest.fixture
def live(tmp_path):
    folder = write_run(tmp_path / "runs" / "demo", steps=200, side=64)
    write_run(tmp_path / "runs" / "other", steps=100, side=64)
    server = RunServer(tmp_path / "runs", "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, server.address
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_live_page_takes_over_what_is_new_and_keeps_its_place(opened, live):
    folder, address = live
    page = opened("about:blank", may_ask=(address,))
    page.clock.install()
    page.goto(f"{address}runs/demo/")
    sample = page.locator(".sample").first
    slide = sample.get_by_role("slider")
    slide.focus()
    slide.press("Home")
    sample.get_by_role("button", name="detail").click()
    page.locator("#all-settings summary").click()
    page.evaluate("document.getElementById('settings').dataset.mine = 'untouched'")
    page.locator("#curves").scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    write_rows(folder, rows_of(300)[-12:], "a")
    write_strip(folder, "chelsea", 300, side=64, seed=0, wrong=40)
    with page.expect_response(lambda answer: answer.url == page.url):
        page.clock.run_for(3100)
    page.get_by_text("step 300 of 400").wait_for()
    assert page.locator(".right figcaption").first.text_content() == "output 27.30 dB"
    assert slide.evaluate("one => one.value") == "0"
    assert "looks" in sample.get_attribute("class")
    assert page.locator("#all-settings").get_attribute("open") is not None
    assert page.locator("#settings").get_attribute("data-mine") == "untouched"
    assert abs(page.evaluate("scrollY") - scrolled) < 60


def test_a_page_that_has_not_changed_stays_as_it_is(opened, live):
    _, address = live
    page = opened("about:blank", may_ask=(address,))
    page.clock.install()
    page.goto(f"{address}runs/demo/")
    page.evaluate("for (const one of document.querySelectorAll('section')) one.dataset.mine = 1")
    for _ in range(2):
        with page.expect_response(lambda answer: answer.url == page.url) as answer:
            page.clock.run_for(3100)
        assert answer.value.ok
    assert page.evaluate("[...document.querySelectorAll('section')].every(one => one.dataset.mine)")


def test_the_list_of_runs_is_live_and_compares_the_chosen(opened, live):
    folder, address = live
    page = opened("about:blank", may_ask=(address,))
    page.clock.install()
    page.goto(address)
    page.get_by_label("compare demo").check()
    write_rows(folder, rows_of(300)[-12:], "a")
    with page.expect_response(lambda answer: answer.url == address):
        page.clock.run_for(3100)
    page.get_by_text("step 300 of 400").wait_for()
    assert page.get_by_label("compare demo").is_checked()
    page.get_by_label("compare other").check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("2 runs side by side").wait_for()
    page.get_by_text("all runs").click()
    page.get_by_role("link", name="demo").click()
    page.get_by_text("Before and after").first.wait_for()
