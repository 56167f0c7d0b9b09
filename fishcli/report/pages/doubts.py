"""The page of labels in doubt."""

from dataclasses import dataclass

from fishcli.report.pages.page import fit, render
from fishcli.report.pictures import embedded_jpeg


@dataclass(frozen=True)
class Doubt:
    """A photo whose label is in doubt.

    Attributes:
        image: its id.
        label: as it is.
        proposal: what it may be.
        sureness: 0.5 to 1.
        why: in words.
        photo: a JPEG; None where it can't be read.
    """

    image: str
    label: str
    proposal: str
    sureness: float
    why: str
    photo: bytes | None


def doubts_page(runs: list[str], folds: str, n_images: int, doubts: list[Doubt], n_doubts: int) -> str:
    """Render the photos in doubt as one page that needs neither the network nor scripts.

    Args:
        runs: whose predictions were averaged.
        folds: of these predictions, "grouped" or "random".
        n_images: training images.
        doubts: those to show, the first first.
        n_doubts: how many there are.
    """
    photos = [embedded_jpeg(each.photo) if each.photo else "" for each in doubts]
    return render(
        "doubts.html",
        runs=fit(runs),
        folds=folds,
        n_images=n_images,
        n_doubts=n_doubts,
        doubts=list(zip((fit(_words(each)) for each in doubts), photos, strict=True)),
    )


def _words(doubt: Doubt) -> dict[str, str]:
    return {
        "image": doubt.image,
        "label": doubt.label,
        "proposal": doubt.proposal,
        "sureness": f"{doubt.sureness:.0%}",
        "why": doubt.why,
    }
