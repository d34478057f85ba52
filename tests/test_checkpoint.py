"""What was saved is loaded: the same numbers, whole or not at all."""

import json
import os
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from small_models import make

from minialign.checkpoint import atomically, load, save
from minialign.model import LanguageModel, ScalarModel


@pytest.mark.parametrize("kind", [LanguageModel, ScalarModel])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_as_it_was(tmp_path, kind, dtype):
    """Kind, configuration, every number and its dtype; and it can be trained on."""
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


def test_a_configuration_of_numpy_s_numbers_comes_back_as_one_of_python_s(tmp_path):
    model = make(n_layer=np.int64(1), tied=np.True_, rotary_base=np.float32(100), positions=np.str_("rotary"))
    save(model, tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").config == model.config == make(n_layer=1, tied=True, rotary_base=100.0).config


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


# ---- what is not believed because it parses -------------------------------------------------------------------------

def stored(model, path):
    """The arrays of a checkpoint, and what it says of itself, for a test to change."""
    save(model, path)
    with np.load(path) as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("about"))), arrays


def write(path, about, arrays):
    with open(path, "wb") as file:
        np.savez(file, about=json.dumps(about), **arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layer": 10**6}, "it holds 2 layers, and its configuration says 1000000"),
        ({"context_length": 10**9}, "context_length must be a whole number from 1 to 1,000,000"),
        ({"vocab_size": 10**9}, r"token_embedding has shape \(11, 8\), not \(1000000000, 8\)"),
        ({"d_model": 10**8}, r"token_embedding has shape \(11, 8\), not \(11, 100000000\)"),
        ({"dtype": "float32"}, "has dtype float64, not float32"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"positions": "learned"}, "position_embedding is missing"),
        ({"tied": True}, "unknown parameters: unembedding"),
        ({"n_head": 0}, "n_head must be a whole number"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_configuration_that_is_not_the_weights_is_refused_before_anything_is_built(tmp_path, changes, message):
    """A million layers, or a context of 10^9, were built first and compared afterwards: the machine hung."""
    about, arrays = stored(make(), tmp_path / "model.npz")
    about["config"] |= changes
    write(tmp_path / "model.npz", about, arrays)
    start = time.process_time()
    with pytest.raises(ValueError, match=f"not a whole minialign checkpoint .*{message}"):
        load(tmp_path / "model.npz")
    assert time.process_time() - start < 1


def test_a_learned_context_is_compared_too(tmp_path):
    about, arrays = stored(make("learned"), tmp_path / "model.npz")
    about["config"]["context_length"] = 10**6
    write(tmp_path / "model.npz", about, arrays)
    with pytest.raises(ValueError, match=r"position_embedding has shape \(12, 8\), not \(1000000, 8\)"):
        load(tmp_path / "model.npz")


def test_every_parameter_is_there_and_no_other(tmp_path):
    path = tmp_path / "model.npz"
    about, arrays = stored(make(), path)
    name = "parameter/trunk.blocks.1.mlp.up.weight"
    for wrong, message in (
        ({k: v for k, v in arrays.items() if k != name}, "the parameter trunk.blocks.1.mlp.up.weight is missing"),
        (arrays | {"parameter/trunk.blocks.1.mlp.sideways": np.ones(2)}, "unknown parameters: trunk.blocks.1.mlp.sideways"),
        (arrays | {"somewhere": np.ones(2)}, "neither parameters nor extras"),
        (arrays | {name: arrays[name] * np.nan}, "mlp.up.weight holds numbers that are not finite"),
        (arrays | {name: arrays[name].astype(np.int64)}, "mlp.up.weight has dtype int64, not float64"),
    ):
        write(path, about, wrong)
        with pytest.raises(ValueError, match=message):
            load(path)


def test_another_format_or_kind_is_refused(tmp_path):
    path = tmp_path / "model.npz"
    about, arrays = stored(make(), path)
    for changes, message in (({"format": "other"}, "its format is 'other'"), ({"kind": "Tensor"}, "its kind is 'Tensor'")):
        write(path, about | changes, arrays)
        with pytest.raises(ValueError, match=message):
            load(path)


def test_every_number_is_under_the_sha_256_and_a_file_without_one_is_refused(tmp_path):
    """One flipped bit of one parameter, an extra, a setting, or the SHA-256 itself; and the way out where there is none."""
    path, model = tmp_path / "model.npz", make()
    save(model, path, scale=2.5)
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays.pop("about")))
    gain = arrays["parameter/trunk.final_norm.gain"].copy()
    gain[3] = np.nextafter(gain[3], 2)
    without = {name: value for name, value in about.items() if name != "sha256"}
    heads = {"n_head": 2 * about["config"]["n_head"]}  # fits the same shapes
    for changed, parts, message in (
        (about, arrays | {"parameter/trunk.final_norm.gain": gain}, "its SHA-256 differs"),
        (about, arrays | {"extra/scale": np.float64(2.25)}, "its SHA-256 differs"),
        (about, {name: part for name, part in arrays.items() if name != "extra/scale"}, "its SHA-256 differs"),
        (about | {"config": about["config"] | heads}, arrays, "its SHA-256 differs"),
        (about | {"sha256": about["sha256"][::-1]}, arrays, "its SHA-256 differs"),
        (about | {"sha256": None}, arrays, "its SHA-256 differs"),
        (without, arrays, "it has no SHA-256, .*; make the model again and save it with checkpoint.save"),
    ):
        write(path, changed, parts)
        with pytest.raises(ValueError, match=message):
            load(path)
    write(path, about, arrays)
    assert load(path, with_extra=True)[1] == {"scale": 2.5}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path / "pipe.npz", tmp_path):
        with pytest.raises(ValueError, match="not a regular file"):
            load(path)


def test_a_model_of_nan_is_not_saved(tmp_path):
    model = make()
    model.trunk.final_norm.gain.data[0] = np.inf
    with pytest.raises(ValueError, match="final_norm.gain holds numbers that are not finite"):
        save(model, tmp_path / "model.npz")
    assert not list(tmp_path.iterdir())


class Stranger(LanguageModel):
    """A kind that `load` does not know."""


@pytest.mark.parametrize(
    ("kind", "how", "message"),
    [
        (LanguageModel, {"dtype": np.float64}, "dtype must be float16 or the model's own, float32, not float64"),
        (LanguageModel, {"dtype": "int8"}, "dtype must be float16 or the model's own, float32, not int8"),
        (LanguageModel, {"note": None}, "the extra note must be an array, a number or a text, not None"),
        (LanguageModel, {"note": {"a": 1}}, "the extra note must be"),
        (Stranger, {}, "a checkpoint holds one of LanguageModel, .*, not a Stranger"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(kind, how, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save(make(kind=kind, dtype="float32"), tmp_path / "model.npz", **how)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_held_for_a_moment_is_replaced_all_the_same(tmp_path, monkeypatch):
    tries, replace = [], os.replace

    def busy(source, target):
        tries.append(source)
        if len(tries) < 3:
            raise PermissionError("in use by another process")
        replace(source, target)

    monkeypatch.setattr("minialign.checkpoint.os.replace", busy)
    atomically(tmp_path / "a", lambda file: file.write(b"new"))
    assert (tmp_path / "a").read_bytes() == b"new" and len(tries) == 3


def test_what_a_kill_left_behind_is_swept_after_an_hour(tmp_path):
    for name, age in ((".writing-old", 7200), (".writing-new", 0), ("other", 7200)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    atomically(tmp_path / "a", lambda file: file.write(b"new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".writing-new", "a", "other"]
