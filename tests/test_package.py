"""The package as a whole: what it imports, and what it offers."""
import subprocess
import sys

import pytest

import tinynet


def test_importing_it_needs_numpy_only_and_no_files():
    others = "'PIL', 'matplotlib', 'threadpoolctl', 'cupy', 'urllib.request', 'tinynet.files'"
    code = f"import sys, tinynet; print([module for module in ({others}) if module in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there():
    assert all(hasattr(tinynet, name) for name in tinynet.__all__)


def test_subpackages_need_no_import_of_their_own():
    code = "import tinynet; print(tinynet.models.alexnet, tinynet.data.cifar10, tinynet.train.train)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    with pytest.raises(AttributeError, match="module 'tinynet' has no attribute 'alexnett'"):
        tinynet.alexnett  # noqa: B018
