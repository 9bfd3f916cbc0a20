"""How a run's weights are used: commands with their real paths."""

import shlex
from pathlib import Path, PurePath

from vsr_viewer.record import Record
from vsr_viewer.record.record import BEST, SETTINGS
from vsr_viewer.text import shown


def weights(record: Record) -> str:
    """Return commands that use the weights as HTML, or that there are none yet."""
    folder = path_of(record)
    best = shlex.quote(str(folder / BEST))
    settings = shlex.quote(str(folder / SETTINGS))
    parts = []
    if record.has_best:
        parts += [
            _command(
                "A film, enlarged:",
                f"python -m vsr_upscale film.mp4 film-large.mkv --weights {best}",
            ),
            _command(
                "Three moments of it first, bicubic beside the output:",
                f"python -m vsr_upscale film.mp4 film.png --weights {best} --preview",
            ),
            _command(
                "For programs without torch:",
                f"python -m vsr_model export {best} {shlex.quote(record.name + '.onnx')}",
            ),
        ]
    else:
        parts.append("<p>There are no weights yet: the first validation writes them.</p>")
    if record.settings_text:
        parts.append(
            _command(
                "To go on with this run from its newest checkpoint:",
                f"python -m vsr_train --settings {settings} --resume auto",
            )
        )
    return "".join(parts)


def path_of(record: Record) -> PurePath:
    """Return the run's folder as whoever trained it would write it."""
    written = record.setting("run", "dir")
    if isinstance(written, str) and written and Path(written).name == record.root.parent.name:
        return PurePath(written) / record.name
    return PurePath(record.root.parent.name) / record.name


def _command(what: str, line: str) -> str:
    return (
        f'<p class="small">{what}</p><div class="command">'
        f"<pre><code>{shown(line, 600)}</code></pre>"
        '<button type="button" class="copy scripted">copy</button></div>'
    )
