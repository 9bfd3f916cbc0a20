"""A run leaves its page behind, however it ends, and goes on where the page cannot be written."""

from pathlib import Path


def page_of(options):
    return Path(options["run.dir"]) / options["run.name"] / "report.html"


def test_a_run_leaves_its_page(command, options):
    assert command()[0] == 0
    page = page_of(options).read_text()
    assert "finished" in page
    assert "step 8 of 8" in page
    assert 'id="samples"' in page


def test_a_run_that_fails_leaves_its_page_too(command, options, monkeypatch):
    from vsr_train import loop
    from vsr_train.errors import DivergedError

    validate, done = loop._Loop._validate, []

    def fail_at_the_second(self):
        if done:
            raise DivergedError("diverged for a test")
        done.append(1)
        validate(self)

    monkeypatch.setattr(loop._Loop, "_validate", fail_at_the_second)
    assert command(train__max_steps=12)[0] == 5
    page = page_of(options).read_text()
    assert "stopped" in page
    assert "step 8 of 12" in page


def test_a_run_goes_on_where_its_page_cannot_be_written(command, options):
    page_of(options).mkdir(parents=True)
    code, out, _ = command()
    assert code == 0
    assert out.count("report.html cannot be written") == 1


def test_no_frame_of_a_validation_stays_in_memory_while_steps_are_made(command, monkeypatch):
    from vsr_train.report import Report

    shown, summed = [], []
    show, sum_up = Report.show_validation, Report.sum_up

    def showing(self, state, found):
        shown.extend(found.comparisons)
        show(self, state, found)

    def summing(self, state, last, judgement):
        summed.append(last)
        sum_up(self, state, last, judgement)

    monkeypatch.setattr(Report, "show_validation", showing)
    monkeypatch.setattr(Report, "sum_up", summing)
    assert command()[0] == 0
    assert shown
    assert [(each.comparisons, bool(each.sources)) for each in summed] == [((), True)]
