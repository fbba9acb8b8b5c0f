import numpy as np
import pytest

from plotgenre.errors import InputError
from plotgenre.learning.checkpoints import Checkpoint, CheckpointFolder
from plotgenre.learning.history import EpochScores, History

IDENTITY = {"training.learning_rate": 0.001, "head.batch_norm": False, "train.digest": "ab"}


def checkpoint(epochs: int) -> Checkpoint:
    scores = tuple(EpochScores(epoch, 0.1, 0.2, 1 / 3, 0.5) for epoch in range(1, epochs + 1))
    tensors = {
        "network.output.bias": np.arange(300, dtype=np.float32) * epochs,
        "optimizer.0.step": np.array(epochs, dtype=np.float32),
        "network.norm.num_batches_tracked": np.array(2**40 + epochs),
    }
    return Checkpoint(tensors, History(scores, best_epoch=1))


@pytest.fixture
def folder(tmp_path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "deep" / "checkpoints", IDENTITY, History)


def files(folder: CheckpointFolder) -> list[str]:
    return sorted(file.name for file in folder.path.iterdir())


def test_nothing_saved_is_nothing_found(folder):
    assert folder.latest() is None


def test_what_is_saved_comes_back_bit_for_bit(folder):
    saved = checkpoint(3)
    folder.save(saved)
    found = folder.latest()
    assert found.history == saved.history
    assert found.tensors.keys() == saved.tensors.keys()
    for name, tensor in saved.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert found.tensors[name].shape == tensor.shape
        assert found.tensors[name].tobytes() == tensor.tobytes()


def test_only_the_newest_files_are_kept(folder):
    for epochs in (8, 9, 10, 11):
        folder.save(checkpoint(epochs))
    assert files(folder) == ["epoch-000010.safetensors", "epoch-000011.safetensors"]
    assert len(folder.latest().history.epochs) == 11


@pytest.mark.parametrize("kept", [0, 5, 300, -1])
def test_a_truncated_file_gives_way_to_the_one_before(folder, kept):
    folder.save(checkpoint(1))
    newest = folder.save(checkpoint(2))
    newest.write_bytes(newest.read_bytes()[:kept])
    with pytest.warns(UserWarning, match=r"damaged checkpoint .*epoch-000002"):
        found = folder.latest()
    assert len(found.history.epochs) == 1


def test_if_all_are_damaged_each_is_warned_of(folder):
    folder.save(checkpoint(1)).write_bytes(b"")
    with pytest.warns(UserWarning, match="epoch-000001"):
        assert folder.latest() is None


def test_a_save_that_was_killed_leaves_the_one_before(folder):
    folder.save(checkpoint(1))
    (folder.path / "epoch-000002.partial").write_bytes(b"half")
    assert len(folder.latest().history.epochs) == 1


def test_another_runs_checkpoint_is_refused_by_what_differs(folder):
    folder.save(checkpoint(1))
    other = CheckpointFolder(folder.path, IDENTITY | {"training.learning_rate": 0.1}, History)
    with pytest.raises(InputError, match=r"learning_rate was 0\.001 there and is 0\.1 here\)"):
        other.latest()


def test_a_setting_that_is_new_or_gone_differs_too(folder):
    folder.save(checkpoint(1))
    other = CheckpointFolder(folder.path, {"train.digest": "ab", "head.kind": "mlp"}, History)
    with pytest.raises(InputError, match=r"head\.kind was None there and is 'mlp' here") as refusal:
        other.latest()
    assert "head.batch_norm was False there and is None here" in str(refusal.value)
