"""fishcli: image competitions from a folder of photos to a submission CSV, honest about unseen groups.

`fishcli.Competition("data")` has a method for each command. Nothing of it is imported before it is named.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fishcli.basics.errors import FishError as FishError
    from fishcli.basics.errors import LimitError as LimitError
    from fishcli.library.competition import Competition as Competition
    from fishcli.library.runs import Run as Run

__version__ = "0.1.0"
__all__ = ["Competition", "FishError", "LimitError", "Run", "__version__"]

_HOMES = {
    "Competition": "fishcli.library.competition",
    "FishError": "fishcli.basics.errors",
    "LimitError": "fishcli.basics.errors",
    "Run": "fishcli.library.runs",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fishcli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
