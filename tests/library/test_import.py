"""`import fishcli` is light: what it offers is imported when it is named."""

import subprocess
import sys

import pytest

import fishcli

HEAVY = {"tensorflow", "keras", "sklearn", "scipy", "cv2", "zarr", "PIL", "matplotlib", "pandas", "numpy"}
TOLD = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"


def loaded(code):
    """The packages that Python has loaded after `code`, beside its own library."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{TOLD}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split()) - set(sys.stdlib_module_names)


def test_import_loads_nothing_but_itself():
    bare = loaded("")
    assert loaded("import fishcli; assert 'Competition' in dir(fishcli)") - bare == {"fishcli"}


def test_a_competition_is_opened_without_anything_heavy():
    assert not loaded("import fishcli; fishcli.Competition('data'); fishcli.Run") & HEAVY


@pytest.mark.parametrize("name", fishcli.__all__)
def test_what_is_offered_is_there(name):
    assert getattr(fishcli, name) is not None


def test_what_is_not_offered_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Compettion'"):
        fishcli.Compettion  # noqa: B018
