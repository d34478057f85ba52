"""What was saved is loaded: the same numbers, whole or not at all."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from small_models import make

from minialign.checkpoint import atomically, load, save
from minialign.model import LanguageModel, ScalarModel


@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_as_it_was(tmp_path, kind, dtype):
    """C6: kind, configuration, every number and its dtype; and it can be trained on."""
    model = make("learned", True, kind, dtype=dtype)
    save(model, tmp_path / "new folder" / "model.npz")
    again = load(tmp_path / "new folder" / "model.npz")
    assert type(again) is kind and again.config == model.config
    for name, parameter in again.named_parameters().items():
        assert_array_equal(parameter.data, model.named_parameters()[name].data)
        assert parameter.dtype == dtype and parameter.requires_grad


def test_what_was_kept_beside_the_model_comes_back_under_its_name(tmp_path):
    save(make(), tmp_path / "model.npz", scale=2.5, series=np.arange(3))
    _, extra = load(tmp_path / "model.npz", with_extra=True)
    assert set(extra) == {"scale", "series"} and extra["scale"] == 2.5
    assert_array_equal(extra["series"], [0, 1, 2])


def test_what_is_no_checkpoint_is_said_in_one_line(tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(FileNotFoundError, match="no checkpoint at .*model.npz"):
        load(path)
    save(make(), path)
    whole = path.read_bytes()
    for content in (b"", b"not one of ours", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a whole minialign checkpoint"):
            load(path)


def test_weights_of_another_shape_are_refused(tmp_path):
    """NumPy would take them, and the model would fail much later, or broadcast and be wrong."""
    model = make()
    model.trunk.final_norm.gain.data = np.ones(1)
    save(model, tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"final_norm.gain has shape \(1,\), not \(8,\)"):
        load(tmp_path / "model.npz")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")

    def full_disk(file):
        file.write(b"half of the new")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        atomically(path, full_disk)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]
