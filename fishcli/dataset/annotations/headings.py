"""How people head the columns of a table of boxes."""

NAME_HEADINGS = ("image", "filename", "filepath", "imageid", "imagename", "imagepath", "file", "path")
CATEGORY_HEADINGS = ("class", "classname", "label", "labelname", "category", "categoryname", "name", "type")
CORNER_HEADINGS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
SIDE_HEADINGS = (("x", "y", "width", "height"), ("x", "y", "w", "h"), ("left", "top", "width", "height"))
"""The upper left corner, width and height."""


def plain(heading: str) -> str:
    """A heading in small letters, without what parts its words: "X_Min" is "xmin"."""
    return "".join(letter for letter in heading.lower() if letter.isalnum())
