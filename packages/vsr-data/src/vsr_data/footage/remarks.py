"""What is told of a film that is used: what was mended, left out or may spoil training."""

from vsr_data.cache import Account
from vsr_data.measures import Bars
from vsr_data.request import Request


def remarks_on(account: Account, request: Request) -> str:
    """One line on a film; empty where there is nothing to say."""
    return "; ".join([*account.problems, *_bars(Bars(*account.bars), request)])


def _bars(bars: Bars, request: Request) -> list[str]:
    found = [
        f"{count} {kind} at the {side}"
        for side, count, kind in (
            ("top", bars.top, "rows"),
            ("bottom", bars.bottom, "rows"),
            ("left", bars.left, "columns"),
            ("right", bars.right, "columns"),
        )
        if count
    ]
    if not found:
        return []
    done = "cropped" if request.bars == "crop" else "kept, as data.bars says"
    return [f"black bars are {done}: {', '.join(found)}"]
