"""What is not done where images have several labels."""

from fishcli.basics.errors import FishError


def refuse_tags(is_tagged: bool, command: str, instead: str) -> None:
    """Raise FishError where images have several labels, of which a command makes nothing.

    Args:
        is_tagged: whether they have.
        command: its name.
        instead: what does, as the end of a sentence.
    """
    if is_tagged:
        raise FishError(
            f"fishcli {command} is for one label an image, and images have several here; {instead}. Where a "
            "cell of the labels' table holds one label, pass --label-separator none."
        )
